"""The archive's file: opened by several, killed in the middle, damaged, too new, too full, not to be written."""

import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert

from earwitness.archive import database
from earwitness.archive.database import MIGRATIONS, Database
from earwitness.archive.people import People
from earwitness.archive.schema import HEAD, Tables
from earwitness.archive.schema.people import PersonRow
from earwitness.archive.search.index import COMPARED
from earwitness.errors import Busy, StorageFailed
from support import disks
from support.colours import heard

ENROL = """
import sys
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from earwitness.archive.people import People
from support.colours import heard
people = People(Path(sys.argv[1]))
for i in range(int(sys.argv[2])):
    print(people.enrol(f"Somebody {i}", [heard(i), heard(i + 1)], another=True).id, flush=True)
"""
TESTS = str(Path(__file__).parents[1])


def enrolment(file: Path, count: int) -> list[str]:
    """What enrols so many, as a command."""
    return [sys.executable, "-c", ENROL, str(file), str(count), TESTS]


def enrolling(file: Path, count: int, *, largest_file: int | None = None) -> subprocess.Popen[str]:
    """A process that enrols so many and prints each id once it is kept."""
    command = enrolment(file, count)
    if largest_file is not None:
        command = ["bash", "-c", f'ulimit -f {largest_file // 1024}; exec "$@"', "-", *command]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def sound(file: Path) -> bool:
    """Whether SQLite finds the file in order, every row with its person."""
    with sqlite3.connect(file) as connection:
        whole = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        loose = connection.execute("PRAGMA foreign_key_check").fetchall()
    connection.close()
    return whole and not loose


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with one person."""
    found = tmp_path / "archive.db"
    people = People(found)
    people.enrol("Anna", [heard(1)])
    people.close()
    return found


def test_it_is_for_its_owner_alone(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600


# ── migrations ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_migrations_lead_to_the_tables_that_are_described(file: Path) -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]
    with closing(Database(file)) as found, found.reading() as connection:
        assert connection is not None
        assert compare_metadata(MigrationContext.configure(connection, opts=dict(COMPARED)), Tables.metadata) == []


def test_a_migration_that_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = database.migrate

    def broken(connection: Connection) -> None:
        whole(connection)
        raise KeyboardInterrupt

    monkeypatch.setattr(database, "migrate", broken)
    found = Database(tmp_path / "archive.db")
    with pytest.raises(KeyboardInterrupt), found.writing():
        pass
    with sqlite3.connect(tmp_path / "archive.db") as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    connection.close()
    monkeypatch.undo()
    with found.reading() as again:
        assert again is not None
    found.close()


def test_many_that_open_it_at_once_make_it_once(tmp_path: Path) -> None:
    processes = [enrolling(tmp_path / "archive.db", 3) for _ in range(4)]
    ids = []
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        ids += out.split()
    people = People(tmp_path / "archive.db")
    assert {p.id for p in people.all()} == set(ids)
    assert len(set(ids)) == 12
    people.close()
    assert sound(tmp_path / "archive.db")


def test_one_that_is_opened_again_beside_it_costs_it_nothing(file: Path) -> None:
    """Closing any descriptor of a file ends all locks of the process on it (POSIX): others then take its log away."""
    kept = People(file)
    kept.enrol("Bert", [heard(2)])
    with closing(People(file)) as beside:
        assert len(beside.all()) == 2
    out, err = enrolling(file, 1).communicate(timeout=60)
    assert out, err
    assert out.strip() in {p.id for p in kept.all()}
    mine = kept.enrol("Cecil", [heard(3)]).id
    with closing(sqlite3.connect(file)) as other:
        assert (mine,) in other.execute("SELECT id FROM people").fetchall()
    kept.close()
    assert sound(file)


def test_threads_may_make_many_at_once(tmp_path: Path) -> None:
    """Alembic's globals are shared by all threads of a process; without a lock this crashed the interpreter."""
    made = list[Path]()

    def work(n: int) -> None:
        with closing(Database(tmp_path / str(n) / "archive.db")) as found, found.writing() as connection:
            connection.execute(insert(PersonRow).values(id=f"p_{n}", name="Anna", created_s=0.0))
        made.append(tmp_path / str(n) / "archive.db")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    for file in made:
        with closing(People(file)) as people:
            assert [f"p_{file.parent.name}"] == [p.id for p in people.all()]


def test_threads_share_one(tmp_path: Path) -> None:
    people, made = People(tmp_path / "archive.db"), list[str]()

    def work(n: int) -> None:
        made.extend(people.enrol(f"{n} {i}", [heard(i)]).id for i in range(5))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {p.id for p in people.all()} == set(made)
    assert len(made) == 30
    people.close()


def test_a_newer_database_is_left_alone(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = file.read_bytes()
    for _ in range(2):
        with pytest.raises(StorageFailed, match="newer Earwitness") as failure:
            People(file).all()
    assert "9999" in failure.value.message
    assert "Install that version" in failure.value.remedy
    assert file.read_bytes() == before


# ── damage ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("how", ["no database", "cut", "zeros inside"])
def test_a_damaged_file_is_told_and_not_overwritten(file: Path, how: str) -> None:
    whole = file.read_bytes()
    damaged = {
        "no database": b"Dear diary, " * 500,
        "cut": whole[:5000],
        "zeros inside": whole[:100] + bytes(len(whole) - 100),
    }[how]
    file.write_bytes(damaged)
    people = People(file)
    for _ in range(2):
        with pytest.raises(StorageFailed, match="damaged") as failure:
            people.enrol("Bert", [heard(2)])
        assert "Move it away" in failure.value.remedy
    people.close()
    assert file.read_bytes() == damaged


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "archive.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE recipes (cake TEXT)")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(StorageFailed, match="not of Earwitness"):
        People(file).enrol("Anna", [heard(1)])
    assert file.read_bytes() == before


def test_a_place_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(StorageFailed, match="can't be opened for writing"):
        People(tmp_path / "home" / "archive.db").enrol("Anna", [heard(1)])
    (tmp_path / "archive.db").mkdir()
    with pytest.raises(StorageFailed, match="can't be opened for writing"):
        People(tmp_path / "archive.db").enrol("Anna", [heard(1)])


def test_a_read_only_folder_is_told(file: Path) -> None:
    command = [*disks.only_read(file.parent), *enrolment(file, 1)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "can't be opened for writing: Read-only file system" in done.stderr


def test_a_full_disk_is_told_and_what_was_kept_stays(file: Path) -> None:
    with enrolling(file, 1000, largest_file=200_000) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "StorageFailed" in err
    assert "the disk is full or faulty" in err
    people = People(file)
    assert {p.id for p in people.all()} > set(out.split())
    people.enrol("Carl", [heard(3)])
    people.close()
    assert sound(file)


def test_whoever_waits_too_long_is_told_to_come_back(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earwitness.archive.sqlite.SETUP", ())
    monkeypatch.setattr("earwitness.archive.sqlite.WAIT_S", 0.1)
    people = People(file)
    people.all()
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy, match="another program is writing"):
        people.enrol("Bert", [heard(2)])
    assert len(people.all()) == 1
    writer.close()
    people.enrol("Bert", [heard(2)])
    people.close()


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    file, ids = tmp_path / "archive.db", set[str]()
    for round_ in range(5):
        with enrolling(file, 100_000) as process:
            assert process.stdout is not None
            for _ in range(round_ * 7):
                ids.add(process.stdout.readline().strip())
            process.send_signal(signal.SIGKILL)
            ids |= {line for line in process.stdout.read().split("\n")[:-1] if line}
    people = People(file)
    everybody = people.all()
    assert ids <= {p.id for p in everybody}
    assert all(len(p.voices) == 2 for p in everybody)
    people.close()
    assert sound(file)
