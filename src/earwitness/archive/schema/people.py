"""People, their voices, and the ids of people who were merged."""

from sqlalchemy import Double, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from earwitness.archive.schema.base import Tables


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
