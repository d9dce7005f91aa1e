"""Users for whom somebody else vouches: an identity provider, or a proxy that they have logged in at.

They are known by a subject, which is issuer and subject of OpenID Connect, or `proxy` and a name. An account that is
here belongs to a subject only where an administrator has linked it; no name and no e-mail address does that. Whoever is
unknown gets an account of their own, or none, as the installation is set.
"""

import re
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, delete, insert, select, update

from earwitness.archive.account import ROLES, By, Role, User, named
from earwitness.archive.audit import noted
from earwitness.archive.database import Database
from earwitness.archive.logins import SEEN_EACH_S, USER, hashed, later
from earwitness.archive.schema.accounts import BarredRow, LoginRow, UserRow
from earwitness.archive.users import anybody, free, made, one, told
from earwitness.archive.writer import Writer
from earwitness.errors import BadInput, Conflict, Forbidden, Unauthorized

LONGEST_SUBJECT = 255
"""Characters of an identifier that an issuer gives (OpenID Connect Core 1.0, section 2)."""

PROXY = "proxy"
ISSUER = re.compile(r"https?://\S{1,300}")

ASK = "An administrator can let you in: earwitness users link USER '{}', or users add NAME --subject with the same."


@dataclass(frozen=True, slots=True)
class Vouched:
    """Somebody, as those who vouch for them say."""

    subject: str
    name: str
    groups: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Admission:
    """Who of them is let in, and as what."""

    new: Role | None = None
    """Role of somebody unknown, who gets an account; None for nobody."""
    by_group: Mapping[str, Role] = field(default_factory=dict)

    def role(self, groups: Collection[str]) -> Role | None:
        """The highest role that one of the groups has, else that of somebody unknown."""
        theirs = {self.by_group[group] for group in groups if group in self.by_group}
        return next((role for role in ROLES if role in theirs), self.new)


def subject_of(issuer: str, ident: str) -> str:
    """What stands in the database for whom an issuer, or PROXY, calls so. Raises BadInput."""
    if not 0 < len(ident) <= LONGEST_SUBJECT or not ident.isprintable():
        told = f"a subject has 1 to {LONGEST_SUBJECT} printable characters, and this one does not"
        raise BadInput(told, param="subject")
    return f"{issuer.rstrip('/')} {ident}"


def subject_from(word: str) -> str:
    """A whole subject, as people write it. Raises BadInput."""
    issuer, _, ident = word.strip().partition(" ")
    if issuer != PROXY and not ISSUER.fullmatch(issuer):
        told = f"It looks like 'https://id.example 24400320', or '{PROXY} anna'."
        raise BadInput("a subject is an issuer and who that calls so", remedy=told, param="subject")
    return subject_of(issuer, ident)


class Vouching:
    """Users by subject. Safe to share between threads."""

    def __init__(self, database: Database, writer: Writer, clock: Callable[[], float] = time.time) -> None:
        self._database, self._writer, self._clock = database, writer, clock

    def admitted(self, who: Vouched, how: Admission, by: By) -> User:
        """The user, who is made or gets another role where that is due.

        Raises Unauthorized where there are no accounts yet, Forbidden for who is not let in, Conflict for a new one
        whose name is taken, and BadInput for one whose name won't do.
        """
        with self._database.reading() as connection:
            found = None if connection is None else _of(connection, who.subject)
        if found is None or not found[0].enabled or found[0].role != _due(*found, who, how):
            return self._writer.write(lambda c: self._settled(c, who, how, by))
        self._seen(found[0])
        return found[0]

    def refused(self, who: Vouched, by: By) -> None:
        """Write down that a provider's login was not let in, with the id of the user where there is one."""
        wanted = select(UserRow.id).where(UserRow.subject == who.subject)
        self._writer.write(lambda c: noted(c, by, "login refused", {"user": c.execute(wanted).scalar(), "way": "oidc"}))

    def link(self, ident: str, subject: str | None, by: By) -> User:
        """Let an account be that of a subject, or of none. Logins by another one end. Raises NotFound, Conflict."""

        def change(connection: Connection) -> User:
            user = one(connection, UserRow.id == ident, ident)
            if subject == user.subject:
                return user
            if subject is not None:
                free(connection, subject)
            connection.execute(update(UserRow).where(UserRow.id == ident).values(subject=subject))
            connection.execute(delete(LoginRow).where(LoginRow.user_id == ident, LoginRow.way == "oidc"))
            told(connection, by, "user unlinked" if subject is None else "user linked", ident)
            return replace(user, subject=subject)

        return self._writer.write(change)

    def _seen(self, user: User) -> None:
        now = self._clock()

        def change(connection: Connection) -> None:
            connection.execute(update(UserRow).where(UserRow.id == user.id).values(seen_s=now))

        if now - (user.seen_s or 0.0) > SEEN_EACH_S:
            later(self._writer, change)

    def _settled(self, connection: Connection, who: Vouched, how: Admission, by: By) -> User:
        found = _of(connection, who.subject)
        if found is None:
            return self._new(connection, who, how.role(who.groups), by)
        user, role = found[0], _due(*found, who, how)
        if not user.enabled:
            raise Forbidden("this account is disabled")
        if role is None:
            raise Forbidden("this account is in none of the groups that are let in here")
        if role != user.role:
            connection.execute(update(UserRow).where(UserRow.id == user.id).values(role=role))
            told(connection, By(address=by.address), "user changed", user.id, role=role)
        return replace(user, role=role)

    def _new(self, connection: Connection, who: Vouched, role: Role | None, by: By) -> User:
        """Somebody who was not here before. Who was, and was removed, is not let in again."""
        if not anybody(connection):
            told = "Set it up first: POST /api/setup with the code from its log, or `earwitness users add`."
            raise Unauthorized("this server has no accounts yet", remedy=told)
        ask = ASK.format(who.subject)
        if role is None or _barred(connection, who.subject):
            raise Forbidden(f"{who.name[:100]!r} has no account here", remedy=ask)
        name = named(who.name)
        user = User(f"u_{secrets.token_hex(8)}", name, role, True, self._clock(), None, who.subject)
        try:
            made(connection, user, None, By(address=by.address))
        except BadInput as error:  # the name is taken: whoever has it may be somebody else
            raise Conflict(f"somebody else here has the name {name!r}", remedy=ask) from error
        return user


def bar(connection: Connection, subject: str | None) -> None:
    """Keep somebody out whose account is removed, whoever vouches for them."""
    if subject is not None and not _barred(connection, subject):
        connection.execute(insert(BarredRow).values(subject=hashed(subject)))


def _barred(connection: Connection, subject: str) -> bool:
    wanted = select(BarredRow.subject).where(BarredRow.subject == hashed(subject))
    return connection.execute(wanted).scalar() is not None


def _of(connection: Connection, subject: str) -> tuple[User, bool] | None:
    """The user of a subject, and whether they have a password."""
    wanted = select(UserRow.password.is_not(None).label("own"), *USER).where(UserRow.subject == subject)
    row = connection.execute(wanted).mappings().one_or_none()
    if row is None:
        return None
    values = dict(row)
    own = bool(values.pop("own"))
    return User(**values), own


def _due(user: User, own: bool, who: Vouched, how: Admission) -> Role | None:
    """The role that a user has from now on: whoever has a password here keeps what an administrator gave them."""
    return user.role if own or not how.by_group else how.role(who.groups)
