"""What the settings of `stages/speech.py` are worth: word error rate and speed as one of them at a time is changed.

    python benchmarks/listening.py [--minutes 10] [--only NAME …]

One made recording is run through the whole pipeline with the defaults and then with each other value. `clips` are the
reference recordings of the kinds in `common.PLAIN`, short ones that hardly need a cut; `made` is the long recording,
with two speakers at a time, pauses of all lengths and noises in between. `non-speech words` were given out for the
recordings in which nobody speaks, one of which has a spoken count-in of four. Speed is that of the long recording.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import common
from earwitness import batch
from earwitness.errors import ForeignSpeech
from earwitness.kit import Kit
from earwitness.stages.recipe import Recipe
from earwitness.stages.speech import Listening

VALUES = {
    "threshold": (0.2, 0.5),
    "peak": (0.3, 0.7),
    "pause_s": (0.06, 0.3),
    "join_s": (0.5, 3.0),
    "margin_s": (0.1, 0.5),
    "longest_s": (8.0, 25.0),
}
COLUMNS = ["setting", "clips WER %", "S/D/I", "made WER %", "made S/D/I", "non-speech words", "x real time"]


def heard(path: Path, recipe: Recipe, kit: Kit) -> str:
    """The text, empty where it is refused."""
    try:
        return batch.run(path, recipe, kit).text
    except ForeignSpeech:
        return ""


def row(name: str, how: Listening, made: Path, kit: Kit) -> list[Any]:
    """One line of the table."""
    recipe = Recipe(listening=how)
    clips = common.error_rate([(r.text, heard(r.path, recipe, kit)) for r in common.references(*common.PLAIN)])
    began = time.perf_counter()
    text = heard(made, recipe, kit)
    took_s = time.perf_counter() - began
    long = common.error_rate([((made.parent / "long.txt").read_text(), text)])
    invented = sum(len(heard(r.path, recipe, kit).split()) for r in common.references("non_speech"))
    return [name, clips[0], clips[2], long[0], long[2], invented, common.duration_s(made) / took_s]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, help="length of the made recording (10)")
    parser.add_argument("--only", nargs="+", choices=VALUES, default=list(VALUES), metavar="NAME", help="settings")
    options = parser.parse_args()
    usual = Listening()
    with tempfile.TemporaryDirectory() as folder, Kit(common.settings(Path(folder))) as kit:
        kit.can("default")
        made = common.long_recording(options.minutes, Path(folder))
        told = ", ".join(f"{name} {getattr(usual, name):g}" for name in VALUES)
        rows = [row("defaults", usual, made, kit)]
        settings = [(name, value) for name in options.only for value in VALUES[name]]
        rows += [row(f"{n} {v:g}", replace(usual, **{n: v}), made, kit) for n, v in settings]
    common.report("listening", f"How speech is found and cut; defaults: {told}", COLUMNS, rows)


if __name__ == "__main__":
    main()
