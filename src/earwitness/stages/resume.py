"""The rest of a stretch that a decoder left out: where it begins, and which of its words were there before.

A Whisper may end its text while somebody still speaks. The times of its last segment and the speech that was found tell
so, and the rest can be asked for again. Segments that span their clip leave no rest. Pure functions; ask no engine.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from earwitness.audio import timebase
from earwitness.stages.phantoms import plain
from earwitness.stages.speech import Stretch
from earwitness.types import Audio, Segment, Span, Token

LEAST_REST_S = 1.0
"""Less speech than that after the last word is left to the model's idea of where a word ends."""

SLACK = timebase.samples(0.3)
"""How far a time stamp may be off."""

LEAST_PART = timebase.samples(0.6)
"""What is left of a breath must be this long to be worth a cut inside it."""

MARGIN = timebase.samples(0.3)
NEAR, FRAME = timebase.samples(0.25), timebase.samples(0.02)
MOST_DOUBLED = 4


def parted(kept: Sequence[Segment], stretch: Stretch) -> tuple[Stretch, Stretch] | None:
    """A stretch in two, the part that `kept` tells of and the rest that it left out; None where nothing is left.

    The cut lies in the pause before the rest, or, where its speech goes on without one, where it is quietest.
    """
    if not kept:
        return None
    at = timebase.samples(max(s.end_s for s in kept))
    after = [s for s in stretch.spans if s.end > at + SLACK]
    if after and after[0].start < at - SLACK and after[0].end - at < LEAST_PART:
        after = after[1:]
    if not after or timebase.seconds(sum(s.end - max(s.start, at) for s in after)) <= LEAST_REST_S:
        return None
    inside = after[0].start < at - SLACK
    if inside:
        cut = _quietest(stretch.audio, max(after[0].start + FRAME, at - NEAR), min(after[0].end - FRAME, at + NEAR))
    else:
        earlier = [s.end for s in stretch.spans if s.end <= after[0].start]
        cut = max(*earlier, after[0].start - MARGIN) if earlier else after[0].start
    before, rest = _side(stretch, stretch.audio.start, cut), _side(stretch, cut, stretch.audio.end)
    if before is None or rest is None:
        return None  # nothing that was said lies in speech
    return replace(before, forced=inside), rest


def doubled(before: Sequence[Segment], rest: Sequence[Segment], stretch: Stretch) -> int:
    """How many words at the start of the rest only say the end of what stands before it again.

    None, unless what stands before reaches into the speech of `stretch`, the rest: then a word may be heard twice.
    """
    if not before or not rest or before[-1].end_s <= stretch.span.start_s:
        return 0
    old, new = ([plain(word) for word in s.text.split()] for s in (before[-1], rest[0]))
    counts = range(min(MOST_DOUBLED, len(old), len(new)), 0, -1)
    return next((n for n in counts if old[-n:] == new[:n]), 0)


def without(segment: Segment, words: int) -> tuple[Segment, ...]:
    """The segment without its first words; nothing where no others are left. Steps that nobody can spell go."""
    texts = segment.text.split()
    if words >= len(texts):
        return ()
    letters, tokens = len("".join(texts[:words])), list[Token](segment.tokens)
    while tokens and letters > 0:
        letters -= len(tokens.pop(0).text.strip())
    timed = segment.words[words:] if len(segment.words) == len(texts) else ()
    return (
        replace(
            segment,
            start_s=timed[0].start_s if timed else segment.start_s,
            text=" ".join(texts[words:]),
            words=timed,
            tokens=tuple(tokens),
            token_ids=tuple(t.id for t in tokens),
        ),
    )


def _side(stretch: Stretch, low: int, high: int) -> Stretch | None:
    """What of a stretch lies between two positions; None where no speech does."""
    told = zip(stretch.spans, stretch.voices or [stretch.voice] * len(stretch.spans), strict=True)
    held = [(Span(max(s.start, low), min(s.end, high)), v) for s, v in told if s.start < high and s.end > low]
    if not held:
        return None
    audio = Audio(stretch.audio.samples[low - stretch.audio.start : high - stretch.audio.start], low)
    spans, voices = tuple(s for s, _ in held), tuple(v for _, v in held)
    voice = float(np.average(voices, weights=[s.end - s.start for s in spans]))
    return replace(stretch, audio=audio, spans=spans, voices=voices, voice=voice)


def _quietest(audio: Audio, low: int, high: int) -> int:
    """The middle of the quietest 20 ms between two positions."""
    sound = audio.samples[low - audio.start : high - audio.start].astype(np.float64)
    if len(sound) <= FRAME:
        return (low + high) // 2
    power = np.convolve(sound**2, np.ones(FRAME), "valid")
    return low + int(power.argmin()) + FRAME // 2
