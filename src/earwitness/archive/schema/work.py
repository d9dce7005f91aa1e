"""Work that waits, is done or was done, and what is sent out about it."""

from typing import Any

from sqlalchemy import JSON, Boolean, Double, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from earwitness.archive.schema.base import NEVER_AGAIN, Ident, Serial, Tables


class JobRow(Tables):
    """A recording to be transcribed. Whoever works on it holds a lease, and another takes it up when that runs out."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_state_priority_made_s", "state", "priority", "made_s"),
        Index("ix_jobs_made_s_id", "made_s", "id"),
        Index("ix_jobs_batch", "batch"),
        Index("ix_jobs_result", "result"),
    )

    id: Mapped[str] = mapped_column(Ident, primary_key=True)
    recording_id: Mapped[str | None] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"), index=True)
    owner_id: Mapped[str | None] = mapped_column(Ident)
    batch: Mapped[str | None] = mapped_column(Ident)
    kind: Mapped[str] = mapped_column(String(20))
    """`file`, `url`, `tail` (of a live session that nobody can go on with), `again` (of a recording)."""
    state: Mapped[str] = mapped_column(String(10))
    """`waiting`, `running`, `done`, `failed` or `cancelled`."""
    priority: Mapped[int] = mapped_column(Integer)
    """The lower the sooner."""
    recipe: Mapped[dict[str, Any]] = mapped_column(JSON)
    about: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Where it comes from, and what is to be done with the result."""
    result: Mapped[str | None] = mapped_column(String(64))
    """Hash of the content and the recipe: what is asked for twice is done once."""
    done_s: Mapped[float] = mapped_column(Double)
    total_s: Mapped[float | None] = mapped_column(Double)
    speed: Mapped[float | None] = mapped_column(Double)
    tries: Mapped[int] = mapped_column(Integer)
    not_before_s: Mapped[float] = mapped_column(Double)
    worker: Mapped[str | None] = mapped_column(String(64))
    lease_s: Mapped[float | None] = mapped_column(Double)
    """When the lease runs out."""
    stop: Mapped[bool] = mapped_column(Boolean)
    """Somebody wants it cancelled."""
    code: Mapped[str | None] = mapped_column(String(40))
    error: Mapped[str | None] = mapped_column(Text)
    made_s: Mapped[float] = mapped_column(Double)
    began_s: Mapped[float | None] = mapped_column(Double)
    ended_s: Mapped[float | None] = mapped_column(Double)


class UploadRow(Tables):
    """A file on its way in, piece by piece."""

    __tablename__ = "uploads"

    id: Mapped[str] = mapped_column(Ident, primary_key=True)
    owner_id: Mapped[str | None] = mapped_column(Ident)
    name: Mapped[str] = mapped_column(String(300))
    size: Mapped[int] = mapped_column(Serial)
    about: Mapped[dict[str, Any]] = mapped_column(JSON)
    made_s: Mapped[float] = mapped_column(Double)
    changed_s: Mapped[float] = mapped_column(Double)


class HookRow(Tables):
    """An address that is told what happens."""

    __tablename__ = "hooks"

    id: Mapped[str] = mapped_column(Ident, primary_key=True)
    owner_id: Mapped[str | None] = mapped_column(Ident)
    address: Mapped[bytes] = mapped_column(LargeBinary)
    """Sealed."""
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    """Sealed."""
    earlier: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Secrets that still sign, each with when it stops: JSON, sealed."""
    name: Mapped[str] = mapped_column(String(200))
    topics: Mapped[list[Any]] = mapped_column(JSON)
    enabled: Mapped[bool] = mapped_column(Boolean)
    failing_s: Mapped[float | None] = mapped_column(Double)
    """Since when nothing arrives."""
    why: Mapped[str | None] = mapped_column(String(300))
    """Why it is not enabled any more."""
    made_s: Mapped[float] = mapped_column(Double)


class DeliveryRow(Tables):
    """One message to one address: written with what it tells of, sent until it arrives or is given up."""

    __tablename__ = "deliveries"
    __table_args__ = (Index("ix_deliveries_state_not_before_s", "state", "not_before_s"),)

    id: Mapped[str] = mapped_column(Ident, primary_key=True)
    hook_id: Mapped[str | None] = mapped_column(ForeignKey("hooks.id", ondelete="CASCADE"), index=True)
    topic: Mapped[str] = mapped_column(String(40))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(10))
    """`waiting`, `sent` or `given_up`."""
    tries: Mapped[int] = mapped_column(Integer)
    not_before_s: Mapped[float] = mapped_column(Double)
    status: Mapped[int | None] = mapped_column(Integer)
    """What the other side answered last."""
    error: Mapped[str | None] = mapped_column(String(300))
    made_s: Mapped[float] = mapped_column(Double)
    ended_s: Mapped[float | None] = mapped_column(Double)


class EventRow(Tables):
    """Something that happened. Its id is that of the event stream; rows are kept for a day."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_at_s", "at_s"), NEVER_AGAIN)

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    at_s: Mapped[float] = mapped_column(Double)
    topic: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(30))
    owner_id: Mapped[str | None] = mapped_column(Ident)
    source_id: Mapped[str | None] = mapped_column(Ident)
    recording_id: Mapped[str | None] = mapped_column(Ident)
    about: Mapped[dict[str, Any]] = mapped_column(JSON)


class RuleRow(Tables):
    """What is watched for."""

    __tablename__ = "rules"

    id: Mapped[str] = mapped_column(Ident, primary_key=True)
    owner_id: Mapped[str | None] = mapped_column(Ident)
    source_id: Mapped[str | None] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    about: Mapped[dict[str, Any]] = mapped_column(JSON)
    enabled: Mapped[bool] = mapped_column(Boolean)
    made_s: Mapped[float] = mapped_column(Double)


class AlertRow(Tables):
    """A rule that came true."""

    __tablename__ = "alerts"
    __table_args__ = (Index("ix_alerts_at_s", "at_s"), NEVER_AGAIN)

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    rule_id: Mapped[str] = mapped_column(ForeignKey("rules.id", ondelete="CASCADE"), index=True)
    segment_id: Mapped[int | None] = mapped_column(ForeignKey("segments.id", ondelete="SET NULL"), index=True)
    at_s: Mapped[float] = mapped_column(Double)
    state: Mapped[str] = mapped_column(String(10))
    about: Mapped[dict[str, Any]] = mapped_column(JSON)
