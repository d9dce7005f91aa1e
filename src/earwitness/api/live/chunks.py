"""Live sessions over plain requests: `POST /api/process-chunk` takes the next piece of sound and tells what came of it.

For clients that have no sockets. The first request begins a session, its answer names it; the query has the fields of
the socket's hello. Sessions are those of `/ws`, and are kept and resumed like them.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from earwitness.api import house
from earwitness.api.live.hearing import taking
from earwitness.api.live.line import Line
from earwitness.api.live.sessions import Sessions, Told
from earwitness.api.live.ws import Hello, parsed, recipe_of
from earwitness.api.schemas import PlainError
from earwitness.audio import timebase
from earwitness.errors import BadInput, TooLarge
from earwitness.events import Ended, Final, Flushed, Numbered
from earwitness.live import told
from earwitness.types import Json

router = APIRouter(tags=["Live"])

LARGEST = 4 * 2**20
"""Bytes of a piece: two minutes at 16 kHz."""

LONGEST_WAIT_S = 30.0
SOUND = {"requestBody": {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}}
FIELDS = [
    {"name": name, "in": "query", "required": False, "schema": {"type": "string"}, "description": about}
    for name, about in (
        ("session", "The session to go on with; a new one is begun without."),
        ("after", "Number of the last event that the client has seen."),
        ("wait", "Seconds to wait for something new, 0 to 30."),
        ("flush", "true: end the open utterance here, and wait for its text."),
        ("end", "true: no more sound comes; wait for everything."),
        *((name, f"As in the hello of the socket; {name} of a new session.") for name in (
            "model", "language", "task", "prompt", "encoding", "rate", "channels", "channel", "words", "speakers",
            "endpoint", "drafts", "relief", "language_gate",
        )),
    )
]  # fmt: skip


class ChunkAnswer(BaseModel):
    """What came of a piece; `position` is the second up to which the sound is safe, `events` are as of the socket."""

    session: str
    position: float
    seq: int
    over: bool
    text: str
    events: list[dict[str, Any]]


@router.post(
    "/api/process-chunk",
    summary="The next piece of live sound",
    openapi_extra={"parameters": FIELDS, **SOUND},
    responses={s: {"model": PlainError, "description": "An error"} for s in (400, 401, 404, 413, 499, 500, 503, 507)},
)
async def process_chunk(request: Request) -> ChunkAnswer:
    """Take a piece of sound, and tell what is new."""
    query, hello = wishes(request.query_params)
    _wait_s(query)  # before a session is begun
    data = await _body(request)
    async with AsyncExitStack() as held:
        line = await _line(held, house.of(request).sessions, hello)
        if isinstance(line, Told):
            events = [e async for e in line.events(hello.after)]
            return _answer(line.id, timebase.seconds(0), events, over=True)
        return await _taken(line, hello, query, data)


def wishes(given: Mapping[str, str]) -> tuple[dict[str, str], Hello]:
    """What is asked of this request, and the hello. Raises BadInput."""
    fields = dict(given)
    query: dict[str, str] = {name: fields.pop(name) for name in ("wait", "flush", "end") if name in fields}
    for name in ("flush", "end"):
        if query.get(name, "false") not in {"true", "false"}:
            raise BadInput(f"{name} is true or false", param=name)
    return query, parsed({"type": "hello", **fields})


async def _line(held: AsyncExitStack, sessions: Sessions, hello: Hello) -> Line | Told:
    if hello.session is not None:
        return await held.enter_async_context(sessions.again(hello.session, recipe_of))
    about = hello.model_dump(mode="json", exclude={"session", "after", "position"}, exclude_defaults=True)
    about["type"] = "hello"
    return await held.enter_async_context(sessions.line(recipe_of(about), about))


async def _body(request: Request) -> bytes:
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > LARGEST:
            raise TooLarge(f"a piece of sound has at most {LARGEST >> 20} MB", remedy="Send it in several pieces.")
    return bytes(data)


async def _taken(line: Line, hello: Hello, query: Mapping[str, str], data: bytes) -> ChunkAnswer:
    hosted = line.hosted
    taker = hosted.taker
    if taker is None:
        taker = hosted.taker = taking(line, hello.encoding, hello.rate, hello.channels, hello.channel)
    taker.line = line
    await taker.take(data)
    last: str | None = None
    if query.get("end") == "true":
        await taker.end()
        line.end()
    elif query.get("flush") == "true":
        await taker.flush()
        line.flush(last := f"chunk-{hosted.expected}")
    wait_s = _wait_s(query)
    found = await _new(line, hello.after, wait_s, last, ended=query.get("end") == "true")
    return _answer(hosted.id, timebase.seconds(hosted.acknowledged), found, over=hosted.ended)


def _wait_s(query: Mapping[str, str]) -> float:
    try:
        wait_s = float(query.get("wait", "0"))
    except ValueError:
        wait_s = -1.0
    if not 0 <= wait_s <= LONGEST_WAIT_S:
        raise BadInput(f"wait is a number of seconds from 0 to {LONGEST_WAIT_S:g}", param="wait")
    return wait_s


async def _new(line: Line, after: int, wait_s: float, flush: str | None, *, ended: bool) -> list[Numbered]:
    """The events after a number: those there are, or up to what is waited for."""
    found = list[Numbered]()
    events = line.events(after)
    try:
        while True:
            sure = flush is not None or ended
            patience_s = LONGEST_WAIT_S if sure else (0.0 if found else wait_s)
            async with asyncio.timeout(max(patience_s, 0.02)):
                event = await anext(events)
            found.append(event)
            if isinstance(event.event, Ended) or (isinstance(event.event, Flushed) and event.event.id == flush):
                return found
    except (TimeoutError, StopAsyncIteration):
        return found
    finally:
        await events.aclose()


def _answer(ident: str, position: float, events: list[Numbered], *, over: bool) -> ChunkAnswer:
    text = " ".join(e.event.segment.text for e in events if isinstance(e.event, Final))
    shown: list[dict[str, Json]] = [told.to_json(e) for e in events]
    seq = max((e.seq for e in events), default=0)
    return ChunkAnswer(session=ident, position=position, seq=seq, over=over, text=text, events=shown)
