"""Sources, recordings, and what was said in them.

A segment's text and times as they were heard are never written over: a change makes a row in `revisions`, which holds
what was there before, and raises the segment's `revision`. What a person changed is marked, and stays as it is when the
recording is transcribed again.
"""

from typing import Any

from sqlalchemy import JSON, Boolean, Double, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from earwitness.archive.schema.base import NEVER_AGAIN, Ident, Serial, Tables


class SourceRow(Tables):
    """A live input. Its address may hold a password, and is kept sealed."""

    __tablename__ = "sources"

    id: Mapped[str] = mapped_column(Ident, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20))
    address: Mapped[bytes | None] = mapped_column(LargeBinary)
    options: Mapped[dict[str, Any]] = mapped_column(JSON)
    keep: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Days by what is kept: `text`, `audio`, `video`, `pictures`; without a number, for good."""
    enabled: Mapped[bool] = mapped_column(Boolean)
    made_s: Mapped[float] = mapped_column(Double)


class RecordingRow(Tables):
    """Something that was heard from its beginning to its end: a file, or a live session."""

    __tablename__ = "recordings"
    __table_args__ = (
        Index("ix_recordings_began_s_id", "began_s", "id"),
        Index("ix_recordings_owner_id_began_s", "owner_id", "began_s"),
        Index("ix_recordings_sha256", "sha256"),
        Index("ix_recordings_state", "state"),
    )

    id: Mapped[str] = mapped_column(Ident, primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    """`file` or `live`."""
    state: Mapped[str] = mapped_column(String(10))
    """`waiting`, `open`, `whole`, `part` (ended before its end) or `failed`."""
    title: Mapped[str] = mapped_column(String(300))
    owner_id: Mapped[str | None] = mapped_column(Ident)
    """The user whose it is; nobody's is everybody's who may see all. No foreign key: it outlives the account."""
    source_id: Mapped[str | None] = mapped_column(ForeignKey("sources.id", ondelete="SET NULL"), index=True)
    session: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Id of the live session."""
    told: Mapped[int | None] = mapped_column(Integer)
    """Number of the last event of the live session that is kept here."""
    sha256: Mapped[str | None] = mapped_column(String(64))
    began_s: Mapped[float] = mapped_column(Double)
    """When its first sample was heard; for a file, when it came."""
    duration_s: Mapped[float] = mapped_column(Double)
    language: Mapped[str | None] = mapped_column(String(16))
    about: Mapped[dict[str, Any]] = mapped_column(JSON)
    """The rest of the transcript as `earwitness.transcript/1` has it, without segments and speakers."""
    kept: Mapped[bool] = mapped_column(Boolean)
    """Not to be swept away by age."""
    made_s: Mapped[float] = mapped_column(Double)
    changed_s: Mapped[float] = mapped_column(Double)


class TakeRow(Tables):
    """One unbroken stretch of a recording. Wall clock of a position: `began_s` + (position - `start_s`)."""

    __tablename__ = "takes"
    __table_args__ = NEVER_AGAIN

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"), index=True)
    began_s: Mapped[float] = mapped_column(Double)
    start_s: Mapped[float] = mapped_column(Double)
    end_s: Mapped[float | None] = mapped_column(Double)
    """None while it is open, and after a crash until it is closed."""
    why: Mapped[str] = mapped_column(String(40))
    """Why it ended."""


class FileRow(Tables):
    """A file that belongs to a recording, below the archive's folder."""

    __tablename__ = "files"
    __table_args__ = (UniqueConstraint("path"), NEVER_AGAIN)

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    """`upload`, `audio`, `video` or `picture`."""
    path: Mapped[str] = mapped_column(String(300))
    start_s: Mapped[float] = mapped_column(Double)
    end_s: Mapped[float | None] = mapped_column(Double)
    size: Mapped[int] = mapped_column(Serial)
    sha256: Mapped[str | None] = mapped_column(String(64))
    made_s: Mapped[float] = mapped_column(Double)


class SegmentRow(Tables):
    """A segment: what is shown of a stretch of speech, as it is now. Ids follow the order of being kept."""

    __tablename__ = "segments"
    __table_args__ = (
        UniqueConstraint("recording_id", "number"),
        Index("ix_segments_recording_id_start_s", "recording_id", "start_s"),
        Index("ix_segments_said_s_id", "said_s", "id"),
        NEVER_AGAIN,
    )

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    """From 1 within the recording; that of a `Final` of the live session."""
    said_s: Mapped[float] = mapped_column(Double)
    """Wall clock of its start."""
    start_s: Mapped[float] = mapped_column(Double)
    end_s: Mapped[float] = mapped_column(Double)
    text: Mapped[str] = mapped_column(Text)
    tokens: Mapped[str] = mapped_column(Text)
    """What search looks at."""
    language: Mapped[str | None] = mapped_column(String(16))
    speaker: Mapped[str | None] = mapped_column(String(32))
    """Id of a speaker of the recording."""
    confidence: Mapped[float | None] = mapped_column(Double)
    words: Mapped[list[Any]] = mapped_column(JSON)
    """`[text, start_s, end_s, confidence, aligned, speaker]` each."""
    rest: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Other fields of the Segment that are not at their defaults."""
    revision: Mapped[int] = mapped_column(Integer)
    by_person: Mapped[bool] = mapped_column(Boolean)
    """Whether a person has changed it: no machine does after that."""


class PassageRow(Tables):
    """Some segments in a row, and what they mean. It holds good while they still say what it was made from."""

    __tablename__ = "passages"
    __table_args__ = (Index("ix_passages_recording_id_first_s", "recording_id", "first_s"), NEVER_AGAIN)

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"))
    model: Mapped[str] = mapped_column(String(100))
    """Name and version of what made the vector."""
    first_s: Mapped[float] = mapped_column(Double)
    last_s: Mapped[float] = mapped_column(Double)
    """Starts of its first segment and of its last."""
    said_s: Mapped[float] = mapped_column(Double)
    """Wall clock of its start."""
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    """Of the text."""
    vector: Mapped[bytes] = mapped_column(LargeBinary)
    """A float32, little-endian, and as many whole numbers of 8 bits as the model gives, which are multiplied by it."""


class IndexedRow(Tables):
    """Up to which change of a recording its passages are made."""

    __tablename__ = "indexed"

    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True)
    model: Mapped[str] = mapped_column(String(100))
    changed_s: Mapped[float] = mapped_column(Double)
    """`changed_s` of the recording by then."""


class SpeakerRow(Tables):
    """A voice within one recording, and the person it is known to be."""

    __tablename__ = "speakers"

    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True)
    label: Mapped[str] = mapped_column(String(32), primary_key=True)
    """`S1`, `S2` …"""
    name: Mapped[str | None] = mapped_column(String(200))
    person_id: Mapped[str | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"), index=True)
    speech_s: Mapped[float] = mapped_column(Double)
    confidence: Mapped[float | None] = mapped_column(Double)
    voice: Mapped[bytes | None] = mapped_column(LargeBinary)
    """float32, little-endian, of length one."""
    model: Mapped[str | None] = mapped_column(String(200))
    """What the voice was embedded with."""
    by_person: Mapped[bool] = mapped_column(Boolean)
    """Whether a person has said who it is: no machine does after that."""


class RevisionRow(Tables):
    """What a segment was before a change, and who changed it. Undone by a further revision."""

    __tablename__ = "revisions"
    __table_args__ = (UniqueConstraint("segment_id", "revision"), NEVER_AGAIN)

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    segment_id: Mapped[int] = mapped_column(ForeignKey("segments.id", ondelete="CASCADE"))
    revision: Mapped[int] = mapped_column(Integer)
    """The number that the segment had before."""
    what: Mapped[str] = mapped_column(String(20))
    """`text`, `speaker`, `split`, `joined`, `undone`, `again`."""
    before: Mapped[dict[str, Any]] = mapped_column(JSON)
    by: Mapped[str] = mapped_column(String(64))
    """Id of a user, or `machine`."""
    at_s: Mapped[float] = mapped_column(Double)


class TranslationRow(Tables):
    """A segment in another language, of the revision that it was made from."""

    __tablename__ = "translations"

    segment_id: Mapped[int] = mapped_column(ForeignKey("segments.id", ondelete="CASCADE"), primary_key=True)
    language: Mapped[str] = mapped_column(String(16), primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    tokens: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(String(200))
    revision: Mapped[int] = mapped_column(Integer)
    by: Mapped[str] = mapped_column(String(64))
    at_s: Mapped[float] = mapped_column(Double)


class MarkRow(Tables):
    """A note or a highlight at a place of a recording."""

    __tablename__ = "marks"
    __table_args__ = NEVER_AGAIN

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"), index=True)
    start_s: Mapped[float] = mapped_column(Double)
    end_s: Mapped[float | None] = mapped_column(Double)
    kind: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(64))
    at_s: Mapped[float] = mapped_column(Double)
