"""Opens the archive's database, brings its tables up to date, and hands out connections.

The file is made when something is first written; until then whoever reads finds nothing. A database that is damaged,
that belongs to something else or that a newer Earwitness has written is left as it is. Migrations run in one
transaction under the database's own lock: of several programs that open it at once one does the work, and one that is
killed leaves no half of it. Safe to share between threads.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from earwitness.archive import sqlite
from earwitness.archive.schema import HEAD
from earwitness.errors import StorageFailed

MIGRATIONS = Path(__file__).parent / "migrations"

ALEMBIC = threading.Lock()
"""Held while migrations run: Alembic keeps the connection at hand in globals, so two threads would mix theirs up."""


class Database:
    """The database in a file. Raises StorageFailed and Busy from whatever touches it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    @contextmanager
    def reading(self) -> Iterator[Connection | None]:
        """A connection that sees one moment of the database; None where there is none yet."""
        if self._engine is None and not self.file.exists():
            yield None
            return
        with self._explained(), self._opened().connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection whose changes are all kept, once the block ends well, or none of them. One at a time writes."""
        with self._explained():
            writer = self._opened().execution_options(**{sqlite.WRITES: True})
            with writer.begin() as connection:
                yield connection

    def empty_log(self) -> bool:
        """Bring everything into the file, so that what was deleted is gone; False where a reader was in the way."""
        with self._explained():
            return sqlite.emptied(self._opened())

    def close(self) -> None:
        """Let go of the file. The database opens again when it is next wanted."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def _opened(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = self._open()
            return self._engine

    def _open(self) -> Engine:
        sqlite.made(self.file)
        engine = sqlite.engine(self.file)
        try:
            with engine.connect() as connection:
                found = _revision(connection, self.file)
            if found not in {None, HEAD}:
                _check_known(found, self.file)
            sqlite.log_ahead(engine)
            if found != HEAD:
                with engine.execution_options(**{sqlite.WRITES: True}).begin() as connection:
                    if _revision(connection, self.file) != HEAD:
                        _migrate(connection)
        except BaseException:
            engine.dispose()
            raise
        return engine

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:
            raise sqlite.explained(error, self.file) from error


def _revision(connection: Connection, file: Path) -> str | None:
    """The newest migration that a database has seen; None for an empty one. Raises StorageFailed for a strange one."""
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if tables:
        raise StorageFailed(
            f"{file} is a database, but not of Earwitness",
            remedy="Move it away, or choose another folder with EARWITNESS_HOME. Nothing was changed in it.",
        )
    return None


def _check_known(revision: str | None, file: Path) -> None:
    """Raise StorageFailed for a migration that this version does not know."""
    if not any(path.name.startswith(f"{revision}_") for path in (MIGRATIONS / "versions").glob("*.py")):
        raise StorageFailed(
            f"{file} was written by a newer Earwitness (its tables are at {revision}, this version knows {HEAD})",
            remedy="Install that version, or choose another folder with EARWITNESS_HOME. Nothing was changed in it.",
        )


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    with ALEMBIC:
        command.upgrade(config, "head")
