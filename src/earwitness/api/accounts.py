"""One's own account: setting up, logging in and out, passwords, logins, keys."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from earwitness.api import cookies, house, origins
from earwitness.api.access import given_key
from earwitness.api.bridge import in_thread
from earwitness.api.caller import Caller, caller_of
from earwitness.api.rates import network
from earwitness.api.schemas import PlainError
from earwitness.archive.account import By, Key, User, Way, folded, scopes_of
from earwitness.archive.logins import LONGEST_S
from earwitness.errors import BadInput, EarwitnessError, Forbidden, Unauthorized

router = APIRouter(tags=["Accounts"])

ERRORS: dict[int | str, dict[str, Any]] = {
    s: {"model": PlainError, "description": "An error"} for s in (400, 401, 403, 404, 429, 503, 507)
}

Text = Annotated[str, Field(max_length=2000)]


class Asked(BaseModel):
    """A body. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Setup(Asked):
    """The first administrator; `code` stands in the server's log, and is not needed on its own machine."""

    name: Text
    password: Text
    code: Text = ""


class Credentials(Asked):
    """Who wants to come in."""

    name: Text
    password: Text


class MeChange(Asked):
    """What of one's own account is to be another: its name, or its password, which takes the one before."""

    name: Text | None = None
    password: Text | None = None
    new_password: Text | None = None


class SetupCard(BaseModel):
    """Whether somebody must set this server up, and whether that takes the code."""

    needed: bool
    code: bool


class UserCard(BaseModel):
    """A user; `subject` is who vouches for them, and as whom."""

    id: str
    name: str
    role: str
    enabled: bool
    made: float
    seen: float | None
    subject: str | None


class Me(BaseModel):
    """Who one is here, and what one may do. `user` is null for the installation itself."""

    user: UserCard | None
    way: str
    scopes: list[str]


class LoginCard(BaseModel):
    """A browser that is logged in; times are seconds of the Unix clock."""

    id: str
    user: str
    agent: str
    address: str
    way: str
    made: float
    seen: float
    ends: float
    current: bool


class LoginCards(BaseModel):
    """The logins that are open."""

    logins: list[LoginCard]


class NewKey(Asked):
    """A key to be made. `user` is for administrators; without it the key is one's own.

    One with a `recording` follows its captions and opens nothing else: it is for a link that others are given.
    """

    name: Text
    scopes: list[Text] = Field(max_length=50)
    sources: list[Text] | None = Field(None, max_length=1000)
    recording: Text | None = None
    days: float | None = None
    audio_seconds_per_day: float | None = None
    user: Text | None = None


class KeyCard(BaseModel):
    """A key, without its secret."""

    id: str
    user: str
    name: str
    scopes: list[str]
    sources: list[str] | None
    recording: str | None
    audio_seconds_per_day: float | None
    made: float
    ends: float | None
    seen: float | None


class WholeKey(BaseModel):
    """A key that was made; `key` is told this once."""

    key: str
    card: KeyCard


class KeyCards(BaseModel):
    """Keys."""

    keys: list[KeyCard]


class GrantCard(BaseModel):
    """What a user may do with one source or one recording."""

    id: int
    user: str
    verb: str
    source: str | None
    recording: str | None


class GrantCards(BaseModel):
    """Grants."""

    grants: list[GrantCard]


class Done(BaseModel):
    """That something was done."""

    ok: bool = True


class LoggedOut(Done):
    """That, and where a browser goes to log out at the provider too, if one came in by it."""

    url: str | None = None


@router.get("/api/setup", summary="Is there anybody yet", responses=ERRORS)
async def ask_setup(request: Request) -> SetupCard:
    """Whether the first account has to be made."""
    access = house.of(request).access
    return SetupCard(needed=not await access.anybody(), code=not _trusted(request))


@router.post("/api/setup", status_code=201, summary="Make the first administrator, and log in", responses=ERRORS)
async def set_up(request: Request, response: Response, told: Setup) -> Me:
    """With the code from the log, with the installation's key, or from the machine itself."""
    home, by = house.of(request), stranger_of(request)
    home.access.rates.count("setup", network(by.address))
    if not _trusted(request) and not home.access.is_code(told.code):
        raise Unauthorized("the setup code is missing or wrong", remedy="It stands in the log of the server.")
    user = await home.access.slowly(partial(home.archive.accounts.begin, told.name, told.password, by))
    await home.access.anybody()
    return await logged_in(request, response, user, by)


@router.post("/api/login", summary="Log in", responses=ERRORS)
async def log_in(request: Request, response: Response, told: Credentials) -> Me:
    """The answer sets a cookie, always a new one."""
    home, by = house.of(request), stranger_of(request)
    home.access.rates.count("login", f"name {folded(told.name)}", f"from {network(by.address)}")
    user = await home.access.slowly(partial(home.archive.accounts.known, told.name, told.password))
    if user is None:
        await in_thread(partial(home.archive.accounts.refused, told.name, by))
        raise Unauthorized("the name or the password is wrong", remedy="Try again, or ask an administrator for help.")
    return await logged_in(request, response, user, by)


@router.post("/api/logout", summary="Log out", responses=ERRORS)
async def log_out(request: Request, response: Response) -> LoggedOut:
    """The login ends at once, and the cookie with it."""
    who = caller_of(request.scope)
    if who.login is None:
        told = "Keys are removed by DELETE /api/keys/ID; whom a proxy vouches for logs out there."
        raise BadInput("this request came without a login", remedy=told)
    way = await in_thread(partial(house.of(request).archive.accounts.logins.end, who.login, who.by))
    cookies.drop(response, request.scope)
    return LoggedOut(url=await _goodbye(request) if way == "oidc" else None)


@router.get("/api/me", summary="Who am I", responses=ERRORS)
async def me(request: Request) -> Me:
    """Who one is here."""
    who = caller_of(request.scope)
    return Me(user=None if who.user is None else card(who.user), way=who.way, scopes=sorted(who.scopes))


@router.patch("/api/me", summary="Change one's name or password", responses=ERRORS)
async def change_me(request: Request, told: MeChange) -> Done:
    """With another password all other logins of this user end."""
    home, who = house.of(request), caller_of(request.scope)
    user = _user(who)
    if told.name is None and (told.password is None or told.new_password is None):
        raise BadInput("nothing is to be changed", remedy="Give `name`, or `password` and `new_password`.")
    if told.new_password is not None:
        home.access.rates.count("login", f"name {folded(user.name)}", f"from {network(who.address)}")
        if await home.access.slowly(partial(home.archive.accounts.known, user.name, told.password or "")) is None:
            raise Forbidden("the password is wrong", remedy="Give the password that you have now.")
        change = partial(home.archive.accounts.password, user.id, told.new_password, who.by, but=who.login)
        await home.access.slowly(change)
    if told.name is not None:
        await in_thread(partial(home.archive.accounts.rename, user.id, told.name, who.by))
    return Done()


@router.get("/api/logins", summary="Where one is logged in", responses=ERRORS)
async def logins(request: Request, all: bool = False) -> LoginCards:  # noqa: A002
    """One's own; all of them for administrators who ask for `all`."""
    home, who = house.of(request), caller_of(request.scope)
    found = await home.access.look(partial(home.archive.accounts.logins.all, _whose(who, everybody=all)))
    return LoginCards(
        logins=[
            LoginCard(
                id=x.id, user=x.user_id, agent=x.agent, address=x.address, way=x.way, made=x.made_s, seen=x.seen_s,
                ends=x.ends_s, current=x.id == who.login,
            )
            for x in found
        ]
    )  # fmt: skip


@router.delete("/api/logins/{ident}", summary="End a login", responses=ERRORS)
async def end_login(request: Request, ident: str) -> Done:
    """One's own; anybody's for administrators."""
    home, who = house.of(request), caller_of(request.scope)
    whose = _whose(who, everybody="admin" in who.scopes)
    await in_thread(partial(home.archive.accounts.logins.end, ident, who.by, whose))
    return Done()


@router.get("/api/keys", summary="Keys", responses=ERRORS)
async def keys(request: Request, all: bool = False) -> KeyCards:  # noqa: A002
    """One's own; all of them for administrators who ask for `all`."""
    home, who = house.of(request), caller_of(request.scope)
    found = await home.access.look(partial(home.archive.accounts.keys.all, _whose(who, everybody=all)))
    return KeyCards(keys=[_key_card(key) for key in found])


@router.post("/api/keys", status_code=201, summary="Make a key", responses=ERRORS)
async def make_key(request: Request, told: NewKey) -> WholeKey:
    """The whole key is in this answer and nowhere else."""
    home, who = house.of(request), caller_of(request.scope)
    user = await _for(request, who, told.user)
    sources = None if told.sources is None else tuple(told.sources)
    make = partial(home.archive.accounts.keys.make, user, told.name, tuple(told.scopes), who.by)
    make = partial(make, sources=sources, recording=told.recording, days=told.days, day_s=told.audio_seconds_per_day)
    key, whole = await in_thread(make)
    return WholeKey(key=whole, card=_key_card(key))


@router.delete("/api/keys/{ident}", summary="Remove a key", responses=ERRORS)
async def remove_key(request: Request, ident: str) -> Done:
    """One's own; anybody's for administrators."""
    home, who = house.of(request), caller_of(request.scope)
    whose = _whose(who, everybody="admin" in who.scopes)
    await in_thread(partial(home.archive.accounts.keys.remove, ident, who.by, whose))
    return Done()


@router.get("/api/grants", summary="What one was granted", responses=ERRORS)
async def grants(request: Request, all: bool = False) -> GrantCards:  # noqa: A002
    """One's own; all of them for administrators who ask for `all`."""
    home, who = house.of(request), caller_of(request.scope)
    found = await home.access.look(partial(home.archive.accounts.grants, _whose(who, everybody=all)))
    return GrantCards(
        grants=[
            GrantCard(id=x.id, user=x.user_id, verb=x.verb, source=x.source_id, recording=x.recording_id) for x in found
        ]
    )


def card(user: User) -> UserCard:
    """A user as others see them."""
    return UserCard(
        id=user.id, name=user.name, role=user.role, enabled=user.enabled, made=user.made_s, seen=user.seen_s,
        subject=user.subject,
    )  # fmt: skip


def _key_card(key: Key) -> KeyCard:
    return KeyCard(
        id=key.id, user=key.user_id, name=key.name, scopes=list(key.scopes),
        sources=None if key.sources is None else list(key.sources), recording=key.recording,
        audio_seconds_per_day=key.day_s, made=key.made_s, ends=key.ends_s, seen=key.seen_s,
    )  # fmt: skip


async def logged_in(request: Request, response: Response, user: User, by: By, way: Way = "password") -> Me:
    """A new login with its cookie; the one that the browser had ends."""
    home, scope = house.of(request), request.scope
    logins = home.archive.accounts.logins
    old = await home.access.look(partial(logins.of, cookies.held(scope, request.headers)))
    if old is not None:
        await in_thread(partial(logins.end, old[1].id, by))
    token = await in_thread(partial(logins.begin, user, by, request.headers.get("user-agent", ""), way))
    cookies.give(response, scope, token, LONGEST_S)
    return Me(user=card(user), way="login", scopes=sorted(scopes_of(user.role)))


def stranger_of(request: Request) -> By:
    """Whoever calls what is open to all."""
    return By("stranger", origins.address_of(request.scope))


async def _goodbye(request: Request) -> str | None:
    """Where to log out at the provider; None where it can't be asked, for one is logged out here all the same."""
    home = house.of(request)
    back = home.settings.public_url or str(request.base_url).rstrip("/")
    try:
        return None if home.issuer is None else await home.issuer.goodbye(back)
    except EarwitnessError as error:
        home.log.warning("logged out here alone", code=error.code, why=error.message)
        return None


def _trusted(request: Request) -> bool:
    """Whether a request may set up without the code: with the installation's key; without one, from its machine."""
    home = house.of(request)
    if home.settings.api_key is not None:
        return home.access.is_house(given_key(request.headers))
    return origins.from_here(request.scope, request.headers)


def _user(who: Caller) -> User:
    if who.user is None:
        raise BadInput("the installation's key belongs to no user", remedy="Log in, or say `user`.", param="user")
    return who.user


def _whose(who: Caller, *, everybody: bool) -> str | None:
    """The user whose things are meant; None for everybody's. Raises Forbidden."""
    if everybody:
        if "admin" not in who.scopes:
            raise Forbidden("only administrators see everybody's")
        return None
    return None if who.way == "house" else _user(who).id


async def _for(request: Request, who: Caller, ident: str | None) -> User:
    """The user that a key is made for. Raises Forbidden, NotFound, BadInput."""
    home = house.of(request)
    if ident is None or (who.user is not None and ident == who.user.id):
        return _user(who)
    if "admin" not in who.scopes:
        raise Forbidden("only administrators make keys for others")
    return await home.access.look(partial(home.archive.accounts.one, ident))
