"""The cookies that this server gives: kept from scripts and from other sites, and over https from other hosts too."""

from collections.abc import Mapping

from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import Scope

LOGIN = "earwitness"
BEGUN = "earwitness-oidc"
"""Of a login by a provider that has begun."""


def held(scope: Scope, headers: Mapping[str, str], name: str = LOGIN) -> str:
    """What the browser's cookie holds; empty for none."""
    return cookie_parser(headers.get("cookie", "")).get(_called(scope, name), "")


def give(response: Response, scope: Scope, value: str, seconds: float, name: str = LOGIN) -> None:
    """Let an answer bring one. Browsers send it along when a link leads here, and with nothing else of other sites."""
    called, age_s = _called(scope, name), int(seconds)
    response.set_cookie(called, value, age_s, path="/", secure=_secure(scope), httponly=True, samesite="lax")


def drop(response: Response, scope: Scope, name: str = LOGIN) -> None:
    """Let an answer take it away."""
    response.delete_cookie(_called(scope, name), path="/", secure=_secure(scope), httponly=True, samesite="lax")


def _called(scope: Scope, name: str) -> str:
    """Browsers take `__Host-` from the very host alone, and over https alone."""
    return f"__Host-{name}" if _secure(scope) else name


def _secure(scope: Scope) -> bool:
    """Whether the browser speaks https to us, or to the proxy before us."""
    return scope.get("scheme") in {"https", "wss"}
