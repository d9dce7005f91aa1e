"""Recognises stretches of speech: many at once, in order, doubtful ones again, and judged before they are given out.

A window of stretches is kept in the lane, so that its workers always find a batch of like lengths, while results come
out in the order of the recording. A doubtful clip is looked at again from behind another silence, and where that fails
too and the engine can draw by lot, at rising temperatures. Speech that a decoder left out is asked for again. Knows the
lane only as a function that takes a Clip and gives a future.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np

from earwitness.audio import timebase
from earwitness.stages import guard, phrase, resume, tongue
from earwitness.stages.guard import NO_CREDIT, Credit, Guarding
from earwitness.stages.speech import Listening, Stretch
from earwitness.types import Ask, Audio, Can, Clip, Segment, Span, Suppressed

Segments = tuple[Segment, ...]
Submit = Callable[[Clip], Future[Segments]]

LEAD = timebase.samples(0.3)
"""Silence that a clip has at least before and after its speech: a recogniser loses or doubles words at a hard edge."""

SECOND_LEAD, SECOND_TAIL = timebase.samples(1.0), timebase.samples(0.5)
"""The second look stands behind another silence: what was said stays the same, what was guessed does not."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """What came of one stretch, or a part of it; `done` is the position up to which the recording is finished."""

    segments: Segments
    suppressed: tuple[Suppressed, ...]
    done: int
    audio: Audio
    """The sound of that stretch."""
    whole: bool = True
    """Whether nothing more comes of that stretch."""
    credit: Credit = NO_CREDIT
    """What the recording has earned up to here."""


@dataclass(slots=True, eq=False)
class _Pending:
    """A stretch and the looks at it, of which the last may not be done."""

    stretch: Stretch
    looks: list[Future[Segments]]
    rests: int
    """How many times what is left out may be asked for."""
    resumed: bool = False
    settled: bool = False
    """Whether no further look is needed."""
    again: Future[Segments] | None = None
    """A look in the language of before, where another one is in doubt."""
    spoken: bool = False
    """Whether its language was looked at; that is done in order."""

    def best(self) -> tuple[Segments, Segments | None]:
        """The look to believe and another one, None where there is only one; waits for the last."""
        looks = [look.result() for look in self.looks]
        kept = reduce(guard.better, looks) if looks else ()
        return kept, next((look for look in looks if look is not kept), None)

    @property
    def failed(self) -> bool:
        """Whether the last look failed."""
        look = self.looks[-1] if self.looks else None
        return look is not None and look.done() and (look.cancelled() or look.exception() is not None)

    @property
    def done(self) -> bool:
        """Whether the looks so far are done, and none failed: a failure is left alone until its turn comes."""
        return self.looks[-1].done() and not self.failed


def recognise(
    stretches: Iterable[Stretch],
    submit: Submit,
    ask: Ask,
    can: Can,
    how: Guarding,
    *,
    window: int = 16,
    credit: Credit = NO_CREDIT,
) -> Iterator[Recognised]:
    """The results of the stretches in order, one each, or several where a decoder left some of it out.

    `window` stretches are in the lane at a time, each with one clip. `credit` is what the recording has earned before
    them. Raises what the engine raises, and Cancelled.
    """
    walk = Walk(submit, ask, can, how, credit=credit)
    for stretch in stretches:
        walk.add(stretch)
        walk.look_ahead()
        while len(walk.waiting) >= window or walk.ready:
            yield walk.finish()
    while walk.waiting:
        walk.look_ahead()
        yield walk.finish()


def edges_s(margin_s: float) -> float:
    """Seconds that margins and added silence take of an engine's longest clip at most."""
    return timebase.seconds(max(SECOND_LEAD, timebase.samples(margin_s)) + max(SECOND_TAIL, timebase.samples(margin_s)))


def fitting(how: Listening, can: Can) -> Listening:
    """How speech is cut, so that a stretch fits into the engine's longest clip."""
    return replace(how, longest_s=min(how.longest_s, can.max_clip_s - edges_s(how.margin_s)))


def framed(audio: Audio, speech: Span, before: int, after: int) -> Audio:
    """`audio` with zeros added where there is less sound than wanted around the speech; positions stay true."""
    low = max(0, before - (speech.start - audio.start))
    high = max(0, after - (audio.end - speech.end))
    if not low and not high:
        return audio
    silence = np.zeros(low, np.float32), np.zeros(high, np.float32)
    return Audio(np.concatenate([silence[0], audio.samples, silence[1]]), audio.start - low)


@dataclass(slots=True)
class Walk:
    """The way of stretches through the lane and back: added in order, finished in order. Not shared by threads."""

    submit: Submit
    ask: Ask
    can: Can
    how: Guarding
    waiting: deque[_Pending] = field(default_factory=deque)
    credit: Credit = field(default_factory=Credit)
    before: Segments = ()
    """What was given out last."""

    @property
    def ready(self) -> bool:
        """Whether `finish` would not wait: the first of the stretches is settled, or failed."""
        first = self.waiting[0] if self.waiting else None
        if first is None or not first.settled or first.failed:
            return first is not None and first.failed
        self._listen_for_language(first)
        return first.again is None or first.again.done()

    @property
    def resuming(self) -> bool:
        """Whether the next to finish is the rest of the stretch that was finished last."""
        return bool(self.waiting) and self.waiting[0].resumed

    def add(self, stretch: Stretch, look: Future[Segments] | None = None) -> None:
        """One more stretch; `look` is its first look, where that was asked for ahead."""
        self.waiting.append(_Pending(stretch, [look or self._look(stretch)], len(stretch.spans)))

    def drop(self) -> Stretch:
        """Give up the first of the stretches, of which a look failed, with all its rests."""
        stretch = self.waiting.popleft().stretch
        while self.resuming:
            self.waiting.popleft()
        return stretch

    def look_ahead(self) -> None:
        """Ask early for the looks that are needed, so that the workers never wait for them."""
        for pending in list(self.waiting):
            while not pending.settled and pending.done:
                self._go_on(pending)

    def finish(self) -> Recognised:
        """What came of the first of those that wait; waits for its looks."""
        pending = self.waiting[0]
        while not pending.settled:
            self._go_on(pending)
        self._listen_for_language(pending)
        if pending.again is not None:
            pending.again.result()
        self.waiting.popleft()
        found = self._judged(pending)
        return replace(found, whole=not self.resuming, credit=self.credit)

    def clip(self, stretch: Stretch, temperature: float | None = None, *, lead: int = LEAD, tail: int = LEAD) -> Clip:
        """What the engine is given of a stretch: from behind that much silence, in samples."""
        ask = self.ask if temperature is None else replace(self.ask, temperature=temperature)
        return Clip(framed(stretch.audio, stretch.span, lead, tail), ask)

    def _look(self, stretch: Stretch, temperature: float | None = None, **silence: int) -> Future[Segments]:
        return self.submit(self.clip(stretch, temperature, **silence))

    def _go_on(self, pending: _Pending) -> None:
        """Ask for one more look if those so far leave a doubt, else settle; waits for the last one."""
        (kept, other), tried = pending.best(), len(pending.looks) - 1
        astray = guard.derailed(kept, other, self.how)
        warm = self.how.temperatures if self.can.temperature and not self.ask.temperature else ()
        if not tried and (astray or guard.needs_second_look(kept, pending.stretch)):
            pending.looks.append(self._look(pending.stretch, lead=SECOND_LEAD, tail=SECOND_TAIL))
        elif astray and 0 < tried <= len(warm):
            pending.looks.append(self._look(pending.stretch, warm[tried - 1]))
        else:
            pending.settled = True
            self._ask_for_the_rest(pending, kept)

    def _listen_for_language(self, pending: _Pending) -> None:
        """Ask for a look in the language of before, where the stretch is said to be in another and may not be."""
        if pending.spoken or self.ask.language is not None or not self.can.detects_language:
            return
        pending.spoken = True
        before = tongue.doubtful(pending.best()[0], pending.stretch, self.credit.language)
        if before is not None:
            clip = self.clip(pending.stretch)
            pending.again = self.submit(replace(clip, ask=replace(self.ask, language=before, languages=())))

    def _ask_for_the_rest(self, pending: _Pending, kept: Segments) -> None:
        parts = resume.parted(kept, pending.stretch) if self.how.resume else None
        if parts is None:
            return
        pending.stretch, rest = parts
        more = pending.rests > 0
        left = _Pending(rest, [self._look(rest)] if more else [], pending.rests - 1, resumed=True, settled=not more)
        self.waiting.insert(self.waiting.index(pending) + 1, left)

    def _judged(self, pending: _Pending) -> Recognised:
        """What of the kept look is given out, and what is held back; all its words are in one or the other."""
        stretch, span = pending.stretch, pending.stretch.span
        best, other = pending.best()
        best = best if pending.again is None else tongue.likelier(best, pending.again.result())
        whole, held = self._undoubled(best, stretch) if pending.resumed else (best, ())
        kept, phantoms = guard.sifted(whole, stretch, self.how)
        held += phantoms
        self.before = ()
        if whole and not kept:
            return Recognised((), held, span.end, stretch.audio)
        single = self.can.languages is not None and len(self.can.languages) == 1
        verdict = guard.judge(kept, other, stretch, self.credit, self.how, single_language=single)
        self.credit = self.credit.after(verdict, kept[0].language) if kept else self.credit
        if verdict.reason is not None:
            text = " ".join(s.text for s in kept)
            held += (Suppressed(span.start_s, span.end_s, verdict.reason, text),)
            return Recognised((), held, span.end, stretch.audio)
        self.before = kept
        pieces = _inside([piece for s in kept for piece in phrase.split(s, stretch.spans)], stretch.audio)
        return Recognised(tuple(_told(piece, pending) for piece in pieces), held, span.end, stretch.audio)

    def _undoubled(self, kept: Segments, rest: Stretch) -> tuple[Segments, tuple[Suppressed, ...]]:
        """A rest without the words that only say again what stands before it, and those words."""
        twice = resume.doubled(self.before, kept, rest)
        if not twice:
            return kept, ()
        words, at_s = " ".join(kept[0].text.split()[:twice]), rest.span.start_s
        return (*resume.without(kept[0], twice), *kept[1:]), (Suppressed(at_s, at_s, "repetition", words),)


def _told(segment: Segment, pending: _Pending) -> Segment:
    """A segment with what is known of its stretch."""
    unsaid = 1 - pending.stretch.voice if segment.no_speech_prob is None else segment.no_speech_prob
    happened = (("resumed", pending.resumed), ("forced_cut", pending.stretch.forced))
    marks = (*segment.marks, *(mark for mark, true in happened if true))
    return replace(segment, no_speech_prob=round(unsaid, 4), marks=marks)


def _inside(segments: Sequence[Segment], audio: Audio) -> list[Segment]:
    """Segments and their words in order and inside their sound: an engine hears the silence around it too."""
    low_s, found = audio.start_s, list[Segment]()
    for segment in segments:
        start_s = min(max(segment.start_s, low_s), audio.end_s)
        end_s = min(max(segment.end_s, start_s), audio.end_s)
        words = tuple(
            replace(w, start_s=min(max(w.start_s, start_s), end_s), end_s=min(max(w.end_s, start_s), end_s))
            for w in segment.words
        )
        found.append(replace(segment, start_s=start_s, end_s=end_s, words=words))
        low_s = start_s
    return found
