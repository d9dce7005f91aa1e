"""Proxies that users have logged in at: which of them are believed, and whom they name.

What they say in a header anybody could say. So it counts only where the other end of the connection itself is one of
the proxies that were named, whatever headers say about who is behind it; and only under names that the server was given
(EARWITNESS_ALLOWED_HOSTS), as a web page could let a name of its own lead to a proxy's machine.
"""

import os
import re
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from earwitness.archive.account import named
from earwitness.archive.vouched import PROXY, Vouched, subject_of
from earwitness.config import Settings
from earwitness.errors import BadInput, Unauthorized

PEER = "earwitness.peer"
"""Where a scope has the address of the other end of its connection."""

BETWEEN = re.compile(r"[,|]")
"""What stands between groups: Authentik's outposts write a bar."""

MOST_WARNED = 100
INSTEAD = "Let the proxy put its own header in place of what clients send, and not beside it."


class Proxies:
    """The proxies that were named. `warn` is told of others that use their header, once each."""

    def __init__(self, settings: Settings, warn: Callable[..., object]) -> None:
        """Raises BadInput for settings that would let web pages say who somebody is."""
        if settings.login_proxies and not settings.allowed_hosts:
            raise BadInput(
                "EARWITNESS_LOGIN_PROXIES needs EARWITNESS_ALLOWED_HOSTS",
                remedy="""Say there how browsers call the server: EARWITNESS_ALLOWED_HOSTS='["ears.example"]'.""",
            )
        self._networks = tuple(ip_network(one) for one in settings.login_proxies)
        self._name, self._groups = settings.proxy_header, settings.proxy_groups_header
        self._warn, self._warned = warn, set[str]()

    def vouched(self, scope: Scope, headers: Headers) -> Vouched | None:
        """Whom a proxy names that has passed this on; None for nobody. Raises Unauthorized where it is not clear."""
        if not self._networks or not (said := headers.getlist(self._name)):
            return None
        peer = scope.get(PEER, "")
        if not self._believed(peer):
            if peer not in self._warned and len(self._warned) < MOST_WARNED:
                self._warned.add(peer)
                self._warn("header not believed", header=self._name, peer=peer, why="it is none of LOGIN_PROXIES")
            return None
        name = _only(self._name, said)
        if "," in name:
            raise Unauthorized(f"the header {self._name} names several", remedy=INSTEAD)
        if not name:
            return None
        groups = _only(self._groups, headers.getlist(self._groups)) if self._groups else ""
        listed = frozenset(group.strip() for group in BETWEEN.split(groups)) - {""}
        return Vouched(subject_of(PROXY, named(name)), name, listed)

    def _believed(self, peer: str) -> bool:
        try:
            found = ip_address(peer)
        except ValueError:
            return False
        if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        return any(found in network for network in self._networks)


class Peers:
    """Wraps the application: notes who is at the other end, before what a proxy says of its client takes the place.

    X-Forwarded-For and X-Forwarded-Proto are heeded from loopback or the addresses in FORWARDED_ALLOW_IPS, as uvicorn
    does, and from the proxies that were named.
    """

    def __init__(self, app: ASGIApp, proxies: tuple[str, ...]) -> None:
        heeded = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")
        everybody = heeded.strip() == "*"
        listed = [one.strip() for one in heeded.split(",")]
        self._app = ProxyHeadersMiddleware(app, "*" if everybody else [*listed, *proxies])  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, socket, or the life of the server."""
        if scope["type"] != "lifespan":
            scope[PEER] = (scope.get("client") or ("",))[0]
        await self._app(scope, receive, send)  # type: ignore[arg-type]


def _only(name: str, said: list[str]) -> str:
    """What a header says. Raises Unauthorized where it is there twice: one of them is not the proxy's."""
    if len(said) > 1:
        raise Unauthorized(f"the header {name} is there {len(said)} times", remedy=INSTEAD)
    try:
        return "".join(said).encode("latin-1").decode().strip()
    except UnicodeDecodeError as error:
        raise Unauthorized(f"the header {name} is no UTF-8", remedy="Let the proxy send UTF-8.") from error
