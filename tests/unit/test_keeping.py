"""What of a hosted session is safe, and what its client is told of that."""

from pathlib import Path

import pytest

from earwitness.api.live.hosted import Hosted
from earwitness.errors import StorageFailed
from earwitness.events import Noted, Settled
from earwitness.live import journal
from earwitness.live.journal import Journal
from earwitness.stages.guard import Credit
from earwitness.types import Notice
from support.hosting import Double, all_of, hosting, run, until, wanted


def full(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise StorageFailed("the disk is full")

    monkeypatch.setattr(Journal, "hear", refuse)


def test_sound_that_is_not_kept_is_not_acknowledged_before_its_text_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        double = Double()
        async with hosting(double, Journal(tmp_path / "j", {})) as (hosted, _):
            line = hosted.join()

            async def hear() -> int:
                await line.hear(wanted(0))
                await until(lambda: double.received == hosted.expected and not hosted._stepping)
                return hosted.acknowledged

            assert await hear() == 10
            with monkeypatch.context() as patch:
                full(patch)
                assert await hear() == 10
                assert await hear() == 10
            assert await hear() == 10, "what lies behind a hole is not safe"
            double.needed = 29
            assert await hear() == 10
            double.needed = 30
            assert await hear() == 60
            assert await hear() == 70
            line.end()
            notices = [e.event.notice.code for e in await all_of(line) if isinstance(e.event, Noted)]
            assert notices == ["not_kept"]
            assert journal.reached(tmp_path / "j")[0].position >= 30

    run(test)


def test_what_a_session_has_earned_is_kept_with_what_it_told(tmp_path: Path) -> None:
    async def test() -> None:
        double = Double()
        double.credit = Credit(2.5, 7, "en")
        async with hosting(double, Journal(tmp_path / "j", {}), first=(Settled(1, 0.0, 1.0),)) as (hosted, _):
            await until(lambda: hosted.seq == 1 and not hosted._stepping)
            assert journal.reached(tmp_path / "j")[0].credit == double.credit

    run(test)


def test_without_a_journal_what_was_received_is_acknowledged() -> None:
    async def test() -> None:
        async with hosting(Double()) as (hosted, _):
            line = hosted.join()
            await line.hear(wanted(0))
            await until(lambda: hosted.acknowledged == 10)

    run(test)


def test_sound_is_on_disk_before_it_is_acknowledged_and_events_before_they_are_told(tmp_path: Path) -> None:
    async def test() -> None:
        folder = tmp_path / "j"
        async with hosting(Double(), Journal(folder, {})) as (hosted, _):
            line = hosted.join()
            for n in range(1, 30):
                await line.hear(wanted(1))
                await until(lambda n=n: hosted.acknowledged >= n * 10)  # type: ignore[misc]
                assert sum(len(s) for _, s in journal.sound(folder, 0)) >= n * 10
                async for event in line.events(n - 1):
                    assert event in list(journal.read(folder))
                    break

    run(test)


def test_the_thread_of_a_loop_that_is_closed_may_still_wake() -> None:
    found = list[Hosted]()

    async def test() -> None:
        async with hosting(Double()) as (hosted, _):
            found.append(hosted)

    run(test)
    found[0].wake()


def test_settled_events_are_kept_whole(tmp_path: Path) -> None:
    async def test() -> None:
        first = (Settled(1, 0.0, 1.0), Noted(Notice("a", "b")))
        async with hosting(Double(), Journal(tmp_path / "j", {}), first=first) as (hosted, _):
            await hosted.settled()
            assert [e.event for e in journal.read(tmp_path / "j")] == list(first)

    run(test)
