"""Passages are made whatever interrupts it, by several programs at once, of any model, and are held in memory."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import delete, select, update
from typing_extensions import override

from earwitness.archive.database import Database
from earwitness.archive.schema.heard import IndexedRow, PassageRow, RecordingRow
from earwitness.archive.search import making as makings
from earwitness.archive.search import vectors
from earwitness.archive.search.making import Making
from earwitness.archive.search.meaning import Meaning
from earwitness.archive.search.vectors import Vectors
from earwitness.archive.viewer import HOUSE
from earwitness.archive.whole import Archive
from earwitness.archive.writer import Writer
from earwitness.embedding import Vectors as Rows
from earwitness.errors import Missing
from earwitness.kit import Kit
from earwitness.working import indexing
from earwitness.working.indexing import Indexer
from support import said
from support.meanings import SIZE, Bag

LONG = [f"the sentence number {n} is of ten words or a few more" for n in range(100)]
EVERYTHING = 1e9


def recording(database: Database, texts: Sequence[str] = LONG, *, began_s: float = said.BEGAN_S) -> str:
    with database.writing() as connection:
        ident = said.recording(connection, began_s=began_s)
        said.say(connection, ident, *texts, began_s=began_s)
    return ident


def kept(database: Database) -> list[tuple[str, str, float]]:
    """Recording, model and start of each passage."""
    asked = select(PassageRow.recording_id, PassageRow.model, PassageRow.first_s)
    with database.reading() as connection:
        assert connection is not None
        return [(row[0], row[1], row[2]) for row in connection.execute(asked.order_by(PassageRow.first_s))]


# ── making ──
def test_what_was_interrupted_goes_on(database: Database, writer: Writer) -> None:
    ident, making = recording(database), Making(database, writer, Bag())
    asked = iter([True, True, False])
    assert making.make(ident, lambda: next(asked)) == 2 * makings.TOGETHER
    assert (making.count(), making.waiting()) == (64, 1)
    assert making.make(ident) == 36
    assert (making.count(), making.waiting(), making.due()) == (100, 0, ())
    assert len({start for _, _, start in kept(database)}) == 100


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from earwitness.archive.database import Database
from earwitness.archive.search.making import Making
from earwitness.archive.writer import Writer
from support.meanings import Bag

class Killed(Bag):
    batches = 0
    def embed(self, texts):
        self.batches += 1
        if self.batches == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed(texts)

place = sys.argv[1] if "://" in sys.argv[1] else Path(sys.argv[1])
database = Database(place)
making = Making(database, Writer(database), Killed())
for ident, _ in making.due():
    making.make(ident)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no kill -9 there")
def test_a_kill_between_text_and_vector_costs_a_few_vectors(
    database: Database, writer: Writer, place: Path | str
) -> None:
    ident, making = recording(database), Making(database, writer, Bag())
    database.close()
    support = str(Path(__file__).resolve().parents[1])
    for left in (64, 100):
        code = subprocess.run([sys.executable, "-c", KILLED, str(place), support], check=False, timeout=60).returncode
        assert code == (-signal.SIGKILL if left == 64 else 0)
        assert making.count() == left
        assert making.due() == (((ident, False),) if left == 64 else ())
    assert len({start for _, _, start in kept(database)}) == 100


def test_two_programs_at_once_make_nothing_twice(database: Database, writer: Writer) -> None:
    ident, together = recording(database), threading.Barrier(2)

    class Waiting(Bag):
        @override
        def embed(self, texts: Sequence[str]) -> Rows:
            together.wait(20)
            return super().embed(texts)

    with closing(Writer(database)) as other:
        threads = [
            threading.Thread(target=Making(database, one, Waiting()).make, args=(ident,)) for one in (writer, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert len(kept(database)) == len({start for _, _, start in kept(database)}) == 100


def test_another_model_makes_all_anew(database: Database, writer: Writer) -> None:
    ident = recording(database)
    old, new = (Making(database, writer, Bag(name)) for name in ("bag/1", "bag/2"))
    assert old.make(ident) == 100
    assert (old.waiting(), new.waiting()) == (0, 1)
    searched = Meaning(database, lambda: Bag("bag/2"), 1.0)
    assert searched.find(HOUSE, "sentence", mode="meaning").hits == ()
    assert new.make(ident) == 100
    assert (old.waiting(), new.waiting(), old.count()) == (1, 0, 0)
    assert {model for _, model, _ in kept(database)} == {"bag/2"}
    assert searched.find(HOUSE, "sentence number", mode="meaning").hits


def test_a_recording_that_goes_meanwhile_leaves_nothing(database: Database, writer: Writer) -> None:
    ident = recording(database)

    def go_on() -> bool:
        with database.writing() as connection:
            connection.execute(delete(RecordingRow).where(RecordingRow.id == ident))
        return True

    making = Making(database, writer, Bag())
    making.make(ident, go_on)
    assert (kept(database), making.due(), making.make("r_nobody")) == ([], (), 0)
    with database.reading() as connection:
        assert connection is not None
        assert connection.execute(select(IndexedRow.recording_id)).all() == []


def test_of_what_is_being_heard_the_end_waits(database: Database, writer: Writer) -> None:
    ident = recording(database, [*LONG[:3], "and then"])
    making, row = Making(database, writer, Bag()), update(RecordingRow).where(RecordingRow.id == ident)
    with database.writing() as connection:
        connection.execute(row.values(state="open"))
    assert making.due() == ((ident, True),)
    assert making.due(but={ident}) == ()
    assert (making.make(ident), making.due()) == (3, ())
    with database.writing() as connection:
        connection.execute(row.values(state="whole", changed_s=said.BEGAN_S - 5))  # clocks are set back, too
    assert making.due() == ((ident, False),)
    assert (making.make(ident), making.count()) == (1, 4)


# ── memory ──
def test_every_passage_is_compared(database: Database, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "BLOCK", 7)
    monkeypatch.setattr(vectors, "TOGETHER", 11)
    making, held = Making(database, writer, Bag()), Vectors(database, "bag/1", SIZE, EVERYTHING)
    random = np.random.default_rng(5)
    for round_ in range(4):
        words = [[f"w{n}" for n in random.integers(0, 40, 12)] for _ in range(19)]
        ident = recording(database, [" ".join(some) for some in words])
        making.make(ident)
        if round_ == 2:
            held = Vectors(database, "bag/1", SIZE, EVERYTHING)  # and all is read at once
        query = Bag().embed(["w1 w2 w3"])[0]
        ids, like = held.best(query, 0.1, 1.0)
        with database.reading() as connection:
            assert connection is not None
            rows = connection.execute(select(PassageRow.id, PassageRow.vector)).all()
        scores = {
            row.id: float(np.frombuffer(row.vector[4:], np.int8) @ query)
            * float(np.frombuffer(row.vector[:4], "<f4")[0])
            for row in rows
        }
        wanted = sorted((one for one in scores if scores[one] >= 0.1), key=lambda one: (-scores[one], -one))
        np.testing.assert_allclose(like, [scores[one] for one in ids.tolist()], atol=1e-4)
        assert sorted(ids.tolist()) == sorted(wanted)
        assert (np.diff(like) <= 0).all()
        only, _ = held.best(query, 0.1, 1.0, among={ident, "r_other"})
        assert set(only.tolist()) <= set(wanted)
        for times, all_ in (((said.BEGAN_S, np.inf), True), ((-np.inf, said.BEGAN_S - 1), False)):
            assert len(held.best(query, 0.1, 1.0, said=times)[0]) == (len(ids) if all_ else 0)
        assert len(held) == len(rows) == 19 * (round_ + 1)


def test_memory_is_bounded_and_the_newest_recordings_are_in_it(
    database: Database, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "BLOCK", 8)
    making = Making(database, writer, Bag())
    held = Vectors(database, "bag/1", SIZE, 250 * (SIZE + vectors.BESIDE))
    assert held.most == 250
    made = [recording(database, began_s=said.BEGAN_S + at) for at in (10_000, 30_000, 0, 20_000)]
    for n, ident in enumerate(made):
        making.make(ident)
        held.best(Bag().embed(["sentence"])[0], 0.1, 1.0)
        assert len(held) == (100, 200, 225, 225)[n]
    found = {}
    for ident in made:
        found[ident] = len(held.best(Bag().embed(["sentence number"])[0], 0.1, 1.0, among={ident})[0])
    assert found == dict(zip(made, (25, 100, 0, 100), strict=True))


def test_most_of_it_gone_is_read_again(database: Database, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    making, held = Making(database, writer, Bag()), Vectors(database, "bag/1", SIZE, EVERYTHING)
    first, second = recording(database), recording(database)
    for ident in (first, second):
        making.make(ident)
    query = Bag().embed(["sentence"])[0]
    held.best(query, 0.1, 1.0)
    with database.writing() as connection:
        connection.execute(delete(RecordingRow).where(RecordingRow.id == first))
    held.best(query, 0.1, 1.0)
    assert len(held) == 200  # nobody has looked yet
    monkeypatch.setattr(vectors, "LOOK_S", -1.0)
    ids, _ = held.best(query, 0.1, 1.0)
    assert len(held) == len(ids) == 100


# ── in the background ──
@pytest.fixture
def archive(place: Path | str, tmp_path: Path) -> Iterator[Archive]:
    with closing(Archive(place, tmp_path / "files")) as found:
        yield found


@pytest.fixture
def bagged(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> Kit:
    monkeypatch.setattr(kit, "embedder", Bag)
    monkeypatch.setattr(indexing, "AFTER_S", 0.01)
    return kit


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_kept_is_indexed_by_itself(archive: Archive, bagged: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    with archive.database.writing() as connection:
        before = said.recording(connection)
        said.say(connection, before, *LONG[:5])
    indexer = Indexer(bagged, archive, busy=lambda: False)
    with closing(indexer):
        indexer.start()
        until(lambda: (indexer.indexed.passages, indexer.indexed.waiting) == (5, 0))
        archive.writer.write(lambda c: said.say(c, said.recording(c), *LONG[:7]))
        until(lambda: (indexer.indexed.passages, indexer.indexed.waiting) == (12, 0))
        assert (indexer.indexed.model, indexer.indexed.languages, indexer.indexed.why_not) == ("bag/1", ("en",), None)


def test_it_rests_while_others_work_but_not_for_ever(
    archive: Archive, bagged: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "REST_S", 0.01)
    monkeypatch.setattr(indexing, "HOLD_S", 0.3)
    recording(archive.database)
    asked = list[float]()

    def busy() -> bool:
        asked.append(time.monotonic())
        return True

    indexer = Indexer(bagged, archive, busy=busy)
    with closing(indexer):
        indexer.start()
        until(lambda: indexer.indexed.passages == 100)
    assert asked[-1] - asked[0] >= 4 * 0.3 - 0.1  # before each of the four times a few are made
    assert len(asked) > 8


def test_it_ends_in_the_middle_and_another_goes_on(archive: Archive, bagged: Kit) -> None:
    recording(archive.database)
    working = threading.Event()

    def busy() -> bool:
        working.set()
        return True

    indexer = Indexer(bagged, archive, busy=busy)
    indexer.start()
    assert working.wait(30)
    indexer.close()
    assert Making(archive.database, archive.writer, Bag()).count() < 100
    with closing(Indexer(bagged, archive, busy=lambda: False)) as other:
        other.start()
        until(lambda: other.indexed.passages == 100)


def test_without_a_model_it_says_why(archive: Archive, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Bag:
        raise Missing("it is not here")

    monkeypatch.setattr(kit, "embedder", none)
    with closing(Indexer(kit, archive, busy=lambda: False)) as indexer:
        indexer.start()
        until(lambda: indexer.indexed.why_not == "it is not here")
