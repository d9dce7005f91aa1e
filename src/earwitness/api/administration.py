"""What administrators do: users, grants, the audit."""

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel

from earwitness.api import house
from earwitness.api.accounts import ERRORS, Asked, Done, GrantCard, Text, UserCard, card
from earwitness.api.bridge import in_thread
from earwitness.api.caller import caller_of
from earwitness.archive.vouched import subject_from
from earwitness.errors import BadInput

router = APIRouter(tags=["Accounts"])

RoleName = Literal["admin", "operator", "viewer"]


class NewUser(Asked):
    """A user to be made, who comes in by a password, or because somebody else vouches for the `subject`, or both."""

    name: Text
    role: RoleName = "viewer"
    password: Text | None = None
    subject: Text | None = None


class UserChange(Asked):
    """What is to be another; the rest stays. An empty `subject` is none."""

    name: Text | None = None
    role: RoleName | None = None
    enabled: bool | None = None
    password: Text | None = None
    subject: Text | None = None


class UserCards(BaseModel):
    """Everybody, by name."""

    users: list[UserCard]


class NewGrant(Asked):
    """What a user may do from now on, with one source or with one recording."""

    user: Text
    verb: Literal["view", "listen", "control", "edit"]
    source: Text | None = None
    recording: Text | None = None


class AuditEntry(BaseModel):
    """Something that was done, by whom, from where, at what second of the Unix clock."""

    id: int
    at: float
    by: str
    address: str
    what: str
    about: dict[str, Any]


class AuditPage(BaseModel):
    """Entries, newest first; `next` goes on before the last."""

    entries: list[AuditEntry]
    next: int | None


@router.get("/api/users", summary="Everybody with an account", responses=ERRORS)
async def users(request: Request) -> UserCards:
    """All users."""
    home = house.of(request)
    return UserCards(users=[card(user) for user in await home.access.look(home.archive.accounts.all)])


@router.post("/api/users", status_code=201, summary="Make an account", responses=ERRORS)
async def add_user(request: Request, told: NewUser) -> UserCard:
    """A new user; they change the password themselves later."""
    home, by = house.of(request), caller_of(request.scope).by
    if not told.password and not told.subject:
        raise BadInput("nobody could come in with it", remedy="Give a password or a subject.", param="password")
    subject = subject_from(told.subject) if told.subject else None
    add = partial(home.archive.accounts.add, told.name, told.role, told.password, by, subject)
    return card(await home.access.slowly(add))


@router.patch("/api/users/{ident}", summary="Change an account", responses=ERRORS)
async def change_user(request: Request, ident: str, told: UserChange) -> UserCard:
    """Another name, role or password, or let them in no more. All their logins end with the last two."""
    home, by = house.of(request), caller_of(request.scope).by
    if told.name is not None:
        await in_thread(partial(home.archive.accounts.rename, ident, told.name, by))
    if told.subject is not None:
        subject = subject_from(told.subject) if told.subject else None
        await in_thread(partial(home.archive.accounts.vouched.link, ident, subject, by))
    if told.password is not None:
        await home.access.slowly(partial(home.archive.accounts.password, ident, told.password, by))
    change = partial(home.archive.accounts.change, ident, by, role=told.role, enabled=told.enabled)
    return card(await in_thread(change))


@router.delete("/api/users/{ident}", summary="Remove an account", responses=ERRORS)
async def remove_user(request: Request, ident: str) -> Done:
    """With logins, keys and grants. What they recorded stays."""
    home, by = house.of(request), caller_of(request.scope).by
    await in_thread(partial(home.archive.accounts.remove, ident, by))
    return Done()


@router.post("/api/grants", status_code=201, summary="Grant something", responses=ERRORS)
async def add_grant(request: Request, told: NewGrant) -> GrantCard:
    """To view, listen to, control or edit one source or one recording."""
    home, by = house.of(request), caller_of(request.scope).by
    add = partial(home.archive.accounts.grant, told.user, told.verb, by, source=told.source, recording=told.recording)
    found = await in_thread(add)
    return GrantCard(
        id=found.id, user=found.user_id, verb=found.verb, source=found.source_id, recording=found.recording_id
    )


@router.delete("/api/grants/{number}", summary="Take a grant back", responses=ERRORS)
async def withdraw(request: Request, number: Annotated[int, Path(ge=0, le=2**53)]) -> Done:
    """It is over at once."""
    home, by = house.of(request), caller_of(request.scope).by
    await in_thread(partial(home.archive.accounts.withdraw, number, by))
    return Done()


@router.get("/api/audit", summary="What was done", responses=ERRORS)
async def audit(
    request: Request,
    before: Annotated[int | None, Query(ge=0, le=2**53)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> AuditPage:
    """Newest first, in pages."""
    home = house.of(request)
    found = await home.access.look(partial(home.archive.accounts.audit.page, before, limit))
    entries = [AuditEntry(id=e.id, at=e.at_s, by=e.by, address=e.address, what=e.what, about=e.about) for e in found]
    return AuditPage(entries=entries, next=entries[-1].id if len(entries) == limit else None)
