"""What all tables have in common."""

from sqlalchemy import BigInteger, Integer, MetaData, String
from sqlalchemy.orm import DeclarativeBase

NAMES = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
}
"""How constraints are called, so that migrations on any database can name them."""

Ident = String(32)
"""Ids that clients see: a letter, a line, and sixteen random digits."""

Serial = BigInteger().with_variant(Integer, "sqlite")
"""Numbers that only grow and are never given twice."""

NEVER_AGAIN = {"sqlite_autoincrement": True}
"""For tables with serials: SQLite would use those of deleted rows again."""


class Tables(DeclarativeBase):
    """All tables. Times named `*_s` with `at`, `made`, `changed`, `began` are seconds of the Unix clock."""

    metadata = MetaData(naming_convention=NAMES)
