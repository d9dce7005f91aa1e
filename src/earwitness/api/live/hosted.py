"""One live session on the event loop: a task of its own takes the sound to it, and its events to whoever is connected.

The session itself runs in a thread, one step at a time. What `keeping` keeps lets another connection, or another
process, go on. A reader that is slow misses drafts and nothing else; a source that is faster than the session is made
to wait. What comes after the end is not heard. Knows no client's protocol.
"""

import asyncio
import time
from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from earwitness import telemetry
from earwitness.api.live.keeping import Keeping, Store
from earwitness.api.live.line import Line
from earwitness.audio import timebase
from earwitness.errors import Cancelled, EarwitnessError, EngineFailed
from earwitness.events import Ended, Event, Failed, Noted, Numbered, Partial
from earwitness.live import journal
from earwitness.live.journal import Journal
from earwitness.live.session import Session
from earwitness.types import Notice, Plan, Samples

GATHER_S = 0.06
"""Sound is taken to the session in steps of about this length, however finely it is cut."""

MOST_WAITING = timebase.samples(30.0)
"""Samples that may wait for the session before the source is made to."""

REMEMBERED, FORGOTTEN = 4000, 1000
"""Most events kept in memory, and how many fewer there are once some were given to the journal alone."""

LET_GO_S = 5.0
"""How long a session that is let go of is waited for: an engine that hangs is not."""


@dataclass(frozen=True, slots=True)
class _Flush:
    id: str


@dataclass(frozen=True, slots=True)
class _Say:
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class _End:
    pass


_Item: TypeAlias = "Samples | _Flush | _Say | _End"


class Hosted:
    """One session and its connections: the newest one is heard and told, an older one is let go of."""

    def __init__(
        self,
        ident: str,
        session: Session,
        pool: Executor,
        *,
        written: Journal | None = None,
        stored: Store | None = None,
        told: int = 0,
        first: Sequence[Event] = (),
        closed: Callable[["Hosted"], None] = lambda _: None,
    ) -> None:
        """`told` is the number of the last event that an earlier process told, `first` is told before all else.

        `closed` is called at the end.
        """
        self.id, self.session = ident, session
        self.plan: Plan | None = None
        """What recognises it."""
        self.taker: Any = None
        """What a door keeps with the session that meets its client anew with each piece of sound."""
        self.told: Callable[[int, Event], None] = lambda *_: None
        """Told of each event and its number."""
        self.last_heard = self.last_joined = time.monotonic()
        self._pool, self._closed = pool, closed
        self._keeping = Keeping(written, session.received, told, stored)
        self._loop = asyncio.get_running_loop()
        self._inbox, self._waiting = list[_Item](), 0
        self._kept, self._forgotten = list[Numbered](), told
        self._partial: Numbered | None = None
        self._expected = session.received
        self._line: Line | None = None
        self._stirred, self._changed, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._over = self._ending = self._let_go = self._stepping = self._deaf = False
        self._room.set()
        self._put(_Say(tuple(first)))
        self._task = asyncio.create_task(self._work(), name=f"session-{ident}")

    @property
    def over(self) -> bool:
        """Whether everything was told."""
        return self._over

    @property
    def ended(self) -> bool:
        """Whether it is over because it ended or broke, and was not merely let go of."""
        return self._over and not self._let_go

    @property
    def let_go(self) -> bool:
        """Whether it is left as it is, or will be at once."""
        return self._let_go

    @property
    def joined(self) -> bool:
        """Whether anybody is connected."""
        return self._line is not None

    @property
    def recording(self) -> str | None:
        """Id of the recording that it becomes in the archive; None where it is not stored."""
        return self._keeping.recording

    @property
    def acknowledged(self) -> int:
        """Samples that will be recognised whatever happens to this process; those received, where nothing is kept."""
        return self._keeping.acknowledged

    @property
    def expected(self) -> int:
        """Position of the sample that comes next."""
        return self._expected

    @property
    def heard(self) -> int:
        """Position up to which sound was taken in; what it tells is among the events."""
        return self._expected - self._waiting

    @property
    def seq(self) -> int:
        """Number of the last event."""
        return self._keeping.seq

    def wake(self) -> None:
        """The session has something to tell; called from any thread."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._stirred.set)

    def join(self) -> Line:
        """A connection. The one before it ends."""
        self._line = Line(self)
        telemetry.name(session=self.id[:8])
        self.last_heard = self.last_joined = time.monotonic()
        self._room.set()  # the one before is made to wait no longer
        self._change()
        return self._line

    def silent_s(self, now: float) -> float:
        """How long nothing came from its client; 0 where that is made to wait."""
        return now - max(self.last_heard, self.last_joined) if self._room.is_set() else 0.0

    @property
    def ending(self) -> bool:
        """Whether no more sound comes."""
        return self._ending

    def replay(self, pieces: Iterable[tuple[int, Samples]]) -> None:
        """Hear what an earlier process kept, before anybody is connected; what is missing between pieces is silence."""
        for position, samples in pieces:
            self._take(np.zeros(max(0, position - self._expected), np.float32))
            self._take(samples[max(0, self._expected - position) :])

    def end(self, why: Notice | None = None) -> None:
        """No more sound comes; `why` is told where it is not the client who ends it."""
        if why is not None:
            self._put(_Say((Noted(why),)))
        self._ending = True
        self._put(_End())

    async def flushed(self, ident: str) -> None:
        """End the open utterance, and wait until all of it is told."""
        self._put(_Flush(ident))
        await self.settled()

    async def settled(self) -> None:
        """Wait until all that came in was told."""
        while not self._over and (self._inbox or self._stepping or self.session.busy):
            changed = self._changed
            await changed.wait()

    async def left(self) -> None:
        """Wait until nobody is connected."""
        while self._line is not None:
            changed = self._changed
            await changed.wait()

    async def close(self) -> None:
        """Let go of the session, whatever it still has to tell; its journal stays unless everything was told."""
        self._let_go = self._let_go or not self._over
        self._stirred.set()
        await asyncio.wait({self._task}, timeout=LET_GO_S)

    # ── what connections do ──
    async def hear(self, line: Line, samples: Samples) -> None:
        """See `Line.hear`."""
        self.touch(line)
        if self._ending or self._over:
            self._say_deaf()
            return
        self._take(samples)
        while (self._waiting > MOST_WAITING or self.session.full) and not self._over:
            self._room.clear()
            await self._room.wait()
            self.touch(line)

    def note(self, line: Line, notice: Notice) -> None:
        """See `Line.note`."""
        self._mine(line)
        self._put(_Say((Noted(notice),)))

    def flush(self, line: Line, ident: str) -> None:
        """See `Line.flush`."""
        self.touch(line)
        self._put(_Flush(ident))

    def touch(self, line: Line) -> None:
        """See `Line.touch`."""
        self._mine(line)
        self.last_heard = time.monotonic()

    async def events(self, line: Line, after: int) -> AsyncGenerator[Numbered, None]:
        """See `Line.events`."""
        while self._line is line:
            changed = self._changed
            if after < self._forgotten:
                forgotten = self._forgotten
                for old in await self._from_journal(after, forgotten):
                    yield old
                after = forgotten
                continue
            for event in self._kept[bisect_right(self._kept, after, key=lambda e: e.seq) :]:
                yield event
                after = event.seq
            if self._kept and self._kept[-1].seq > after:
                continue
            if (draft := self._partial) is not None and draft.seq > after:
                after = draft.seq
                yield draft
                continue
            if self._over:
                return
            await changed.wait()

    def leave(self, line: Line) -> None:
        """See `Line.leave`."""
        if self._line is line:
            self._line = None
            self.last_joined = time.monotonic()
            self._change()

    def _mine(self, line: Line) -> None:
        if self._line is not line:
            raise Cancelled("another connection has taken this session over")

    def _take(self, samples: Samples) -> None:
        self._waiting += len(samples)
        self._expected += len(samples)
        self._put(samples)

    def _say_deaf(self) -> None:
        if not (self._deaf or self._over):
            self._deaf = True
            self._put(_Say((Noted(Notice("after_the_end", "sound that came after the end is not heard")),)))

    def _put(self, item: "_Item") -> None:
        self._inbox.append(item)
        self._stirred.set()

    async def _from_journal(self, after: int, last: int) -> Sequence[Numbered]:
        """Events after that number, up to the last that is not in memory any more."""
        folder = self._keeping.folder
        if folder is None:
            raise Cancelled(
                "this client is so far behind that what it has not read is forgotten",
                remedy="Read events as they come.",
            )
        return await asyncio.to_thread(lambda: [e for e in journal.read(folder) if after < e.seq <= last])

    # ── the task ──
    async def _work(self) -> None:
        began = 0.0
        try:
            while not self._over:
                await self._stirred.wait()
                self._stirred.clear()
                soon = self._let_go or any(not isinstance(item, np.ndarray) for item in self._inbox)
                if not soon and (wait_s := began + GATHER_S - time.monotonic()) > 0:
                    await asyncio.sleep(wait_s)
                if self._let_go:
                    return
                began = time.monotonic()
                taken, self._inbox, self._stepping = self._inbox, [], True
                told = await self._loop.run_in_executor(self._pool, self._advance, taken)
                self._waiting -= sum(len(item) for item in taken if isinstance(item, np.ndarray))
                self._stepping = False
                self._publish(told)
        finally:
            self._over = True
            self._change()
            if self.taker is not None:
                self.taker.stop()
            self._keeping.close()
            self._closed(self)

    def _advance(self, taken: Sequence[_Item]) -> list[Numbered]:
        """Runs in a thread: all that came in, and what it tells."""
        told = list[Event]()
        try:
            self._hand_in(taken, told)
        except Exception as error:  # noqa: BLE001 - the boundary of a session: whatever it is, the client is told
            known = error if isinstance(error, EarwitnessError) else EngineFailed(f"the session broke: {error!r}")
            told.append(Failed(known.code, known.message, known.remedy, fatal=True))
        return self._keeping.tell(told, self.session.needed, self.session.credit)

    def _hand_in(self, taken: Sequence[_Item], told: list[Event]) -> None:
        sound = list[Samples]()
        for item in (*taken, None):
            if isinstance(item, np.ndarray):
                sound.append(item)
                continue
            if sound:
                samples = np.concatenate(sound)
                sound.clear()
                told += self._keeping.hear(samples, self.session.received)
                told += self.session.push(samples)
            if isinstance(item, _Flush):
                told += self.session.flush(item.id)
            elif isinstance(item, _Say):
                told += item.events
            elif isinstance(item, _End):
                told += self.session.end()
        told += self.session.step()

    def _publish(self, told: Sequence[Numbered]) -> None:
        for numbered in told:
            self.told(numbered.seq, numbered.event)
            if isinstance(numbered.event, Partial):
                self._partial = numbered
            else:
                self._kept.append(numbered)
                fatal = isinstance(numbered.event, Failed) and numbered.event.fatal
                self._over = self._over or fatal or isinstance(numbered.event, Ended)
        if len(self._kept) > REMEMBERED and self._keeping.whole:
            surplus = len(self._kept) - REMEMBERED + FORGOTTEN
            self._forgotten = self._kept[surplus - 1].seq
            del self._kept[:surplus]
        if self._waiting <= MOST_WAITING and not self.session.full:
            self._room.set()
        self._change()

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        if self._over or self._line is None:
            self._room.set()
