"""The edge of the server: who may come in, and what is written down about it. Plain ASGI, before any route.

Every request gets an id, and every one is looked at by `access` before a route sees it. Request lines are logged
without query, body or names of files.
"""

import asyncio
import contextlib
import math
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from earwitness import telemetry, traces
from earwitness.api.caller import CALLER, caller_of
from earwitness.api.errors import answer
from earwitness.api.house import House
from earwitness.api.needs import row_of, streams
from earwitness.api.uploads import MOST_JSON_MB
from earwitness.errors import EarwitnessError, EngineFailed

DRAIN_S = 3.0
"""How long a refused upload is read to its end, so that the client sees the answer and not a broken pipe."""

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(self)",
    "cross-origin-opener-policy": "same-origin",
    "content-security-policy": (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "media-src 'self' blob:; connect-src 'self'; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'self'; "
        "form-action 'self'"
    ),
}
"""What every answer says to browsers, unless a door says something else. Waveforms are drawn with inline styles."""

QUIET = {
    "/livez", "/readyz", "/health", "/metrics", "/api/system", "/api/system/logs", "/api/models", "/app/{path:path}",
}  # fmt: skip
"""Routes that are asked again and again, by machines and by pages that show how it goes; and the files of the page."""

ROUTINE = (*range(100, 500), 503)
"""What a server answers on a good day: refusals, and that it is full."""

SCRIPTED = ("/docs", "/redoc")
"""The pages of the API's documents, which start by a script within the page."""

SAFE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class _Body:
    """The body of a request on its way in; knows whether it has ended, and how much of it a route may read at once."""

    def __init__(self, receive: Receive, headers: Headers, most: float) -> None:
        self._receive, self._left = receive, most
        self._unasked = headers.get("expect", "").lower() == "100-continue"
        self.ended = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers

    async def receive(self) -> Message:
        """The next message, as ASGI has it. Raises HTTPException where that is more than `most` bytes in all."""
        self._unasked = False
        message = await self._next()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise HTTPException(413)  # the only one that FastAPI lets through
        return message

    async def drain(self) -> bool:
        """Read and forget what is left of it; whether its end was reached in time. One not asked for is let be."""
        if not self._unasked:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    while not self.ended:
                        await self._next()
        return self.ended

    async def _next(self) -> Message:
        message = await self._receive()
        self.ended = self.ended or not message.get("more_body", False)
        return message


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
        most = math.inf if streams(row_of(scope["method"], scope["path"])) else MOST_JSON_MB * 2**20
        began, status, body = time.perf_counter(), 499, _Body(receive, headers, most)

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told = MutableHeaders(scope=message)
                told["x-request-id"] = ident
                _said(told, scope["path"])
                told["openai-processing-ms"] = str(round((time.perf_counter() - began) * 1000))
                if status >= 400 and not await body.drain():
                    told["connection"] = "close"
            await send(message)

        telemetry.name(request=ident)
        try:
            with traces.span("request", headers, request=ident, method=scope["method"]) as facts:
                await self._admit(scope)
                await self._app(scope, body.receive, sending)
                facts |= {"route": getattr(scope.get("route"), "path", "unknown"), "status": status}
        except EarwitnessError as error:
            scope["failed"] = error.code
            await answer(error, scope["path"])(scope, body.receive, sending)
        except Exception as error:
            self._house.log.error("unexpected", request=ident, kind=type(error).__name__, exc_info=error)
            scope["failed"] = EngineFailed.code
            if status == 499:
                failed = EngineFailed(f"an unexpected {type(error).__name__} stopped the request")
                await answer(failed, scope["path"])(scope, body.receive, sending)
        finally:
            self._write_down(scope, ident, status, time.perf_counter() - began)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One socket: refused before it opens, or left to its door."""
        began = time.perf_counter()
        telemetry.name(request=f"req_{uuid.uuid4().hex}")
        try:
            await self._admit(scope)
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

    async def _admit(self, scope: Scope) -> None:
        """Find out who calls, for whatever is done for them from here on. Raises what `Access.admit` raises."""
        caller = await self._house.access.admit(scope)
        scope["caller"] = caller
        CALLER.set(caller)

    def _write_down(self, scope: Scope, ident: str, status: int, took_s: float) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        metrics = self._house.metrics
        metrics.requests.labels(scope["method"], route, status).inc()
        metrics.seconds.labels(route).observe(took_s)
        log = self._house.log
        write = log.debug if route in QUIET and status < 400 else log.info if status in ROUTINE else log.warning
        failed = {"code": scope["failed"]} if "failed" in scope else {}
        write(
            "request",
            request=ident,
            method=scope["method"],
            route=route,
            status=status,
            ms=round(took_s * 1000),
            by=caller_of(scope).id,
            **failed,
        )


def _said(headers: MutableHeaders, path: str) -> None:
    """Add what is said to browsers, where the door did not."""
    for name, value in HEADERS.items():
        if name == "content-security-policy" and path in SCRIPTED:
            value = value.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'")  # noqa: PLW2901
        headers.setdefault(name, value)
