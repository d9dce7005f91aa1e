"""All live sessions of the server: who may begin one, who goes on with one, when one ends, and what is kept of them.

A session that nobody is connected to waits for its client for a while, then ends as if the client had said so. On
shutdown every open utterance is finished and told. A session that an earlier process left unfinished is taken up again
from its journal when its client asks for it. Where all places are taken, a session without a client gives up its own.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from functools import partial
from typing import Any

from earwitness.api.caller import Caller
from earwitness.api.live import journals
from earwitness.api.live.hosted import Hosted
from earwitness.api.live.journals import IDENT, STORED, Told
from earwitness.api.live.line import Line
from earwitness.api.live.owners import Owners, checked, signed
from earwitness.api.live.storeroom import Storeroom, recipe_of
from earwitness.archive.whole import Archive
from earwitness.config import Settings
from earwitness.errors import Busy, EarwitnessError, NotFound
from earwitness.events import Event
from earwitness.kit import Kit
from earwitness.live import desk, journal
from earwitness.live.journal import Journal
from earwitness.live.session import Session, Since
from earwitness.stages.recipe import Recipe
from earwitness.types import Notice, Plan, Samples

WORST_LAG_S = 2.0
"""Where a session's text comes later than this, no further session is taken."""

MOST_STRAIN = 0.9
"""Share of a model's time that final live text may take; drafts have what is left."""

RETRY_S = 15.0
SPARED_S = 5.0
"""So long a session that nobody is connected to keeps its place from newcomers."""

DRAIN_S = 8.0
"""How long a shutdown waits for the text of what was said."""

GOODBYE_S = 2.0
LOOK_EACH_S = 1.0
SWEEP_EACH_S = 60.0
WHY_OVER = {
    "too_long": "the session has lasted as long as one may, and ends here",
    "left": "nobody was connected for too long, and the session ends here",
    "idle": "nothing was sent for too long, and the session ends here",
}

GONE = Notice("left", "the client went away, and the session ends here")


class Sessions:
    """The sessions, by id. Everything but `lags` happens on the event loop."""

    def __init__(
        self,
        kit: Kit,
        settings: Settings,
        *,
        archive: Archive | None = None,
        count: Callable[[str, float], None] = lambda *_: None,
        told: Callable[[str, str | None, int, Event], None] = lambda *_: None,
        charge: Callable[[Caller, float], None] = lambda *_: None,
    ) -> None:
        """`count` is told how each session ended (docs/operations.md) and after how long, `told` of all that it tells.

        `charge` is told how much was heard for whom.
        """
        self.store, self.owners = Storeroom(archive, settings), Owners(charge)
        self._kit, self._settings, self._count, self._told = kit, settings, count, told
        self._open = dict[str, Hosted]()
        self._contexts = dict[str, AbstractContextManager[tuple[Plan, Session]]]()
        self._began, self._why = dict[str, float](), dict[str, str]()
        self._keeping, self._alone, self._leaving = set[str](), set[str](), set[str]()
        self._openings = set[asyncio.Task[Hosted]]()
        self._pool: ThreadPoolExecutor | None = None
        self._endings = set[asyncio.Task[None]]()
        self._draining = False

    def __len__(self) -> int:
        return len(self._open) + len(self._openings)

    @property
    def draining(self) -> bool:
        """Whether the server is about to stop."""
        return self._draining

    def held(self) -> frozenset[str]:
        """Sessions that are here, or about to be."""
        return frozenset((*self._open, *self._keeping))

    def lags(self) -> dict[str, float]:
        """Seconds that the oldest utterance without text waits, by session."""
        return {ident: hosted.session.lag_s for ident, hosted in tuple(self._open.items())}

    def admit(self) -> None:
        """Raise Busy where another session could not be followed."""
        if self._draining:
            raise Busy("the server is stopping", retry_after_s=RETRY_S)
        if self._full and self._left_longest() is None:
            raise Busy(f"all {self._settings.live_sessions} live sessions are taken", retry_after_s=RETRY_S)
        worst = max(self.lags().values(), default=0.0)
        if worst > WORST_LAG_S:
            raise Busy(f"the text of other sessions is {worst:.1f} s late already", retry_after_s=RETRY_S)
        held = [h.session for h in self._open.values()]
        if len(held) > 1 and max(s.strain for s in held) * (len(held) + 1) / len(held) > MOST_STRAIN:
            raise Busy(f"{len(held)} live sessions are as many as this machine can follow", retry_after_s=RETRY_S)

    @asynccontextmanager
    async def line(
        self, recipe: Recipe, about: Mapping[str, Any] | None = None, *, owner: str | None = None, title: str = ""
    ) -> AsyncIterator[Line]:
        """A new session and the connection to it.

        With `about`, from which its recipe can be made again, it is kept: another connection may go on with it after
        this one, and another process after this one. Without, it ends with the connection. Where it is stored in the
        archive, that is as a recording of its `owner`, and what was heard becomes text whatever happens.

        Raises Busy, and what `desk.opened` raises.
        """
        place = self._place()
        begun = self._new(recipe, about, place, owner, title)
        line = (await self._seen_through(begun, kept=False)).join()
        try:
            yield line
        finally:
            self._left(line)

    @asynccontextmanager
    async def again(self, ident: str, recipe: Callable[[Mapping[str, Any]], Recipe]) -> AsyncIterator[Line | Told]:
        """Another connection to a session; `recipe` makes its recipe from what it was begun with.

        Raises NotFound for a session that is over or never was, and what `line` raises.
        """
        folder = self._settings.sessions / ident
        if ident in self._leaving and (leaving := self._open.get(ident)) is not None and leaving.let_go:
            await leaving.close()
        hosted = self._open.get(ident)
        if hosted is None:
            if IDENT.fullmatch(ident) is not None and await asyncio.to_thread(journals.finished, folder):
                checked(await asyncio.to_thread(journal.about, folder))
                yield Told(ident, folder)
                return
            hosted = self._open.get(ident)  # it may have been taken up meanwhile
        if hosted is None:
            hosted = await self._taken_up(ident, recipe)
        self.owners.check(ident)
        line = hosted.join()
        try:
            yield line
        finally:
            self._left(line)

    async def look(self) -> None:
        """Ends what nobody speaks to any more; runs until it is cancelled."""
        swept = -SWEEP_EACH_S
        while True:
            now = time.monotonic()
            if now - swept >= SWEEP_EACH_S:
                swept = now
                await asyncio.to_thread(journals.sweep, self._settings, self.held())
            await asyncio.sleep(LOOK_EACH_S)
            for ident, hosted in tuple(self._open.items()):
                if not hosted.ending and (why := self._why_over(hosted, now)):
                    self._why[ident] = why
                    hosted.end(Notice(why, WHY_OVER[why]))

    async def drain(self) -> None:
        """Finish every open utterance, then let go of all sessions; those that are kept can go on after a restart."""
        self._draining = True
        if self._openings:
            await asyncio.wait(self._openings, timeout=DRAIN_S)
        held = tuple(self._open.values())
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await asyncio.gather(*(h.flushed("shutdown") for h in held), return_exceptions=True)
        await asyncio.gather(*(h.close() for h in held), return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await asyncio.gather(*(h.left() for h in held))  # the doors tell their clients
        await asyncio.gather(*self._endings, return_exceptions=True)
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    # ── one session ──
    async def _seen_through(self, opening: Coroutine[Any, Any, Hosted], *, kept: bool) -> Hosted:
        """What is being opened; closed once it is open where nobody waits for it any more.

        Its journal is thrown away then, unless it is to be `kept`. What happens in threads can't be cancelled.
        """

        async def counted() -> Hosted:
            try:
                return await opening
            finally:
                self._openings.discard(task)

        task = asyncio.create_task(counted())
        self._openings.add(task)
        try:
            hosted = await asyncio.shield(task)
        except asyncio.CancelledError:
            self._spawn(self._undone(task, kept=kept))
            raise
        if self._draining:
            await self._undone(task, kept=kept)
            raise Busy("the server is stopping", retry_after_s=RETRY_S)
        return hosted

    async def _undone(self, opening: asyncio.Future[Hosted], *, kept: bool) -> None:
        with suppress(EarwitnessError):
            hosted = await opening
            await hosted.close()
            if not kept:
                await asyncio.to_thread(journal.remove, self._settings.sessions / hosted.id)

    # ── places ──
    @property
    def _full(self) -> bool:
        return len(self) >= self._settings.live_sessions

    def _left_longest(self) -> Hosted | None:
        """Of the sessions that nobody is connected to, and that have been spared, the one that was left first."""
        before = time.monotonic() - SPARED_S
        left = (h for i, h in self._open.items() if i not in self._leaving and not h.joined and h.last_joined <= before)
        return min(left, key=lambda h: h.last_joined, default=None)

    def _place(self) -> Hosted | None:
        """Have a newcomer admitted; the session that gives up its place for it, if all are taken. Raises Busy."""
        self.admit()
        found = self._left_longest() if self._full else None
        if found is not None:
            self._leaving.add(found.id)
        return found

    async def _given_up(self, place: Hosted | None) -> None:
        """Let go of a session for another one: what was said is told, and its journal stays for when its client comes.

        Raises Busy where that has come back meanwhile.
        """
        if place is None:
            return
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    await place.flushed("left")
            if place.joined:
                raise Busy(f"all {self._settings.live_sessions} live sessions are taken", retry_after_s=RETRY_S)
            await place.close()
        finally:
            self._leaving.discard(place.id)

    async def _new(
        self, recipe: Recipe, about: Mapping[str, Any] | None, place: Hosted | None, owner: str | None, title: str
    ) -> Hosted:
        await self._given_up(place)
        ident = uuid.uuid4().hex
        stored = self.store.about(recipe, owner, title, alone=about is None)
        if about is None and stored is None:
            return await self._host(ident, recipe, None)
        self._keeping.add(ident)
        if about is None:
            self._alone.add(ident)
        whole = {**(about or {}), **({STORED: stored} if stored else {})}
        written, first = await asyncio.to_thread(journals.begun, self._settings.sessions / ident, signed(whole))
        try:
            return await self._host(ident, recipe, written, first=first, stored=stored)
        except BaseException:
            self._keeping.discard(ident)
            self._alone.discard(ident)
            await asyncio.to_thread(journal.remove, self._settings.sessions / ident)
            raise

    async def _host(
        self,
        ident: str,
        recipe: Recipe,
        written: Journal | None,
        since: Since = Since(),  # noqa: B008 - frozen
        told: int = 0,
        first: tuple[Event, ...] = (),
        pieces: Sequence[tuple[int, Samples]] = (),
        stored: Mapping[str, Any] | None = None,
    ) -> Hosted:
        pool = self._pool = self._pool or ThreadPoolExecutor(
            max(4, self._kit.machine.cores), thread_name_prefix="session"
        )
        holder = list[Hosted]()

        def wake() -> None:
            for hosted in holder:
                hosted.wake()

        context = desk.opened(recipe, self._kit, wake, since)
        try:
            plan, session = await asyncio.to_thread(context.__enter__)
        except BaseException:
            if written is not None:
                written.close()
            raise
        store, said = await asyncio.to_thread(self.store.begun, ident, stored, recipe, plan)
        first = (*first, *said)
        hosted = Hosted(
            ident, session, pool, written=written, stored=store, told=told, first=first, closed=self._closed
        )
        hosted.plan, hosted.told = plan, partial(self._told, ident, hosted.recording)
        hosted.replay(pieces)
        holder.append(hosted)
        self._open[ident], self._contexts[ident], self._began[ident] = hosted, context, time.monotonic()
        self.owners.begin(ident, since.position)
        return hosted

    def _left(self, line: Line) -> None:
        line.leave()
        hosted = line.hosted
        if hosted.joined:
            return
        if hosted.id not in self._keeping:
            self._spawn(hosted.close())
        elif hosted.id in self._alone and not hosted.ending:
            hosted.end(GONE)

    def _why_over(self, hosted: Hosted, now: float) -> str:
        settings = self._settings
        if now - self._began[hosted.id] > settings.live_longest_h * 3600:
            return "too_long"
        if not hosted.joined and now - hosted.last_joined > settings.live_keep_s:
            return "left"
        return "idle" if hosted.silent_s(now) > settings.live_idle_s else ""

    def _closed(self, hosted: Hosted) -> None:
        """Called by a session's task as its last act."""
        context, why = self._contexts.pop(hosted.id), self._why.pop(hosted.id, "")
        self._open.pop(hosted.id, None)
        if not hosted.session.over:
            why = "failed" if hosted.ended else "stopped" if self._draining else "left"
        self._count(why or "ended", time.monotonic() - self._began.pop(hosted.id))
        self.owners.end(hosted.id, hosted.session.received)
        self._keeping.discard(hosted.id)
        self._alone.discard(hosted.id)
        self._spawn(asyncio.to_thread(context.__exit__, None, None, None))

    def _spawn(self, wanted: Any) -> None:
        task = asyncio.ensure_future(wanted)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    # ── what is kept ──
    async def take_up(self, ident: str) -> None:
        """Go on with a stored session that an earlier process left, whether its client comes back or not.

        Raises NotFound, Busy, and what opening it raises.
        """
        if ident not in self._open:
            if self._full:
                raise Busy("all live sessions are taken", retry_after_s=RETRY_S)
            hosted = await self._taken_up(ident, lambda about: recipe_of(about[STORED]))
            if ident in self._alone:
                hosted.end(GONE)

    async def _taken_up(self, ident: str, recipe: Callable[[Mapping[str, Any]], Recipe]) -> Hosted:
        """A session that an earlier process left. It hears what was not told from the journal first."""
        if ident in self._keeping:
            raise Busy("this session is being taken up already", retry_after_s=1.0)
        if not IDENT.fullmatch(ident):
            raise NotFound("there is no such session", remedy="Begin a new one.")
        place = self._place()
        self._keeping.add(ident)
        return await self._seen_through(self._from_journal(ident, recipe, place), kept=True)

    async def _from_journal(
        self, ident: str, recipe: Callable[[Mapping[str, Any]], Recipe], place: Hosted | None
    ) -> Hosted:
        folder = self._settings.sessions / ident
        written: Journal | None = None
        try:
            await self._given_up(place)
            if not await asyncio.to_thread(journal.there, folder):
                raise NotFound("there is no such session", remedy="Begin a new one.")
            about = self.owners.known(ident, await asyncio.to_thread(journal.about, folder))
            wanted, stored = recipe(about), about.get(STORED)
            if stored and stored["alone"]:
                self._alone.add(ident)
            written = await asyncio.to_thread(Journal, folder)  # nobody else writes it from here on
            since, told, pieces, holes = await asyncio.to_thread(journals.left, folder)
            return await self._host(ident, wanted, written, since, told, holes, pieces, stored)
        except BaseException:
            self._keeping.discard(ident)
            self._alone.discard(ident)
            if written is not None:
                written.close()
            raise
