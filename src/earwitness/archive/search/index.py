"""What the databases keep beside the segments for search: written in migration 0003, kept up by triggers.

SQLite has an FTS5 table over `segments.tokens`, PostgreSQL a column of vectors; both have `segment_terms`, the words
that were ever said. None of it is described as tables are, because each database has its own.
"""

from collections.abc import Callable

from sqlalchemy import Column, Connection, text
from sqlalchemy.schema import SchemaItem

TABLES = frozenset(
    {"segment_fts", "segment_terms", *(f"segment_fts_{part}" for part in ("data", "idx", "docsize", "config"))}
)
COLUMN, INDEX = ("segments", "vector"), "ix_segments_vector"


def compared(item: SchemaItem, name: str | None, kind: str, reflected: bool, other: SchemaItem | None) -> bool:
    """Whether Alembic compares something with the tables as they are described; its `include_object`."""
    del reflected, other
    if kind == "table":
        return name not in TABLES
    if kind == "column":
        assert isinstance(item, Column)
        return (item.table.name, name) != COLUMN
    return (kind, name) != ("index", INDEX)


COMPARED: dict[str, Callable[..., bool]] = {"include_object": compared}
"""The option, as Alembic's contexts take it."""


PAGES = 200
"""Pages of the index that are merged in one transaction: what is heard meanwhile waits no longer than for these."""


def tidied(connection: Connection, *, begin: bool = True) -> bool:
    """Take a step in letting go of the words of deleted segments, which the index keeps; True once nothing is left.

    Source: FTS5's documentation, section 6.8, "The 'merge' command".
    """
    if connection.dialect.name == "sqlite":
        before = connection.execute(text("SELECT total_changes()")).scalar_one()
        command = text("INSERT INTO segment_fts(segment_fts, rank) VALUES ('merge', :pages)")
        connection.execute(command, {"pages": -PAGES if begin else PAGES})
        return bool(connection.execute(text("SELECT total_changes()")).scalar_one() - before < 2)
    connection.execute(
        text(
            "DELETE FROM segment_terms WHERE NOT EXISTS "
            "(SELECT FROM segments WHERE vector @@ ('''' || term || '''')::tsquery)"
        )
    )
    return True
