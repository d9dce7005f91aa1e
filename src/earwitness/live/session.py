"""A live session: sound in, events out, one promise. Text and times of a `Final` never change, and nothing is lost.

A fold over the sound in any chunking: the finals are those of a recording with the same samples and the same recipe,
because the same stages find the speech, recognise it and judge it. What changes with the clock are the drafts alone,
and, when the machine cannot follow a source that does not wait, gaps, which are told.

Not safe for threads: its owner calls it from one at a time, and steps again whenever `wake` is called, which happens in
the threads of the lane. Keeps no sound but that of utterances whose text is not final. Knows no socket.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

import numpy as np

from earwitness.audio import timebase
from earwitness.errors import EarwitnessError
from earwitness.events import (
    Ended,
    Event,
    Failed,
    Final,
    Flushed,
    Gap,
    Noted,
    Partial,
    Settled,
    SpeechEnded,
    SpeechStarted,
)
from earwitness.live.captions import Captions
from earwitness.live.early import Early
from earwitness.live.following import Following
from earwitness.live.own import Own
from earwitness.models.lane import Seat, Urgency
from earwitness.parts import Vad
from earwitness.stages import speech
from earwitness.stages.align import Timer
from earwitness.stages.guard import NO_CREDIT, Credit
from earwitness.stages.recipe import Captioning, Recipe
from earwitness.stages.recognise import Recognised, Walk, fitting
from earwitness.stages.speech import Stretch
from earwitness.types import Ask, Audio, Clip, Notice, Samples, Segment, Suppressed

Segments = tuple[Segment, ...]

AHEAD = 6
"""Utterances in the lane at once; more wait in the session."""

BLOCK = timebase.samples(1.0)
"""Sound is taken in pieces of at most this many samples, so that the open utterance is looked at in time."""

RELIEF_S = 2.0
"""Where the oldest utterance has waited so long for its text, a smaller model helps, if there is one."""


@dataclass(frozen=True, slots=True)
class Since:
    """Where a session goes on that was told up to there by another process."""

    position: int = 0
    """Samples before it are done with."""
    utterances: int = 0
    segments: int = 0
    """Finals told so far."""
    labels: int = 0
    """Speakers told so far; their voices are forgotten, and no other voice gets their labels."""
    credit: Credit = NO_CREDIT
    """What the session has earned so far: by it what is said next is judged."""


@dataclass(frozen=True, slots=True, eq=False)
class _Due:
    """What is to be told in its turn: the text of an utterance, that it was given up, or that a flush is through."""

    number: int
    since: float
    """When it was due, by the clock."""
    stretch: Stretch | None = None
    look: Future[Segments] | None = None
    gap: Gap | None = None
    flush: str = ""


class Session:
    """One live recognition, from its first sample to `end`."""

    def __init__(
        self,
        recipe: Recipe,
        seat: Seat,
        vad: Vad,
        *,
        ask: Ask | None = None,
        timer: Timer | None = None,
        following: Sequence[Following] = (),
        relief: Seat | None = None,
        own: Own | None = None,
        noticed: Iterable[Notice] = (),
        since: Since = Since(),
        wake: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`recipe` is made by `recipe.live`, `ask` is what of it the engine can do.

        `timer` times words where that is asked for, `following` tells more of the text later, `relief` is a seat at a
        smaller model, for what would come late, `own` the engine's own stream; `noticed` is told at first.
        """
        self._captioning = recipe.captioning or Captioning()
        self._how = fitting(recipe.listening, seat.can)
        self._keep_tokens = recipe.ask.logprobs
        self._seat, self._vad, self._timer, self._wake, self._clock = seat, vad, timer, wake, clock
        self._walk = Walk(
            self._final, recipe.ask if ask is None else ask, seat.can, recipe.guarding, credit=since.credit
        )
        single = seat.can.languages is not None and len(seat.can.languages) == 1
        self._captions = Captions(
            self._captioning,
            recipe.guarding,
            self._look,
            single_language=single,
            slower=lambda: seat.slower,
            clock=clock,
        )
        self._heard = speech.begin(vad, since.position)
        self._open: Stretch | None = None
        self._held, self._sent = deque[_Due](), deque[_Due]()
        self._following = tuple(following)
        self._noticed = [Noted(n) for n in noticed]
        self._relief, self._relieved, self._own = relief, False, own
        self._finals = list[Final]()
        self._suppressed: tuple[Suppressed, ...] = ()
        self._received = since.position
        self._utterances, self._segments = since.utterances, since.segments
        self._early = Early(clock)
        self._ended = self._over = False

    # ── what its owner may ask ──
    @property
    def received_s(self) -> float:
        """Seconds of sound that came in, since the session's first sample."""
        return timebase.seconds(self._received)

    @property
    def received(self) -> int:
        """Position after the last sample that came in."""
        return self._received

    @property
    def needed(self) -> int:
        """Position from which on sound may still become text: before it all was told, or is silence."""
        for due in (*self._sent, *self._held):
            if due.stretch is not None:
                return due.stretch.audio.start
            if due.gap is not None:
                return timebase.samples(due.gap.start_s)
        return self._heard.origin + self._heard.first * self._vad.frame

    @property
    def credit(self) -> Credit:
        """What it has earned with what was told."""
        return self._walk.credit

    @property
    def lag_s(self) -> float:
        """How long the oldest utterance that is over has waited for its text; 0 where none waits, or the source can."""
        first = next(iter((*self._sent, *self._held)), None)
        return 0.0 if first is None or self._can_wait else self._early.late_s(first.since)

    @property
    def full(self) -> bool:
        """Whether its source should wait: it is ahead of the clock, and enough of it is in work."""
        return self._can_wait and (len(self._held) >= AHEAD or self._behind)

    @property
    def strain(self) -> float:
        """Share of the model's time that final text of live sessions takes, this one's and others', 0 to 1."""
        return self._seat.strain

    @property
    def busy(self) -> bool:
        """Whether text or a label of an utterance that is over is still to be told."""
        return bool(self._held or self._sent or self.followed)

    @property
    def followed(self) -> bool:
        """Whether there is still something to learn of an utterance that was told, such as who said it."""
        return any(f.waiting for f in self._following)

    @property
    def over(self) -> bool:
        """Whether `Ended` was told."""
        return self._over

    # ── what its owner does ──
    def push(self, samples: Samples) -> list[Event]:
        """Go on by some sound, 16 kHz mono float32, shape (n,); what is no finite number is silence."""
        told = list[Event]()
        if self._ended:
            return told
        self._early.comes(self._received, waits=bool(self._held or self._sent))
        clean = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
        for low in range(0, len(clean), BLOCK):
            block = clean[low : low + BLOCK]
            self._heard, found = speech.listen(self._heard, Audio(block, self._received), self._vad, self._how)
            self._received += len(block)
            for stretch in found:
                told += self._close(stretch)
            told += self._look_at_open()
        return told + self.step()

    def step(self) -> list[Event]:
        """What the lane has finished since; to be called whenever `wake` was."""
        told: list[Event] = [*self._noticed]
        self._noticed.clear()
        self._send()
        while self._sent and self._tell(self._sent[0], told):
            self._sent.popleft()
            self._send()
        if self._captions.collect(self._walk.credit) and self._open is not None:
            words, span = self._captions.words, self._open.span
            stable, draft = " ".join(words.stable), " ".join(words.draft)
            told.append(Partial(self._utterances + 1, stable, draft, span.start_s, span.end_s))
        told += [e for f in self._following for e in f.collect()]
        self._send()  # what waited for the followers
        if self._ended and not self._over and not self._sent and not self.followed:
            self._over = True
            told += [*(e for f in self._following for e in f.end()), Ended(self.received_s)]
        return told

    def flush(self, ident: str) -> list[Event]:
        """End the open utterance here, up to the last sample; `Flushed` comes when all before it was told."""
        told = self._close_all()
        self._heard = speech.begin(self._vad, self._received)
        self._held.append(_Due(self._utterances, self._clock(), flush=ident))
        return told + self.step()

    def end(self) -> list[Event]:
        """No more sound comes; `Ended` is told when all before it was."""
        told = list[Event]() if self._ended else self._close_all()
        self._ended = True
        return told + self.step()

    # ── speech ──
    def _look_at_open(self) -> list[Event]:
        stretch = speech.so_far(self._heard, self._vad, self._how)
        if stretch is None:
            return []
        told = self._start(stretch)
        judged = self._heard.origin + self._heard.frames * self._vad.frame
        quiet_s = timebase.seconds(judged - stretch.span.end)
        if not self._held and not self._seat.pressed:
            paused = self._heard.since is None and quiet_s >= self._how.margin_s
            self._captions.see(stretch, timebase.seconds(judged), self._walk.credit, paused=paused)
        return told

    def _start(self, stretch: Stretch) -> list[Event]:
        begun, self._open = self._open is None, stretch
        return [SpeechStarted(self._utterances + 1, stretch.span.start_s)] if begun else []

    def _close(self, stretch: Stretch) -> list[Event]:
        told = self._start(stretch)
        self._utterances += 1
        self._open = None
        look = self._captions.end(stretch, stretch.audio.end_s)
        look = self._finished(stretch, look) if self._own else look
        self._held.append(_Due(self._utterances, self._clock(), stretch, look))
        return [*told, SpeechEnded(self._utterances, stretch.span.end_s, forced=stretch.goes_on)]

    def _close_all(self) -> list[Event]:
        return [e for stretch in speech.finish(self._heard, self._vad, self._how) for e in self._close(stretch)]

    # ── recognition ──
    @property
    def _late(self) -> bool:
        return self._relief is not None and self.lag_s > RELIEF_S

    def _final(self, clip: Clip) -> Future[Segments]:
        late = self._late
        if late and not self._relieved:
            self._relieved = True
            self._noticed.append(Noted(Notice("smaller_model", "text comes late, so a smaller model takes part of it")))
        future = (self._relief if late and self._relief else self._seat).submit(clip, self._urgency)
        future = _marked(future) if late else future
        future.add_done_callback(lambda _: self._wake())
        return future

    def _look(self, stretch: Stretch, *, soon: bool) -> Future[Segments]:
        urgency = self._urgency if soon else Urgency.LIVE_PARTIAL
        clip, own = self._walk.clip(stretch), self._own
        future = own.look(clip, stretch.audio.end, urgency) if own else self._seat.submit(clip, urgency)
        future.add_done_callback(lambda _: self._wake())
        return future

    def _finished(self, stretch: Stretch, look: Future[Segments] | None) -> Future[Segments] | None:
        """What the engine's own stream makes of an utterance that is over; `look` was of it while it was open.

        What waits for its turn anyway is left to the lane, which takes many at once.
        """
        if look is not None:
            look.cancel()
        if self._own is None or self._held or self._late:
            return None
        future = self._own.finish(self._walk.clip(stretch), stretch.audio.end, self._urgency)
        future.add_done_callback(lambda _: self._wake())
        return future

    @property
    def _can_wait(self) -> bool:
        return self._early.ahead(self._received)

    @property
    def _behind(self) -> bool:
        """Whether there is enough to be learned of what was told, so that a source that can wait should."""
        return any(f.waiting >= AHEAD for f in self._following)

    @property
    def _urgency(self) -> Urgency:
        """That of final text: of a source that can wait it comes after that of sources which can't."""
        return Urgency.INTERACTIVE if self._can_wait else Urgency.LIVE_FINAL

    def _send(self) -> None:
        """Hand over what is held while there is room; of a source that can't wait, give up what would come too late."""
        waits, late_s = self._can_wait, self._captioning.most_lag_s
        if not waits:
            late = [self._early.late_s(due.since) > late_s for due in self._held]
            self._held = deque(_given_up(due) if gone else due for due, gone in zip(self._held, late, strict=True))
        while self._held and len(self._sent) < AHEAD and not (waits and self._behind):
            due = self._held.popleft()
            if due.stretch is not None:
                self._walk.add(due.stretch, due.look)
            self._sent.append(due)
        self._walk.look_ahead()

    def _tell(self, due: _Due, told: list[Event]) -> bool:
        """Add what there is to tell of what comes next; whether that was all of it."""
        if due.stretch is None:
            told += [due.gap, Settled(due.number, due.gap.start_s, due.gap.end_s)] if due.gap else [Flushed(due.flush)]
            return True
        while self._walk.ready:
            try:
                found = self._walk.finish()
            except EarwitnessError as error:
                span = due.stretch.span
                self._walk.drop()
                told.append(Failed(error.code, error.message, error.remedy))
                told.append(Gap(span.start_s, span.end_s, "engine_failed"))
                return self._settle(due, due.stretch, told)
            told += self._told_of(found, due)
            if not self._walk.resuming:
                return self._settle(due, due.stretch, told)
            self._walk.look_ahead()
        return False

    def _told_of(self, found: Recognised, due: _Due) -> list[Event]:
        fresh = found.segments if self._keep_tokens else tuple(replace(s, tokens=()) for s in found.segments)
        fresh = self._timer.timed(fresh, found.audio) if self._timer else fresh
        self._suppressed += found.suppressed
        first, self._segments = self._segments + 1, self._segments + len(fresh)
        finals = [Final(n, due.number, segment) for n, segment in enumerate(fresh, first)]
        self._finals += finals
        return [*finals]

    def _settle(self, due: _Due, stretch: Stretch, told: list[Event]) -> bool:
        held, self._suppressed = self._suppressed, ()
        finals, self._finals = self._finals, []
        for follower in self._following:
            follower.hear(due.number, stretch.audio, finals)
        told.append(Settled(due.number, stretch.span.start_s, stretch.span.end_s, held, forced=stretch.goes_on))
        return True


def _marked(found: Future[Segments]) -> Future[Segments]:
    """Segments that another model than the session's recognised, marked as such."""
    marked: Future[Segments] = Future()

    def done(_: Future[Segments]) -> None:
        if found.cancelled() or not marked.set_running_or_notify_cancel():
            marked.cancel()
        elif error := found.exception():
            marked.set_exception(error)
        else:
            marked.set_result(tuple(replace(s, marks=(*s.marks, "smaller_model")) for s in found.result()))

    found.add_done_callback(done)
    return marked


def _given_up(due: _Due) -> _Due:
    """What is told in place of an utterance whose text would come too late."""
    if due.stretch is None:
        return due
    if due.look is not None:
        due.look.cancel()
    span = due.stretch.span
    return replace(due, stretch=None, look=None, gap=Gap(span.start_s, span.end_s, "overload"))
