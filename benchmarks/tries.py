"""What asking a Whisper again is worth: for speech that it left out, and for clips that it hardly believed.

    python benchmarks/tries.py [--joined 40] [--only NAME …]

The small Whisper of the tests, on CTranslate2, hears its own recordings one by one, and several of them joined, which
is more than it was trained for; once plain and once under pink noise at 5 dB. All go the way of `stages/recognise.py`,
with one thing changed at a time. It stays inside its closed grammar and has not been seen to loop, so nothing is said
here of what higher temperatures do for loops. What is drawn by lot differs a little from run to run.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import common
from earwitness.engines import Engine, Spec
from earwitness.kit import Kit
from earwitness.models.convert import checkpoint, ctranslate2
from earwitness.models.lane import Lane
from earwitness.stages import speech
from earwitness.stages.guard import Guarding
from earwitness.stages.recognise import recognise
from earwitness.stages.speech import Listening, Stretch
from earwitness.types import Ask, Audio, Clip, ModelFiles, Samples, Segment

MICRO = common.ROOT / "tests" / "assets" / "whisper-micro"
ONCE = Guarding(temperatures=(), resume=False)
WAYS = {
    "asked once": ONCE,
    "rest asked for": replace(ONCE, resume=True),
    "guesses asked again": replace(ONCE, least_logprob=-1.0),
    "guesses drawn by lot": replace(ONCE, least_logprob=-1.0, temperatures=(0.2, 0.4, 0.6, 0.8, 1.0)),
    "the defaults": Guarding(),
}
COLUMNS = ["way", "WER %", "S/D/I", "words", "clips asked", "stretches"]


def noisy(samples: Samples, snr_db: float) -> Samples:
    """With pink noise, the same for every recording."""
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(len(samples)))
    noise = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 1), len(samples))
    loud = np.sqrt((samples**2).mean()) / np.sqrt((noise**2).mean()) * 10 ** (-snr_db / 20)
    return np.asarray(samples + loud * noise, np.float32)


def recordings(joined: int) -> list[tuple[str, Samples]]:
    """What is said, and the sound."""
    lines = [json.loads(line) for line in (MICRO / "wavs" / "manifest.jsonl").read_text("utf-8").splitlines()]
    alone = [(r["text"], common.load_wav(MICRO / "wavs" / r["file"])) for r in lines if r["text"]]
    short, dice = alone[:9], np.random.default_rng(3)
    picks = [dice.integers(0, len(short), dice.integers(2, 6)) for _ in range(joined)]
    made = [(" ".join(short[i][0] for i in p), np.concatenate([short[i][1] for i in p])) for p in picks]
    plain = alone + made
    return plain + [(text, noisy(sound, 5)) for text, sound in plain]


def stretches(sound: Samples, kit: Kit) -> list[Stretch]:
    """The speech in a recording."""
    state, found = speech.listen(speech.begin(kit.vad), Audio(sound), kit.vad, Listening())
    return [*found, *speech.finish(state, kit.vad, Listening())]


def small_whisper(folder: Path, kit: Kit) -> Engine:
    """The loaded model."""
    ctranslate2.write(checkpoint.read(MICRO / "model"), folder, "float32")
    spec: Spec = kit.engines.get("ctranslate2")
    files = ModelFiles("whisper-micro", "ctranslate2", {"folder": folder})
    return spec.load(files, spec.devices(kit.machine)[0], spec.Options())


def row(name: str, heard: Sequence[tuple[str, list[Stretch]]], lane: Lane) -> list[Any]:
    """One line of the table."""
    asked, pairs = 0, list[tuple[str, str]]()
    with lane.seat() as seat:

        def submit(clip: Clip) -> "Future[tuple[Segment, ...]]":
            nonlocal asked
            asked += 1
            return seat.submit(clip)

        for text, inside in heard:
            found = recognise(inside, submit, Ask(), lane.can, WAYS[name])
            pairs.append((text, " ".join(s.text for f in found for s in f.segments)))
    rate, words, kinds = common.error_rate(pairs)
    return [name, rate, kinds, words, asked, sum(len(inside) for _, inside in heard)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--joined", type=int, default=40, help="how many recordings to join from others (40)")
    parser.add_argument("--only", nargs="+", choices=WAYS, default=list(WAYS), metavar="NAME", help="ways")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Kit(common.settings(Path(folder))) as kit:
        heard = [(text, stretches(sound, kit)) for text, sound in recordings(options.joined)]
        model = Path(folder) / "model"
        model.mkdir()
        lane = Lane(small_whisper(model, kit))
        try:
            rows = [row(name, heard, lane) for name in options.only]
        finally:
            lane.close()
    common.report("tries", "Asking a small Whisper again", COLUMNS, rows)


if __name__ == "__main__":
    main()
