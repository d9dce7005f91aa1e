"""The draft of an open utterance: looks at what was said so far, again and again, and the text they agree on.

A look is asked for when there is enough new sound, at most one at a time, and the rarer the longer the last one took.
Once a pause has lasted as long as a stretch keeps silence behind it, the look is of the very clip that the final text
will be made of; it is asked for with the urgency of final text, and handed over when the utterance ends there.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from earwitness.stages import guard
from earwitness.stages.guard import Credit, Guarding
from earwitness.stages.recipe import Captioning
from earwitness.stages.speech import Stretch
from earwitness.stages.stabilise import Agreed, agree
from earwitness.types import Segment

Segments = tuple[Segment, ...]

PATIENCE = 2.0
"""Sound between two looks is at least so many times what the last look took: drafts take half a core at most."""

LEAST_S = 0.25
"""Less speech than that is not looked at while it goes on."""

EAGER_S, EAGER_FOR_S, EAGER_PATIENCE = 0.09, 1.2, 1.0
"""New sound between two looks, at least, while nothing is shown of an utterance that began no longer ago.

Most first looks are at half a word, and what they say is rightly not believed. Only where the session has earned trust:
elsewhere more looks are more chances that noise passes for a word.
"""


class Asking(Protocol):
    """Asks the lane for a look at a stretch; `soon` for one that the final text may be made of."""

    def __call__(self, stretch: Stretch, *, soon: bool) -> Future[Segments]: ...


@dataclass(slots=True, eq=False)
class _Look:
    stretch: Stretch
    future: Future[Segments]
    asked: float
    read: bool = False


class Captions:
    """The drafts of one session. Not safe for threads."""

    def __init__(
        self,
        how: Captioning,
        guarding: Guarding,
        ask: Asking,
        *,
        single_language: bool,
        slower: Callable[[], float] = lambda: 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`slower` says how many times as rarely as the recipe has it drafts are wanted now."""
        self._slower = slower
        self._how, self._guarding, self._ask, self._clock = how, guarding, ask, clock
        self._single = single_language
        self._look: _Look | None = None
        self._seen_s = 0.0
        self._took_s = 0.0
        self._told = Agreed()

    @property
    def words(self) -> Agreed:
        """The draft as it is now."""
        return self._told

    def see(self, stretch: Stretch, now_s: float, credit: Credit, *, paused: bool) -> None:
        """The open stretch as it is `now_s` seconds into the sound; asks for a look where one is due.

        `paused` says that nothing will be added to the stretch unless speech goes on.
        """
        if self._same(stretch):
            return
        wanted = self._how.drafts and stretch.span.duration_s >= LEAST_S
        due = now_s - self._seen_s >= self._apart_s(stretch, credit)
        if not paused and not (wanted and due):
            return
        if self._look is not None and not self._look.future.done() and not self._look.future.cancel():
            return  # it is being worked on
        self._seen_s = now_s
        self._look = _Look(stretch, self._ask(stretch, soon=paused), self._clock())

    def collect(self, credit: Credit) -> bool:
        """Take over a look that is done; whether the draft has changed."""
        look = self._look
        if look is None or look.read or not look.future.done() or look.future.cancelled():
            return False
        look.read = True
        self._took_s = self._clock() - look.asked
        if not self._how.drafts or look.future.exception() is not None:
            return False
        text = self._believed(look.stretch, look.future.result(), credit)
        before, self._told = self._told, agree(self._told, text) if text else self._told
        return self._told != before

    def end(self, stretch: Stretch, now_s: float) -> Future[Segments] | None:
        """The utterance is over, as `stretch`: the look at exactly this one, where there is one. Begins anew."""
        look, same = self._look, self._same(stretch)
        self._look, self._told, self._seen_s = None, Agreed(), now_s
        if look is None or (same and not look.future.cancelled()):
            return look.future if look else None
        look.future.cancel()
        return None

    def _apart_s(self, stretch: Stretch, credit: Credit) -> float:
        """New sound that the next look waits for."""
        usual_s = max(self._how.cadence_s * self._slower(), PATIENCE * self._took_s)
        late = usual_s > self._how.cadence_s
        if self._told.last or stretch.span.duration_s >= EAGER_FOR_S or late or credit.worth <= 0:
            return usual_s
        return max(min(EAGER_S, usual_s), EAGER_PATIENCE * self._took_s)

    def _same(self, stretch: Stretch) -> bool:
        look = self._look
        return look is not None and (look.stretch.spans, look.stretch.audio.span) == (stretch.spans, stretch.audio.span)

    def _believed(self, stretch: Stretch, found: Segments, credit: Credit) -> str:
        """The text of a look, without what would be held back."""
        kept, _ = guard.sifted(found, stretch, self._guarding)
        verdict = guard.judge(kept, None, stretch, credit, self._guarding, single_language=self._single)
        return "" if verdict.reason else " ".join(s.text for s in kept)
