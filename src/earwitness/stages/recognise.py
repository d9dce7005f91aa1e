"""Recognises stretches of speech: many at once, in order, doubtful ones twice, and judged before they are given out.

A window of stretches is kept in the lane, so that its workers always find a batch of like lengths, while results come
out in the order of the recording. Knows the lane only as a function that takes a Clip and gives a future.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace

import numpy as np

from earwitness.audio import timebase
from earwitness.stages import guard, phrase
from earwitness.stages.guard import Credit, Guarding
from earwitness.stages.speech import Stretch
from earwitness.types import Ask, Audio, Can, Clip, Segment, Span, Suppressed

Submit = Callable[[Clip], Future[tuple[Segment, ...]]]

LEAD = timebase.samples(0.3)
"""Silence that a clip has at least before and after its speech: a recogniser loses or doubles words at a hard edge."""

SECOND_LEAD, SECOND_TAIL = timebase.samples(1.0), timebase.samples(0.5)
"""The second look stands behind another silence: what was said stays the same, what was guessed does not."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """What came of one stretch; `done` is the position up to which the recording is finished."""

    segments: tuple[Segment, ...]
    suppressed: tuple[Suppressed, ...]
    done: int


@dataclass(slots=True)
class _Pending:
    stretch: Stretch
    first: Future[tuple[Segment, ...]]
    second: Future[tuple[Segment, ...]] | None = None
    looked: bool = False
    """Whether it is known if a second look is needed."""

    @property
    def ready(self) -> bool:
        """Whether all looks are done."""
        return self.looked and self.first.done() and (self.second is None or self.second.done())

    def look_again(self, submit: Submit, ask: Ask) -> None:
        """Ask for a second look if the first one leaves a doubt; waits for the first."""
        if not self.looked and guard.needs_second_look(self.first.result(), self.stretch):
            again = framed(self.stretch.audio, self.stretch.span, SECOND_LEAD, SECOND_TAIL)
            self.second = submit(Clip(again, ask))
        self.looked = True


def recognise(
    stretches: Iterable[Stretch], submit: Submit, ask: Ask, can: Can, how: Guarding, *, window: int = 16
) -> Iterator[Recognised]:
    """The results of the stretches, one each, in order. `window` stretches are in the lane at a time.

    Raises what the engine raises, and Cancelled.
    """
    waiting: deque[_Pending] = deque()
    credit = Credit()
    for stretch in stretches:
        waiting.append(_Pending(stretch, submit(Clip(framed(stretch.audio, stretch.span, LEAD, LEAD), ask))))
        _look_ahead(waiting, submit, ask)
        while len(waiting) >= window or (waiting and waiting[0].ready):
            found, credit = _finish(waiting.popleft(), submit, ask, can, how, credit)
            yield found
    while waiting:
        _look_ahead(waiting, submit, ask)
        found, credit = _finish(waiting.popleft(), submit, ask, can, how, credit)
        yield found


def _look_ahead(waiting: Iterable[_Pending], submit: Submit, ask: Ask) -> None:
    """Ask early for the second looks that are needed, so that the workers never wait for them.

    A failure is left alone until its turn comes: what was said before it is given out first.
    """
    for pending in waiting:
        if pending.first.done() and pending.first.exception() is None:
            pending.look_again(submit, ask)


def edges_s(margin_s: float) -> float:
    """Seconds that margins and added silence take of an engine's longest clip at most."""
    return timebase.seconds(max(SECOND_LEAD, timebase.samples(margin_s)) + max(SECOND_TAIL, timebase.samples(margin_s)))


def framed(audio: Audio, speech: Span, before: int, after: int) -> Audio:
    """`audio` with zeros added where there is less sound than wanted around the speech; positions stay true."""
    low = max(0, before - (speech.start - audio.start))
    high = max(0, after - (audio.end - speech.end))
    if not low and not high:
        return audio
    silence = np.zeros(low, np.float32), np.zeros(high, np.float32)
    return Audio(np.concatenate([silence[0], audio.samples, silence[1]]), audio.start - low)


def _finish(
    pending: _Pending, submit: Submit, ask: Ask, can: Can, how: Guarding, credit: Credit
) -> tuple[Recognised, Credit]:
    stretch = pending.stretch
    kept, other = pending.first.result(), None
    pending.look_again(submit, ask)
    if pending.second is not None:
        again = pending.second.result()
        best = guard.better(kept, again)
        kept, other = best, (again if best is kept else kept)
    verdict = guard.judge(kept, other, stretch, credit, how, single_language=_single(can))
    span = stretch.span
    if verdict.reason is not None:
        text = " ".join(s.text for s in kept)
        held = (Suppressed(span.start_s, span.end_s, verdict.reason, text),)
        return Recognised((), held, span.end), credit.after(verdict) if kept else credit
    segments = tuple(
        replace(piece, no_speech_prob=round(1 - stretch.voice, 4), marks=_marks(piece, stretch))
        for segment in kept
        for piece in phrase.split(segment, stretch.spans)
    )
    return Recognised(segments, (), span.end), credit.after(verdict)


def _marks(segment: Segment, stretch: Stretch) -> tuple[str, ...]:
    return (*segment.marks, "forced_cut") if stretch.forced else segment.marks


def _single(can: Can) -> bool:
    return can.languages is not None and len(can.languages) == 1
