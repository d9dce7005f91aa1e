"""Looks after the archive: is it sound, a copy of it while it is at work, and back from such a copy.

A copy is a folder: `archive.db`, `files` as they lie in the archive, and `backup.json`, which says what must be there.
It gets its name once it is whole. PostgreSQL has programs of its own for this, and they are named.
"""

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from earwitness.archive import postgres
from earwitness.archive.schema import HEAD, Tables
from earwitness.archive.schema.heard import FileRow
from earwitness.archive.sweeping import free, orphaned
from earwitness.archive.whole import Archive
from earwitness.errors import BadInput, Busy, NotFound, StorageFailed, Unsupported
from earwitness.files import digest

DATABASE, FILES, SAYS = "archive.db", "files", "backup.json"
KEY = "secrets.key"
BESIDE = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Health:
    """What is wrong with an archive: sentences on the database, files that are not there, and files of no recording."""

    damage: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing is damaged and nothing missing; files of nobody do no harm."""
        return not (self.damage or self.missing)


def check(archive: Archive) -> Health:
    """Look at everything. Raises StorageFailed where the database can't be opened."""
    damage = list[str]()
    with archive.database.reading() as connection:
        if connection is None:
            return Health()
        if archive.database.file:
            damage += [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check") if row[0] != "ok"]
            for row in connection.exec_driver_sql("PRAGMA foreign_key_check"):
                damage.append(f"row {row[1]} of {row[0]} belongs to a row of {row[2]} that is not there")
        else:
            damage += postgres.damage(connection, [table.name for table in Tables.metadata.sorted_tables])
        paths = connection.execute(select(FileRow.path).order_by(FileRow.path)).scalars().all()
    missing = [path for path in paths if not (archive.folder / path).is_file()]
    orphans = [path.relative_to(archive.folder).as_posix() for path in orphaned(archive)]
    return Health(tuple(damage), tuple(missing), tuple(orphans))


def sizes(archive: Archive) -> dict[str, float]:
    """Bytes of the archive's files by what they are, of its `database`, and of the disk what is `free`."""
    found = {"database": float(archive.database.size()), "free": float(free(archive.folder))}
    with archive.database.reading() as connection:
        if connection is not None:
            asked = select(FileRow.kind, func.sum(FileRow.size)).group_by(FileRow.kind)
            found |= {kind: float(size) for kind, size in connection.execute(asked)}
    return found


def backup(archive: Archive, target: Path) -> int:
    """Copy an archive that may be at work; the number of its files.

    Raises BadInput where the target is there, NotFound without an archive, Unsupported for PostgreSQL, StorageFailed.
    """
    _sqlite(archive)
    if target.exists():
        raise BadInput(f"{target} is there already", remedy="Name a folder that is not there yet.")
    if not archive.database.there:
        raise NotFound("there is no archive yet", remedy="It is made when something is first kept.")
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        beside.mkdir(parents=True, mode=0o700)
        _copy_database(archive, beside / DATABASE)
        number = _copy_files(archive, beside)
        says = {"made_s": time.time(), "migration": HEAD, "sha256": digest(beside / DATABASE), "files": number}
        (beside / SAYS).write_text(json.dumps(says))
        beside.rename(target)
    except OSError as error:
        raise StorageFailed(f"{target} can't be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return number


def restore(archive: Archive, source: Path, *, force: bool = False) -> Path | None:
    """Put a copy in the place of the archive, once it is found to be whole; where the old database went, if any.

    Raises BadInput where the copy is damaged, or an archive is there and `force` is not set, Busy where a server works
    with it, Unsupported for PostgreSQL, StorageFailed.
    """
    place = _sqlite(archive)
    verify(source)
    if place.exists() and not force:
        raise BadInput(f"{place} is there already", remedy="Add --force to put the backup in its place.")
    try:
        _alone(place)
        beside = place.with_name(f".{place.name}.{os.getpid()}.part")
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copyfile(source / DATABASE, beside)
        beside.chmod(0o600)
        shutil.copytree(source / FILES, archive.folder, dirs_exist_ok=True)
        with suppress(FileNotFoundError):
            (archive.folder / KEY).chmod(0o600)
        old = _aside(place)
        beside.replace(place)
    except OSError as error:
        raise StorageFailed(f"{place} can't be written: {error.strerror or error}") from error
    return old


def verify(source: Path) -> None:
    """Raise BadInput where a copy is not whole, and where a newer version has made it."""
    try:
        says: dict[str, Any] = json.loads((source / SAYS).read_text())
        whole = digest(source / DATABASE) == says["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{source} is no backup of an archive: {type(error).__name__}") from error
    if not whole:
        raise BadInput(f"the database in {source} is damaged: its checksum is another")
    if str(says.get("migration", "")) > HEAD:
        raise BadInput(f"{source} was made by a newer Earwitness", remedy="Install that version.")
    try:
        address = f"{(source / DATABASE).resolve().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(address, uri=True)) as found:
            (said,) = found.execute("PRAGMA integrity_check(1)").fetchone()
            files = found.execute("SELECT path, size FROM files").fetchall()
    except sqlite3.Error as error:
        raise BadInput(f"the database in {source} is damaged: {error}") from error
    if said != "ok":
        raise BadInput(f"the database in {source} is damaged: {said}")
    for path, size in files:
        lies = source / FILES / path
        if lies.is_file() and lies.stat().st_size != size:
            raise BadInput(f"the file {path} in {source} is damaged: it has not {size} bytes")


def _sqlite(archive: Archive) -> Path:
    if archive.database.file is None:
        raise Unsupported(
            "this archive is in PostgreSQL, which copies itself",
            remedy=f"pg_dump --format=custom --file=archive.dump '{archive.database}', and copy {archive.folder}; back "
            f"with pg_restore --clean --if-exists --dbname='{archive.database}' archive.dump",
        )
    return archive.database.file


def _copy_database(archive: Archive, target: Path) -> None:
    with archive.database.reading() as connection, closing(sqlite3.connect(target)) as copy:
        assert connection is not None
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
    target.chmod(0o600)


def _copy_files(archive: Archive, target: Path) -> int:
    """The files that the copied database names, and the key; one that was swept meanwhile is left out."""
    (target / FILES).mkdir()
    with closing(sqlite3.connect(target / DATABASE)) as copy:
        paths = [path for (path,) in copy.execute("SELECT path FROM files")]
    number = 0
    for path in (*paths, KEY):
        lies = target / FILES / path
        lies.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            shutil.copy2(archive.folder / path, lies)
            number += path != KEY
    return number


def _alone(place: Path) -> None:
    """Raise Busy where another program has the database open."""
    if not place.exists():
        return
    try:
        with closing(sqlite3.connect(place, timeout=0.2)) as found:
            mode = found.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.OperationalError:
        mode = ("busy",)
    except sqlite3.DatabaseError:
        return  # damaged: that is what backups are for
    if mode != ("delete",):
        raise Busy("a server works with this archive", retry_after_s=5.0, remedy="Stop it first.")


def _aside(place: Path) -> Path | None:
    """Move a database out of the way, with what lies beside it."""
    if not place.exists():
        return None
    old = place.with_name(f"{place.name}.{time.strftime('%Y%m%d-%H%M%S')}")
    for end in BESIDE:
        with suppress(FileNotFoundError):
            place.with_name(place.name + end).rename(old.with_name(old.name + end))
    return old
