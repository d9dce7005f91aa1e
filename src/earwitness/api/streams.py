"""What happens, on its way to whoever watches: one reader for all streams of a viewer, and none for those who are slow.

The log in the database is the truth. Its newest part is in memory, once for each viewer; a stream that is behind that
reads on from the database at its client's pace, so nothing is ever buffered for a client. Drafts of live text are in no
log: a stream has the newest of each session, and a slow one misses those between.
"""

import asyncio
import contextlib
import json
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from fastapi.sse import format_sse_event
from structlog.typing import FilteringBoundLogger

from earwitness.archive.events import Events, Page, Told
from earwitness.archive.viewer import Viewer
from earwitness.errors import Busy, Cancelled, EarwitnessError, Unauthorized
from earwitness.types import Json

R = TypeVar("R")

DRAFTS = "drafts"
"""The topic of what is being said just now."""

RESYNC = "resync"
"""Told to a client that has missed what is not kept any more: it must ask for everything anew."""

HEARTBEAT_S = 15.0
RETRY_MS = 2000
GATHER_S = 0.1
"""After one look at the log the next comes this much later: what happened meanwhile is sent together."""

DRAFT_EACH_S = 0.2
DRAFT_KEPT_S = 5.0
"""How long a draft is news, and how long it is believed who may see a session."""

REMEMBERED, AT_ONCE = 2000, 500
"""Events in memory for each viewer, and read from the database at a time."""

FOR_ONE, FOR_ALL = 64, 512
"""Streams of one viewer, and of all together."""

AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose a live session is."""

    owner: str | None = None
    source: str | None = None
    recording: str | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    """An event as it goes over the wire; one that `ends` the stream changes what its viewer may see."""

    id: int
    topic: str
    wire: bytes
    ends: bool = False

    def wanted(self, topics: Collection[str]) -> bool:
        """Whether a client that wants these topics is told."""
        return self.topic in topics or self.ends or self.topic == RESYNC


@dataclass(frozen=True, slots=True)
class _Draft:
    number: int
    at_s: float
    whose: Whose
    wire: bytes


@dataclass(slots=True, eq=False)
class _Channel:
    """What one viewer may see. All they may see after `since` and up to `reached` is in `kept`."""

    viewer: Viewer
    since: int
    reached: int
    kept: list[_Line] = field(default_factory=list)
    drafts: dict[str, _Draft] = field(default_factory=dict)
    may: dict[Whose, tuple[bool, float]] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    streams: int = 0
    over: str = ""

    def take(self, page: Page) -> None:
        """Add what was read; what is too old for memory is left to the database."""
        self.kept.extend(_line(told, self.viewer) for told in page.events)
        self.reached = page.reached
        surplus = len(self.kept) if page.missed else len(self.kept) - REMEMBERED
        if surplus > 0:
            self.since = page.reached if page.missed else self.kept[surplus - 1].id
            del self.kept[:surplus]

    def after(self, position: int) -> tuple[list[_Line], int]:
        """The next lines after a position that is not before `since`, and the position after them."""
        first = bisect_right(self.kept, position, key=lambda line: line.id)
        some = self.kept[first : first + AT_ONCE]
        return some, self.reached if first + AT_ONCE >= len(self.kept) else some[-1].id

    def change(self) -> None:
        """Wake its streams."""
        self.changed.set()
        self.changed = asyncio.Event()


class Streams:
    """All streams of the server. Everything but the bell's ring happens on the event loop."""

    def __init__(
        self,
        events: Events,
        log: FilteringBoundLogger,
        hello: Mapping[str, Json],
        *,
        count: Callable[[str, int], None] = lambda *_: None,
    ) -> None:
        """`hello` is told to each client first. `count` is told how many events of a topic were sent."""
        self._events, self._log, self._hello, self._count = events, log, dict(hello), count
        self._channels = dict[Viewer, _Channel]()
        self._drafts = dict[str, _Draft]()
        self._numbers = 0
        self._stirred = asyncio.Event()
        self._pool: ThreadPoolExecutor | None = None
        self._reader: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self.lag_s = 0.0
        """How old the newest event was when it was read."""

    def __len__(self) -> int:
        return sum(channel.streams for channel in self._channels.values())

    async def admit(self, viewer: Viewer) -> int:
        """The id of the newest event, for a stream that may begin. Raises Busy, and what reading raises."""
        channel = self._channels.get(viewer)
        if self._closed:
            raise Busy("the server is stopping", retry_after_s=AGAIN_S)
        if len(self) >= FOR_ALL or (channel is not None and channel.streams >= FOR_ONE):
            raise Busy(
                "there are too many streams of events already",
                retry_after_s=HEARTBEAT_S,
                remedy="One stream is enough for a browser: close those that nobody reads.",
            )
        return await self._read(self._events.newest)

    async def lines(
        self, viewer: Viewer, topics: Collection[str], newest: int, after: int | None, who: Callable[[], Viewer]
    ) -> AsyncGenerator[bytes, None]:
        """What a client is sent: `newest` is what `admit` told, `after` the last id it has seen, None for a new one.

        `who` says whose stream it is, again and again; it raises Unauthorized once nobody may be told any more.
        """
        self._begin()
        channel = self._channels.setdefault(viewer, _Channel(viewer, newest, newest))
        channel.streams += 1
        self._stirred.set()
        try:
            hello = json.dumps({**self._hello, "last_id": newest})
            ident = str(newest) if after is None else None
            yield format_sse_event(data_str=hello, event="hello", retry=RETRY_MS, id=ident)
            async for some in self._following(channel, topics, newest if after is None else after, who):
                yield some
        except EarwitnessError as error:  # the client comes again, and is told then
            self._log.warning("stream of events ended", code=error.code, why=error.message)
        finally:
            channel.streams -= 1
            if not channel.streams and self._channels.get(viewer) is channel:
                del self._channels[viewer]

    def draft(self, session: str, whose: Whose, draft: Mapping[str, Json]) -> None:
        """What a live session hears just now; told to those who may see it, at most five times a second."""
        if self._channels:
            self._numbers += 1
            wire = format_sse_event(data_str=json.dumps(dict(draft)), event=DRAFTS)
            self._drafts[session] = _Draft(self._numbers, time.monotonic(), whose, wire)
            self._stirred.set()

    def end(self, viewer_id: str, why: str = "logout") -> None:
        """End all streams of a viewer: `logout`, or `reconnect` where what they may see has changed."""
        for viewer in [v for v in self._channels if v.id == viewer_id]:
            channel = self._channels.pop(viewer)
            channel.over = why
            channel.change()

    def close(self) -> None:
        """End all streams; there are none from here on."""
        self._closed = True
        if self._reader is not None:
            self._reader.cancel()
            self._events.bell.let_go(self._rung)
        for channel in self._channels.values():
            channel.change()
        if self._pool is not None:
            self._pool.shutdown(wait=False)

    # ── one stream ──
    async def _following(
        self, channel: _Channel, topics: Collection[str], position: int, who: Callable[[], Viewer]
    ) -> AsyncGenerator[bytes, None]:
        drafted, asked = self._numbers, time.monotonic()
        while not self._closed:
            changed = channel.changed
            if time.monotonic() - asked >= HEARTBEAT_S:
                channel.over = channel.over or await self._over(channel, who)
                asked = time.monotonic()
            if channel.over:
                yield format_sse_event(data_str="{}", event=channel.over)
                return
            some, position = await self._some(channel, position)
            told = [line for line in some if line.wanted(topics)]
            drafts = [d for d in channel.drafts.values() if d.number > drafted and DRAFTS in topics]
            drafted = max((d.number for d in drafts), default=drafted)
            for topic, many in Counter([line.topic for line in told] + len(drafts) * [DRAFTS]).items():
                self._count(topic, many)
            if told or drafts:
                yield b"".join([line.wire for line in told] + [d.wire for d in drafts])
            if any(line.ends for line in some):
                return  # the client comes again, and is asked anew who it is
            if not some and not drafts and not await self._changed(changed):
                yield format_sse_event(comment="here", id=str(position))

    async def _changed(self, changed: asyncio.Event) -> bool:
        """Wait for news; whether there are any before the next sign of life is due."""
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                await changed.wait()
        except TimeoutError:
            self._stirred.set()  # another program may have written to the database
            return False
        return True

    async def _some(self, channel: _Channel, position: int) -> tuple[list[_Line], int]:
        """What comes after a position, and the position after it."""
        if channel.since <= position <= channel.reached:
            return channel.after(position)
        page = await self._read(partial(self._events.after, channel.viewer, position, AT_ONCE))
        if page.missed:
            wire = format_sse_event(data_str=json.dumps({"last_id": page.newest}), event=RESYNC, id=str(page.newest))
            return [_Line(page.newest, RESYNC, wire)], page.newest
        return [_line(told, channel.viewer) for told in page.events], page.reached

    async def _over(self, channel: _Channel, who: Callable[[], Viewer]) -> str:
        try:
            return "" if await self._read(who) == channel.viewer else "reconnect"
        except Unauthorized:
            return "logout"
        except EarwitnessError:
            return ""  # it could not be asked just now

    # ── the reader ──
    def _begin(self) -> None:
        """The first stream starts what reads for all."""
        if self._reader is None:
            self._loop = asyncio.get_running_loop()
            self._events.bell.heard_by(self._rung)
            self._events.listen()
            self._reader = asyncio.create_task(self._reading(), name="events")

    def _rung(self) -> None:
        """Called in the thread that wrote something."""
        if self._loop is not None and not self._stirred.is_set():
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._stirred.set)

    async def _reading(self) -> None:
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            try:
                for channel in tuple(self._channels.values()):
                    await self._look(channel)
                await self._spread()
            except EarwitnessError as error:
                self._log.warning("events not read", code=error.code, why=error.message)
                self._stirred.set()
                await asyncio.sleep(AGAIN_S)
            await asyncio.sleep(GATHER_S)

    async def _look(self, channel: _Channel) -> None:
        """Read what is new for one viewer."""
        while not self._closed:
            page = await self._read(partial(self._events.after, channel.viewer, channel.reached, AT_ONCE))
            news = page.reached > channel.reached or page.missed
            channel.take(page)
            if page.events:
                self.lag_s = max(0.0, time.time() - page.events[-1].at_s)
            if news:
                channel.change()
            if page.reached >= page.newest:
                return

    async def _spread(self) -> None:
        """Give new drafts to those who may see them, and forget old ones."""
        now = time.monotonic()
        drafts, self._drafts = self._drafts, {}
        for channel in tuple(self._channels.values()):
            channel.drafts = {s: d for s, d in channel.drafts.items() if now - d.at_s < DRAFT_KEPT_S}
            for session, draft in drafts.items():
                if not await self._may(channel, draft.whose, now):
                    continue
                before = channel.drafts.get(session)
                if before is None or now - before.at_s >= DRAFT_EACH_S:
                    channel.drafts[session] = draft
                    channel.change()
                elif session not in self._drafts:
                    self._drafts[session] = draft
        if self._drafts:
            asyncio.get_running_loop().call_later(GATHER_S, self._stirred.set)

    async def _may(self, channel: _Channel, whose: Whose, now: float) -> bool:
        found, until = channel.may.get(whose, (False, 0.0))
        if until < now:
            ask = partial(self._events.may, owner=whose.owner, source=whose.source, recording=whose.recording)
            found = await self._read(partial(ask, channel.viewer))
            channel.may = {w: m for w, m in channel.may.items() if m[1] >= now}
            channel.may[whose] = found, now + DRAFT_KEPT_S
        return found

    async def _read(self, read: Callable[[], R]) -> R:
        """Ask the database, in threads of its own: others may be long at work."""
        if self._closed:
            raise Cancelled("the server is stopping")
        pool = self._pool = self._pool or ThreadPoolExecutor(2, thread_name_prefix="events")
        return await asyncio.get_running_loop().run_in_executor(pool, read)


def _line(told: Told, viewer: Viewer) -> _Line:
    """An event as it is sent."""
    facts = {"kind": told.kind, "at_s": told.at_s, "recording": told.recording, "source": told.source}
    wire = format_sse_event(data_str=json.dumps({**facts, "about": told.about}), event=told.topic, id=str(told.id))
    return _Line(told.id, told.topic, wire, ends=told.topic == "accounts" and told.owner == viewer.id)
