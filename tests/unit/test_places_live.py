"""Places of live sessions that nobody needs: a newcomer gets them, and what was said in them is not lost."""

import asyncio
from pathlib import Path

import pytest

from earwitness.api.live.line import Line
from earwitness.errors import Busy
from earwitness.events import Flushed, SpeechStarted
from earwitness.live import desk, journal
from earwitness.stages.recipe import Recipe
from support.hosting import run, until, wanted
from support.rooms import Desk, Room, hold, recipe


@pytest.fixture
def opening(monkeypatch: pytest.MonkeyPatch) -> Desk:
    found = Desk()
    monkeypatch.setattr(desk, "opened", found)
    return found


def vanish(room: Room, ident: str, ago_s: float) -> None:
    """As if the client of a session had left it so long ago."""
    room.sessions._open[ident].last_joined -= ago_s


def test_a_session_without_a_client_gives_up_its_place_and_goes_on_when_there_is_room(
    opening: Desk, tmp_path: Path
) -> None:
    async def test() -> None:
        room, idents = Room(tmp_path, live_sessions=2), list[str]()
        for _ in range(2):
            async with room.sessions.line(Recipe(), {"type": "hello"}) as line:
                await line.hear(wanted(1))
                idents.append(line.hosted.id)
        with pytest.raises(Busy):
            await hold(room)
        assert len(room.sessions) == 2, "whose client has only just gone is spared"
        vanish(room, idents[0], 60)
        vanish(room, idents[1], 30)
        async with room.sessions.line(Recipe(), {"type": "hello"}) as newcomer:
            assert set(room.sessions._open) == {idents[1], newcomer.hosted.id}, "who left first goes first"
            told = [e.event for e in journal.read(room.settings.sessions / idents[0])]
            assert [type(e) for e in told] == [SpeechStarted, Flushed], "what was said is told"
            assert room.ended == ["left"]
            async with room.sessions.again(idents[1], recipe):
                with pytest.raises(Busy):
                    async with room.sessions.again(idents[0], recipe):
                        pass
            vanish(room, idents[1], 60)
            async with room.sessions.again(idents[0], recipe) as back:
                assert isinstance(back, Line)
                assert back.hosted.expected == 10, "from where it was"
                assert len(room.sessions) == 2
        await room.sessions.drain()

    run(test)


def test_a_client_that_comes_back_first_keeps_its_place(opening: Desk, tmp_path: Path) -> None:
    async def test() -> None:
        room = Room(tmp_path, live_sessions=1)
        async with room.sessions.line(Recipe(), {"type": "hello"}) as line:
            ident = line.hosted.id
        vanish(room, ident, 60)
        double = opening.doubles[0]
        double.gate.clear()
        newcomer = asyncio.create_task(hold(room))
        await until(lambda: ident in room.sessions._leaving)
        async with room.sessions.again(ident, recipe) as back:
            double.gate.set()
            with pytest.raises(Busy):
                await newcomer
            assert isinstance(back, Line)
            await back.hear(wanted(1))
            await until(lambda: double.received == 10)
            assert not back.hosted.over
            with pytest.raises(Busy):
                await hold(room)
        await room.sessions.drain()

    run(test)


def test_newcomers_that_come_at_once_get_no_more_places_than_there_are(opening: Desk, tmp_path: Path) -> None:
    async def test() -> None:
        room = Room(tmp_path, live_sessions=1)
        async with room.sessions.line(Recipe(), {"type": "hello"}) as line:
            ident = line.hosted.id
        vanish(room, ident, 60)
        jobs = [asyncio.create_task(hold(room)) for _ in range(5)]
        await until(lambda: sum(job.done() for job in jobs) == 4 and opening.opened == 2)
        assert all(isinstance(job.exception(), Busy) for job in jobs if job.done())
        assert ident not in room.sessions._open
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        await room.sessions.drain()

    run(test)
