"""A session on the event loop, with a double for the session: what readers get, who waits, and how it ends."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from earwitness.api.live import hosted as module
from earwitness.api.live.hosted import MOST_WAITING, REMEMBERED
from earwitness.errors import BadInput, Cancelled, Unsupported
from earwitness.events import Ended, Failed, Flushed, Gap, Noted, Numbered, Partial, SpeechStarted
from earwitness.live import journal
from earwitness.live.journal import Journal
from earwitness.types import Notice
from support.hosting import Double, all_of, hosting, run, until, wanted


def test_every_reader_gets_every_event_once_and_in_order() -> None:
    async def test() -> None:
        async with hosting(Double()) as (hosted, closed):
            line = hosted.join()
            reading = asyncio.create_task(all_of(line))
            for _ in range(20):
                await line.hear(wanted(3))
            line.end()
            found = await reading
            assert [e.seq for e in found] == list(range(1, 62))
            assert isinstance(found[-1].event, Ended)
            assert hosted.ended
            await until(lambda: bool(closed))
            assert closed == [hosted]
            assert await all_of(line, 59) == found[59:]

    run(test)


def test_a_reader_that_is_slow_misses_drafts_and_nothing_else() -> None:
    async def test() -> None:
        async with hosting(Double()) as (hosted, _):
            line, found = hosted.join(), list[Numbered]()
            for n in range(30):
                await line.hear(np.array([-1, n % 2], np.float32))
                await hosted.settled()
            line.end()
            async for event in line.events():
                found.append(event)
                await asyncio.sleep(0.001)
            lasting = [e for e in found if not isinstance(e.event, Partial)]
            assert sum(isinstance(e.event, SpeechStarted) for e in lasting) == 15
            assert sum(isinstance(e.event, Partial) for e in found) <= 1
            assert [e.seq for e in found] == sorted({e.seq for e in found})

    run(test)


def test_only_the_newest_draft_is_told_and_none_that_is_out_of_date() -> None:
    async def test() -> None:
        async with hosting(Double()) as (hosted, _):
            line = hosted.join()
            for _ in range(3):
                await line.hear(np.array([-1], np.float32))
                await hosted.settled()
            events = line.events()
            draft = await anext(events)
            assert isinstance(draft.event, Partial)
            assert draft.event.draft == "far 3"
            await line.hear(wanted(1))
            line.end()
            assert [type(e.event) async for e in events] == [SpeechStarted, Ended]

    run(test)


@pytest.mark.parametrize("slow", [False, True])
def test_events_that_are_not_in_memory_come_from_the_journal(tmp_path: Path, slow: bool) -> None:
    async def test() -> None:
        async with hosting(Double(), Journal(tmp_path / "j", {})) as (hosted, _):
            line = hosted.join()
            events, found = line.events(), list[Numbered]()
            if slow:  # it has begun to read, and falls behind then
                await line.hear(wanted(1))
                found.append(await anext(events))
            for _ in range(3):
                await line.hear(wanted(REMEMBERED - 1))
                await hosted.settled()
            assert len(hosted._kept) <= REMEMBERED
            line.end()
            found += [e async for e in events]
            assert [e.seq for e in found] == list(range(1, 3 * (REMEMBERED - 1) + slow + 2))

    run(test)


def test_a_reader_far_behind_is_told_so_where_there_is_no_journal() -> None:
    async def test() -> None:
        async with hosting(Double()) as (hosted, _):
            line = hosted.join()
            events = line.events()
            await line.hear(wanted(1))
            assert (await anext(events)).seq == 1
            for _ in range(3):
                await line.hear(wanted(REMEMBERED - 1))
                await hosted.settled()
            with pytest.raises(Cancelled, match="far behind"):
                await anext(events)

    run(test)


def test_while_the_disk_is_full_events_stay_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with hosting(Double(), Journal(tmp_path / "j", {})) as (hosted, _):
            line = hosted.join()
            monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
            for _ in range(3):
                await line.hear(wanted(REMEMBERED - 1))
                await hosted.settled()
            monkeypatch.undo()
            line.end()
            found = await all_of(line)
            assert [e.seq for e in found] == list(range(1, 3 * (REMEMBERED - 1) + 3))
            (noted,) = [e for e in found if isinstance(e.event, Noted)]
            assert isinstance(noted.event, Noted)
            assert noted.event.notice.code == "not_kept"
            assert [e.seq for e in journal.read(tmp_path / "j")] == [e.seq for e in found]

    run(test)


def test_the_newest_line_wins_and_the_old_one_is_told() -> None:
    async def test() -> None:
        async with hosting(Double()) as (hosted, _):
            old = hosted.join()
            reading = asyncio.create_task(all_of(old))
            await old.hear(wanted(1))
            await until(lambda: hosted.seq == 1)
            await asyncio.sleep(0.02)
            new = hosted.join()
            assert [e.seq for e in await reading] == [1]
            with pytest.raises(Cancelled):
                old.flush("x")
            with pytest.raises(Cancelled):
                old.touch()
            with pytest.raises(Cancelled):
                old.end()
            with pytest.raises(Cancelled):
                old.note(Notice("a", "b"))
            with pytest.raises(Cancelled):
                await old.hear(wanted(1))
            old.leave()
            assert hosted.joined
            await new.hear(wanted(1))
            new.end()
            assert [e.seq for e in await all_of(new, 1)] == [2, 3]

    run(test)


def test_a_source_that_is_too_fast_waits_and_nothing_is_lost() -> None:
    async def test() -> None:
        double = Double()
        double.gate.clear()
        async with hosting(double) as (hosted, _):
            line = hosted.join()
            sending = asyncio.create_task(line.hear(wanted(1, samples=MOST_WAITING + 1)))
            await until(lambda: hosted.expected > 0)
            await asyncio.sleep(0.05)
            assert not sending.done()
            double.gate.set()
            await sending
            line.end()
            assert [type(e.event) for e in await all_of(line)] == [SpeechStarted, Ended]
            assert double.received == MOST_WAITING + 1

    run(test)


def test_a_source_that_waits_is_let_go_of_when_another_takes_its_place() -> None:
    async def test() -> None:
        double = Double()
        double.gate.clear()
        async with hosting(double) as (hosted, _):
            line = hosted.join()
            sending = asyncio.create_task(line.hear(wanted(1, samples=MOST_WAITING + 1)))
            await until(lambda: hosted.expected > 0)
            await asyncio.sleep(0.05)
            hosted.join()
            with pytest.raises(Cancelled):
                await sending

    run(test)


@pytest.mark.parametrize(
    ("error", "code"), [(ValueError("boom"), "engine_failed"), (Unsupported("never"), "unsupported")]
)
@pytest.mark.parametrize("kept", [False, True])
def test_a_session_that_breaks_says_so_with_what_it_had_told(
    tmp_path: Path, kept: bool, error: Exception, code: str
) -> None:
    async def test() -> None:
        double = Double()
        async with hosting(double, Journal(tmp_path / "j", {}) if kept else None) as (hosted, closed):
            line = hosted.join()
            await hosted.settled()
            double.breaks = error
            await line.hear(wanted(2))
            found = await all_of(line)
            assert [type(e.event) for e in found] == [SpeechStarted, SpeechStarted, Failed]
            assert isinstance(found[-1].event, Failed)
            assert (found[-1].event.code, found[-1].event.fatal) == (code, True)
            assert hosted.ended
            await line.hear(wanted(1))  # nobody is told that it is over but by its events
            line.end()
            await until(lambda: bool(closed))
            if kept:
                assert list(journal.read(tmp_path / "j")) == found
                Journal(tmp_path / "j").close()

    run(test)


def test_what_comes_after_the_end_is_not_heard_not_safe_and_said_once(tmp_path: Path) -> None:
    async def test() -> None:
        double = Double()
        double.gate.clear()
        async with hosting(double, Journal(tmp_path / "j", {})) as (hosted, _):
            line = hosted.join()
            await line.hear(wanted(1))
            line.end()
            await line.hear(wanted(5))
            await line.hear(wanted(5))
            double.gate.set()
            found = await all_of(line)
            assert [type(e.event) for e in found] == [SpeechStarted, Ended, Noted]
            assert hosted.acknowledged == double.received == 10

    run(test)


def test_a_server_that_ends_a_session_says_why() -> None:
    async def test() -> None:
        async with hosting(Double()) as (hosted, _):
            line = hosted.join()
            hosted.end(Notice("idle", "nothing came"))
            assert [e.event for e in await all_of(line)] == [Noted(Notice("idle", "nothing came")), Ended(0.0)]

    run(test)


def test_what_an_earlier_process_kept_is_heard_before_anybody_joins() -> None:
    async def test() -> None:
        double = Double(received=100)
        async with hosting(double, told=50, first=(Gap(0.0, 1.0, "lost"),)) as (hosted, _):
            hosted.replay([(90, np.arange(90, 120, dtype=np.float32) * 0), (150, wanted(1))])
            assert hosted.expected == 160
            line = hosted.join()
            with pytest.raises(BadInput):
                await line.hear_at(161, wanted(1))
            await line.hear_at(155, wanted(1, samples=10))
            line.end()
            found = await all_of(line, 50)
            assert [(e.seq, type(e.event)) for e in found] == [(51, Gap), (52, SpeechStarted), (53, Ended)]
            assert double.received == 165

    run(test)


def test_to_settle_is_to_have_told_all_even_what_is_in_work_in_the_thread() -> None:
    async def test() -> None:
        double = Double()
        double.gate.clear()
        async with hosting(double) as (hosted, _):
            line = hosted.join()
            flushing = asyncio.create_task(hosted.flushed("mine"))
            await until(lambda: hosted._stepping)
            assert not hosted._inbox
            hosted._change()
            await asyncio.sleep(0.02)
            assert not flushing.done()
            double.gate.set()
            await flushing
            assert isinstance((await anext(line.events())).event, Flushed)

    run(test)


def test_a_session_is_let_go_of_between_two_steps_and_never_in_one(tmp_path: Path) -> None:
    async def test() -> None:
        double = Double()
        double.gate.clear()
        async with hosting(double, Journal(tmp_path / "j", {})) as (hosted, closed):
            line = hosted.join()
            await line.hear(wanted(2))
            await until(lambda: hosted._stepping)
            await asyncio.sleep(0.02)
            closing = [asyncio.create_task(hosted.close()) for _ in range(2)]
            await asyncio.sleep(0.05)
            assert not closed, "its thread still works with the session and the journal"
            double.gate.set()
            await asyncio.gather(*closing)
            assert closed == [hosted]
            assert hosted.over
            assert not hosted.ended
            assert [e.seq for e in journal.read(tmp_path / "j")] == [1, 2]

    run(test)


def test_a_session_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LET_GO_S", 0.05)

    async def test() -> None:
        double = Double()
        double.gate.clear()
        async with hosting(double) as (hosted, closed):
            line = hosted.join()
            await line.hear(wanted(1))
            await until(lambda: hosted._stepping)
            await hosted.close()
            assert not closed
            double.gate.set()
            await until(lambda: bool(closed))

    run(test)


def test_what_reads_for_a_client_that_comes_anew_each_time_ends_with_the_session() -> None:
    class Taker:
        stopped = False

        def stop(self) -> None:
            self.stopped = True

    async def test() -> None:
        taker = Taker()
        async with hosting(Double()) as (hosted, closed):
            hosted.taker = taker
            hosted.join().leave()
            assert not taker.stopped
            await hosted.close()
            await until(lambda: bool(closed))
        assert taker.stopped

    run(test)
