"""Word error rate of the whole pipeline on the reference recordings, beside the same model on whole clips and the peer.

    python benchmarks/error_rate.py [--peer] [--long MINUTES]

`whole clips` decodes each file in one piece, with no detection and no cutting: what the model itself can do. `--peer`
adds the moonshine-voice library with its own cutting (slow). Rates are in percent, by the Whisper English normaliser.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import common
from earwitness import batch
from earwitness.audio import decode
from earwitness.errors import ForeignSpeech
from earwitness.kit import Kit
from earwitness.stages.recipe import Recipe
from earwitness.types import Clip

GROUPS = {
    "read + spontaneous": ("read_en", "spont_en"),
    "read + spontaneous + align": ("read_en", "spont_en", "align_en"),
    "noisy, 0 to 15 dB": ("noisy_en",),
    "telephone, 8 kHz": ("phone_en",),
}


def ours(path: Path, kit: Kit) -> str:
    """Text of the whole pipeline; empty where it refuses."""
    try:
        return batch.run(path, Recipe(), kit).text
    except ForeignSpeech:
        return ""


def whole(path: Path, kit: Kit) -> str:
    """Text of the engine on the file in one piece."""
    with kit.lane("default") as (_, lane), lane.seat() as seat:
        return " ".join(s.text for s in seat.submit(Clip(decode.decode(path))).result())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", action="store_true", help="measure the moonshine-voice library too")
    parser.add_argument("--long", type=int, default=0, metavar="MINUTES", help="add a made recording of this length")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder, Kit(common.settings(Path(folder))) as kit:
        refs = common.references(*common.PLAIN)
        systems: dict[str, Callable[[Path], str]] = {
            "earwitness": lambda p: ours(p, kit),
            "same model, whole clips": lambda p: whole(p, kit),
        }
        if options.peer:
            systems["moonshine-voice, its own cutting"] = peer()
        heard = {name: {r.path: listen(r.path) for r in refs} for name, listen in systems.items()}
        for group, kinds in GROUPS.items():
            for name, texts in heard.items():
                rate, words, kinds_of = common.error_rate([(r.text, texts[r.path]) for r in refs if r.kind in kinds])
                rows.append([group, name, rate, words, kinds_of])
        if options.long:
            path = common.long_recording(options.long, Path(folder))
            rate, words, kinds_of = common.error_rate([((path.parent / "long.txt").read_text(), ours(path, kit))])
            rows.append([f"made recording, {options.long} min", "earwitness", rate, words, kinds_of])
    common.report("error_rate", "Word error rate", ["recordings", "system", "WER %", "words", "S/D/I"], rows)


def peer() -> Callable[[Path], str]:
    """The library's own file transcription."""
    from moonshine_voice import ModelArch, get_assets_path
    from moonshine_voice.transcriber import Transcriber

    library = Transcriber(str(get_assets_path() / "tiny-en"), ModelArch.TINY, options={"return_audio_data": "false"})

    def listen(path: Path) -> str:
        lines = library.transcribe_without_streaming(common.load_wav(path).tolist(), 16_000).lines
        return " ".join(line.text for line in lines)

    return listen


if __name__ == "__main__":
    main()
