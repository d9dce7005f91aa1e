"""Copies of the archive and back, what is found to be wrong with it, and what leaves it by itself."""

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import insert, text, update

from earwitness.archive import sweeping, told, upkeep
from earwitness.archive.schema.heard import RecordingRow, SegmentRow, SourceRow
from earwitness.archive.search import index
from earwitness.archive.sweeping import DAY_S, Policy, sweep
from earwitness.archive.viewer import HOUSE
from earwitness.archive.whole import Archive
from earwitness.errors import BadInput, Busy, NotFound, StorageFailed, Unsupported
from earwitness.types import Provenance, Segment, Transcript

SPOKEN = Transcript((Segment(0.0, 1.0, "Hello."),), 1.0, None, "transcribe", Provenance("0", "f", "f", "t", {}))
NOW = time.time()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Archive]:
    """An archive in a file."""
    with closing(Archive(tmp_path / "archive.db", tmp_path / "archive")) as found:
        yield found


def kept(archive: Archive, *, days: float = 0.0, sound: int = 0, kind: str = "audio", **values: object) -> str:
    """A recording that old, with so many bytes of sound."""
    ident = archive.recordings.add(SPOKEN, viewer=HOUSE, title="", kind="file", began_s=NOW - days * DAY_S)
    made_s = NOW - days * DAY_S
    if sound:
        path = f"audio/{ident}/0.ogg"
        (archive.folder / path).parent.mkdir(parents=True)
        (archive.folder / path).write_bytes(b"s" * sound)
        row = {"recording_id": ident, "kind": kind, "path": path, "start_s": 0.0, "end_s": 1.0, "size": sound}
        archive.writer.write(partial(told.piece, row | {"made_s": made_s}))
    change = (
        update(RecordingRow).where(RecordingRow.id == ident).values(**{"made_s": made_s, "changed_s": made_s, **values})
    )
    with archive.database.writing() as connection:
        connection.execute(change)
    return ident


def there(archive: Archive) -> set[str]:
    return {r.id for r in archive.recordings.page(most=200).recordings}


def sounding(archive: Archive) -> set[str]:
    return {i for i in there(archive) if archive.recordings.files(i) and list((archive.folder / "audio" / i).iterdir())}


def words(archive: Archive) -> set[str]:
    with archive.database.writing() as connection:
        return set(connection.execute(text("SELECT term FROM segment_terms WHERE length(term) > 3")).scalars())


# ── what leaves ──
def test_the_words_of_what_is_gone_leave_the_index_too(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "PAGES", 1)
    gone, old, stays = kept(archive), kept(archive, days=31), kept(archive)
    said = {gone: "Removed by somebody", old: "Outdated by itself", stays: "Staying with us"}
    for ident, spoken in said.items():
        with archive.database.writing() as connection:
            connection.execute(update(SegmentRow).where(SegmentRow.recording_id == ident).values(tokens=spoken.lower()))
    archive.recordings.remove(gone)
    assert words(archive) >= {"outdated", "staying"}
    sweep(archive, Policy({"text": 30}), now=NOW)
    assert words(archive) == {"staying", "with"}


def test_what_is_old_leaves_but_not_what_is_kept_in_work_or_open(archive: Archive) -> None:
    old, young = kept(archive, days=31, sound=10), kept(archive, days=29, sound=10)
    stays = {
        kept(archive, days=31, sound=10, kept=True),
        kept(archive, days=31, sound=10, changed_s=NOW - 60),
        kept(archive, days=31, sound=10, state="open", changed_s=NOW - 2 * DAY_S),
    }
    found = sweep(archive, Policy({"audio": 30}), now=NOW)
    assert (found.recordings, found.files, found.size, found.short) == (0, 1, 10, False)
    assert there(archive) == {old, young, *stays}
    assert sounding(archive) == {young, *stays}
    found = sweep(archive, Policy({"text": 30, "audio": 0}), now=NOW)
    assert found.recordings == 1
    assert there(archive) == {young, *stays}
    assert sweep(archive, Policy({"text": 30}), now=NOW) == sweeping.Swept()


def test_many_leave_in_small_steps(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "TOGETHER", 2)
    for _ in range(5):
        kept(archive, days=9, sound=1)
    found = sweep(archive, Policy({"audio": 1, "text": 2}), now=NOW)
    assert (found.recordings, found.files) == (5, 5)
    assert not list((archive.folder / "audio").rglob("*"))


def test_sources_have_days_of_their_own(archive: Archive) -> None:
    with archive.database.writing() as connection:
        for name, keep in (("s_short", {"text": 1}), ("s_good", {"text": None}), ("s_none", {})):
            row = {"id": name, "name": name, "kind": "mic", "options": {}, "keep": keep, "enabled": True, "made_s": 0.0}
            connection.execute(insert(SourceRow).values(**row))
    short, good, none = (kept(archive, days=5, source_id=s) for s in ("s_short", "s_good", "s_none"))
    assert sweep(archive, Policy({"text": 10}), now=NOW).recordings == 1
    assert there(archive) == {good, none}
    assert sweep(archive, Policy({"text": 3}), now=NOW).recordings == 1
    assert there(archive) == {good}
    assert short != good


def test_too_much_leaves_the_oldest_first_and_text_stays(archive: Archive) -> None:
    megabyte = 2**20
    oldest = kept(archive, days=9, sound=megabyte)
    middle, youngest = kept(archive, days=5, sound=megabyte), kept(archive, days=1, sound=megabyte)
    pinned = kept(archive, days=20, sound=megabyte, kept=True)
    assert sweep(archive, Policy(most_mb=4), now=NOW).files == 0
    assert sweep(archive, Policy(most_mb=3), now=NOW).files == 1
    assert sounding(archive) == {middle, youngest, pinned}
    found = sweep(archive, Policy(most_mb=0.5), now=NOW)
    assert (found.files, found.short) == (2, True)
    assert there(archive) == {oldest, middle, youngest, pinned}


def test_a_disk_that_runs_full_is_given_room(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(archive, days=9, sound=100)
    video = kept(archive, days=1, sound=100, kind="video")
    monkeypatch.setattr(sweeping, "free", lambda _: 10 * 2**20 - 50)
    assert sweep(archive, Policy(min_free_mb=9), now=NOW).files == 0
    assert sweep(archive, Policy(min_free_mb=10), now=NOW).files == 1
    assert archive.recordings.files(video) == ()


def test_files_of_nobody_leave_once_they_are_old(archive: Archive) -> None:
    live = kept(archive, state="open")
    for name, age_s in (
        ("audio/x/0.ogg", 2 * DAY_S),
        ("audio/x/1.ogg.part", 60),
        (f"audio/{live}/0.ogg.part", 2 * DAY_S),
    ):
        path = archive.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        os.utime(path, (NOW - age_s, NOW - age_s))
    (archive.folder / "secrets.key").write_bytes(b"k")
    assert upkeep.check(archive).orphans == ("audio/x/0.ogg",)
    assert sweep(archive, Policy(), now=NOW).orphans == 1
    assert len([p for p in archive.folder.rglob("*") if p.is_file()]) == 3


def test_what_a_server_that_is_gone_left_open_is_closed(archive: Archive) -> None:
    lost = kept(archive, days=8, state="open")
    sweep(archive, Policy(), now=NOW)
    assert archive.recordings.one(lost).state == "part"


def test_nothing_is_made_where_nothing_is(tmp_path: Path) -> None:
    with closing(Archive(tmp_path / "no.db", tmp_path / "no")) as nowhere:
        assert sweep(nowhere, Policy({"text": 1}, 1, 1)) == sweeping.Swept()
        assert upkeep.check(nowhere).sound
        with pytest.raises(NotFound):
            upkeep.backup(nowhere, tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


# ── is it sound ──
def test_missing_files_are_told(archive: Archive) -> None:
    ident = kept(archive, sound=3)
    assert upkeep.check(archive).sound
    shutil.rmtree(archive.folder / "audio")
    found = upkeep.check(archive)
    assert (found.sound, found.missing) == (False, (f"audio/{ident}/0.ogg",))


def test_a_damaged_database_is_told(file: Archive, tmp_path: Path) -> None:
    for _ in range(30):
        kept(file)
    file.close()
    raw = bytearray((tmp_path / "archive.db").read_bytes())
    raw[len(raw) // 2 :] = b"\xff" * (len(raw) - len(raw) // 2)
    (tmp_path / "archive.db").write_bytes(raw)
    with closing(Archive(tmp_path / "archive.db", tmp_path / "archive")) as again:
        try:
            found = upkeep.check(again).damage
        except StorageFailed as error:
            found = (error.message,)
        assert found


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_all_of_postgresql_is_read_and_its_indexes_are_looked_at(archive: Archive) -> None:
    kept(archive)
    with archive.database.writing() as connection:
        connection.execute(text("CREATE EXTENSION amcheck"))
    assert upkeep.check(archive).sound
    with archive.database.writing() as connection:
        connection.execute(text("DROP TABLE marks"))
        connection.execute(text("CREATE VIEW marks AS SELECT 1 / (random() * 0)::int AS broken"))
    assert upkeep.check(archive).damage == ("the table marks is damaged: division by zero",)


def test_what_the_archive_takes_is_added_up(archive: Archive) -> None:
    before = upkeep.sizes(archive)
    assert set(before) == {"database", "free"}
    kept(archive, sound=100)
    kept(archive, sound=50)
    found = upkeep.sizes(archive)
    assert (found["audio"], found["database"] > 0, found["free"] > 0) == (150.0, True, True)


# ── copies ──
def test_a_copy_is_made_while_it_is_written_and_comes_back_whole(file: Archive, tmp_path: Path) -> None:
    ident = kept(file, sound=7)
    sealed = file.seal.seal("secret")
    file.writer.submit(lambda _: time.sleep(0.2))
    assert upkeep.backup(file, tmp_path / "copy") == 1
    later = kept(file)
    assert not list(tmp_path.glob(".*")), "nothing half-made is left"
    with closing(Archive(tmp_path / "new" / "archive.db", tmp_path / "new" / "archive")) as other:
        assert upkeep.restore(other, tmp_path / "copy") is None
        assert there(other) == {ident}
        assert upkeep.check(other).sound
        assert other.seal.opened(sealed) == "secret"
        assert (tmp_path / "new" / "archive.db").stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadInput, match="there already"):
        upkeep.backup(file, tmp_path / "copy")
    with pytest.raises(BadInput, match="there already"):
        upkeep.restore(file, tmp_path / "copy")
    with pytest.raises(Busy, match="a server works"):
        upkeep.restore(file, tmp_path / "copy", force=True)
    assert later in there(file)
    file.close()
    with closing(Archive(tmp_path / "archive.db", tmp_path / "archive")) as again:
        old = upkeep.restore(again, tmp_path / "copy", force=True)
        assert there(again) == {ident}
        assert old is not None
        with closing(sqlite3.connect(old)) as before:
            assert before.execute("SELECT count(*) FROM recordings").fetchone() == (2,)


@pytest.mark.parametrize("how", ["none", "database", "words", "newer", "file", "no folder"])
def test_a_damaged_copy_changes_nothing(file: Archive, tmp_path: Path, how: str) -> None:
    ident, copy = kept(file, sound=7), tmp_path / "copy"
    upkeep.backup(file, copy)
    file.close()
    if how == "none":
        (copy / "backup.json").unlink()
    elif how == "database":
        with (copy / "archive.db").open("r+b") as raw:
            raw.seek(5000)
            raw.write(b"\xff" * 100)
    elif how == "words":
        (copy / "backup.json").write_text("[1]")
    elif how == "newer":
        says = json.loads((copy / "backup.json").read_text())
        (copy / "backup.json").write_text(json.dumps(says | {"migration": "9999"}))
    elif how == "file":
        (copy / "files" / "audio" / ident / "0.ogg").write_bytes(b"s")
    else:
        shutil.rmtree(copy)
    with closing(Archive(tmp_path / "archive.db", tmp_path / "archive")) as again:
        before = (tmp_path / "archive.db").read_bytes()
        with pytest.raises(BadInput):
            upkeep.restore(again, copy, force=True)
        assert (tmp_path / "archive.db").read_bytes() == before


def test_a_copy_on_a_full_disk_leaves_nothing(file: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(file, sound=7)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(StorageFailed, match="No space"):
        upkeep.backup(file, tmp_path / "copy")
    assert not list(tmp_path.glob("*copy*"))


def test_postgresql_is_copied_by_its_own_programs(tmp_path: Path) -> None:
    with closing(Archive("postgresql://me:secret@db/heard", tmp_path)) as there_:
        for asked in (upkeep.backup, upkeep.restore):
            with pytest.raises(Unsupported) as said:
                asked(there_, tmp_path / "copy")
            assert "pg_dump --format=custom --file=archive.dump 'postgresql://me:***@db/heard'" in said.value.remedy
            assert "pg_restore" in said.value.remedy
