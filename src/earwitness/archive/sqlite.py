"""What SQLite needs beside SQL: how a file is opened, how bytes are made to vanish, and what its errors mean."""

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from earwitness.errors import Busy, EarwitnessError, StorageFailed

WAIT_S = 10.0
"""How long a program waits for another one that is writing."""

WRITES = "earwitness_writes"
"""Execution option of connections that will write, and so take their turn at once."""

MAKING = threading.Lock()
"""Held while a file is made, so that no thread opens it as a database before it is closed here."""

SETUP = (
    f"PRAGMA busy_timeout = {int(1000 * WAIT_S)}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",  # what is deleted is overwritten by zeros
    "PRAGMA synchronous = FULL",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA wal_autocheckpoint = 4000",  # pages, 16 MB; see checkpoints.py, which comes first where much is written
)

MEANINGS = (
    (
        ("SQLITE_NOTADB", "SQLITE_CORRUPT"),
        "is damaged, or is no database of Earwitness",
        "Move it away, with its -wal and -shm files, or put a backup in its place. Nothing was changed in it.",
    ),
    (
        ("SQLITE_FULL", "SQLITE_IOERR"),
        "can't be written or read: the disk is full or faulty",
        "Free some space. What was stored before is still there.",
    ),
    (
        ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH"),
        "can't be opened, or not be written by this user",
        "Give this user the right to write the file and its folder, or choose another with EARWITNESS_HOME.",
    ),
)
"""By the beginning of SQLite's name of an error: what is said of the file, and what to do."""


def engine(file: Path) -> Engine:
    """An engine for a file that is there. No connection is made yet."""
    made = create_engine(URL.create("sqlite", database=str(file)), connect_args={"timeout": WAIT_S})

    @event.listens_for(made, "connect")
    def _connected(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # we begin transactions; sqlite3 would leave tables out of them
        try:
            cursor = connection.cursor()
            for pragma in SETUP:
                cursor.execute(pragma)
            cursor.close()
        except BaseException:  # the pool does not know the connection yet and would leave it open
            connection.close()
            raise

    @event.listens_for(made, "begin")
    def _begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return made


def made(file: Path) -> None:
    """Make an empty file that its owner alone may read, unless it is there. Raises StorageFailed.

    One that is there is never opened here: closing any descriptor of a file ends all locks of the process on it
    (POSIX), SQLite's too, and the next program that closes the database takes away the log of those who use it.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with MAKING, suppress(FileExistsError):
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise StorageFailed(f"{file} can't be opened for writing: {error.strerror or error}") from error
    if why := _why_not(file):
        raise StorageFailed(f"{file} can't be opened for writing: {why}")


def _why_not(file: Path) -> str | None:
    if not file.is_file():
        return "it is no file"
    if os.access(file, os.R_OK | os.W_OK):
        return None
    read_only = hasattr(os, "statvfs") and os.statvfs(file).f_flag & os.ST_RDONLY
    return os.strerror(errno.EROFS) if read_only else "this user may not"


def log_ahead(source: Engine) -> None:
    """Let readers and a writer work at the same time. Several programs may say so at once."""
    until = time.monotonic() + WAIT_S
    while True:
        try:
            if _pragma(source, "PRAGMA journal_mode = WAL") == ("wal",):
                return
        except sqlite3.OperationalError as error:  # SQLite does not wait by itself here
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > until:
                raise
        if time.monotonic() > until:
            raise StorageFailed(
                "the database can't keep a log of its own beside it", remedy="Choose a folder on a local disk."
            )
        time.sleep(0.02)


def notices(source: Engine, each_s: float) -> Iterator[bool]:
    """Whether another connection wrote something since it was last asked, every so many seconds; one is held for it.

    The first answer is yes, since nobody asked before. Source: sqlite.org/pragma.html, data_version.
    """
    connection = source.raw_connection()
    try:
        cursor, before = connection.cursor(), -1
        while True:
            cursor.execute("PRAGMA data_version")
            ((now,),) = cursor.fetchall()
            yield now != before
            before = now
            time.sleep(each_s)
    finally:
        connection.close()


def emptied(source: Engine) -> bool:
    """Bring everything from the log into the file and empty the log; False where a reader held it for too long."""
    return _pragma(source, "PRAGMA wal_checkpoint(TRUNCATE)")[0] == 0


def moved(source: Engine) -> None:
    """Bring the log into the file without holding up whoever reads or writes; not at all while another one does."""
    _pragma(source, "PRAGMA wal_checkpoint(PASSIVE)")


def explained(error: DBAPIError | sqlite3.Error, file: Path) -> EarwitnessError:
    """An error of the database as one of ours."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = str(getattr(cause, "sqlite_errorname", ""))
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Busy(f"another program is writing to {file}", retry_after_s=2.0)
    for starts, what, remedy in MEANINGS:
        if code.startswith(starts):
            return StorageFailed(f"{file} {what} ({cause})", remedy=remedy)
    return StorageFailed(f"{file} does not answer as it should: {cause}")


def _pragma(source: Engine, statement: str) -> tuple[object, ...]:
    """The first row that a pragma answers with, outside of any transaction."""
    connection = source.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(statement)
        found = tuple(cursor.fetchone() or ())
        cursor.close()
        return found
    finally:
        connection.close()
