"""Deepgram's socket, `GET /v1/listen`, as its own clients speak it.

Docs: docs/live.md. With `multichannel` each channel is a session of its own. What is wrong with the request is told in
the handshake, by status, body and the header `dg-error`; what goes wrong later as an `Error`, and by the close code.
Source: the types of deepgram-sdk 7.17 (`listen.v1`), and Deepgram's list of close codes.
"""

import asyncio
import hashlib
import json
import time
import uuid
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState

from earwitness.api import house
from earwitness.api.access import SCHEMES
from earwitness.api.deepgram import Asked, Message, live, model_info, warnings
from earwitness.api.errors import DEEPGRAM, answer, sentence
from earwitness.api.house import House
from earwitness.api.live.conversation import SLOWEST_S, attended, reason, received
from earwitness.api.live.deepgram_told import Told
from earwitness.api.live.hearing import Taking, taking
from earwitness.api.live.line import Line
from earwitness.api.live.storeroom import owner_of
from earwitness.audio import timebase
from earwitness.errors import BadInput, Busy, Cancelled, EarwitnessError
from earwitness.types import Json

router = APIRouter(tags=["Deepgram"])


TICK_S = 0.05
"""How often it is looked whether time alone brings something to tell."""

BAD_DATA, NO_ANSWER, NO_SOUND = (1008, "DATA-0000"), (1011, "NET-0000"), (1011, "NET-0001")
"""Why a socket is closed, in Deepgram's codes."""


@router.websocket(DEEPGRAM)
async def listen(socket: WebSocket) -> None:
    """One connection."""
    await attended(_serve(house.at(socket), socket), partial(_refuse, socket))


async def _serve(home: House, socket: WebSocket) -> None:
    query = socket.query_params
    asked = live({name: query.getlist(name) for name in query}, home.kit.catalog)
    await home.can(asked.recipe.model)
    async with AsyncExitStack() as held:
        begin = partial(home.sessions.line, asked.recipe, owner=owner_of(socket))
        lines = [await held.enter_async_context(begin()) for _ in range(asked.heard)]
        await _Door(home, socket, asked, lines).serve()


async def _refuse(socket: WebSocket, error: EarwitnessError) -> None:
    """Tell a client what was wrong, and close."""
    told = sentence(error)
    with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
        async with asyncio.timeout(SLOWEST_S):
            if socket.application_state == WebSocketState.CONNECTING:
                await socket.send_denial_response(answer(error, DEEPGRAM))
                return
            await socket.send_json(_error(error.code, told))
            await _close(socket, *(BAD_DATA if isinstance(error, BadInput) else NO_ANSWER), told)


def _error(variant: str, told: str, message: str | None = None) -> Message:
    return {"type": "Error", "variant": variant, "description": told, "message": message or told}


async def _close(socket: WebSocket, code: int, kind: str, told: str) -> None:
    await socket.close(code, reason(f"{kind}: {told}"))


class _Door:
    """The conversation with one client."""

    def __init__(self, home: House, socket: WebSocket, asked: Asked, lines: Sequence[Line]) -> None:
        self._home, self._socket, self._asked, self._lines = home, socket, asked, lines
        self._ident, self._created = str(uuid.uuid4()), datetime.now(UTC)
        plan = lines[0].hosted.plan
        self._model = model_info(plan.model, plan.engine) if plan else model_info(asked.recipe.model, "")
        model, info = self._model
        metadata: Message = {"request_id": self._ident, "model_info": info, "model_uuid": model}
        self._told = [Told(asked, (n, len(lines)), metadata) for n in range(len(lines))]
        self._takers = list[Taking]()
        self._hash = hashlib.sha256()
        self._sending = asyncio.Lock()
        self._finalized, self._closing = 0, False
        self._failure: EarwitnessError | None = None
        """What was wrong with the sound."""

    async def serve(self) -> None:
        """From the handshake to the end."""
        try:
            for number, line in enumerate(self._lines):
                self._takers.append(self._taking(line, number))
            await self._accept()
            await self._converse()
        finally:
            for taker in self._takers:
                taker.stop()

    def _taking(self, line: Line, number: int) -> Taking:
        asked = self._asked
        return taking(line, asked.encoding, asked.rate, asked.channels or 1, number if asked.multichannel else None)

    async def _converse(self) -> None:
        hear = asyncio.create_task(self._hear())
        tells = {asyncio.create_task(self._tell(*each)) for each in zip(self._lines, self._told, strict=True)}
        pending = {hear, *tells}
        try:
            while pending & tells:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for job in done:
                    job.result()
            await self._farewell()
        finally:
            for job in (hear, *tells):
                job.cancel()
            await asyncio.gather(hear, *tells, return_exceptions=True)

    async def _accept(self) -> None:
        offered = self._socket.scope.get("subprotocols", ())
        headers = {"dg-request-id": self._ident} | house.not_honoured([name for name, _ in self._asked.warnings])
        await self._socket.accept(
            next((p for p in offered if p.lower() in SCHEMES), None),
            [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()],
        )

    # ── what the client sends ──
    async def _hear(self) -> None:
        """Ends with the client, with one of the sessions, or at what is no sound; what was said is told before that."""
        try:
            await self._listen()
        except EarwitnessError as error:
            self._failure = None if any(line.hosted.over for line in self._lines) else error
            for line, taker in zip(self._lines, self._takers, strict=True):
                with suppress(EarwitnessError):
                    await taker.end()
                with suppress(Cancelled):
                    line.end()

    async def _listen(self) -> None:
        """After `CloseStream` the client is only listened to."""
        while True:
            message = await received(self._socket)
            if (data := message.get("bytes")) is None:
                await self._command(str(message["text"]))
            elif data and not self._closing:
                self._hash.update(data)
                await asyncio.gather(*(taker.take(data) for taker in self._takers))
            elif not data:  # how streams were ended before there was CloseStream
                await self._end()

    async def _command(self, text: str) -> None:
        given = _object(text)
        kind = given.get("type")
        if kind == "CloseStream":
            await self._end()
        elif kind == "KeepAlive" or (kind == "Finalize" and self._closing):
            for line in self._lines:
                if not line.hosted.over:
                    line.touch()
        elif kind == "Finalize":
            await self._finalize(given.get("channel"))
        elif kind == "Configure":
            told = "What the speech may hold can be named when the stream begins, and not changed after that."
            await self._send({"type": "ConfigureFailure", "request_id": self._ident,
                              "code": "CONFIGURE_KEYTERMS_NOT_SUPPORTED", "description": told})  # fmt: skip
        else:
            told = "This message is none of KeepAlive, Finalize and CloseStream in JSON; the stream goes on."
            await self._send(_error("SchemaError", told, text[:1_000]))

    async def _finalize(self, channel: object) -> None:
        """Have the open utterances told, of one channel or of all."""
        wanted = range(len(self._lines))
        if channel is not None:
            wanted = range(channel, channel + 1) if type(channel) is int and channel in wanted else range(0)
        if not wanted:
            await self._send(_error("SchemaError", f"There is no channel {str(channel)[:20]!r}; the stream goes on."))
        self._finalized += 1
        ident = f"finalize-{self._finalized}"
        for number in wanted:
            await self._takers[number].flush()
            self._told[number].flush(ident)
            self._lines[number].flush(ident)

    async def _end(self) -> None:
        if self._closing:
            return
        self._closing = True
        await asyncio.gather(*(taker.end() for taker in self._takers))
        for line in self._lines:
            if not line.hosted.over:
                line.end()

    # ── what it is told ──
    async def _tell(self, line: Line, told: Told) -> None:
        """All that one channel tells; ends with its session."""
        hosted, events, seen = line.hosted, line.events(), 0
        upcoming = asyncio.ensure_future(anext(events, None))
        try:
            while True:
                await asyncio.wait({upcoming}, timeout=TICK_S if told.waiting else None)
                if upcoming.done():
                    if (numbered := upcoming.result()) is None:
                        break
                    told.take(numbered.event)
                    seen = numbered.seq
                    upcoming = asyncio.ensure_future(anext(events, None))
                heard_s = timebase.seconds(hosted.heard) if seen == hosted.seq else 0.0
                for message in told.ready(time.monotonic(), heard_s, labelling=hosted.session.followed):
                    await self._send(message)
            for message in told.rest():
                await self._send(message)
        finally:
            upcoming.cancel()
            await asyncio.gather(upcoming, return_exceptions=True)

    async def _farewell(self) -> None:
        """The summary, and why the stream is over."""
        await self._send(self._metadata())
        if self._failure is not None:
            raise self._failure
        if any(told.broken for told in self._told):
            await _close(self._socket, *NO_ANSWER, "the session broke; the last Error says why")
        elif not all(line.hosted.ended for line in self._lines):
            raise Busy("the server stops; everything that was said has been told", retry_after_s=5.0)
        elif not self._closing:
            await _close(
                self._socket, *NO_SOUND, "neither sound nor KeepAlive came for too long, or it lasted too long"
            )
        else:
            await self._socket.close(1000)

    def _metadata(self) -> Message:
        asked = self._asked
        noted = dict.fromkeys(n for told in self._told for n in told.noted)
        ident, info = self._model
        found: Message = {
            "type": "Metadata",
            "transaction_key": "deprecated",
            "request_id": self._ident,
            "sha256": self._hash.hexdigest(),
            "created": self._created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "duration": round(max(line.hosted.session.received_s for line in self._lines), 3),
            "channels": len(self._lines),
            "models": [ident],
            "model_info": {ident: info},
        }
        further: dict[str, list[Json]] = {
            "warnings": warnings([*asked.warnings, *noted]),
            "tags": [*asked.tags],
            "extra": [*asked.extra],
        }
        return found | {name: values for name, values in further.items() if values}

    async def _send(self, body: Message) -> None:
        async with asyncio.timeout(SLOWEST_S), self._sending:
            await self._socket.send_json(body)


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
