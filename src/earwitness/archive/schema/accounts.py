"""Users, their logins and keys, what they may see, and what was done."""

from typing import Any

from sqlalchemy import JSON, Boolean, Double, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from earwitness.archive.schema.base import NEVER_AGAIN, Ident, Serial, Tables


class UserRow(Tables):
    """Somebody with an account."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(Ident, primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    folded: Mapped[str] = mapped_column(String(200), unique=True)
    """The name as names are compared."""
    role: Mapped[str] = mapped_column(String(20))
    """`admin`, `operator` or `viewer`."""
    password: Mapped[str | None] = mapped_column(String(200))
    """Argon2id; None for who comes in by another way."""
    subject: Mapped[str | None] = mapped_column(String(600), unique=True)
    """Issuer and subject of whom an identity provider vouches for; `proxy` and the name of whom a proxy does."""
    enabled: Mapped[bool] = mapped_column(Boolean)
    made_s: Mapped[float] = mapped_column(Double)
    seen_s: Mapped[float | None] = mapped_column(Double)


class BarredRow(Tables):
    """Somebody whose account was removed: whoever vouches for them, they get no other one by themselves."""

    __tablename__ = "barred"

    subject: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    """SHA-256 of it."""


class LoginRow(Tables):
    """A browser that is logged in; the cookie's SHA-256 stands for it."""

    __tablename__ = "logins"

    id: Mapped[str] = mapped_column(Ident, primary_key=True)
    token: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    agent: Mapped[str] = mapped_column(String(300))
    address: Mapped[str] = mapped_column(String(60))
    way: Mapped[str] = mapped_column(String(10))
    """`password` or `oidc`."""
    made_s: Mapped[float] = mapped_column(Double)
    seen_s: Mapped[float] = mapped_column(Double)
    ends_s: Mapped[float] = mapped_column(Double)


class KeyRow(Tables):
    """An API key; its SHA-256 stands for it."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(Ident, primary_key=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary(32))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    scopes: Mapped[list[Any]] = mapped_column(JSON)
    sources: Mapped[list[Any] | None] = mapped_column(JSON)
    """Ids of the only sources it reaches; None for all that its user reaches."""
    recording_id: Mapped[str | None] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"), index=True)
    """The only recording it reads, and all it does; None for one that is for more."""
    day_s: Mapped[float | None] = mapped_column(Double)
    """Seconds of audio that it may have transcribed in a day."""
    made_s: Mapped[float] = mapped_column(Double)
    ends_s: Mapped[float | None] = mapped_column(Double)
    seen_s: Mapped[float | None] = mapped_column(Double)


class SpentRow(Tables):
    """What a key had transcribed on a day."""

    __tablename__ = "spent"

    key_id: Mapped[str] = mapped_column(ForeignKey("keys.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[int] = mapped_column(Integer, primary_key=True)
    """Days since 1970, by UTC."""
    heard_s: Mapped[float] = mapped_column(Double)


class GrantRow(Tables):
    """What a user may do with a source or a recording beyond the role."""

    __tablename__ = "grants"
    __table_args__ = (UniqueConstraint("user_id", "source_id", "recording_id", "verb"), NEVER_AGAIN)

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    source_id: Mapped[str | None] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"), index=True)
    recording_id: Mapped[str | None] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"), index=True)
    verb: Mapped[str] = mapped_column(String(10))
    """`view`, `listen`, `control` or `edit`."""


class AuditRow(Tables):
    """Something that was done, by whom, to what. No speech, no names, no secrets."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_at_s", "at_s"), NEVER_AGAIN)

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    at_s: Mapped[float] = mapped_column(Double)
    by: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(60))
    what: Mapped[str] = mapped_column(String(60))
    about: Mapped[dict[str, Any]] = mapped_column(JSON)
