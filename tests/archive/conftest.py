"""Every test here runs on SQLite and on PostgreSQL, a fresh database each."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from earwitness.archive.database import Database
from earwitness.archive.whole import Archive
from earwitness.archive.writer import Writer


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
