"""OpenAI's Realtime API for transcription, `/v1/realtime`: JSON events both ways, in the current dialect and the older.

Source: openai-python (types/realtime, types/beta/realtime). Docs: docs/live.md. What a client does wrong is told as an
`error` and costs it nothing else. The live session behind the socket begins with the first sound, and anew when what
it depends on is changed.
"""

import asyncio
import base64
import json
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.types import Message

from earwitness.api import house
from earwitness.api.access import key_of
from earwitness.api.errors import answer, openai_body
from earwitness.api.house import House
from earwitness.api.live.conversation import SLOWEST_S, attended, checked
from earwitness.api.live.hearing import Taking, taking
from earwitness.api.live.line import Line
from earwitness.api.live.realtime_items import Body, Items, error_of
from earwitness.api.live.realtime_session import Terms, Wanted, agreed, asked_for, shown, updated
from earwitness.api.live.storeroom import owner_of
from earwitness.api.passes import PREFIX, REALTIME
from earwitness.errors import (
    BadInput,
    Busy,
    Cancelled,
    EarwitnessError,
    TooLarge,
    Unauthorized,
    Unsupported,
)
from earwitness.events import Failed, Flushed, Noted, SpeechEnded
from earwitness.types import Json

router = APIRouter(tags=["OpenAI"])


GOODBYE_S = 2.0

LARGEST_APPEND = 15 * 2**20
"""Characters of sound in one message, as at OpenAI."""

LEAST_S = 0.1
"""Less sound than that is no utterance to commit."""

ELSEWHERE = ("conversation.", "response.", "output_audio_buffer.")
"""What begins so belongs to conversations with a model, which are not held here."""


@router.websocket(REALTIME)
async def realtime(socket: WebSocket) -> None:
    """One connection."""
    home, key, offered = house.at(socket), key_of(socket.scope), socket.scope.get("subprotocols", ())
    about = home.passes.about(key)
    if about is None and key.startswith(PREFIX) and home.settings.api_key is None:
        refused = Unauthorized("this client secret is unknown or over", remedy="Make a new one.")
        await socket.send_denial_response(answer(refused, REALTIME))
        return
    await socket.accept("realtime" if "realtime" in offered else None)
    beta = "realtime=v1" in socket.headers.get("openai-beta", "") or "openai-beta.realtime-v1" in offered
    await _Door(home, socket, beta=beta).converse(Wanted.model_validate(about or {}))


@dataclass(slots=True, eq=False)
class _Live:
    """The live session behind a socket, for now."""

    line: Line
    held: AsyncExitStack
    taker: Taking
    telling: asyncio.Task[None]

    @property
    def over(self) -> bool:
        """Whether it takes no more sound."""
        return self.line.hosted.over or self.line.hosted.ending


class _Door:
    """The conversation with one client."""

    def __init__(self, home: House, socket: WebSocket, *, beta: bool) -> None:
        self._home, self._socket, self._sending = home, socket, asyncio.Lock()
        self._id, self._terms, self._items = f"sess_{uuid.uuid4().hex}", Terms(), Items(beta=beta)
        longest_s = home.settings.live_longest_h * 3600
        self._expires, self._until = time.time() + longest_s, time.monotonic() + longest_s
        self._live: _Live | None = None
        self._coming: asyncio.Task[Message] | None = None
        self._notices: tuple[Json, ...] = ()
        self._sent_s = self._buffered_s = 0.0
        self._flushes = 0

    async def converse(self, wanted: Wanted) -> None:
        """From the greeting to the end, whoever ends it."""
        try:
            await attended(self._serve(wanted), self._refuse)
        finally:
            await self._close()

    async def _serve(self, wanted: Wanted) -> None:
        self._home.sessions.admit()
        terms = await agreed(self._home, asked_for(self._home, wanted, dict(self._socket.query_params)))
        await self._change(terms)
        await self._say([self._session("session.created")])
        while time.monotonic() < self._until and (message := await self._message()) is not None:
            await self._take(message)
        await self._finish()
        why = error_of("invalid_request_error", "session_expired", "this session was silent or has lasted too long")
        await self._say([*self._items.settle(self._buffered_s), {"type": "error", "error": why}])
        await self._socket.close(1001, "session_expired")

    async def _refuse(self, error: EarwitnessError) -> None:
        """Tell the client why it ends, and close."""
        with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self._say([_error(error)])
                await self._socket.close(1013 if isinstance(error, Busy) else 1008, error.code)

    async def _close(self) -> None:
        live, self._live = self._live, None
        jobs = [job for job in (self._coming, live.telling if live else None) if job is not None]
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        if live is not None:
            await live.held.aclose()

    # ── what the client says ──
    async def _message(self) -> Message | None:
        """The next message, or None where none came for too long. Raises WebSocketDisconnect, and Busy on shutdown."""
        coming = self._coming = self._coming or asyncio.create_task(self._socket.receive())
        until = time.monotonic() + self._home.settings.live_idle_s
        while not coming.done():
            left_s = min(until, self._until) - time.monotonic()
            if left_s <= 0:
                return None
            jobs: set[asyncio.Task[Any]] = {coming} | ({self._live.telling} if self._live else set())
            await asyncio.wait(jobs, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            if self._live is not None and self._live.telling.done():
                await self._ended()
        self._coming = None
        return checked(coming.result())

    async def _take(self, message: Message) -> None:
        """Do what a message says; what is wrong with it is told, and changes nothing."""
        given: dict[str, Any] = {}
        try:
            given = _parsed(message)
            await self._act(given)
        except EarwitnessError as error:
            await self._say([_error(error, given.get("event_id"))])

    async def _act(self, given: dict[str, Any]) -> None:
        kind = given["type"]
        if kind in {"session.update", "transcription_session.update"}:
            await self._update(given.get("session"), beta=kind.startswith("transcription"))
        elif kind == "input_audio_buffer.append":
            await self._append(given.get("audio"))
        elif kind == "input_audio_buffer.commit":
            await self._commit(given.get("event_id"))
        elif kind == "input_audio_buffer.clear":
            self._buffered_s = 0.0
            await self._flush(self._items.clear)
        elif kind.startswith(ELSEWHERE):
            raise Unsupported(f"{kind[:80]} belongs to conversations; this server transcribes", param="type")
        else:
            raise BadInput(f"there is no event of type {kind[:80]!r}", param="type")

    async def _update(self, given: object, *, beta: bool) -> None:
        terms = await agreed(self._home, updated(self._terms.wanted, given, beta=beta))
        self._items.beta = self._items.beta or beta
        await self._change(terms)
        await self._say([self._session(self._updated)])

    async def _append(self, audio: object) -> None:
        if not isinstance(audio, str):
            raise BadInput("audio is sound in base64", param="audio")
        if len(audio) > LARGEST_APPEND:
            raise TooLarge("an append holds 15 MiB at most", remedy="Send the sound in smaller pieces.", param="audio")
        try:
            data = base64.b64decode(audio, validate=True)
        except ValueError:
            raise BadInput("audio is no base64", param="audio") from None
        live, (_, rate, width) = await self._opened(), self._terms.wanted.wire
        self._sent_s += len(data) / width / rate
        self._buffered_s += len(data) / width / rate
        await live.taker.take(data)

    async def _commit(self, event_id: object) -> None:
        seconds = self._buffered_s
        if seconds < LEAST_S:
            told = f"buffer too small: expected at least 100 ms of audio, but it has {seconds * 1000:.2f} ms"
            why = error_of("invalid_request_error", "input_audio_buffer_commit_empty", told)
            await self._say([{"type": "error", "error": why | {"event_id": _text(event_id)}}])
            return
        self._buffered_s = 0.0
        await self._flush(lambda ident: self._items.commit(ident, seconds))

    # ── the live session ──
    async def _opened(self) -> _Live:
        """The live session, begun if need be. Raises Busy, and what the model raises."""
        if self._live is not None and self._live.over:
            await self._finish()
        if self._live is None:
            async with AsyncExitStack() as held:
                line = await held.enter_async_context(
                    self._home.sessions.line(self._terms.recipe, owner=owner_of(self._socket))
                )
                taker = self._taking(line)
                self._items.begin(self._sent_s)
                self._live = _Live(line, held.pop_all(), taker, asyncio.create_task(self._tell(line, self._sent_s)))
        return self._live

    def _taking(self, line: Line) -> Taking:
        encoding, rate, _ = self._terms.wanted.wire
        return taking(line, encoding, rate, 1)

    async def _change(self, terms: Terms) -> None:
        """Other terms from here on: an utterance that is open ends where the model or the turns are others."""
        turns = terms.wanted.vad is not None
        if self._live is not None:
            with suppress(Cancelled):
                await self._live.taker.flush()
            if terms.recipe != self._terms.recipe:
                await self._finish()
        if turns != self._items.turns:
            await self._say(self._items.settle(self._buffered_s))
            self._buffered_s = 0.0
        self._terms, self._items.turns, self._items.logprobs = terms, turns, terms.wanted.logprobs
        if self._live is not None:
            self._live.taker = self._taking(self._live.line)

    async def _flush(self, begun: Callable[[str], list[Body]]) -> None:
        """What was said until here is to be told; the client is told first what has `begun` by that."""
        self._flushes += 1
        ident = f"flush-{self._flushes}"
        if self._live is not None:
            with suppress(Cancelled):
                await self._live.taker.flush()
                self._live.taker = self._taking(self._live.line)
            if self._live.over:
                await self._finish()
        await self._say(begun(ident))
        if self._live is not None:
            self._live.line.flush(ident)
        else:
            await self._say(self._items.told(Flushed(ident)))

    async def _finish(self) -> None:
        """End the live session, and wait until all it has to tell is told."""
        live, self._live = self._live, None
        if live is None:
            return
        try:
            with suppress(Cancelled):
                live.line.end()
            await live.telling
        finally:
            live.telling.cancel()
            await live.held.aclose()

    async def _ended(self) -> None:
        """The live session ended by itself. Raises Busy where the server stops."""
        await self._finish()
        if self._home.sessions.draining:
            stops = Busy("the server stops; what was said has been told", retry_after_s=5.0)
            why = error_of("server_error", stops.code, stops.message)
            await self._say([*self._items.settle(self._buffered_s), *self._items.broken(why)])
            raise stops

    async def _tell(self, line: Line, base_s: float) -> None:
        """What the live session tells that began after so much sound."""
        async for numbered in line.events():
            event = numbered.event
            if isinstance(event, Noted):
                if event.notice.code != "not_honoured":  # the session says so itself
                    self._notices += ({"code": event.notice.code, "message": event.notice.message},)
                    await self._say([self._session(self._updated)])
            elif isinstance(event, Failed) and event.fatal:
                why = error_of("server_error", event.code, event.message)
                await self._say([*self._items.broken(why), {"type": "error", "error": why}])
            else:
                if isinstance(event, SpeechEnded) and self._items.turns:
                    self._buffered_s = min(self._buffered_s, self._sent_s - base_s - event.at_s)
                await self._say(self._items.told(event))

    # ── what the client is told ──
    @property
    def _updated(self) -> str:
        return "transcription_session.updated" if self._items.beta else "session.updated"

    def _session(self, kind: str) -> Body:
        told = shown(self._terms, self._id, int(self._expires), beta=self._items.beta, notices=self._notices)
        return {"type": kind, "session": told}

    async def _say(self, bodies: Sequence[Body]) -> None:
        async with asyncio.timeout(SLOWEST_S), self._sending:
            for body in bodies:
                await self._socket.send_json({"event_id": f"event_{uuid.uuid4().hex[:20]}", **body})


def _parsed(message: Message) -> dict[str, Any]:
    """The event in a message. Raises BadInput for what is none."""
    try:
        found = json.loads(message["text"])
    except (KeyError, TypeError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("type"), str):
        raise BadInput("this message is no JSON object with a type", remedy="Send events as text, sound in base64.")
    return found


def _error(error: EarwitnessError, event_id: object = None) -> Body:
    body = openai_body(error)["error"]
    return {"type": "error", "error": {**body, "event_id": _text(event_id)}}


def _text(event_id: object) -> str | None:
    return event_id if isinstance(event_id, str) else None
