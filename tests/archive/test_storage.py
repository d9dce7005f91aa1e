"""The database under everything, on SQLite and PostgreSQL: tables, writers, readers, refusals."""

import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, func, insert, select, text

from earwitness.archive.checkpoints import EACH
from earwitness.archive.database import Database
from earwitness.archive.people import People
from earwitness.archive.schema import Tables
from earwitness.archive.schema.people import PersonRow
from earwitness.archive.search.index import COMPARED
from earwitness.archive.writer import Writer
from earwitness.errors import BadInput, Busy, StorageFailed
from support.colours import heard


def _person(name: str, connection: Connection) -> str:
    connection.execute(insert(PersonRow).values(id=name, name=name, created_s=0.0))
    return name


def _count(database: Database) -> int:
    with database.reading() as connection:
        assert connection is not None
        return connection.execute(select(func.count()).select_from(PersonRow)).scalar_one()


def test_the_migrations_lead_to_the_tables_that_are_described(database: Database) -> None:
    with database.writing():
        pass
    with database.reading() as connection:
        assert connection is not None
        assert compare_metadata(MigrationContext.configure(connection, opts=dict(COMPARED)), Tables.metadata) == []


def test_what_one_thread_writes_another_reads_and_a_reader_sees_one_moment(database: Database) -> None:
    with database.writing() as connection:
        _person("a", connection)
    with database.reading() as reader:
        assert reader is not None
        assert reader.execute(select(PersonRow.id)).scalars().all() == ["a"]
        with database.writing() as connection:
            _person("b", connection)
        assert reader.execute(select(PersonRow.id)).scalars().all() == ["a"]
    assert _count(database) == 2


def test_of_a_block_that_fails_nothing_is_kept(database: Database) -> None:
    with database.writing() as connection:
        _person("a", connection)
    with pytest.raises(BadInput), database.writing() as connection:
        raise BadInput(_person("b", connection))
    assert _count(database) == 1


def test_the_registry_of_people_lives_there(database: Database) -> None:
    people = People(database)
    anna = people.enrol("Anna", [heard(1), heard(2)])
    bert = people.enrol("Bert", [heard(3)])
    assert [p.name for p in people.all()] == ["Anna", "Bert"]
    merged = people.merge(bert.id, anna.id)
    assert len(merged.voices) == 3
    assert people.one(bert.id) == merged
    assert people.forget(anna.id)
    assert people.all() == ()


def test_a_database_of_something_else_is_left_as_it_is(database: Database, place: Path | str) -> None:
    if isinstance(place, Path):
        import sqlite3

        with closing(sqlite3.connect(place)) as other:
            other.execute("CREATE TABLE recipes (cake TEXT)")
    else:
        from sqlalchemy import create_engine

        engine = create_engine(place.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("CREATE TABLE recipes (cake TEXT)"))
        engine.dispose()
    with pytest.raises(StorageFailed, match="not of Earwitness"), database.writing():
        pass


def test_a_newer_one_is_left_as_it_is(database: Database, place: Path | str) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with closing(Database(place)) as again, pytest.raises(StorageFailed, match="newer Earwitness"), again.writing():
        pass


# ── the writer ──
def test_a_change_is_told_when_it_is_kept_and_in_order(database: Database, writer: Writer) -> None:
    assert writer.write(lambda c: _person("first", c)) == "first"
    assert _count(database) == 1
    for told in [writer.submit(partial(_person, f"p{n}")) for n in range(300)]:
        told.result()
    with database.reading() as connection:
        assert connection is not None
        assert connection.execute(select(func.count()).select_from(PersonRow)).scalar_one() == 301


def test_a_change_that_fails_undoes_itself_and_no_other(database: Database, writer: Writer) -> None:
    held, going = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        going.set()
        held.wait(10)

    def wrong(connection: Connection) -> None:
        _person("wrong", connection)
        raise BadInput("no")

    first = writer.submit(hold)
    going.wait(10)  # so that the others come into one transaction
    good = [writer.submit(partial(_person, f"p{n}")) for n in range(3)]
    bad, twice = writer.submit(wrong), writer.submit(lambda c: _person("p1", c))
    after = writer.submit(lambda c: _person("after", c))
    held.set()
    first.result()
    assert [g.result() for g in good] == ["p0", "p1", "p2"]
    with pytest.raises(BadInput):
        bad.result()
    assert isinstance(twice.exception(), StorageFailed), "told in our words"
    assert after.result() == "after"
    assert _count(database) == 4


def test_many_threads_write_through_one(database: Database, writer: Writer) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: writer.write(partial(_person, f"p{n}")), range(200)))
    assert _count(database) == 200


def test_a_full_queue_and_a_closed_one_say_so(
    database: Database, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earwitness.archive.writer.WAITING", 0)
    with pytest.raises(Busy, match="too much waits"):
        writer.submit(lambda c: None)
    writer.close()
    with pytest.raises(StorageFailed, match="closed"):
        writer.submit(lambda c: None)


def test_what_is_written_much_goes_from_the_log_into_the_file_meanwhile(database: Database) -> None:
    if database.file is None:
        pytest.skip("PostgreSQL does that by itself")
    with closing(Writer(database)) as writer:
        writer.write(partial(_person, "first"))
        assert database.empty_log()
        before = database.file.stat().st_size
        for number in range(EACH):
            writer.write(partial(_person, f"somebody {number}"))
        deadline = time.monotonic() + 20
        while database.file.stat().st_size == before:
            assert time.monotonic() < deadline, "all of it lies in the log"
            time.sleep(0.01)
        assert database.empty_log()
    assert _count(database) == EACH + 1
    assert not [t for t in threading.enumerate() if t.name == "archive-checkpoints"]


def test_what_waits_at_the_end_is_written(database: Database) -> None:
    writer = Writer(database)
    told = [writer.submit(partial(_person, f"p{n}")) for n in range(50)]
    writer.close()
    assert all(t.done() for t in told)
    assert _count(database) == 50


WRITES = """
import sys
from pathlib import Path
from sqlalchemy import insert
from earwitness.archive.database import Database
from earwitness.archive.schema.people import PersonRow
from earwitness.archive.search.index import COMPARED
from earwitness.archive.writer import Writer
place = sys.argv[1]
writer = Writer(Database(place if place.startswith("postgresql") else Path(place)))
for n in range(100_000):
    name = f"{sys.argv[2]}-{n}"
    writer.submit(
        lambda c, name=name: c.execute(insert(PersonRow).values(id=name, name=name, created_s=0.0)) and name
    ).add_done_callback(lambda told: print(told.result(), flush=True))
    if n % 50 == 49:
        writer.write(lambda c: None)
"""


def test_what_was_told_to_be_kept_survives_a_kill(database: Database, place: Path | str) -> None:
    told = set[str]()
    with database.writing():
        pass
    for round_ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITES, str(place), str(round_)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            told |= {process.stdout.readline().strip() for _ in range(120 * (round_ + 1))}
            process.send_signal(signal.SIGKILL)
            told |= {line for line in process.stdout.read().split("\n")[:-1] if line}
    with database.reading() as connection:
        assert connection is not None
        assert told <= set(connection.execute(select(PersonRow.id)).scalars())
    assert len(told) >= 3


# ── addresses ──
@pytest.mark.parametrize("wrong", ["mysql://u:secret@h/d", "no address", "postgresql//u:secret@h"])
def test_an_address_that_is_none_is_refused_without_showing_the_password(wrong: str) -> None:
    with pytest.raises(BadInput) as told:
        Database(wrong)
    assert "secret" not in f"{told.value.message} {told.value.remedy}"


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with (
        closing(Database(f"postgresql://me:secret@/none?host={tmp_path}")) as found,
        pytest.raises(StorageFailed, match="can't be reached") as told,
        found.writing(),
    ):
        pass
    assert "secret" not in f"{told.value.message} {told.value.remedy}"
