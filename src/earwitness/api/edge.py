"""The edge of the server: who may come in, and what is written down about it. Plain ASGI, before any route.

Every request gets an id; every route but a short list needs the key, once there is one; without a key the server
answers only to loopback names, so that no web page can reach it through a name of its own. Request lines are logged
without query, body or names of files.
"""

import asyncio
import contextlib
import hmac
import re
import time
import uuid
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from earwitness import telemetry, traces
from earwitness.api.errors import answer
from earwitness.api.house import House
from earwitness.errors import EarwitnessError, EngineFailed, Unauthorized

OPEN = ("/livez", "/readyz", "/health", "/docs", "/redoc", "/openapi.json", "/static-offline-docs", "/live")
"""Paths, and all below them, that need no key."""

DRAIN_S = 3.0
"""How long a refused upload is read to its end, so that the client sees the answer and not a broken pipe."""

SCHEMES = {"bearer", "token"}
KEY_PREFIXES = ("earwitness-key.", "openai-insecure-api-key.")
"""Browsers can send a socket's key only as a subprotocol."""

EXTENSIONS = {"chrome-extension", "moz-extension", "safari-web-extension"}
"""Schemes of origins that no web page has: somebody installed these."""

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
SAFE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class _Body:
    """The body of a request on its way in; knows whether it has ended."""

    def __init__(self, receive: Receive, headers: Headers) -> None:
        self._receive = receive
        self._unasked = headers.get("expect", "").lower() == "100-continue"
        self.ended = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers

    async def receive(self) -> Message:
        """The next message, as ASGI has it."""
        self._unasked = False
        message = await self._receive()
        self.ended = self.ended or not message.get("more_body", False)
        return message

    async def drain(self) -> bool:
        """Read and forget what is left of it; whether its end was reached in time. One not asked for is let be."""
        if not self._unasked:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    while not self.ended:
                        await self.receive()
        return self.ended


class Edge:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, house: House) -> None:
        self._app, self._house = app, house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        ident = given if SAFE_ID.fullmatch(given) else f"req_{uuid.uuid4().hex}"
        began, status, body = time.perf_counter(), 499, _Body(receive, headers)

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told = MutableHeaders(scope=message)
                told["x-request-id"] = ident
                told["x-content-type-options"] = "nosniff"
                told["openai-processing-ms"] = str(round((time.perf_counter() - began) * 1000))
                if status >= 400 and not await body.drain():
                    told["connection"] = "close"
            await send(message)

        telemetry.name(request=ident)
        try:
            with traces.span("request", headers, request=ident, method=scope["method"]) as facts:
                self._admit(scope["path"], headers)
                await self._app(scope, body.receive, sending)
                facts |= {"route": getattr(scope.get("route"), "path", "unknown"), "status": status}
        except EarwitnessError as error:
            await answer(error, scope["path"])(scope, body.receive, sending)
        except Exception as error:
            self._house.log.error("unexpected", request=ident, kind=type(error).__name__, exc_info=error)
            if status == 499:
                failed = EngineFailed(f"an unexpected {type(error).__name__} stopped the request")
                await answer(failed, scope["path"])(scope, body.receive, sending)
        finally:
            self._write_down(scope, ident, status, time.perf_counter() - began)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One socket: refused before it opens, or left to its door."""
        headers, began = Headers(scope=scope), time.perf_counter()
        telemetry.name(request=f"req_{uuid.uuid4().hex}")
        try:
            self._admit(scope["path"], headers, _socket_key(scope))
            self._same_origin(headers)
        except EarwitnessError as error:
            await WebSocket(scope, receive, send).send_denial_response(answer(error, scope["path"]))
            self._house.log.info("refused", path=scope["path"], code=error.code)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            self._house.metrics.requests.labels("SOCKET", route, 101).inc()
            self._house.log.info("socket", route=route, s=round(time.perf_counter() - began, 1))

    def _same_origin(self, headers: Mapping[str, str]) -> None:
        """Raise Unauthorized for a web page of another host, which browsers let open sockets to anywhere."""
        told = headers.get("origin")
        if told is None or self._house.settings.api_key is not None:
            return
        name = _name(told)
        installed = told.partition("://")[0] in EXTENSIONS
        if not installed and (name is None or name != _name(f"//{headers.get('host', '')}")):
            raise Unauthorized(
                f"a web page of {told[:100]!r} may not listen here",
                remedy="Set EARWITNESS_API_KEY, and let the page send the key.",
            )

    def _admit(self, path: str, headers: Mapping[str, str], further: str = "") -> None:
        """Raise Unauthorized for a stranger; `further` is a key that came by another way than the header."""
        settings = self._house.settings
        host = headers.get("host", "").lower()
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        allowed = settings.allowed_hosts or (() if settings.api_key else LOOPBACK)
        if allowed and name not in {a.lower() for a in allowed}:
            raise Unauthorized(
                f"this server does not answer to the name {name[:100]!r}",
                remedy="Call it by a loopback name, or set EARWITNESS_API_KEY or EARWITNESS_ALLOWED_HOSTS.",
            )
        key = settings.api_key
        if key is None or any(path == p or path.startswith(f"{p}/") for p in OPEN):
            return
        given = _given(headers, further)
        right = hmac.compare_digest(given.encode(), key.get_secret_value().encode())
        if not right and not self._house.passes.opens(path, given):
            raise Unauthorized("the API key is missing or wrong")

    def _write_down(self, scope: Scope, ident: str, status: int, took_s: float) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        metrics = self._house.metrics
        metrics.requests.labels(scope["method"], route, status).inc()
        metrics.seconds.labels(route).observe(took_s)
        quiet = route in {"/livez", "/readyz", "/health", "/metrics"}
        write = self._house.log.debug if quiet else self._house.log.info
        write(
            "request",
            request=ident,
            method=scope["method"],
            route=route,
            status=status,
            ms=round(took_s * 1000),
        )


def key_of(scope: Scope) -> str:
    """The key that a socket came with; empty for none."""
    return _given(Headers(scope=scope), _socket_key(scope))


def _given(headers: Mapping[str, str], further: str) -> str:
    """The key in the header, else `further`; empty for another scheme."""
    scheme, _, given = headers.get("authorization", f"bearer {further}").partition(" ")
    return given.strip() if scheme.lower() in SCHEMES else ""


def _name(address: str) -> str | None:
    """The host in an address; None where there is none."""
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _socket_key(scope: Scope) -> str:
    """The key among a socket's subprotocols: after a prefix, or after the word `token` or `bearer`.

    At `/` it may stand in the address too, as `token`: WhisperLive's clients have no other way.
    """
    offered = [str(p) for p in scope.get("subprotocols", ())]
    for prefix in KEY_PREFIXES:
        if found := next((p.removeprefix(prefix) for p in offered if p.startswith(prefix)), ""):
            return found
    if len(offered) > 1 and offered[0].lower() in SCHEMES:
        return offered[1]
    query: bytes = scope.get("query_string", b"") if scope["path"] == "/" else b""
    return parse_qs(query.decode("latin-1")).get("token", [""])[0]
