"""Which web pages may call: those of this server, and those of origins that were named. And where a call came from.

Whoever is let in without saying a key, by a cookie or by being on this machine, could be sent here by any page that
they look at. So what changes something must come from a page of ours or from no page. The rule is that of Go's
http.CrossOriginProtection: Sec-Fetch-Site where the browser says it, else Origin against Host.
"""

from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from starlette.types import Scope

from earwitness.errors import Unauthorized

SAFE = ("GET", "HEAD", "OPTIONS")

EXTENSIONS = {"chrome-extension", "moz-extension", "safari-web-extension"}
"""Schemes of origins that no web page has: somebody installed these."""

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
"""Headers that somebody in between wrote."""


def check_page(headers: Mapping[str, str], cors: Collection[str], *, ports: bool = True) -> None:
    """Raise Unauthorized for a call from a page of another origin, or only of another host without `ports`."""
    told, site = headers.get("origin"), headers.get("sec-fetch-site")
    if told is not None and (told in cors or told.partition("://")[0] in EXTENSIONS):
        return
    if site is not None and (ports or told is None):
        if site in {"same-origin", "none"}:
            return
    elif told is None or _alike(told, headers.get("host", ""), ports=ports):
        return
    raise Unauthorized(
        f"a web page of {(told or 'another site')[:100]!r} may not do this here",
        remedy="Call with a key (`Authorization: Bearer KEY`), or name that page's origin in EARWITNESS_CORS.",
    )


def crossing(cors: Collection[str]) -> dict[str, Any]:
    """How CORS is answered for these origins. With * no page is let in by a cookie."""
    return {
        "allow_origins": tuple(cors),
        "allow_methods": ("GET", "POST", "PUT", "PATCH", "DELETE"),
        "allow_headers": ("*",),
        "allow_credentials": "*" not in cors,
        "expose_headers": ("x-request-id", "retry-after", "x-earwitness-not-honoured"),
    }


def host_of(headers: Mapping[str, str]) -> str:
    """The name that the server was called by, without the port."""
    host = headers.get("host", "").lower()
    return host if host.endswith("]") else host.rpartition(":")[0] or host


def from_here(scope: Scope, headers: Mapping[str, str]) -> bool:
    """Whether a call comes from this machine, and nobody in between passed it on."""
    try:
        near = ip_address(address_of(scope)).is_loopback
    except ValueError:
        return False
    return near and host_of(headers) in LOOPBACK and not any(name in headers for name in FORWARDED)


def address_of(scope: Scope) -> str:
    """The address that a call comes from; empty where there is none."""
    return str((scope.get("client") or ("",))[0])


def _alike(origin: str, host: str, *, ports: bool) -> bool:
    here = _place(f"//{host}", origin, ports=ports)
    return here is not None and here == _place(origin, ports=ports)


def _place(address: str, like: str = "", *, ports: bool) -> tuple[str, int | None] | None:
    """Host and port of an origin; the port that is meant where none is named. None where there is no host."""
    try:
        found, scheme = urlsplit(address), urlsplit(like or address).scheme
        port = (found.port or PORTS.get(scheme)) if ports else None
    except ValueError:
        return None
    return (found.hostname, port) if found.hostname else None
