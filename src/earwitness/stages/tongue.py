"""Which language is spoken, where the engine finds it out for each clip: a short or unsure one does not change it.

A few words are often taken for another language, and come out translated or made up. Such a clip is heard once more in
the language spoken so far, and the version the decoder found likelier is believed.
"""

from earwitness.stages.speech import Stretch
from earwitness.types import Segment

Segments = tuple[Segment, ...]

SURE = 0.8
"""Probability from which a language is believed at once, where the clip is long enough."""
LONG_S = 3.0
"""Speech that is enough to tell."""


def doubtful(found: Segments, stretch: Stretch, before: str | None) -> str | None:
    """The language in which a stretch should be heard again: that of before, if another was found by too little."""
    now = found[0].language if found else None
    if before is None or now is None or now == before:
        return None
    sure = (found[0].language_prob or 0.0) >= SURE and stretch.span.duration_s >= LONG_S
    return None if sure else before


def likelier(found: Segments, again: Segments) -> Segments:
    """Of two versions the one whose text was likelier; the first where the engine does not say."""
    mine, theirs = _likelihood(found), _likelihood(again)
    if mine is None or theirs is None or not again:
        return found
    return again if theirs > mine else found


def _likelihood(segments: Segments) -> float | None:
    """Mean log-probability of the tokens, by the length of the segments."""
    rows = [(s.avg_logprob, max(len(s.text), 1)) for s in segments]
    if not rows or any(p is None for p, _ in rows):
        return None
    return sum(p * n for p, n in rows if p is not None) / sum(n for _, n in rows)
