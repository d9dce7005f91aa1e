"""Working through the queue, with doubles: done, cancelled, broken off, killed."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import structlog

from earwitness import batch
from earwitness.archive.job import Job, Order
from earwitness.archive.viewer import HOUSE
from earwitness.archive.whole import Archive
from earwitness.config import Settings
from earwitness.engines import fake
from earwitness.errors import NotFound
from earwitness.stages.recipe import Recipe
from earwitness.types import Clip, Segment
from earwitness.working import orders
from earwitness.working.inbox import Inbox
from earwitness.working.presence import Presence
from earwitness.working.worker import Worker
from support import sounds
from support.faults import until
from support.voices import Hearer

RECIPE = Recipe(model="fake")


def talk(stretches: int = 5) -> bytes:
    """A recording of so many stretches, four seconds each."""
    return sounds.wav(np.concatenate([sounds.tone(3.0), sounds.silence(1.0)] * stretches))


def add(archive: Archive, content: bytes, recipe: Recipe = RECIPE, **about: bool) -> Job:
    """A job in the queue, its recording in its place."""
    order = Order("talk.wav", orders.as_json(recipe), about=about)
    source = archive.folder / "given"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_bytes(content)
    Inbox(archive.folder).put(source, order.id, kept=bool(about.get("keep_audio")))
    return archive.jobs.add(HOUSE, [order])[0]


class Told:
    """What a worker says."""

    def __init__(self) -> None:
        self.words = list[str]()
        self.facts = list[dict[str, object]]()

    def __call__(self, word: str, **facts: object) -> None:
        self.words.append(word)
        self.facts.append(facts)


@contextmanager
def working(settings: Settings, kit: Hearer, archive: Archive) -> Iterator[tuple[Worker, Told]]:
    told = Told()
    worker = Worker(settings, kit, archive, log=told, every_s=0.0)
    worker.start()
    try:
        yield worker, told
    finally:
        worker.close()


def ended(archive: Archive, job: Job) -> Job:
    until(lambda: archive.jobs.one(HOUSE, job.id).over)
    return archive.jobs.one(HOUSE, job.id)


def files(archive: Archive, folder: str) -> list[Path]:
    return [path for path in (archive.folder / folder).glob("*") if path.is_file()]


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator["Gate"]:
    """A gate before the engine; it is open at the end."""
    found = Gate()
    plain = fake.Fake.transcribe

    def held(self: fake.Fake, clips: Sequence[Clip]) -> list[tuple[Segment, ...]]:
        found.reached.set()
        assert found.open.wait(60)
        found.heard += len(clips)
        return plain(self, clips)

    monkeypatch.setattr(fake.Fake, "transcribe", held)
    yield found
    found.open.set()


class Gate:
    def __init__(self) -> None:
        self.open, self.reached, self.heard = threading.Event(), threading.Event(), 0


def test_a_recipe_comes_back_from_the_queue_as_it_was() -> None:
    from earwitness.parts import Crowd
    from earwitness.stages.recipe import Diarizing, Enhancing, Known
    from earwitness.types import Ask

    rich = Recipe(
        model="m",
        ask=Ask(language="de", hotwords=("a", "b"), word_times=True, optional=frozenset({"word_times"})),
        diarizing=Diarizing("auto", Crowd(2), known=(Known("Anna", (0.5, 0.25)),)),
        enhancing=Enhancing(denoise="auto"),
        to_s=5.0,
    )
    assert orders.from_json(orders.as_json(rich)) == rich
    again = orders.as_json(orders.from_json(orders.as_json(rich)))
    assert orders.result("d", orders.as_json(rich)) == orders.result("d", again)
    assert orders.result("d", orders.as_json(rich)) != orders.result("d", orders.as_json(RECIPE))
    with pytest.raises(ValueError, match="not understood"):
        orders.from_json({"model": 5})


def test_a_job_is_done_and_its_recording_goes(own: Settings, doubles: Hearer, archive: Archive) -> None:
    first = add(archive, talk())
    with working(own, doubles, archive) as (worker, told):
        found = ended(archive, first)
        assert (found.state, found.done_s, found.total_s) == ("done", 20.0, 20.0)
        until(lambda: not len(worker))
    assert files(archive, "jobs") == files(archive, "uploads") == []
    assert found.recording is not None
    kept = archive.recordings.transcript(found.recording, HOUSE)
    path = archive.folder / "again.wav"
    path.write_bytes(talk())
    assert kept.segments == batch.run(path, RECIPE, doubles).segments
    assert told.words == ["job begun", "job done"]
    assert list(own.unfinished.glob("*")) == []
    assert list((own.home / "workers").iterdir()) == []


def test_a_recording_that_is_to_be_kept_is(own: Settings, doubles: Hearer, archive: Archive) -> None:
    first = add(archive, talk(1), keep_audio=True)
    with working(own, doubles, archive):
        assert ended(archive, first).state == "done"
    assert [path.name for path in files(archive, "uploads")] == [first.id]
    assert Inbox(archive.folder).sweep(archive.jobs.there, 0.0) == 0


def test_the_same_content_is_heard_once_and_anew_where_that_is_wanted(
    own: Settings, doubles: Hearer, archive: Archive, gate: Gate
) -> None:
    gate.open.set()
    with working(own, doubles, archive) as (worker, _):
        one = ended(archive, add(archive, talk(2)))
        heard = gate.heard
        two = add(archive, talk(2))
        worker.wake()
        two = ended(archive, two)
        assert (two.recording, gate.heard) == (one.recording, heard)
        assert two.about["answered_by"] == one.id
        three = ended(archive, add(archive, talk(2), fresh=True))
    assert three.recording != one.recording
    assert gate.heard == 2 * heard


def test_what_is_no_recording_fails_and_is_kept_for_a_while(own: Settings, doubles: Hearer, archive: Archive) -> None:
    with working(own, doubles, archive):
        found = ended(archive, add(archive, b"this is no recording"))
    assert (found.state, found.code) == ("failed", "not_audio")
    box = Inbox(archive.folder)
    assert box.sweep(archive.jobs.there, 60.0) == 0
    assert box.sweep(archive.jobs.there, -1.0) == 1
    archive.jobs.retry(HOUSE, found.id)
    with working(own, doubles, archive):
        assert ended(archive, found).code == NotFound.code


def test_a_running_job_is_cancelled_at_once(own: Settings, doubles: Hearer, archive: Archive, gate: Gate) -> None:
    job = add(archive, talk(30))
    with working(own, doubles, archive) as (worker, _):
        assert gate.reached.wait(60)
        archive.jobs.cancel(HOUSE, job.id)
        worker.stop(job.id)
        gate.open.set()
        assert ended(archive, job).state == "cancelled"
        until(lambda: not len(worker))
    assert gate.heard < 30
    assert files(archive, "jobs") == []


def test_a_server_that_ends_gives_back_what_it_was_at(
    own: Settings, doubles: Hearer, archive: Archive, gate: Gate
) -> None:
    job = add(archive, talk(30))
    with working(own, doubles, archive) as (worker, _):
        assert gate.reached.wait(60)
        closing = threading.Thread(target=worker.close)
        closing.start()
        until(lambda: worker._ending)
        gate.open.set()
        closing.join()
    found = archive.jobs.one(HOUSE, job.id)
    assert (found.state, found.tries) == ("waiting", 0)
    with working(own, doubles, archive):
        assert ended(archive, job).state == "done"


def test_an_unexpected_error_fails_the_job_and_not_the_worker(
    own: Settings, doubles: Hearer, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = list[dict[str, object]]()

    def broken(*_: object, **__: object) -> None:
        ids.append(structlog.contextvars.get_contextvars())
        raise ZeroDivisionError

    with monkeypatch.context() as patch, working(own, doubles, archive):
        patch.setattr(batch, "run", broken)
        found = ended(archive, add(archive, talk(1)))
        assert (found.state, found.code) == ("failed", "engine_failed")
        assert ids == [{"job": found.id}], "what is logged meanwhile bears it"
        patch.undo()
        assert ended(archive, add(archive, talk(1))).state == "done"


def test_nothing_is_worked_on_where_it_is_left_to_others(own: Settings, doubles: Hearer, archive: Archive) -> None:
    add(archive, talk(1))
    with working(own.model_copy(update={"jobs_at_once": 0}), doubles, archive) as (worker, _):
        assert worker._threads == []


def test_who_lives_is_not_buried_and_who_died_is(tmp_path: Path) -> None:
    one, two = Presence(tmp_path), Presence(tmp_path)
    buried = list[str]()

    def free(name: str) -> int:
        buried.append(name)
        return 2

    assert one.bury(free) == 0
    two._sign.close()  # as the system does it when a process ends
    assert one.bury(free) == 2
    assert buried == [two.name]
    assert one.bury(free) == 0
    one.end()
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from earwitness import config
from earwitness.archive.whole import Archive
from earwitness.working import worker as room
from support.voices import hearer

def die(self, now):
    if now.done_s > 60:
        os.kill(os.getpid(), signal.SIGKILL)
room._Running.note = die
settings = config.load(home=Path(sys.argv[1]), workers=1)
archive = Archive(settings.archive, settings.kept)
room.Worker(settings, hearer(settings), archive, every_s=0.0).start()
signal.pause()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no kill -9 there")
def test_a_job_whose_server_is_killed_goes_on_where_it_was(
    own: Settings, doubles: Hearer, archive: Archive, gate: Gate
) -> None:
    job = add(archive, talk(40))
    tests = Path(__file__).parents[1]
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tests)!r})\n{KILLED}", str(own.home)]
    killed = subprocess.run(command, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    left = archive.jobs.one(HOUSE, job.id)
    assert left.state == "running"
    gate.open.set()
    with working(own, doubles, archive) as (_, told):
        found = ended(archive, job)
    assert (found.state, found.tries) == ("done", 1)
    assert "jobs of a server that is gone are free" in told.words
    assert any("goes on at" in str(facts.get("how")) for facts in told.facts)
    assert 0 < gate.heard < 30, "what was finished is not done again"
    assert found.recording is not None
    path = archive.folder / "whole.wav"
    path.write_bytes(talk(40))
    kept = archive.recordings.transcript(found.recording, HOUSE)
    assert kept.segments == batch.run(path, RECIPE, doubles).segments
