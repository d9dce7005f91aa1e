"""Accounts: who may come in, as what, with what password, and what they were granted. Every change is in the audit.

Nothing of it is a secret that opens anything: passwords, cookies and keys are kept as hashes. There is always an
administrator who can come in, once there is anybody.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from earwitness.archive.account import By, Grant, User, folded, named, role_of, verb_of
from earwitness.archive.audit import Audit, noted
from earwitness.archive.database import Database
from earwitness.archive.keys import Keys
from earwitness.archive.logins import USER, Logins, ended
from earwitness.archive.passwords import Passwords, check
from earwitness.archive.schema.accounts import GrantRow, UserRow
from earwitness.archive.schema.heard import RecordingRow, SourceRow
from earwitness.archive.users import anybody, check_led, made, name_free, nobody, one, told
from earwitness.archive.vouched import Vouching, bar
from earwitness.archive.writer import Writer
from earwitness.errors import BadInput, NotFound


class Accounts:
    """The accounts in a database. Safe to share between threads; whatever takes a password takes its time."""

    def __init__(self, database: Database, writer: Writer, clock: Callable[[], float] = time.time) -> None:
        self._database, self._writer, self._clock = database, writer, clock
        self._passwords = Passwords()
        self.logins = Logins(database, writer, clock)
        self.keys = Keys(database, writer, clock)
        self.vouched = Vouching(database, writer, clock)
        self.audit = Audit(database)

    # ── who is there ──
    def anybody(self) -> bool:
        """Whether there is any user."""
        with self._database.reading() as connection:
            return connection is not None and anybody(connection)

    def all(self) -> tuple[User, ...]:
        """All users, by name."""
        with self._database.reading() as connection:
            if connection is None:
                return ()
            rows = connection.execute(select(*USER).order_by(UserRow.folded)).mappings()
            return tuple(User(**row) for row in rows)

    def one(self, ident: str) -> User:
        """A user by id. Raises NotFound."""
        return self._found(UserRow.id == ident, ident)

    def meant(self, word: str) -> User:
        """A user by id or by name. Raises NotFound."""
        return self._found((UserRow.id == word) | (UserRow.folded == folded(word)), word)

    # ── passwords ──
    def known(self, name: str, password: str) -> User | None:
        """The user of this name and password; None for another, in the same time whoever it is.

        A password that was kept with older parameters is kept anew.
        """
        wanted = select(UserRow.password, *USER).where(UserRow.folded == folded(name))
        with self._database.reading() as connection:
            found = None if connection is None else connection.execute(wanted).mappings().one_or_none()
        row: dict[str, Any] = dict(found or {})
        kept: str | None = row.pop("password", None)
        if not self._passwords.right(password, kept) or kept is None or not row["enabled"]:
            return None
        user = User(**row)
        if self._passwords.outdated(kept):
            again, same = self._passwords.kept(password), (UserRow.id == user.id, UserRow.password == kept)
            self._writer.write(lambda c: c.execute(update(UserRow).where(*same).values(password=again)).rowcount)
        return user

    def refused(self, name: str, by: By) -> None:
        """Write down that somebody was not let in: the id of the user they said they were, where there is one."""
        wanted = select(UserRow.id).where(UserRow.folded == folded(name))
        self._writer.write(lambda c: noted(c, by, "login refused", {"user": c.execute(wanted).scalar()}))

    def password(self, ident: str, password: str, by: By, *, but: str | None = None) -> User:
        """Give a user another password; all their logins end, `but` one. Raises NotFound, BadInput."""
        user = self.one(ident)
        check(password, user.name)
        kept = self._passwords.kept(password)

        def change(connection: Connection) -> None:
            connection.execute(update(UserRow).where(UserRow.id == ident).values(password=kept))
            ended(connection, ident, but)
            told(connection, by, "password changed", ident)

        self._writer.write(change)
        return user

    # ── changes ──
    def begin(self, name: str, password: str, by: By) -> User:
        """The first user, an administrator. Raises BadInput where there is one, and what `add` raises."""
        return self._make(name, "admin", password, by, first=True)

    def add(self, name: str, role: str, password: str | None, by: By, subject: str | None = None) -> User:
        """A new user; the first is an administrator with a password. `subject` is who vouches for them, and as whom.

        Raises BadInput for what is taken or won't do, Conflict for a subject that has an account.
        """
        return self._make(name, role, password, by, subject)

    def change(self, ident: str, by: By, *, role: str | None = None, enabled: bool | None = None) -> User:
        """Give a user another role, or let them in or not. Raises NotFound, and BadInput for the last administrator."""
        values: dict[str, object] = {} if role is None else {"role": role_of(role)}
        values |= {} if enabled is None else {"enabled": enabled}

        def change(connection: Connection) -> User:
            user = one(connection, UserRow.id == ident, ident)
            if values:
                connection.execute(update(UserRow).where(UserRow.id == ident).values(values))
                check_led(connection)
                told(connection, by, "user changed", ident, **{k: str(v) for k, v in values.items()})
            if enabled is False:
                ended(connection, ident)
            return one(connection, UserRow.id == ident, user.name)

        return self._writer.write(change)

    def rename(self, ident: str, name: str, by: By) -> User:
        """Give a user another name, which they log in by from then on. Raises NotFound, BadInput where it is taken."""
        name = named(name)

        def change(connection: Connection) -> User:
            user = replace(one(connection, UserRow.id == ident, ident), name=name)
            name_free(connection, user)
            values = {"name": name, "folded": folded(name)}
            connection.execute(update(UserRow).where(UserRow.id == ident).values(values))
            told(connection, by, "user renamed", ident)
            return user

        return self._writer.write(change)

    def remove(self, ident: str, by: By, *, last: bool = False) -> None:
        """Remove a user with logins, keys and grants; what they own stays, for those who see everything.

        Whoever else vouches for them, they come in no more until an administrator makes or links an account for them.

        Raises NotFound, and BadInput for the last administrator, who goes `last` of all if at all.
        """

        def change(connection: Connection) -> None:
            bar(connection, one(connection, UserRow.id == ident, ident).subject)
            connection.execute(delete(UserRow).where(UserRow.id == ident))
            if anybody(connection) or not last:
                check_led(connection)
            told(connection, by, "user removed", ident)

        self._writer.write(change)

    # ── grants ──
    def grants(self, user_id: str | None = None) -> tuple[Grant, ...]:
        """What was granted, to a user or to all."""
        wanted = select(GrantRow).order_by(GrantRow.id)
        if user_id is not None:
            wanted = wanted.where(GrantRow.user_id == user_id)
        with self._database.reading() as connection:
            return () if connection is None else tuple(Grant(**row) for row in connection.execute(wanted).mappings())

    def grant(
        self, user_id: str, verb: str, by: By, *, source: str | None = None, recording: str | None = None
    ) -> Grant:
        """Let a user do something with one source, or with one recording. Raises NotFound, BadInput. Twice is once."""
        verb = verb_of(verb)
        if (source is None) == (recording is None):
            raise BadInput("a grant is for one source or for one recording", remedy="Give source or recording.")

        def change(connection: Connection) -> Grant:
            one(connection, UserRow.id == user_id, user_id)
            thing = select(SourceRow.id).where(SourceRow.id == source)
            if recording is not None:
                thing = select(RecordingRow.id).where(RecordingRow.id == recording)
            if connection.execute(thing).scalar() is None:
                raise NotFound("there is nothing of that id to be granted")
            values = {"user_id": user_id, "verb": verb, "source_id": source, "recording_id": recording}
            same = select(GrantRow).where(*(getattr(GrantRow, name) == value for name, value in values.items()))
            if (row := connection.execute(same).mappings().one_or_none()) is None:
                connection.execute(insert(GrantRow).values(values))
                row = connection.execute(same).mappings().one()
                told(connection, by, "granted", user_id, verb=verb, source=source, recording=recording)
            return Grant(**row)

        return self._writer.write(change)

    def withdraw(self, ident: int, by: By) -> None:
        """Take a grant back. Raises NotFound."""

        def change(connection: Connection) -> None:
            row = connection.execute(select(GrantRow).where(GrantRow.id == ident)).mappings().one_or_none()
            if row is None:
                raise NotFound("there is no such grant", remedy="GET /api/grants lists them.")
            connection.execute(delete(GrantRow).where(GrantRow.id == ident))
            about = {"source": row["source_id"], "recording": row["recording_id"]}
            told(connection, by, "withdrawn", row["user_id"], verb=row["verb"], **about)

        self._writer.write(change)

    # ── one user ──
    def _make(
        self, name: str, role: str, password: str | None, by: By, subject: str | None = None, *, first: bool = False
    ) -> User:
        name, known = named(name), role_of(role)
        if password is not None:
            check(password, name)
        kept = None if password is None else self._passwords.kept(password)
        user = User(f"u_{secrets.token_hex(8)}", name, known, True, self._clock(), None, subject)

        def change(connection: Connection) -> None:
            begun = anybody(connection)
            if first and begun:
                raise BadInput("this server is set up", remedy="Log in, or let an administrator make an account.")
            if not begun and (known != "admin" or kept is None):
                raise BadInput("the first user is an administrator with a password", param="role")
            made(connection, user, kept, by)

        self._writer.write(change)
        return user

    def _found(self, which: ColumnElement[bool], word: str) -> User:
        with self._database.reading() as connection:
            if connection is None:
                raise nobody(word)
            return one(connection, which, word)
