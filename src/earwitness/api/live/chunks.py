"""Live sessions over plain requests: `POST /api/process-chunk` takes the next piece of sound and tells what came of it.

For clients that have no sockets. The first request begins a session, its answer names it; the query has the fields of
the socket's hello. Sessions are those of `/ws`, and are kept and resumed like them.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.datastructures import QueryParams

from earwitness.api import house
from earwitness.api.live.hearing import taking
from earwitness.api.live.journals import Told
from earwitness.api.live.line import Line
from earwitness.api.live.sessions import Sessions
from earwitness.api.live.storeroom import owner_of
from earwitness.api.live.ws import Hello, known, parsed, recipe_of, stays
from earwitness.api.schemas import PlainError
from earwitness.api.wishes import Form
from earwitness.audio import timebase
from earwitness.errors import TooLarge
from earwitness.events import Ended, Final, Flushed, Numbered
from earwitness.live import told
from earwitness.types import Json

router = APIRouter(tags=["Live"])

LARGEST = 4 * 2**20
"""Bytes of a piece: two minutes at 16 kHz."""

LONGEST_WAIT_S = 30.0
MANY = ("hotwords", "languages", "watch")
"""Fields of the hello that may come more than once."""

SOUND = {"requestBody": {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}}
FIELDS = [
    {"name": name, "in": "query", "required": False, "schema": {"type": "string"}, "description": about}
    for name, about in (
        ("session", "The session to go on with; a new one is begun without."),
        ("after", "Number of the last event that the client has seen."),
        ("wait", "Seconds to wait for something new, 0 to 30."),
        ("flush", "true: end the open utterance here, and wait for its text."),
        ("end", "true: no more sound comes; wait for everything."),
        ("position", "Where this piece begins, in seconds; what was heard of it is left out."),
        *((name, f"As in the hello of the socket; {name} of a new session, may come again.") for name in MANY),
        *((name, f"As in the hello of the socket; {name} of a new session.") for name in (
            "model", "language", "task", "prompt", "encoding", "rate", "channels", "channel", "words", "speakers",
            "endpoint", "drafts", "relief", "language_gate", "keep", "keep_audio", "title",
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
    step, hello = wishes(request.query_params)
    data = await _body(request)
    async with AsyncExitStack() as held:
        home = house.of(request)
        await asyncio.to_thread(stays, home.settings.sessions, hello)
        line = await _line(held, home.sessions, hello, owner_of(request))
        if isinstance(line, Told):
            events = [e async for e in line.events(hello.after)]
            return _answer(line.id, timebase.seconds(0), events, hello.after, over=True)
        return await _taken(line, hello, step, data)


@dataclass(frozen=True, slots=True)
class Step:
    """What is asked of one request besides to take its sound."""

    wait_s: float = 0.0
    flush: bool = False
    end: bool = False


def wishes(given: QueryParams) -> tuple[Step, Hello]:
    """What is asked of this request, and the hello. Raises BadInput."""
    fields: dict[str, Any] = {name: given.getlist(name) if name in MANY else given[name] for name in given}
    form = Form({name: [fields.pop(name)] for name in ("wait", "flush", "end") if name in fields})
    flush, end = (form.choice(name, ("true", "false"), "false") == "true" for name in ("flush", "end"))
    step = Step(form.number("wait", 0.0, LONGEST_WAIT_S) or 0.0, flush, end)
    return step, parsed({"type": "hello", **fields})


async def _line(held: AsyncExitStack, sessions: Sessions, hello: Hello, owner: str | None) -> Line | Told:
    if hello.session is not None:
        return await held.enter_async_context(sessions.again(hello.session, recipe_of))
    about = hello.model_dump(mode="json", exclude={"session", "after", "position"}, exclude_defaults=True)
    about["type"] = "hello"
    return await held.enter_async_context(sessions.line(recipe_of(about), about, owner=owner, title=hello.title))


async def _body(request: Request) -> bytes:
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > LARGEST:
            raise TooLarge(f"a piece of sound has at most {LARGEST >> 20} MB", remedy="Send it in several pieces.")
    return bytes(data)


async def _taken(line: Line, hello: Hello, step: Step, data: bytes) -> ChunkAnswer:
    hosted = line.hosted
    taker, skip = hosted.taker, known(line, hello)
    if taker is None or hello.position is not None:
        if taker is not None:
            taker.stop()
        taker = hosted.taker = taking(line, hello.encoding, hello.rate, hello.channels, hello.channel, skip=skip)
    taker.line = line
    await taker.take(data)
    last: str | None = None
    if step.end:
        await taker.end()
        line.end()
    elif step.flush:
        await taker.flush()
        line.flush(last := f"chunk-{hosted.expected}")
    found = await _new(line, hello.after, step.wait_s, last, ended=step.end)
    return _answer(hosted.id, timebase.seconds(hosted.acknowledged), found, hello.after, over=hosted.ended)


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


def _answer(ident: str, position: float, events: list[Numbered], after: int, *, over: bool) -> ChunkAnswer:
    text = " ".join(e.event.segment.text for e in events if isinstance(e.event, Final))
    shown: list[dict[str, Json]] = [told.to_json(e) for e in events]
    seq = max((e.seq for e in events), default=after)
    return ChunkAnswer(session=ident, position=position, seq=seq, over=over, text=text, events=shown)
