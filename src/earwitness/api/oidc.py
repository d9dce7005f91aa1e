"""Logging in by an OpenID Connect provider: to it, and back from it. What comes of it is a login like any other.

The browser keeps a secret for these minutes. What the provider is told, and what it must say again, is made from it: so
an answer that somebody else got, elsewhere, logs nobody in here.
"""

import base64
import hmac
import re
import secrets
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse
from pydantic import BaseModel
from starlette.responses import Response

from earwitness.api import cookies, house
from earwitness.api.accounts import ERRORS, logged_in, stranger_of
from earwitness.api.bridge import in_thread
from earwitness.api.errors import answer
from earwitness.api.issuer import Begun, Issuer
from earwitness.api.rates import network
from earwitness.api.schemas import PlainError
from earwitness.archive.account import User
from earwitness.archive.vouched import Vouched
from earwitness.errors import BadInput, EarwitnessError, NotFound, Unauthorized, Unreachable

router = APIRouter(tags=["Accounts"])

BEGIN, BACK = "/api/login/oidc", "/api/login/oidc/callback"
MINUTES = 10
START = "/"
"""Where one is led after a login that was begun without a page to return to."""

HERE = re.compile(r"/(?!/)[!-\[\]-~]{0,999}")
"""A path of this server: no host, and nothing that a browser takes for one or leaves out."""

LEADS: dict[int | str, dict[str, Any]] = {
    **ERRORS,
    303: {"description": "Where the browser goes on"},
    409: {"model": PlainError, "description": "An error"},
    502: {"model": PlainError, "description": "An error"},
}
Said = Annotated[str, Query(max_length=10_000)]


class Ways(BaseModel):
    """How one may log in here: by a password, and at this address by a provider, if there is one."""

    password: bool
    oidc: str | None


@router.get("/api/login", summary="How to log in")
async def ways(request: Request) -> Ways:
    """What a page may offer."""
    return Ways(password=True, oidc=BEGIN if house.of(request).issuer else None)


@router.get(BEGIN, summary="Log in by a provider", status_code=303, response_class=Response, responses=LEADS)
async def begin(
    request: Request,
    next: Annotated[str, Query(description="The page to return to, such as `/app/files`.")] = START,  # noqa: A002
) -> Response:
    """Leads the browser to the provider, which leads it back."""
    if not HERE.fullmatch(next):
        raise BadInput("`next` has to be a path of this server, such as /app/files", param="next")
    issuer, begun = _issuer(request), Begun(secrets.token_urlsafe(32))
    house.of(request).access.rates.count("begin", network(stranger_of(request).address))
    response = _led(await issuer.address(begun, _url(request, BACK)))
    kept = f"{begun.secret}.{base64.urlsafe_b64encode(next.encode()).decode().rstrip('=')}"
    cookies.give(response, request.scope, kept, MINUTES * 60, cookies.BEGUN)
    return response


@router.get(BACK, summary="Back from a provider", status_code=303, response_class=Response, responses=LEADS)
async def callback(request: Request, state: Said = "", code: Said = "", iss: Said = "", error: Said = "") -> Response:
    """Logs in whom the provider names, and leads the browser to where it wanted to go."""
    try:
        begun, following = _begun(request, state)
        who = await _who(request, begun, code, iss, error)
        response = _led(following)
        await logged_in(request, response, await _user(request, who), stranger_of(request), "oidc")
    except EarwitnessError as failed:
        if type(failed) in {Unauthorized, Unreachable}:  # what has to be mended is here or there, and no user's fault
            house.of(request).log.warning("no login by the provider", code=failed.code, why=failed.message)
        response = answer(failed, request.url.path)
    cookies.drop(response, request.scope, cookies.BEGUN)  # an answer counts once
    return response


def _issuer(request: Request) -> Issuer:
    """The provider. Raises NotFound."""
    found = house.of(request).issuer
    if found is None:
        raise NotFound("no provider is set up to log in by", remedy="Log in with a password: POST /api/login.")
    return found


def _begun(request: Request, state: str) -> tuple[Begun, str]:
    """The login that this browser began, and where it goes then. Raises NotFound, TooMany, BadInput."""
    _issuer(request)
    house.of(request).access.rates.count("login", f"from {network(stranger_of(request).address)}")
    secret, _, kept = cookies.held(request.scope, request.headers, cookies.BEGUN).partition(".")
    begun = Begun(secret)
    if not secret or not hmac.compare_digest(state.encode(), begun.state.encode()):
        raise BadInput(
            "this login was not begun in this browser, or too long ago",
            remedy=f"Begin again: GET {BEGIN}.",
            param="state",
        )
    try:
        following = base64.urlsafe_b64decode(f"{kept}==").decode("ascii")
    except ValueError:
        following = ""
    return begun, following if HERE.fullmatch(following) else START


async def _who(request: Request, begun: Begun, code: str, iss: str, error: str) -> Vouched:
    """Whom the provider names. Raises Unauthorized where it names nobody, and what `Issuer.who` raises."""
    if error or not code:
        told = "".join(c for c in error if c.isprintable())[:60] or "no code came"
        raise Unauthorized(f"the provider let nobody in: {told!r}", remedy="Begin again, or log in with a password.")
    return await _issuer(request).who(code, iss, begun, _url(request, BACK))


async def _user(request: Request, who: Vouched) -> User:
    """The account of somebody. Raises what `Access.vouched` raises; that is in the audit then."""
    home, by = house.of(request), stranger_of(request)
    try:
        return await home.access.vouched(who, by)
    except EarwitnessError:
        await in_thread(partial(home.archive.accounts.vouched.refused, who, by))
        raise


def _url(request: Request, path: str) -> str:
    """An address of this server, as browsers know it."""
    return f"{house.of(request).settings.public_url or str(request.base_url).rstrip('/')}{path}"


def _led(where: str) -> Response:
    return RedirectResponse(where, 303, {"cache-control": "no-store"})
