"""Opens the archive's database, brings its tables up to date, and hands out connections.

SQLite's file is made when something is first written; until then whoever reads finds nothing. A database that is
damaged, that belongs to something else or that a newer Earwitness has written is left as it is. Migrations run in one
transaction under the database's own lock: of several programs that open it at once one does the work, and one that is
killed leaves no half of it. Safe to share between threads.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError
from typing_extensions import override

from earwitness.archive import postgres, sqlite
from earwitness.archive.schema import HEAD
from earwitness.errors import EarwitnessError, StorageFailed

MIGRATIONS = Path(__file__).parent / "migrations"

ALEMBIC = threading.Lock()
"""Held while migrations run: Alembic keeps the connection at hand in globals, so two threads would mix theirs up."""


class Database:
    """The database in a file, or at an address. Raises StorageFailed and Busy from whatever touches it."""

    def __init__(self, place: Path | str) -> None:
        """`place` is SQLite's file, or PostgreSQL's address. Raises BadInput for another one."""
        self._place = place if isinstance(place, Path) else postgres.address(place)
        self._lock, self._moving = threading.Lock(), threading.Lock()
        self._engine: Engine | None = None

    @property
    def file(self) -> Path | None:
        """SQLite's file."""
        return self._place if isinstance(self._place, Path) else None

    @property
    def there(self) -> bool:
        """Whether there is anything to read."""
        return self._engine is not None or self.file is None or self.file.exists()

    @override
    def __str__(self) -> str:
        return str(self._place) if isinstance(self._place, Path) else postgres.shown(self._place)

    @contextmanager
    def reading(self) -> Iterator[Connection | None]:
        """A connection that sees one moment of the database; None where there is none yet."""
        if not self.there:
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

    def size(self) -> int:
        """Bytes that the database takes; 0 where there is none yet."""
        if self.file is not None:
            beside = (self.file.with_name(self.file.name + end) for end in ("", "-wal", "-shm"))
            return sum(path.stat().st_size for path in beside if path.exists())
        with self.reading() as connection:
            assert connection is not None
            return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())

    def notices(self, each_s: float) -> Iterator[bool]:
        """See `sqlite.notices` and `postgres.notices`; a file that is not there yet is waited for."""
        while not self.there:
            yield False
            time.sleep(each_s)
        with self._explained():
            yield from (sqlite if self.file else postgres).notices(self._opened(), each_s)

    def empty_log(self) -> bool:
        """Bring everything into the file, so that what was deleted is gone; False where a reader was in the way."""
        with self._explained(), self._moving:
            return sqlite.emptied(self._opened()) if self.file else postgres.emptied(self._opened())

    def shorten_log(self) -> None:
        """Bring what is in SQLite's log into the file, as far as nobody has to wait for it."""
        with self._explained(), self._moving:
            sqlite.moved(self._opened())

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
        if isinstance(self._place, Path):
            sqlite.made(self._place)
            engine = sqlite.engine(self._place)
        else:
            engine = postgres.engine(self._place)
        try:
            with engine.connect() as connection:
                found = _revision(connection, str(self))
            if found not in {None, HEAD}:
                _check_known(found, str(self))
            if self.file:
                sqlite.log_ahead(engine)
            if found != HEAD:
                with engine.execution_options(**{sqlite.WRITES: True}).begin() as connection:
                    if _revision(connection, str(self)) != HEAD:
                        migrate(connection)
        except BaseException:
            engine.dispose()
            raise
        return engine

    def explained(self, error: DBAPIError | sqlite3.Error) -> EarwitnessError:
        """An error of the database as one of ours."""
        if isinstance(self._place, str) and isinstance(error, DBAPIError):
            return postgres.explained(error, self._place)
        return sqlite.explained(error, Path(self._place))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:
            raise self.explained(error) from error


def _revision(connection: Connection, place: str) -> str | None:
    """The newest migration that a database has seen; None for an empty one. Raises StorageFailed for a strange one."""
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if tables:
        raise StorageFailed(
            f"{place} is a database, but not of Earwitness",
            remedy="Move it away, or choose another (EARWITNESS_HOME, EARWITNESS_DATABASE_URL). It was not changed.",
        )
    return None


def _check_known(revision: str | None, place: str) -> None:
    """Raise StorageFailed for a migration that this version does not know."""
    if not any(path.name.startswith(f"{revision}_") for path in (MIGRATIONS / "versions").glob("*.py")):
        raise StorageFailed(
            f"{place} was written by a newer Earwitness (its tables are at {revision}, this version knows {HEAD})",
            remedy="Install that version, or choose another place. Nothing was changed in it.",
        )


def migrate(connection: Connection) -> None:
    """Bring a database's tables up to date."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    with ALEMBIC:
        command.upgrade(config, "head")
