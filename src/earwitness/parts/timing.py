"""From where the spoken pieces lie to the times of the printed words: one Word each, in order, inside, not overlapping.

Words that are not said, or fit nowhere, get a share of the time between their neighbours by their letters, and are
marked as not aligned. Pure functions; what an aligner needs besides its model.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from earwitness.spread import spread
from earwitness.types import Word

MIDDLE, STEEP = -4.0, 1.3
"""Where a word is as likely right as wrong, and how fast that changes: measured with right and wrong texts."""

LEAST_CONFIDENCE = 0.04
"""Words below it lie where something else was said, or nothing: several in a row, or one that is too short."""

SHORTEST_S = 0.061
"""A word that is no longer was squeezed in."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Where a spoken piece lies, and how well it fits: nepers per frame behind the best sounds, 0 or less."""

    start_s: float
    end_s: float
    score: float


def laid_out(
    words: Sequence[str],
    pieces: Sequence[Sequence[str]],
    fits: Sequence[Fit],
    start_s: float,
    end_s: float,
    *,
    sure: Callable[[float], float] | None = None,
) -> tuple[Word, ...]:
    """The words with their times; `fits` holds one for each piece in order, or none at all where nothing was found.

    `sure` makes a confidence of a score, which is then the aligner's own.
    """
    placed = list[Word | None]()
    at = 0
    for word, said in zip(words, pieces, strict=True):
        mine = fits[at : at + len(said)]
        at += len(said)
        placed.append(_placed(word, mine, start_s, end_s, sure or confidence) if mine else None)
    return filled(words, _believed(placed), start_s, end_s)


def filled(words: Sequence[str], placed: Sequence[Word | None], start_s: float, end_s: float) -> tuple[Word, ...]:
    """The words, those without a place spread between their neighbours by their letters."""
    found, low_s, at = list[Word](), start_s, 0
    for missing, group in groupby(placed, key=lambda w: w is None):
        run = list(group)
        if missing:
            following = placed[at + len(run)] if at + len(run) < len(placed) else None
            high_s = max(low_s, following.start_s if following else end_s)
            found += spread(words[at : at + len(run)], low_s, high_s)
        else:
            found += [w for w in run if w is not None]
        low_s, at = found[-1].end_s, at + len(run)
    return tuple(found)


def confidence(score: float) -> float:
    """How likely a word is right that fits so well, 0 to 1."""
    return 1 / (1 + math.exp(min(50.0, -STEEP * (score - MIDDLE))))


def _believed(placed: Sequence[Word | None]) -> list[Word | None]:
    """The places without those of words that lie where something else was said."""
    found = list[Word | None]()
    for unfit, group in groupby(placed, key=lambda w: w is None or (w.confidence or 0.0) < LEAST_CONFIDENCE):
        run = list(group)
        alone = len(run) == 1 and run[0] is not None and run[0].end_s - run[0].start_s > SHORTEST_S
        found += [None] * len(run) if unfit and not alone else run
    return found


def _placed(word: str, fits: Sequence[Fit], low_s: float, high_s: float, certain: Callable[[float], float]) -> Word:
    """The word where its pieces lie."""
    lengths = [max(f.end_s - f.start_s, 1e-3) for f in fits]
    sure = float(certain(sum(f.score * n for f, n in zip(fits, lengths, strict=True)) / sum(lengths)))
    start_s, end_s = (min(max(t, low_s), high_s) for t in (fits[0].start_s, fits[-1].end_s))
    return Word(word, start_s, end_s, confidence=round(sure, 3))
