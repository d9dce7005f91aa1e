"""Measures the gate of `stages/guard.py`, on the way a recording really takes, and fits its weights.

    python benchmarks/gate.py [--fit] [--limit N]

What is counted is what `batch.run` does with each recording: words that the engine recognised, words held back and why,
words given out, and recordings refused as a whole (ForeignSpeech) or left without a word.

- English must pass: read, spontaneous, aligned, noisy (0 to 15 dB) and telephone recordings, and the read ones again
  with pink noise at 10 and 3 dB, through an 8 kHz mu-law line, and in a small room (0.4 s, direct sound 3 dB over it).
- Foreign speech must not: recordings in other languages, the same under noise and through the line, and English played
  backwards, which stands for every language that is not among them. A recording in two languages has its own line.
- Sound that is no speech must give no words. Each of these files has its own line with what was given out, because one
  of them, guitar_8s, really has a spoken count-in.

`--fit` fits the weights of a clip's trust anew: logistic regression (iteratively reweighted least squares, a small
ridge) of intelligible English against foreign and reversed speech, both sides weighing the same, on the signs that
`guard.trust` computes for every clip judged above. English counts as intelligible in a recording of which at least half
the words are recognised; of others, nothing is learned. Its accuracy comes from leaving out one file, with all that was
made of it, at a time. The weights are printed beside those in the code, which is not changed.
"""

import argparse
import io
import tempfile
import wave
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

import common
from common import Reference
from earwitness import batch
from earwitness.errors import ForeignSpeech
from earwitness.kit import Kit
from earwitness.stages import guard
from earwitness.stages.guard import Credit, Guarding, Verdict
from earwitness.stages.recipe import Recipe
from earwitness.stages.speech import Stretch
from earwitness.types import Samples, Segment

RATE = 16_000
RIDGE = 0.1
INTELLIGIBLE_WER = 50.0
Table = NDArray[np.float64]
COLUMNS = [
    "recordings",
    "files",
    "refused",
    "wordless",
    "heard",
    "held back",
    "held back %",
    "why",
    "given out",
    "text",
]


# ── the recordings ───────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Item:
    """A recording to judge: `group` is its line of the table, `side` what should become of it, `origin` its file."""

    group: str
    side: str
    origin: Path
    text: str
    sound: Path | bytes


def wav(samples: Samples, rate: int = RATE) -> bytes:
    """Samples as a 16-bit WAV file."""
    held = io.BytesIO()
    with wave.open(held, "wb") as made:
        made.setparams((1, 2, rate, 0, "NONE", ""))
        made.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return held.getvalue()


def noisy(samples: Samples, snr_db: float) -> bytes:
    """With pink noise, the same for every recording."""
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(len(samples)))
    noise = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 1), len(samples))
    loud = np.sqrt((samples**2).mean()) / np.sqrt((noise**2).mean()) * 10 ** (-snr_db / 20)
    return wav((samples + loud * noise).astype(np.float32))


def telephone(samples: Samples) -> bytes:
    """Through a mu-law line of 8 kHz."""
    half = len(samples) // 2
    x = np.clip(np.fft.irfft(np.fft.rfft(samples[: 2 * half])[: half // 2 + 1], half) / 2, -1, 1)
    code = np.round(127 * np.sign(x) * np.log1p(255 * np.abs(x)) / np.log(256)) / 127
    return wav((np.sign(code) * (256 ** np.abs(code) - 1) / 255).astype(np.float32), RATE // 2)


def room(samples: Samples) -> bytes:
    """In a room: noise that dies away by 60 dB in 0.4 s, the direct sound 3 dB over it, as loud as before."""
    tail = np.random.default_rng(2).standard_normal(RATE // 2) * 10 ** (-3 * np.arange(RATE // 2) / (0.4 * RATE))
    tail[0] = np.sqrt(2 * (tail[1:] ** 2).sum())
    size = len(samples) + len(tail)
    heard = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(tail, size), size)[: len(samples)]
    return wav((heard * np.abs(samples).max() / np.abs(heard).max()).astype(np.float32))


def items(limit: int | None) -> Iterator[Item]:
    """Every recording to judge; `limit` takes that many of each kind."""
    for kind in common.PLAIN:
        for ref in common.references(kind)[:limit]:
            yield Item(kind, "english", ref.path, ref.text, ref.path)
            if kind == "read_en":
                yield from variants(ref, "read_en", "english")
                yield Item("read_en backwards", "foreign", ref.path, "", wav(common.load_wav(ref.path)[::-1]))
    for ref in common.references("other_lang")[:limit]:
        mixed = "+" in ref.language
        group = f"other_lang, {ref.language}" if mixed else "other_lang"
        yield Item(group, "mixed" if mixed else "foreign", ref.path, ref.text, ref.path)
        if not mixed:
            yield from variants(ref, "other_lang", "foreign")
    for ref in common.references("non_speech")[:limit]:
        yield Item(f"non_speech, {ref.path.stem}", "sound", ref.path, "", ref.path)


def variants(ref: Reference, group: str, side: str) -> Iterator[Item]:
    """A recording again under worse conditions."""
    samples = common.load_wav(ref.path)
    worse = {
        "10 dB noise": noisy(samples, 10),
        "3 dB noise": noisy(samples, 3),
        "8 kHz mu-law": telephone(samples),
        "room": room(samples),
    }
    for name, sound in worse.items():
        yield Item(f"{group}, {name}", side, ref.path, ref.text, sound)


# ── what the gate does with them ─────────────────────────────────────────────────────────────────────────────────────
@dataclass
class Clip:
    """One verdict: the signs of its trust, the text, and why it was held back, if it was."""

    signs: dict[str, float]
    text: str
    reason: str | None


@dataclass
class Judged:
    """What became of a recording."""

    item: Item
    refused: bool = False
    clips: list[Clip] = field(default_factory=list)

    @property
    def heard(self) -> str:
        """All that was recognised, given out or not."""
        return " ".join(c.text for c in self.clips)

    @property
    def given(self) -> str:
        """What was given out."""
        return " ".join(c.text for c in self.clips if c.reason is None)


def signs_of(kept: tuple[Segment, ...], other: tuple[Segment, ...] | None, stretch: Stretch) -> dict[str, float]:
    """The signs of a clip. Trust is linear: with one weight of 1 and the others 0 it is that weight's sign."""
    found = {}
    for name in guard.WEIGHTS:
        with patch.dict(guard.WEIGHTS, {n: float(n == name) for n in guard.WEIGHTS}):
            found[name] = guard.trust(kept, other, stretch)
    return found


def judged(item: Item, kit: Kit) -> Judged:
    """Run a recording and watch the gate."""
    found, judge = Judged(item), guard.judge

    def watched(
        kept: tuple[Segment, ...],
        other: tuple[Segment, ...] | None,
        stretch: Stretch,
        credit: Credit,
        how: Guarding,
        *,
        single_language: bool,
    ) -> Verdict:
        verdict = judge(kept, other, stretch, credit, how, single_language=single_language)
        if kept:
            text = " ".join(s.text for s in kept)
            found.clips.append(Clip(signs_of(kept, other, stretch), text, verdict.reason))
        return verdict

    with patch.object(guard, "judge", watched):
        try:
            batch.run(item.sound, Recipe(), kit)
        except ForeignSpeech:
            found.refused = True
    return found


def row(group: str, found: list[Judged]) -> list[Any]:
    """One line of the table; the text is that of a single file without speech."""
    why = Counter[str]()
    for clip in (c for j in found for c in j.clips if c.reason is not None):
        why[clip.reason or ""] += len(clip.text.split())
    given, held = sum(len(j.given.split()) for j in found), sum(why.values())
    refused = sum(j.refused for j in found)
    wordless = sum(not j.refused and not j.given for j in found)
    share = round(100 * held / (given + held), 1) if held else 0.0
    reasons = ", ".join(f"{name} {n}" for name, n in why.most_common())
    text = found[0].given if found[0].item.side == "sound" and len(found) == 1 else ""
    return [group, len(found), refused, wordless, given + held, held, share, reasons, given, text]


def tell_wrong(found: list[Judged]) -> None:
    """Print what a person will want to read: English that was held back, and foreign speech that was given out."""
    for j in found:
        for clip in j.clips:
            wrong = clip.reason is not None if j.item.side == "english" else clip.reason is None
            if wrong and j.item.side in {"english", "foreign"}:
                print(f"{j.item.group}, {j.item.origin.stem}: {clip.reason or 'given out'}: {clip.text}")


# ── the fit ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def fitted(x: Table, y: Table) -> Table:
    """Weights of a logistic regression, the last column of `x` being the bias, which the ridge spares.

    x: (clips, signs), y: (clips,) of 0 and 1. Both classes weigh the same. Iteratively reweighted least squares.
    """
    share = np.where(y == 1, 0.5 / y.mean(), 0.5 / (1 - y.mean()))
    ridge = RIDGE * np.diag([*np.ones(x.shape[1] - 1), 0.0])
    weights: Table = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ weights))
        slope = x.T @ (share * (y - p)) - ridge @ weights
        bend = (x.T * (share * p * (1 - p))) @ x + ridge
        step = np.linalg.solve(bend, slope)
        weights = weights + step
        if np.abs(step).max() < 1e-8:
            break
    return weights


def accuracy(scores: Table, y: Table) -> list[float]:
    """Percent of English clips above, and of foreign clips below, even odds and then the least trust of the guard."""
    return [
        float(100 * share.mean())
        for edge in (0.0, guard.LEAST_TRUST)
        for share in (scores[y == 1] >= edge, scores[y == 0] < edge)
    ]


def intelligible(found: Judged) -> bool:
    """Whether at least half the words of a recording are recognised."""
    return common.error_rate([(found.item.text, found.heard)])[0] <= INTELLIGIBLE_WER


def fit(found: list[Judged]) -> None:
    """Fit the weights, measure them, and print them beside those in the code."""
    english = [j for j in found if j.item.side == "english" and j.clips and intelligible(j)]
    foreign = [j for j in found if j.item.side == "foreign"]
    names = list(guard.WEIGHTS)
    samples = [(c, j.item.origin, float(j.item.side == "english")) for j in english + foreign for c in j.clips]
    x = np.array([[c.signs[n] for n in names] for c, _, _ in samples])
    y = np.array([label for _, _, label in samples])
    origins = np.array([str(origin) for _, origin, _ in samples])
    left_out = np.zeros(len(y))
    for origin in set(origins):
        one = origins == origin
        left_out[one] = x[one] @ fitted(x[~one], y[~one])
    code = np.array([guard.WEIGHTS[n] for n in names])
    rows = []
    for name, weights, scores in (("in the code", code, x @ code), ("fitted", fitted(x, y), left_out)):
        rows.append([name, *(round(float(w), 2) for w in weights), *accuracy(scores, y)])
    clips = f"{int(y.sum())} English and {int((1 - y).sum())} foreign clips of {len(set(origins))} files"
    edges = [f"{side} {edge:g}, %" for edge in (0.0, guard.LEAST_TRUST) for side in ("English over", "foreign under")]
    columns = ["weights", *names, *edges]
    common.report("gate_fit", f"Weights of a clip's trust, {clips}; fitted: one file left out", columns, rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true", help="fit the weights too")
    parser.add_argument("--limit", type=int, metavar="N", help="take N recordings of each kind only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Kit(common.settings(Path(folder))) as kit:
        found = [judged(item, kit) for item in items(options.limit)]
    groups: dict[str, list[Judged]] = {}
    for j in found:
        groups.setdefault(j.item.group, []).append(j)
    rows = [row(group, of_it) for group, of_it in groups.items()]
    rows += [row(f"all {side}", [j for j in found if j.item.side == side]) for side in ("english", "foreign", "sound")]
    tell_wrong(found)
    common.report("gate", "The gate, in words", COLUMNS, rows)
    if options.fit:
        fit(found)


if __name__ == "__main__":
    main()
