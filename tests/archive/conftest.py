"""Every test here runs on SQLite and on PostgreSQL, a fresh database each."""

import itertools
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from earwitness.archive.database import Database
from earwitness.archive.whole import Archive
from earwitness.archive.writer import Writer
from support import postgres

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a server; without one the tests are skipped, but not where changes are checked."""
    found = postgres.programs()
    if found is None:
        assert not os.environ.get("CI"), "PostgreSQL must be there: apt install postgresql"
        pytest.skip("PostgreSQL is not installed: apt install postgresql")
    with postgres.running(found) as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    """Where an empty database lies."""
    if request.param == "sqlite":
        yield tmp_path / "archive.db"
        return
    address: str = request.getfixturevalue("postgresql")
    name = f"test{next(NUMBERS)}"
    engine = create_engine(address.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield address.replace("/postgres?", f"/{name}?")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def database(place: Path | str) -> Iterator[Database]:
    """An empty database."""
    with closing(Database(place)) as found:
        yield found


@pytest.fixture
def writer(database: Database) -> Iterator[Writer]:
    """Its writer."""
    with closing(Writer(database)) as found:
        yield found


@pytest.fixture
def archive(place: Path | str, tmp_path: Path) -> Iterator[Archive]:
    """The rooms over an empty database."""
    with closing(Archive(place, tmp_path / "archive")) as found:
        yield found
