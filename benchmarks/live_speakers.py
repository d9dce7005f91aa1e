"""Whether the utterances of a live session get the right speaker: at once, and after corrections.

    python benchmarks/live_speakers.py

The turns of the references are the utterances, those of one speaker with less than half a second between joined, and
those under half a second left out. The speakers found are matched with the true ones so that most is right in the end.
Speed is in seconds of sound for each second of processor time.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

import common
from earwitness.audio import decode, timebase
from earwitness.kit import Kit
from earwitness.parts import Ear
from earwitness.rollout import manifest
from earwitness.stages import who
from earwitness.types import Audio, Turn

GROUPS = {"all": "", "mixtures": "made_", "whole utterances": "conv_"}
COLUMNS = ["recordings", "files", "utterances", "right at once %", "right in the end %", "x real time a core"]
LEAST_S, JOIN_S, MARGIN_S, LONGEST_S = 0.5, 0.5, 0.2, 15.0


def utterances(turns: Sequence[Turn]) -> list[Turn]:
    """What would be an utterance each, if nobody spoke over another."""
    found = list[Turn]()
    for turn in sorted(turns, key=lambda t: t.start_s):
        if found and found[-1].speaker == turn.speaker and turn.start_s - found[-1].end_s < JOIN_S:
            found[-1] = Turn(found[-1].start_s, max(turn.end_s, found[-1].end_s), turn.speaker)
        else:
            found.append(turn)
    return [t for t in found if t.end_s - t.start_s >= LEAST_S]


def heard(path: Path, said: Sequence[Turn], ear: Ear) -> tuple[int, int, float, float]:
    """Right at once, right in the end, seconds of sound, and of processor time."""
    sound, voices = decode.decode(path).samples, who.Voices()
    first, last, cpu_s, sound_s = list[str | None](), dict[str, str | None](), 0.0, 0.0
    for n, turn in enumerate(said):
        low, high = max(0.0, turn.start_s - MARGIN_S), min(turn.end_s, turn.start_s + LONGEST_S) + MARGIN_S
        clip = Audio(sound[timebase.samples(low) : timebase.samples(high)])
        began = time.process_time()
        voices, label, corrections = who.label(voices, str(n), ear.utterance(clip), ear)
        cpu_s, sound_s = cpu_s + time.process_time() - began, sound_s + clip.duration_s
        first.append(label)
        last[str(n)] = label
        last |= {c.utterance: c.after for c in corrections}
    last |= {c.utterance: c.after for c in who.sort(voices, ear)[1]}
    true, ids = sorted({t.speaker for t in said}), sorted({w for w in last.values() if w})
    both = np.zeros((len(true), len(ids)))
    for turn, label in zip(said, last.values(), strict=True):
        if label:
            both[true.index(turn.speaker), ids.index(label)] += 1
    same = {(true[a], ids[b]) for a, b in zip(*linear_sum_assignment(-both), strict=True)}
    at_once = sum((t.speaker, label) in same for t, label in zip(said, first, strict=True))
    in_the_end = sum((t.speaker, label) in same for t, label in zip(said, last.values(), strict=True))
    return at_once, in_the_end, sound_s, cpu_s


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    common.references("diar")
    folder = common.DATA / "dev"
    found = dict[str, tuple[int, int, int, float, float]]()
    with tempfile.TemporaryDirectory() as home, Kit(common.settings(Path(home))) as kit:
        ear = kit.diarizer()
        assert isinstance(ear, Ear)
        for row in manifest.read(folder / "manifest.jsonl", ("diar",)):
            said = utterances(row.who(folder) or ())
            found[Path(row.file).name] = (len(said), *heard(folder / row.file, said, ear))
    lines = list[list[str | int | float]]()
    for name, prefix in GROUPS.items():
        some = [f for file, f in found.items() if file.startswith(prefix)]
        said, at_once, in_the_end, sound_s, cpu_s = (sum(column) for column in zip(*some, strict=True))
        shares = [round(100 * x / said, 1) for x in (at_once, in_the_end)]
        lines.append([name, len(some), int(said), *shares, round(sound_s / cpu_s, 1)])
    common.report("live_speakers", "Who says the utterances of a live session", COLUMNS, lines)


if __name__ == "__main__":
    main()
