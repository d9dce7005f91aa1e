"""Browsers that are logged in. A cookie holds 32 random bytes, the database their SHA-256: it opens nothing by itself.

A login ends when it was not used for `IDLE_S`, after `LONGEST_S` at the latest, and at once when it is ended by
somebody, when its user is disabled, and when the password is changed. Each login has a token of its own, made here.
"""

import hashlib
import secrets
import time
from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from earwitness.archive.account import By, Login, User, Way
from earwitness.archive.audit import noted
from earwitness.archive.database import Database
from earwitness.archive.happened import happened
from earwitness.archive.schema.accounts import LoginRow, UserRow
from earwitness.archive.writer import Writer
from earwitness.errors import EarwitnessError, NotFound

IDLE_S = 14 * 86_400.0
LONGEST_S = 90 * 86_400.0
SEEN_EACH_S = 60.0
"""How exactly it is kept when a login or a key was last used."""

MOST = 100
"""Logins of one user; the oldest goes when another comes."""

SHOWN = (
    LoginRow.id, LoginRow.user_id, LoginRow.agent, LoginRow.address, LoginRow.way, LoginRow.made_s, LoginRow.seen_s,
    LoginRow.ends_s,
)  # fmt: skip
USER = (UserRow.id, UserRow.name, UserRow.role, UserRow.enabled, UserRow.made_s, UserRow.seen_s, UserRow.subject)


def hashed(secret: str) -> bytes:
    """What stands for a random secret in the database."""
    return hashlib.sha256(secret.encode()).digest()


class Logins:
    """The logins in a database. Safe to share between threads."""

    def __init__(self, database: Database, writer: Writer, clock: Callable[[], float] = time.time) -> None:
        self._database, self._writer, self._clock = database, writer, clock

    def begin(self, user: User, by: By, agent: str, way: Way = "password") -> str:
        """Log a user in; the token for the cookie."""
        token, ident = secrets.token_urlsafe(32), f"l_{secrets.token_hex(8)}"

        def change(connection: Connection) -> None:
            now = self._clock()
            connection.execute(delete(LoginRow).where(_over(now)))
            kept = (
                select(LoginRow.id).where(LoginRow.user_id == user.id).order_by(LoginRow.seen_s.desc()).limit(MOST - 1)
            )
            old = LoginRow.user_id == user.id, LoginRow.id.not_in(kept.scalar_subquery())
            connection.execute(delete(LoginRow).where(*old))
            row = {
                "id": ident,
                "token": hashed(token),
                "user_id": user.id,
                "agent": "".join(c for c in agent if c.isprintable())[:300],
                "address": by.address[:60],
                "way": way,
                "made_s": now,
                "seen_s": now,
                "ends_s": now + LONGEST_S,
            }
            connection.execute(insert(LoginRow).values(row))
            connection.execute(update(UserRow).where(UserRow.id == user.id).values(seen_s=now))
            noted(connection, By(user.id, by.address), "login", {"login": ident, "way": way})

        self._writer.write(change)
        return token

    def of(self, token: str) -> tuple[User, Login] | None:
        """Whose cookie this is; None for one that is unknown or over."""
        now = self._clock()
        wanted = select(*SHOWN).where(LoginRow.token == hashed(token), ~_over(now))
        with self._database.reading() as connection:
            if connection is None or (row := connection.execute(wanted).mappings().one_or_none()) is None:
                return None
            whose = select(*USER).where(UserRow.id == row["user_id"], UserRow.enabled)
            user = connection.execute(whose).mappings().one_or_none()
        if user is None:
            return None
        found = Login(**row)
        if now - found.seen_s > SEEN_EACH_S:
            self._seen(found.id, found.user_id, now)
        return User(**user), found

    def all(self, user_id: str | None = None) -> tuple[Login, ...]:
        """The logins that are open, of a user or of all, latest first."""
        wanted = select(*SHOWN).where(~_over(self._clock())).order_by(LoginRow.seen_s.desc(), LoginRow.id)
        if user_id is not None:
            wanted = wanted.where(LoginRow.user_id == user_id)
        with self._database.reading() as connection:
            return () if connection is None else tuple(Login(**row) for row in connection.execute(wanted).mappings())

    def end(self, ident: str, by: By, user_id: str | None = None) -> Way:
        """End a login, of a user where one is given; how it was begun. Raises NotFound."""
        which = [LoginRow.id == ident, *([LoginRow.user_id == user_id] if user_id is not None else [])]

        def change(connection: Connection) -> Way:
            found = connection.execute(select(*SHOWN).where(*which)).mappings().one_or_none()
            if found is None:
                raise NotFound("there is no such login", remedy="GET /api/logins lists those that are open.")
            ended = Login(**found)
            connection.execute(delete(LoginRow).where(*which))
            noted(connection, by, "logout", {"login": ident})
            happened(connection, "accounts", "login ended", {"login": ident}, owner=ended.user_id)
            return ended.way

        return self._writer.write(change)

    def _seen(self, ident: str, user_id: str, now: float) -> None:
        """Written when there is time: a database that can't be written keeps nobody out."""

        def change(connection: Connection) -> None:
            connection.execute(update(LoginRow).where(LoginRow.id == ident).values(seen_s=now))
            connection.execute(update(UserRow).where(UserRow.id == user_id).values(seen_s=now))

        later(self._writer, change)


def later(writer: Writer, change: Callable[[Connection], None]) -> None:
    """Let something be written that nobody waits for and that may be lost."""
    try:
        writer.submit(change)
    except EarwitnessError:
        return


def ended(connection: Connection, user_id: str, but: str | None = None) -> None:
    """End all logins of a user, but one."""
    which = LoginRow.user_id == user_id
    connection.execute(delete(LoginRow).where(which if but is None else which & (LoginRow.id != but)))


def _over(now: float) -> ColumnElement[bool]:
    return (LoginRow.ends_s <= now) | (LoginRow.seen_s <= now - IDLE_S)
