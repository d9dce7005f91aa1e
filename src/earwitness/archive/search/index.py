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


def tidied(connection: Connection) -> None:
    """Let go of the words of segments that were deleted: the index keeps them until then. Takes seconds."""
    if connection.dialect.name == "sqlite":
        connection.execute(text("INSERT INTO segment_fts(segment_fts) VALUES ('optimize')"))
    else:
        connection.execute(
            text(
                "DELETE FROM segment_terms WHERE NOT EXISTS "
                "(SELECT FROM segments WHERE vector @@ ('''' || term || '''')::tsquery)"
            )
        )
