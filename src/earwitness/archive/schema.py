"""The tables. A change here needs a migration beside it and its number in `HEAD`; tests compare the three."""

from sqlalchemy import Double, ForeignKey, LargeBinary, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

HEAD = "0001"
"""The newest migration."""

NAMES = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
}
"""How constraints are called, so that migrations on any database can name them."""


class Tables(DeclarativeBase):
    """All tables. Times are seconds of the Unix clock."""

    metadata = MetaData(naming_convention=NAMES)


class PersonRow(Tables):
    """A person: an id that never changes, and a name that may."""

    __tablename__ = "people"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    created_s: Mapped[float] = mapped_column(Double)


class VoiceRow(Tables):
    """One embedding of a person's voice: float32, little-endian, of length one."""

    __tablename__ = "voices"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    embedding: Mapped[bytes] = mapped_column(LargeBinary)
    model: Mapped[str] = mapped_column(String(200))
    speech_s: Mapped[float] = mapped_column(Double)
    origin: Mapped[str] = mapped_column(String(200))
    created_s: Mapped[float] = mapped_column(Double)


class MergedRow(Tables):
    """The id of a person who was merged into another one, where it leads to. It never leads to another such id."""

    __tablename__ = "merged"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
