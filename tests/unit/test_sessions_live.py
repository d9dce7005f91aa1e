"""All live sessions: who may begin one, what is left where nobody waits for an opening any more, and what is swept."""

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from earwitness.api.live.journals import UNFINISHED_S, sweep
from earwitness.api.live.line import Line
from earwitness.api.live.sessions import MOST_STRAIN, WORST_LAG_S
from earwitness.errors import Busy, Cancelled, EngineFailed, NotFound
from earwitness.events import Ended, Event, Noted, Numbered, Settled, SpeechStarted
from earwitness.live import desk, journal
from earwitness.live.journal import Journal
from earwitness.stages.recipe import Recipe
from support.hosting import run, until, wanted
from support.rooms import Desk, Room, hold, recipe

IDENT = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def opening(monkeypatch: pytest.MonkeyPatch) -> Desk:
    found = Desk()
    monkeypatch.setattr(desk, "opened", found)
    return found


@pytest.mark.parametrize("about", [None, {"type": "hello"}])
def test_many_at_once_are_no_more_than_may_be(opening: Desk, tmp_path: Path, about: dict[str, str] | None) -> None:
    async def test() -> None:
        room = Room(tmp_path, live_sessions=2)
        opening.gate.clear()
        jobs = [asyncio.create_task(hold(room, about)) for _ in range(10)]
        await until(lambda: sum(job.done() for job in jobs) == 8)
        opening.gate.set()
        await until(lambda: opening.opened == 2)
        for job in jobs:
            job.cancel()
        told = await asyncio.gather(*jobs, return_exceptions=True)
        refused = [e for e in told if isinstance(e, Busy)]
        assert len(refused) == 8
        assert all(e.retry_after_s > 0 for e in refused)
        await room.sessions.drain()
        assert len(room.sessions) == 0
        assert opening.closed == 2

    run(test)


@pytest.mark.parametrize("about", [None, {"type": "hello"}])
@pytest.mark.parametrize("breaks", [None, EngineFailed("it can't be loaded")])
def test_a_client_that_is_gone_before_its_session_is_open_leaves_nothing(
    opening: Desk, tmp_path: Path, about: dict[str, str] | None, breaks: Exception | None
) -> None:
    async def test() -> None:
        room = Room(tmp_path)
        opening.gate.clear()
        opening.breaks = breaks
        job = asyncio.create_task(hold(room, about))
        await until(lambda: len(room.sessions) == 1)
        await asyncio.sleep(0.05)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        assert len(room.sessions) == 1, "its place is taken until the opening is through"
        opening.gate.set()
        await until(lambda: len(room.sessions) == 0 and opening.opened == opening.closed)
        await until(lambda: room.folders == [])
        await room.sessions.drain()

    run(test)


def test_a_session_that_cannot_be_opened_leaves_nothing(opening: Desk, tmp_path: Path) -> None:
    async def test() -> None:
        room, opening.breaks = Room(tmp_path), EngineFailed("no")
        with pytest.raises(EngineFailed):
            await hold(room, {"type": "hello"})
        assert (len(room.sessions), room.folders) == (0, [])

    run(test)


def test_a_server_that_stops_while_a_session_opens_takes_none(opening: Desk, tmp_path: Path) -> None:
    async def test() -> None:
        room = Room(tmp_path)
        opening.gate.clear()
        job = asyncio.create_task(hold(room, {"type": "hello"}))
        await until(lambda: len(room.sessions) == 1)
        draining = asyncio.create_task(room.sessions.drain())
        await asyncio.sleep(0.02)
        opening.gate.set()
        with pytest.raises(Busy, match="stopping"):
            await job
        await draining
        assert (opening.opened, opening.closed, len(room.sessions), room.folders) == (1, 1, 0, [])
        with pytest.raises(Busy):
            await hold(room)

    run(test)


def test_a_session_that_is_not_kept_ends_with_its_connection(opening: Desk, tmp_path: Path) -> None:
    async def test() -> None:
        room = Room(tmp_path)
        async with room.sessions.line(Recipe()) as line:
            await line.hear(wanted(1))
        await until(lambda: opening.closed == 1)
        assert (len(room.sessions), room.folders, room.ended) == (0, [], ["left"])

    run(test)


def test_two_that_come_back_at_once_to_a_session_of_an_earlier_process(opening: Desk, tmp_path: Path) -> None:
    async def test() -> None:
        room = Room(tmp_path)
        folder = room.settings.sessions / IDENT
        written = Journal(folder, {"type": "hello"})
        written.hear(np.zeros(500, np.float32), 0)
        written.tell([Numbered(1, Settled(1, 0.0, 0.01))])
        written.close()
        welcomed = list[Line]()

        async def come_back() -> None:
            async with room.sessions.again(IDENT, recipe) as line:
                assert isinstance(line, Line)
                welcomed.append(line)
                await asyncio.sleep(20)

        opening.gate.clear()
        jobs = [asyncio.create_task(come_back()) for _ in range(2)]
        await until(lambda: any(job.done() for job in jobs))
        opening.gate.set()
        (refused,) = [job.exception() for job in jobs if job.done()]
        assert isinstance(refused, Busy)
        await until(lambda: bool(welcomed))
        third = asyncio.create_task(come_back())
        await until(lambda: len(welcomed) == 2)
        assert welcomed[1].hosted is welcomed[0].hosted
        assert welcomed[1].hosted.expected == 500, "what is safe is not asked for again, however early one joins"
        with pytest.raises(Cancelled):
            welcomed[0].touch()
        await until(lambda: opening.doubles[0].received == 500)
        for job in (*jobs, third):
            job.cancel()
        await asyncio.gather(*jobs, third, return_exceptions=True)
        await room.sessions.drain()
        assert opening.opened == opening.closed == 1
        Journal(folder).close()

    run(test)


def test_a_client_that_goes_while_its_session_is_taken_up_may_come_again(opening: Desk, tmp_path: Path) -> None:
    async def test() -> None:
        room = Room(tmp_path)
        folder = room.settings.sessions / IDENT
        Journal(folder, {"type": "hello"}).close()
        for _ in range(3):
            opening.gate.clear()
            job = asyncio.ensure_future(room.sessions.again(IDENT, recipe).__aenter__())
            await until(lambda: len(room.sessions) == 1)
            await asyncio.sleep(0.03)
            job.cancel()
            with pytest.raises(asyncio.CancelledError):
                await job
            opening.gate.set()
            await until(lambda: len(room.sessions) == 0 and opening.opened == opening.closed)
            assert journal.there(folder)
        async with room.sessions.again(IDENT, recipe) as line:
            assert isinstance(line, Line)
        await room.sessions.drain()

    run(test)


@pytest.mark.parametrize("ident", ["", "..", "../../etc/passwd", IDENT.upper(), IDENT, "x" * 10_000, "\0", "\ud800"])
def test_a_session_that_never_was(opening: Desk, tmp_path: Path, ident: str) -> None:
    async def test() -> None:
        room = Room(tmp_path)
        with pytest.raises(NotFound):
            async with room.sessions.again(ident, recipe):
                pass
        assert (len(room.sessions), room.folders) == (0, [])
        assert room.sessions._keeping == set()

    run(test)


@pytest.mark.parametrize(
    ("settings", "why"), [({"live_idle_s": 0.05}, "idle"), ({"live_longest_h": 0.00001}, "too_long")]
)
def test_a_session_that_the_server_ends_says_why_and_is_counted_once(
    opening: Desk, tmp_path: Path, settings: dict[str, float], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earwitness.api.live.sessions.LOOK_EACH_S", 0.02)

    async def test() -> None:
        room = Room(tmp_path, **settings)
        looking = asyncio.create_task(room.sessions.look())
        async with room.sessions.line(Recipe(), {"type": "hello"}) as line:
            found = list[Event]([e.event async for e in line.events()])
        assert isinstance(found[0], Noted)
        assert (found[0].notice.code, type(found[1])) == (why, Ended)
        await until(lambda: opening.closed == 1)
        assert room.ended == [why]
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking

    run(test)


def test_a_client_that_is_made_to_wait_is_not_idle(
    opening: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earwitness.api.live.sessions.LOOK_EACH_S", 0.02)

    async def test() -> None:
        room = Room(tmp_path, live_idle_s=0.1)
        looking = asyncio.create_task(room.sessions.look())
        async with room.sessions.line(Recipe(), {"type": "hello"}) as line:
            (double,) = opening.doubles
            double.full = True
            sending = asyncio.create_task(line.hear(wanted(1)))
            await asyncio.sleep(0.5)
            assert not line.hosted.ending
            double.full = False
            line.hosted.wake()
            await sending
            assert [type(e.event) async for e in line.events()] == [SpeechStarted, Noted, Ended]
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking

    run(test)


def test_nobody_is_taken_in_where_text_is_late_or_the_model_has_no_time(opening: Desk, tmp_path: Path) -> None:
    async def test() -> None:
        room = Room(tmp_path)
        async with room.sessions.line(Recipe()), room.sessions.line(Recipe()):
            one, other = opening.doubles
            room.sessions.admit()
            other.lag_s = WORST_LAG_S + 0.1
            with pytest.raises(Busy, match=r"2\.1 s late") as caught:
                room.sessions.admit()
            assert caught.value.retry_after_s > 0
            other.lag_s = 0.0
            one.strain = other.strain = MOST_STRAIN * 2 / 3 - 0.01
            room.sessions.admit()
            one.strain = other.strain = MOST_STRAIN * 2 / 3 + 0.01
            with pytest.raises(Busy, match="2 live sessions are as many"):
                room.sessions.admit()
            with pytest.raises(Busy):
                await hold(room)
            assert opening.opened == 2
        await room.sessions.drain()

    run(test)


def test_what_nobody_will_ask_for_is_swept_and_nothing_else(opening: Desk, tmp_path: Path) -> None:
    room = Room(tmp_path, live_keep_s=300.0)
    root, old, older = room.settings.sessions, time.time() - 400, time.time() - UNFINISHED_S - 1
    held = list[Journal]()

    def made(n: int, at: float, *told: Event, close: bool = True) -> Path:
        folder = root / f"{n:032x}"
        written = Journal(folder, {"type": "hello"})
        written.tell([Numbered(k, e) for k, e in enumerate(told, 1)])
        held.append(written)
        if close:
            written.close()
        os.utime(folder / journal.TOLD, (at, at))
        return folder

    gone = [made(1, old, Ended(1.0)), made(2, older)]
    stay = [made(3, old), made(4, time.time(), Ended(1.0)), made(5, older, close=False)]
    torn = root / f"{6:032x}"
    torn.mkdir()
    os.utime(torn, (older, older))
    (root / "mine").mkdir()
    os.utime(root / "mine", (older, older))
    (root / f"{7:032x}").touch()
    sweep(room.settings, room.sessions.held())
    assert [p for p in (*gone, torn) if p.exists()] == []
    assert all(p.exists() for p in (*stay, root / "mine"))
    held[-1].close()
    sweep(room.settings, room.sessions.held())
    assert not stay[-1].exists()


def test_nothing_to_sweep(opening: Desk, tmp_path: Path) -> None:
    sweep(Room(tmp_path).settings, ())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "sessions").touch()
    sweep(Room(tmp_path / "other").settings, ())


def test_where_nothing_can_be_kept_a_session_says_so_and_leaves_nothing(opening: Desk, tmp_path: Path) -> None:
    async def test() -> None:
        room = Room(tmp_path)
        room.settings.sessions.touch()
        async with room.sessions.line(Recipe(), {"type": "hello"}) as line:
            told = (await anext(line.events())).event
            assert isinstance(told, Noted)
            assert told.notice.code == "not_kept"
            await line.hear(wanted(0))
            await until(lambda: line.hosted.acknowledged == 10)
            line.end()
        await until(lambda: opening.closed == 1)

    run(test)
