"""The database that a benchmark is asked to use; imported, not run."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import common

sys.path.insert(0, str(common.ROOT / "tests"))

from support import postgres


@contextmanager
def reached(database: str) -> Iterator[str]:
    """Its address; empty for SQLite. `own` starts a PostgreSQL from the system's packages."""
    if database != "own":
        yield database
        return
    programs = postgres.programs() or sys.exit("PostgreSQL is not installed: apt install postgresql")
    with postgres.running(programs) as address:
        yield address
