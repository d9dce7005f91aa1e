"""One live session on the event loop: a task of its own takes the sound to it, and its events to whoever is connected.

The session itself runs in a thread, one step at a time. Sound is kept in the journal before it is acknowledged, events
before they are told, so that another connection, or another process, can go on. A reader that is slow misses drafts and
nothing else; a source that is faster than the session is made to wait. Knows no client's protocol.
"""

import asyncio
import time
from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from earwitness.audio import timebase
from earwitness.errors import BadInput, Cancelled, EarwitnessError, EngineFailed, StorageFailed
from earwitness.events import Ended, Event, Failed, Noted, Numbered, Partial, Settled
from earwitness.live import journal
from earwitness.live.journal import Journal
from earwitness.live.session import Session
from earwitness.types import Notice, Plan, Samples

GATHER_S = 0.06
"""Sound is taken to the session in steps of about this length, however finely it is cut."""

MOST_WAITING = timebase.samples(30.0)
"""Samples that may wait for the session before the source is made to."""

REMEMBERED, FORGOTTEN = 4000, 1000
"""Most events kept in memory, and how many are given to the journal alone at a time."""


@dataclass(frozen=True, slots=True)
class _Flush:
    id: str


@dataclass(frozen=True, slots=True)
class _End:
    pass


_Item: TypeAlias = "Samples | _Flush | _End"


class Hosted:
    """One session and its connections: the newest one is heard and told, an older one is let go of."""

    def __init__(
        self,
        ident: str,
        session: Session,
        pool: Executor,
        *,
        written: Journal | None = None,
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
        self.last_heard = self.last_joined = time.monotonic()
        self._pool, self._written, self._seq, self._closed = pool, written, told, closed
        self._loop = asyncio.get_running_loop()
        self._inbox, self._waiting = list[_Item](), 0
        self._kept = list[Numbered]()
        self._partial: Numbered | None = None
        self._acknowledged = self._expected = session.received
        self._unwritten = False
        self._line: Line | None = None
        self._stirred, self._changed, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._over = self._ending = self._let_go = False
        self._publish(self._numbered(first))
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
    def joined(self) -> bool:
        """Whether anybody is connected."""
        return self._line is not None

    @property
    def acknowledged(self) -> int:
        """Samples that will be recognised whatever happens to this process; those received, where nothing is kept."""
        return self._acknowledged

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
        return self._seq

    def wake(self) -> None:
        """The session has something to tell; called from any thread."""
        self._loop.call_soon_threadsafe(self._stirred.set)

    def join(self) -> "Line":
        """A connection. The one before it ends."""
        self._line = Line(self)
        self.last_heard = self.last_joined = time.monotonic()
        self._change()
        return self._line

    @property
    def ending(self) -> bool:
        """Whether no more sound comes."""
        return self._ending

    def end(self) -> None:
        """No more sound comes."""
        self._ending = True
        self._put(_End())

    async def flushed(self, ident: str) -> None:
        """End the open utterance, and wait until all of it is told."""
        self._put(_Flush(ident))
        await self.settled()

    async def settled(self) -> None:
        """Wait until all that came in was told."""
        while not self._over and (self._inbox or self._waiting or self.session.busy):
            changed = self._changed
            await changed.wait()

    async def left(self) -> None:
        """Wait until nobody is connected."""
        while self._line is not None:
            changed = self._changed
            await changed.wait()

    async def close(self) -> None:
        """Let go of the session, whatever it still has to tell; its journal stays unless everything was told."""
        self._let_go = not self._over
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    # ── what connections do ──
    async def hear(self, line: "Line", samples: Samples) -> None:
        """See `Line.hear`."""
        self.touch(line)
        self._waiting += len(samples)
        self._expected += len(samples)
        self._put(samples)
        while (self._waiting > MOST_WAITING or self.session.full) and not self._over:
            self._room.clear()
            await self._room.wait()
            self._mine(line)

    def flush(self, line: "Line", ident: str) -> None:
        """See `Line.flush`."""
        self.touch(line)
        self._put(_Flush(ident))

    def touch(self, line: "Line") -> None:
        """See `Line.touch`."""
        self._mine(line)
        self.last_heard = time.monotonic()

    async def events(self, line: "Line", after: int) -> AsyncGenerator[Numbered, None]:
        """See `Line.events`."""
        for old in await self._from_journal(after):
            yield old
            after = old.seq
        while self._line is line:
            changed = self._changed
            for event in self._kept[bisect_right(self._kept, after, key=_seq) :]:
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

    def leave(self, line: "Line") -> None:
        """See `Line.leave`."""
        if self._line is line:
            self._line = None
            self.last_joined = time.monotonic()
            self._change()

    def _mine(self, line: "Line") -> None:
        if self._line is not line:
            raise Cancelled("another connection has taken this session over")
        if self._over:
            raise Cancelled("this session is over")

    def _put(self, item: "_Item") -> None:
        self._inbox.append(item)
        self._stirred.set()

    async def _from_journal(self, after: int) -> Sequence[Numbered]:
        """Events after that number which are not in memory any more."""
        first = self._kept[0].seq if self._kept else self._seq + 1
        if self._written is None or after + 1 >= first:
            return ()
        folder = self._written.folder
        return await asyncio.to_thread(lambda: [e for e in journal.read(folder) if after < e.seq < first])

    # ── the task ──
    async def _work(self) -> None:
        began = 0.0
        try:
            while not self._over:
                await self._stirred.wait()
                self._stirred.clear()
                soon = any(not isinstance(item, np.ndarray) for item in self._inbox)
                if not soon and (wait_s := began + GATHER_S - time.monotonic()) > 0:
                    await asyncio.sleep(wait_s)
                began = time.monotonic()
                taken, self._inbox = self._inbox, []
                told = await self._loop.run_in_executor(self._pool, self._advance, taken)
                self._waiting -= sum(len(item) for item in taken if isinstance(item, np.ndarray))
                self._publish(told)
        except Exception as error:  # noqa: BLE001 - the boundary of a session: whatever it is, the client is told
            known = error if isinstance(error, EarwitnessError) else EngineFailed(f"the session broke: {error!r}")
            failed = Failed(known.code, known.message, known.remedy, fatal=True)
            self._over = True
            self._publish(self._numbered([failed]))
        finally:
            self._over = True
            self._change()
            if self._written is not None:
                self._written.close()
            self._closed(self)

    def _advance(self, taken: Sequence[_Item]) -> list[Numbered]:
        """Runs in a thread: all that came in, and what it tells."""
        told, sound = list[Event](), list[Samples]()
        for item in (*taken, None):
            if isinstance(item, np.ndarray):
                sound.append(item)
                continue
            if sound:
                told += self._heard(np.concatenate(sound))
                sound.clear()
            if isinstance(item, _Flush):
                told += self.session.flush(item.id)
            elif isinstance(item, _End):
                told += self.session.end()
        told += self.session.step()
        return self._numbered(told)

    def _heard(self, samples: Samples) -> list[Event]:
        told = self._kept_safe(samples)
        return [*told, *self.session.push(samples)]

    def _kept_safe(self, samples: Samples) -> list[Event]:
        position = self.session.received
        if self._written is None:
            self._acknowledged = position + len(samples)
            return []
        try:
            self._written.hear(samples, position)
        except StorageFailed as error:
            return self._not_kept(error)
        self._acknowledged, self._unwritten = position + len(samples), False
        return []

    def _not_kept(self, error: StorageFailed) -> list[Event]:
        """Say it once: the session goes on, and would not survive its process."""
        if self._unwritten:
            return []
        self._unwritten = True
        told = f"the session goes on, but is not kept: {error.message}"
        return [Noted(Notice("not_kept", told))]

    def _numbered(self, told: Sequence[Event]) -> list[Numbered]:
        found = list[Numbered]()
        for event in told:
            self._seq += 1
            found.append(Numbered(self._seq, event))
        if self._written is not None:
            try:
                self._written.tell(found)
                for numbered in found:
                    if isinstance(numbered.event, Settled):
                        self._written.forget(timebase.samples(numbered.event.end_s))
            except StorageFailed as error:
                for event in self._not_kept(error):
                    self._seq += 1
                    found.append(Numbered(self._seq, event))
        return found

    def _publish(self, told: Sequence[Numbered]) -> None:
        for numbered in told:
            if isinstance(numbered.event, Partial):
                self._partial = numbered
            else:
                self._kept.append(numbered)
        if len(self._kept) > REMEMBERED:
            del self._kept[:FORGOTTEN]
        self._over = self._over or self.session.over or any(isinstance(n.event, Ended) for n in told)
        if self._waiting <= MOST_WAITING and not self.session.full:
            self._room.set()
        self._change()

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        if self._over or self._line is None:
            self._room.set()


class Line:
    """One connection to a session."""

    def __init__(self, hosted: Hosted) -> None:
        self.hosted = hosted

    async def hear(self, samples: Samples) -> None:
        """Go on by some sound, 16 kHz mono float32, shape (n,); waits while the session is behind.

        Raises Cancelled when another connection has taken the session over, or it is over.
        """
        await self.hosted.hear(self, samples)

    async def hear_at(self, position: int, samples: Samples) -> None:
        """Likewise, of sound that begins at a position: what the session has heard of it is left out.

        Raises BadInput where sound is missing before it.
        """
        have = self.hosted.expected
        if position > have:
            raise BadInput(f"sound at sample {position} does not follow what ended at {have}", param="position")
        if len(fresh := samples[have - position :]):
            await self.hear(fresh)

    def flush(self, ident: str) -> None:
        """End the open utterance here; a `Flushed` of that id says when all before it was told. Raises Cancelled."""
        self.hosted.flush(self, ident)

    def touch(self) -> None:
        """The client is there, though it sends no sound. Raises Cancelled."""
        self.hosted.touch(self)

    def end(self) -> None:
        """No more sound comes; `Ended` says when everything was told. Raises Cancelled."""
        self.hosted.touch(self)
        self.hosted.end()

    def events(self, after: int = 0) -> AsyncGenerator[Numbered, None]:
        """All events after that number, then those to come; ends with the session, or when another line is joined.

        Of drafts only the newest is told.
        """
        return self.hosted.events(self, after)

    def leave(self) -> None:
        """The client is gone; the session stays for another connection."""
        self.hosted.leave(self)


def _seq(event: Numbered) -> int:
    return event.seq
