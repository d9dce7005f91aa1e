"""The audit: who did what, from where, and when. Written in the transaction of what was done; ids and facts alone."""

import time
from collections.abc import Mapping

from sqlalchemy import Connection, insert, select

from earwitness.archive.account import By, Entry
from earwitness.archive.database import Database
from earwitness.archive.schema.accounts import AuditRow
from earwitness.types import Json

PAGE = 100


def noted(connection: Connection, by: By, what: str, about: Mapping[str, Json]) -> None:
    """Write down one thing that was done."""
    row = {"at_s": time.time(), "by": by.id[:64], "address": by.address[:60], "what": what, "about": dict(about)}
    connection.execute(insert(AuditRow).values(row))


class Audit:
    """The audit of a database, to be read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, before: int | None = None, most: int = PAGE) -> tuple[Entry, ...]:
        """The newest entries, or those before one of them; newest first."""
        wanted = select(AuditRow).order_by(AuditRow.id.desc()).limit(most)
        if before is not None:
            wanted = wanted.where(AuditRow.id < before)
        with self._database.reading() as connection:
            return () if connection is None else tuple(Entry(**row) for row in connection.execute(wanted).mappings())
