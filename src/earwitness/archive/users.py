"""The rows of users within a transaction: what accounts, and those whom somebody else vouches for, have in common."""

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from earwitness.archive.account import By, User, folded
from earwitness.archive.audit import noted
from earwitness.archive.happened import happened
from earwitness.archive.logins import USER, hashed
from earwitness.archive.schema.accounts import BarredRow, UserRow
from earwitness.errors import BadInput, Conflict, NotFound

LIST = "GET /api/users, or `earwitness users list`, shows who is there."


def anybody(connection: Connection) -> bool:
    """Whether there is any user."""
    return connection.execute(select(UserRow.id).limit(1)).scalar() is not None


def one(connection: Connection, which: ColumnElement[bool], word: str) -> User:
    """The user whom a condition means, who was asked for by a word. Raises NotFound."""
    row = connection.execute(select(*USER).where(which)).mappings().first()
    if row is None:
        raise nobody(word)
    return User(**row)


def nobody(word: str) -> NotFound:
    """That there is no such user."""
    return NotFound(f"there is no user {word[:100]!r}", remedy=LIST)


def made(connection: Connection, user: User, password: str | None, by: By) -> None:
    """Write a new user down; `password` is a hash. Raises BadInput for a name, Conflict for a subject that is taken."""
    name_free(connection, user)
    if user.subject is not None:
        free(connection, user.subject)
    row = {
        "id": user.id, "name": user.name, "folded": folded(user.name), "role": user.role, "password": password,
        "subject": user.subject, "enabled": user.enabled, "made_s": user.made_s,
    }  # fmt: skip
    connection.execute(insert(UserRow).values(row))
    told(connection, by, "user added", user.id, role=user.role)


def name_free(connection: Connection, user: User) -> None:
    """See to it that nobody else has a user's name. Raises BadInput."""
    others = UserRow.folded == folded(user.name), UserRow.id != user.id
    if connection.execute(select(UserRow.id).where(*others)).scalar():
        raise BadInput(f"there is a user of the name {user.name!r}", remedy="Choose another name.", param="name")


def free(connection: Connection, subject: str) -> None:
    """See to it that an account may have this subject, also of one that was removed. Raises Conflict."""
    if connection.execute(select(UserRow.id).where(UserRow.subject == subject)).scalar():
        raise Conflict("whoever that is has an account here already", remedy=LIST)
    connection.execute(delete(BarredRow).where(BarredRow.subject == hashed(subject)))


def check_led(connection: Connection) -> None:
    """Raise BadInput where nobody could come in as an administrator any more, which undoes the change."""
    can = UserRow.role == "admin", UserRow.enabled, UserRow.password.is_not(None)
    if not connection.execute(select(func.count()).where(*can)).scalar():
        raise BadInput("this is the last administrator", remedy="Make another one first.")


def told(connection: Connection, by: By, what: str, user: str, **about: str | None) -> None:
    """Write into the audit and the log of events what was done to a user."""
    noted(connection, by, what, {"user": user, **about})
    happened(connection, "accounts", what, {"user": user}, owner=user)
