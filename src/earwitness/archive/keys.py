"""API keys: `ew_`, eight digits that name the key, and a secret of which only the SHA-256 is kept.

A key does what its scopes name and its user's role allows, until it ends, is removed, or its user is disabled. It may
be bound to some sources and to some seconds of audio a day, which are counted here.
"""

import hmac
import re
import secrets
import time
from collections.abc import Callable

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from earwitness.archive.account import By, Key, User, named, scopes_among, scopes_of
from earwitness.archive.audit import noted
from earwitness.archive.database import Database
from earwitness.archive.happened import happened, written
from earwitness.archive.logins import SEEN_EACH_S, USER, hashed, later
from earwitness.archive.schema.accounts import KeyRow, SpentRow, UserRow
from earwitness.archive.schema.heard import RecordingRow, SourceRow
from earwitness.archive.viewer import sees
from earwitness.archive.writer import Writer
from earwitness.errors import BadInput, Forbidden, NotFound

WHOLE = re.compile(r"ew_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")

DAY_S = 86_400
READING = ("archive:read",)
"""The scopes of a key for one recording."""

MOST = 200
"""Keys of one user."""

SHOWN = (
    KeyRow.id, KeyRow.user_id, KeyRow.name, KeyRow.scopes, KeyRow.sources, KeyRow.recording_id.label("recording"),
    KeyRow.day_s, KeyRow.made_s, KeyRow.ends_s, KeyRow.seen_s,
)  # fmt: skip


class Keys:
    """The keys in a database. Safe to share between threads."""

    def __init__(self, database: Database, writer: Writer, clock: Callable[[], float] = time.time) -> None:
        self._database, self._writer, self._clock = database, writer, clock

    def make(
        self,
        user: User,
        name: str,
        scopes: tuple[str, ...],
        by: By,
        *,
        sources: tuple[str, ...] | None = None,
        recording: str | None = None,
        days: float | None = None,
        day_s: float | None = None,
    ) -> tuple[Key, str]:
        """A new key of a user, and the whole of it, which is told this once.

        `days` is how long it is good, `day_s` what it may have transcribed a day. One for a `recording` follows its
        captions, and opens nothing else. Raises BadInput, NotFound, and Forbidden for a scope that the user's role does
        not have.
        """
        name, scopes = named(name), scopes_among(scopes)
        if over := [scope for scope in scopes if scope not in scopes_of(user.role)]:
            raise Forbidden(f"the role {user.role} does not have the scope {over[0]}")
        if recording is not None and (scopes != READING or sources is not None):
            raise BadInput(
                "a key for one recording reads it and does nothing else",
                remedy=f"Its only scope is {READING[0]}, and it has no sources.",
                param="scopes",
            )
        for value, field in ((days, "days"), (day_s, "audio_seconds_per_day")):
            if value is not None and not 0 < value <= 1e9:
                raise BadInput(f"{field} is more than nothing, and at most a thousand million", param=field)
        ident, secret, now = secrets.token_hex(4), secrets.token_urlsafe(32), self._clock()
        ends_s = None if days is None else now + days * DAY_S
        key = Key(ident, user.id, name, scopes, sources, recording, day_s, now, ends_s)

        def change(connection: Connection) -> None:
            count = connection.execute(select(func.count()).where(KeyRow.user_id == user.id)).scalar_one()
            if count >= MOST:
                raise BadInput(f"a user has at most {MOST} keys", remedy="Remove those that nobody uses.")
            known = set(connection.execute(select(SourceRow.id).where(SourceRow.id.in_(sources or ()))).scalars())
            if strange := set(sources or ()) - known:
                raise NotFound(f"there is no source {min(strange)[:40]!r}", remedy="GET /api/sources lists them.")
            seen = select(RecordingRow.id).where(RecordingRow.id == recording, sees(user.viewer))
            if recording is not None and connection.execute(seen).scalar() is None:
                raise NotFound(f"there is no recording {recording[:40]!r}", remedy="GET /api/recordings lists them.")
            row = {
                "id": ident, "secret": hashed(secret), "user_id": user.id, "name": name, "scopes": list(scopes),
                "sources": None if sources is None else list(sources), "recording_id": recording, "day_s": day_s,
                "made_s": now, "ends_s": ends_s,
            }  # fmt: skip
            connection.execute(insert(KeyRow).values(row))
            noted(connection, by, "key made", {"key": ident, "user": user.id, "scopes": list(scopes)})
            happened(connection, "accounts", "key made", {"key": ident, "user": user.id})

        self._writer.write(change)
        return key, f"ew_{ident}_{secret}"

    def of(self, given: str) -> tuple[User, Key] | None:
        """Whose key this is; None for one that is unknown, wrong or over."""
        parts, now = WHOLE.fullmatch(given), self._clock()
        if parts is None:
            return None
        wanted = select(KeyRow.secret, *SHOWN).where(KeyRow.id == parts[1])
        with self._database.reading() as connection:
            if connection is None or (found := connection.execute(wanted).mappings().one_or_none()) is None:
                return None
            whose = select(*USER).where(UserRow.id == found["user_id"], UserRow.enabled)
            user = connection.execute(whose).mappings().one_or_none()
        row = dict(found)
        if not hmac.compare_digest(bytes(row.pop("secret")), hashed(parts[2])) or user is None:
            return None
        key = _key(row)
        if key.ends_s is not None and key.ends_s <= now:
            return None
        if key.seen_s is None or now - key.seen_s > SEEN_EACH_S:
            later(self._writer, lambda c: _touched(c, key.id, now))
        return User(**user), key

    def all(self, user_id: str | None = None) -> tuple[Key, ...]:
        """The keys of a user, or of all, newest first."""
        wanted = select(*SHOWN).order_by(KeyRow.made_s.desc(), KeyRow.id)
        if user_id is not None:
            wanted = wanted.where(KeyRow.user_id == user_id)
        with self._database.reading() as connection:
            if connection is None:
                return ()
            return tuple(_key(dict(row)) for row in connection.execute(wanted).mappings())

    def remove(self, ident: str, by: By, user_id: str | None = None) -> None:
        """Remove a key, of a user where one is given: it opens nothing any more. Raises NotFound."""
        which = [KeyRow.id == ident, *([KeyRow.user_id == user_id] if user_id is not None else [])]

        def change(connection: Connection) -> None:
            found = connection.execute(select(KeyRow.user_id, KeyRow.recording_id).where(*which)).one_or_none()
            if found is None:
                raise NotFound("there is no such key", remedy="GET /api/keys, or `earwitness keys list`, shows them.")
            connection.execute(delete(KeyRow).where(*which))
            noted(connection, by, "key removed", {"key": ident})
            whose = found.recording_id, found.user_id, None  # and whoever follows that recording with it
            written(connection, "accounts", "key removed", {"key": ident}, whose)

        self._writer.write(change)

    # ── what a key may have transcribed ──
    def left_s(self, key: Key) -> float | None:
        """Seconds of audio that a key may have transcribed today; None for as many as it likes. A day is one of UTC."""
        if key.day_s is None:
            return None
        wanted = select(SpentRow.heard_s).where(SpentRow.key_id == key.id, SpentRow.day == self._day())
        with self._database.reading() as connection:
            spent = None if connection is None else connection.execute(wanted).scalar()
        return max(0.0, key.day_s - (spent or 0.0))

    def spend(self, ident: str, heard_s: float) -> None:
        """Count what was transcribed for a key. Soon, and without waiting for it."""
        day = self._day()

        def change(connection: Connection) -> None:
            which = SpentRow.key_id == ident, SpentRow.day == day
            more = update(SpentRow).where(*which).values(heard_s=SpentRow.heard_s + heard_s)
            there = connection.execute(select(KeyRow.id).where(KeyRow.id == ident)).scalar()
            if there and not connection.execute(more).rowcount:
                connection.execute(delete(SpentRow).where(SpentRow.key_id == ident, SpentRow.day < day - 31))
                connection.execute(insert(SpentRow).values(key_id=ident, day=day, heard_s=heard_s))

        later(self._writer, change)

    def until_tomorrow_s(self) -> float:
        """Seconds until a new day begins."""
        return (self._day() + 1) * DAY_S - self._clock()

    def _day(self) -> int:
        return int(self._clock() // DAY_S)


def _touched(connection: Connection, ident: str, now: float) -> None:
    newer = or_(KeyRow.seen_s.is_(None), KeyRow.seen_s < now)
    connection.execute(update(KeyRow).where(KeyRow.id == ident, newer).values(seen_s=now))


def _key(row: dict[str, object]) -> Key:
    scopes, sources = row.pop("scopes"), row.pop("sources")
    assert isinstance(scopes, list)
    assert sources is None or isinstance(sources, list)
    return Key(**row, scopes=tuple(scopes), sources=None if sources is None else tuple(sources))  # type: ignore[arg-type]
