"""The queue on SQLite and PostgreSQL: who takes what, and what becomes of it."""

import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from earwitness.archive import leases as rules
from earwitness.archive import recordings
from earwitness.archive.database import Database
from earwitness.archive.job import Job, Order, batch_id
from earwitness.archive.jobs import Jobs
from earwitness.archive.leases import Leases, Step
from earwitness.archive.recordings import Recordings
from earwitness.archive.schema.heard import RecordingRow
from earwitness.archive.schema.work import DeliveryRow, EventRow, HookRow, JobRow
from earwitness.archive.viewer import HOUSE, Viewer
from earwitness.archive.whole import Archive
from earwitness.archive.writer import Writer
from earwitness.errors import BadInput, Busy, Conflict, EngineFailed, NotFound
from earwitness.types import Provenance, Transcript

ANNA, BERT = Viewer("u_anna"), Viewer("u_bert")


@pytest.fixture
def jobs(database: Database, writer: Writer) -> Jobs:
    return Jobs(database, writer)


@pytest.fixture
def hands(database: Database, writer: Writer) -> Leases:
    return Leases(database, writer, "one")


@pytest.fixture
def others(database: Database, writer: Writer) -> Leases:
    return Leases(database, writer, "two")


def order(name: str = "a.wav", **given: object) -> Order:
    return Order(name, {"model": "default"}, **given)  # type: ignore[arg-type]


def done(hands: Leases, job: Job, seconds: float = 7.0) -> Job:
    """Let a job end with a recording of its name."""
    heard = Transcript((), seconds, "en", "transcribe", Provenance("0", "fake", "fake", "cpu", {}))
    given = {"title": job.name, "kind": "file", "began_s": job.made_s, "sha256": None, "kept": False}

    def keep(connection: Connection) -> str:
        ident = recordings.new_id()
        recordings.put(connection, ident, heard, [], job.owner, given)
        return ident

    found = hands.finish(job.id, keep, seconds)
    assert found is not None
    return found


def _set(writer: Writer, ident: str, **new: object) -> None:
    writer.write(lambda c: c.execute(update(JobRow).where(JobRow.id == ident).values(**new)).rowcount)


def _kinds(database: Database) -> list[str]:
    with database.reading() as connection:
        assert connection is not None
        return list(connection.execute(select(EventRow.kind).order_by(EventRow.id)).scalars())


def test_nothing_is_there_before_anything_was_added(jobs: Jobs, hands: Leases) -> None:
    assert jobs.page(HOUSE) == []
    assert jobs.counts(HOUSE) == {}
    assert jobs.there(["j"]) == {}
    with pytest.raises(NotFound):
        jobs.one(HOUSE, "j")
    with pytest.raises(NotFound):
        jobs.batch(HOUSE, "b")
    assert not hands.due()
    assert hands.take() is None


def test_a_job_is_taken_worked_on_and_done(
    jobs: Jobs, hands: Leases, database: Database, writer: Writer, tmp_path: Path
) -> None:
    (added,) = jobs.add(HOUSE, [order(size=5)])
    assert (added.state, added.name, added.tries, added.eta_s) == ("waiting", "a.wav", 0, None)
    assert hands.due()
    taken = hands.take()
    assert taken is not None
    assert (taken.id, taken.state, taken.worker, taken.tries) == (added.id, "running", "one", 1)
    assert not hands.due()
    assert hands.renew([Step(taken.id, 3.0, 7.0, 2.0)]) == {taken.id: False}
    now = jobs.one(HOUSE, taken.id)
    assert (now.done_s, now.total_s, now.speed, now.eta_s) == (3.0, 7.0, 2.0, 2.0)
    ended = done(hands, now)
    assert (ended.state, ended.done_s, ended.eta_s, ended.worker) == ("done", 7.0, None, None)
    assert ended.recording is not None
    assert Recordings(database, writer, tmp_path).one(ended.recording).title == "a.wav"
    assert _kinds(database) == ["added", "running", "progress", "made", "done"]
    assert jobs.counts(HOUSE) == {"done": 1}


def test_the_more_important_comes_first_then_the_older_one(jobs: Jobs, hands: Leases) -> None:
    jobs.add(HOUSE, [order("late", priority=9)])
    jobs.add(HOUSE, [order("first")])
    jobs.add(HOUSE, [order("second")])
    jobs.add(HOUSE, [order("now", priority=0)])
    taken = [hands.take() for _ in range(4)]
    assert [job.name for job in taken if job] == ["now", "first", "second", "late"]
    with pytest.raises(BadInput, match="priority"):
        order(priority=10)


def test_a_lease_that_ran_out_goes_to_another_and_the_first_is_not_heard(
    jobs: Jobs, hands: Leases, others: Leases, writer: Writer
) -> None:
    jobs.add(HOUSE, [order()])
    mine = hands.take()
    assert mine is not None
    assert others.take() is None
    hands.renew([Step(mine.id, 2.0, 9.0, 1.0)])
    _set(writer, mine.id, lease_s=time.time() - 1)
    assert others.due()
    theirs = others.take()
    assert theirs is not None
    assert (theirs.id, theirs.worker, theirs.tries, theirs.done_s) == (mine.id, "two", 1, 2.0)
    assert hands.renew([Step(mine.id, 5.0, 9.0, 1.0)]) == {}
    assert hands.finish(mine.id, lambda _: pytest.fail("nothing may be kept"), 9.0) is None
    assert hands.fail(mine.id, EngineFailed("no")) is None
    hands.give_back([mine.id])
    assert done(others, theirs).state == "done"


def test_a_dead_workers_jobs_are_free_at_once(jobs: Jobs, hands: Leases, others: Leases) -> None:
    jobs.add(HOUSE, [order("a"), order("b")])
    held = hands.take(), hands.take()
    assert all(held)
    assert others.take() is None
    assert others.bury("one") == 2
    again = others.take()
    assert again is not None
    assert again.tries == 1


def test_what_brings_every_worker_down_fails_and_what_comes_further_does_not(jobs: Jobs, hands: Leases) -> None:
    bad, good = jobs.add(HOUSE, [order("bad"), order("good", priority=6)])
    for n in range(rules.MOST_BREAKS):
        assert hands.take() is not None
        other = hands.take()
        assert other is not None
        assert other.id == good.id
        hands.renew([Step(good.id, n + 1.0, 99.0, 1.0)])
        assert hands.bury("one") == 2
    failed = jobs.one(HOUSE, bad.id)
    assert (failed.state, failed.code) == ("failed", "engine_failed")
    assert jobs.one(HOUSE, good.id).state == "waiting"


def test_what_may_pass_is_tried_again_later_and_later(jobs: Jobs, hands: Leases, writer: Writer) -> None:
    (added,) = jobs.add(HOUSE, [order()])
    for wait_s in rules.LATER_S:
        assert hands.take() is not None
        waits = hands.fail(added.id, Busy("full", retry_after_s=1.0))
        assert waits is not None
        assert (waits.state, waits.code) == ("waiting", "busy")
        assert waits.not_before_s - time.time() == pytest.approx(wait_s, abs=2.0)
        assert hands.take() is None
        _set(writer, added.id, not_before_s=0.0)
    assert hands.take() is not None
    failed = hands.fail(added.id, Busy("full", retry_after_s=1.0))
    assert failed is not None
    assert failed.state == "failed"
    again = jobs.retry(HOUSE, added.id)
    assert (again.state, again.tries, again.code) == ("waiting", 0, None)
    assert hands.take() is not None
    other = hands.fail(added.id, EngineFailed("broken"))
    assert other is not None
    assert (other.state, other.error) == ("failed", f"broken. {EngineFailed.default_remedy}")


def test_cancelling_what_waits_runs_and_is_over(jobs: Jobs, hands: Leases) -> None:
    waits, runs = jobs.add(HOUSE, [order("waits"), order("runs", priority=0)])
    taken = hands.take()
    assert taken is not None
    assert taken.id == runs.id
    assert jobs.cancel(HOUSE, waits.id).state == "cancelled"
    assert jobs.cancel(HOUSE, waits.id).state == "cancelled"
    told = jobs.cancel(HOUSE, runs.id)
    assert (told.state, told.stop) == ("running", True)
    assert hands.renew([Step(runs.id, 1.0, None, None)]) == {runs.id: True}
    ended = hands.fail(runs.id, EngineFailed("stopped in the middle"))
    assert ended is not None
    assert ended.state == "cancelled"
    for change in (jobs.retry,):
        with pytest.raises(Conflict, match="only a job that failed"):
            change(HOUSE, waits.id)
    (third,) = jobs.add(HOUSE, [order()])
    taken = hands.take()
    assert taken is not None
    done(hands, taken)
    with pytest.raises(Conflict, match="it is done"):
        jobs.cancel(HOUSE, third.id)


def test_a_worker_that_ends_gives_back_what_it_holds(jobs: Jobs, hands: Leases, others: Leases) -> None:
    (added,) = jobs.add(HOUSE, [order()])
    assert hands.take() is not None
    hands.give_back([added.id])
    again = others.take()
    assert again is not None
    assert (again.id, again.tries) == (added.id, 1)


def test_the_same_is_done_once(jobs: Jobs, hands: Leases, others: Leases, writer: Writer) -> None:
    first, second = jobs.add(HOUSE, [order("a", result="h"), order("b", result="h")])
    taken = hands.take()
    assert taken is not None
    assert taken.id == first.id
    assert others.take() is None, "the same is being worked on"
    ended = done(hands, taken)
    assert others.take() is None
    answered = jobs.one(HOUSE, second.id)
    assert (answered.state, answered.recording, answered.total_s) == ("done", ended.recording, 7.0)
    assert answered.about["answered_by"] == first.id
    (third,) = jobs.add(HOUSE, [order("c", result="h")])
    assert (third.state, third.recording) == ("done", ended.recording)
    (other,) = jobs.add(ANNA, [order("mine", result="h")])
    assert other.state == "waiting", "what others had done is not told"
    writer.write(lambda c: c.execute(delete(RecordingRow)).rowcount)
    (fourth,) = jobs.add(HOUSE, [order("d", result="h")])
    assert fourth.state == "waiting", "the result was deleted"


def test_what_turns_out_to_be_the_same_is_answered_or_waits(jobs: Jobs, hands: Leases, others: Leases) -> None:
    first, second, _ = jobs.add(HOUSE, [order("a", kind="url"), order("b", kind="url"), order("c", kind="url")])
    one, two = hands.take(), others.take()
    assert one is not None
    assert two is not None
    found = hands.found_out(first.id, "h")
    assert found is not None
    assert (found.state, found.result) == ("running", "h")
    assert others.found_out(second.id, "h") is None
    assert jobs.one(HOUSE, second.id).state == "waiting"
    three = others.take()
    assert three is not None
    assert three.name == "c", "the second waits for the first"
    done(hands, one)
    answered = others.found_out(three.id, "h")
    assert answered is not None
    assert answered.state == "done"
    assert hands.take() is None
    assert jobs.one(HOUSE, second.id).state == "done"


def test_batches_are_counted_and_told_of_once(jobs: Jobs, hands: Leases, database: Database, writer: Writer) -> None:
    values = {"id": "h_1", "address": b"", "secret": b"", "name": "", "topics": ["batch.done", "job.failed"]}
    writer.write(lambda c: c.execute(insert(HookRow).values(**values, enabled=True, made_s=0.0)).rowcount)
    batch = batch_id()
    added = jobs.add(HOUSE, [order(str(n), batch=batch) for n in range(3)])
    told = jobs.batch(HOUSE, batch)
    assert (told.states, told.over, told.total_s) == ({"waiting": 3}, False, None)
    for _ in range(2):
        taken = hands.take()
        assert taken is not None
        done(hands, taken)
    assert hands.take() is not None
    hands.fail(added[2].id, EngineFailed("broken"))
    told = jobs.batch(HOUSE, batch)
    assert (told.states, told.over, told.done_s) == ({"done": 2, "failed": 1}, True, 14.0)
    assert _kinds(database).count("batch") == 1
    with database.reading() as connection:
        assert connection is not None
        topics = connection.execute(select(DeliveryRow.topic).order_by(DeliveryRow.made_s)).scalars().all()
    assert sorted(topics) == ["batch.done", "job.failed"]


def test_pages_go_on_where_the_last_ended_and_hold_what_is_wanted(jobs: Jobs, hands: Leases) -> None:
    batch = batch_id()
    jobs.add(HOUSE, [order(f"{n}", batch=batch if n % 2 else None) for n in range(7)])
    assert hands.take() is not None
    found, before = list[str](), None
    while page := jobs.page(HOUSE, limit=3, before=before):
        found += [job.id for job in page]
        before = page[-1].made_s, page[-1].id
    assert len(found) == len(set(found)) == 7
    assert len(jobs.page(HOUSE, batch=batch)) == 3
    assert len(jobs.page(HOUSE, states=["running"])) == 1
    assert jobs.page(HOUSE, states=["failed"]) == []


def test_nobody_sees_the_jobs_of_others(jobs: Jobs) -> None:
    batch = batch_id()
    (mine,) = jobs.add(ANNA, [order(batch=batch)])
    assert jobs.one(ANNA, mine.id).owner == "u_anna"
    assert jobs.one(HOUSE, mine.id) == jobs.one(ANNA, mine.id)
    assert jobs.page(BERT) == []
    assert jobs.counts(BERT) == {}
    for ask in (jobs.one, jobs.cancel, jobs.retry):
        with pytest.raises(NotFound):
            ask(BERT, mine.id)
    with pytest.raises(NotFound):
        jobs.batch(BERT, batch)


def test_thousands_at_once_are_all_there_or_none(jobs: Jobs, database: Database) -> None:
    orders = [order(str(n)) for n in range(600)]
    assert len(jobs.add(HOUSE, orders)) == 600
    assert len(jobs.there([o.id for o in orders])) == 600
    with pytest.raises(Exception, match=r"."):
        jobs.add(HOUSE, [order("new"), orders[0]])
    assert jobs.counts(HOUSE) == {"waiting": 600}


def test_threads_never_take_the_same_job(jobs: Jobs, database: Database, writer: Writer) -> None:
    jobs.add(HOUSE, [order(str(n)) for n in range(60)])
    taken, lock = list[str](), threading.Lock()

    def work(name: str) -> None:
        hands = Leases(database, writer, name)
        while (found := hands.take()) is not None:
            with lock:
                taken.append(found.id)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 60


TAKES = """
import sys
from pathlib import Path
from earwitness.archive.database import Database
from earwitness.archive.leases import Leases
from earwitness.archive.writer import Writer
place = Path(sys.argv[1]) if "://" not in sys.argv[1] else sys.argv[1]
database = Database(place)
writer = Writer(database)
hands = Leases(database, writer, sys.argv[2])
while (found := hands.take()) is not None:
    print(found.id)
writer.close()
database.close()
"""


def test_processes_never_take_the_same_job(jobs: Jobs, place: Path | str) -> None:
    jobs.add(HOUSE, [order(str(n)) for n in range(40)])
    commands = [[sys.executable, "-c", TAKES, str(place), name] for name in ("one", "two")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    taken = [line for process in running for line in process.communicate(timeout=60)[0].split()]
    assert [process.returncode for process in running] == [0, 0]
    assert len(taken) == len(set(taken)) == 40


def test_the_archive_has_them_all(place: Path | str, tmp_path: Path) -> None:
    with closing(Archive(place, tmp_path / "kept")) as archive:
        assert archive.jobs.page(HOUSE) == []
        assert archive.hooks.all(HOUSE) == ()
