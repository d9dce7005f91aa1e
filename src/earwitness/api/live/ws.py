"""Earwitness' own socket, `/ws`: a hello in JSON, sound as binary messages, events as JSON; sessions can be resumed.

Docs: docs/live.md. A client that was cut off says hello with its session and the last number it saw, is told what it
missed, and sends its sound again from the second that the welcome names.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from earwitness.api import house
from earwitness.api.bridge import in_thread
from earwitness.api.errors import sentence
from earwitness.api.house import House
from earwitness.api.live.conversation import SLOWEST_S, attended, first_of, reason, received
from earwitness.api.live.hearing import Taking, taking, wire
from earwitness.api.live.journals import IDENT, STORED, Told
from earwitness.api.live.line import Line
from earwitness.api.live.owners import checked
from earwitness.api.live.storeroom import owner_of
from earwitness.api.viewing import viewer
from earwitness.audio import timebase
from earwitness.errors import BadInput, Busy, Cancelled, EarwitnessError
from earwitness.live import journal, told
from earwitness.stages.guard import Guarding
from earwitness.stages.recipe import Captioning, Diarizing, Recipe, language_code
from earwitness.types import Ask, Json

router = APIRouter(tags=["Live"])

PROTOCOL = 1
ACK_EACH_S = 1.0

HELLO_S = 20.0
"""How long a client may take to say hello."""

LONGEST_ID = 200
ITS_OWN = frozenset(("type", "session", "after", "position", "encoding", "rate", "channels", "channel"))
"""What in a hello is of the connection, and not of the session."""


CLOSING = {"busy": 1013, "bad_input": 1008, "not_found": 1008, "cancelled": 1001}
"""Why a socket is closed, by the error's code; 1011 for all others."""


class Hello(BaseModel):
    """The first message of a client."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["hello"]
    model: str = "default"
    language: str | None = None
    languages: tuple[str, ...] = Field((), max_length=100)
    """Of which the one that is spoken is found out."""
    task: Literal["transcribe", "translate"] = "transcribe"
    prompt: str | None = None
    hotwords: tuple[str, ...] = ()
    encoding: str = "s16le"
    """`s16le`, `s24le`, `s32le`, `f32le`, `u8`, `mulaw`, `alaw`, or `container` for Ogg, WebM, FLAC, MP3 and so on."""
    rate: int = 16_000
    channels: int = 1
    channel: int | None = Field(None, ge=0)
    words: bool = False
    speakers: bool = False
    watch: tuple[str, ...] = ()
    """Phrases whose places are told as `spotted`."""
    relief: str | None = None
    """A smaller model for text that would come late."""
    endpoint: float = Field(0.5, ge=0.1, le=10)
    drafts: bool = True
    language_gate: bool = True
    keep: bool | None = None
    """Whether the session is stored in the archive; without it, as the installation has it."""
    keep_audio: bool | None = None
    """Whether its sound is stored too, likewise."""
    title: str = Field("", max_length=300)
    """What the recording in the archive is called."""
    session: str | None = None
    """A session to go on with."""
    after: int = Field(0, ge=0)
    """Number of the last event that the client has seen of it."""
    position: float | None = Field(None, ge=0, le=1e9)
    """Where the sound begins that the client sends next, in seconds; what was heard of it is left out."""


def recipe_of(about: Mapping[str, Any]) -> Recipe:
    """The recipe of a session that was begun with such a hello. Raises BadInput."""
    hello = parsed({k: v for k, v in about.items() if k != STORED})
    return Recipe(
        model=hello.model,
        ask=Ask(
            language=language_code(hello.language),
            languages=tuple(str(language_code(each)) for each in hello.languages),
            task=hello.task,
            prompt=hello.prompt,
            hotwords=hello.hotwords,
            word_times=hello.words,
        ),
        aligner="auto" if hello.words else None,
        captioning=Captioning(
            hello.endpoint,
            hello.drafts,
            watch=hello.watch,
            relief=hello.relief,
            keep=hello.keep,
            keep_audio=hello.keep_audio,
        ),
        diarizing=Diarizing() if hello.speakers else None,
        guarding=Guarding(language_gate=hello.language_gate),
    )


def parsed(given: object) -> Hello:
    """A hello from plain values. Raises BadInput for what is none, naming the field."""
    try:
        found = Hello.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"])) or "hello"
        raise BadInput(f"the hello's {name} is wrong: {first['msg']}", param=name) from None
    wire(found.encoding, found.rate, found.channels)
    return found


def known(line: Line, hello: Hello) -> int:
    """Samples of what the client sends next that were heard already. Raises BadInput where sound is missing before."""
    heard = line.hosted.expected
    skip = 0 if hello.position is None else heard - timebase.samples(hello.position)
    if skip < 0:
        raise BadInput(
            f"sound from {hello.position} s does not follow what ended at {timebase.seconds(heard)} s",
            remedy="Send the sound again from the position that was named last.",
            param="position",
        )
    return skip


def stays(folder: Path, hello: Hello) -> None:
    """Raise BadInput where a session is to go on otherwise than it was begun. Reads its journal in that folder."""
    if hello.session is None or not IDENT.fullmatch(hello.session) or not journal.there(folder / hello.session):
        return
    about = checked(journal.about(folder / hello.session))
    begun = parsed({k: v for k, v in about.items() if k != STORED})
    if names := sorted(n for n in hello.model_fields_set - ITS_OWN if getattr(hello, n) != getattr(begun, n)):
        raise BadInput(
            f"a session goes on as it was begun, and {', '.join(names)} would be another",
            remedy="Leave that out, or begin a new session.",
            param=names[0],
        )


@router.websocket("/ws")
async def ws(socket: WebSocket) -> None:
    """One connection."""
    home = house.at(socket)
    await socket.accept("earwitness" if "earwitness" in socket.scope.get("subprotocols", ()) else None)
    door = _Door(home, socket)
    await attended(door.serve(), partial(_refuse, socket))
    if door.guest is not None:
        await socket.app.state.guests(socket, door.guest)


async def _refuse(socket: WebSocket, error: EarwitnessError) -> None:
    """Tell a client what was wrong, and close."""
    body: dict[str, Json] = {
        "type": "failed", "code": error.code, "message": error.message, "remedy": error.remedy, "fatal": True,
    }  # fmt: skip
    if isinstance(error, Busy):
        body["retry_after_s"] = error.retry_after_s
    with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
        async with asyncio.timeout(SLOWEST_S):
            await socket.send_text(json.dumps(body))
            await socket.close(CLOSING.get(error.code, 1011), reason(sentence(error)))


class _Door:
    """The conversation with one client."""

    def __init__(self, home: House, socket: WebSocket) -> None:
        self._home, self._socket = home, socket
        self._sending = asyncio.Lock()
        self.guest: str | None = None
        """The hello of a client that speaks another protocol: WhisperLive's extension comes here if given no port."""

    async def serve(self) -> None:
        """From hello to the end."""
        try:
            async with asyncio.timeout(HELLO_S):
                message = await received(self._socket)
        except TimeoutError:
            raise Cancelled("no hello came", remedy='Send {"type": "hello"} at once.') from None
        if _is_guest(message.get("text")):
            self.guest = message["text"]
            return
        given = _read(message)
        if not isinstance(given, dict):
            raise BadInput("the first message is a hello in JSON", remedy='Send {"type": "hello"} before any sound.')
        hello = parsed(given)
        await asyncio.to_thread(stays, self._home.settings.sessions, hello)
        async with self._line(hello, given) as line:
            if isinstance(line, Told):
                await self._welcome(line.id, hello, None)
                async for event in line.events(hello.after):
                    await self._send(told.to_json(event))
                await self._socket.close(1000)
                return
            await self._welcome(line.hosted.id, hello, line)
            await self._converse(line, hello)

    def _line(self, hello: Hello, given: dict[str, Any]) -> AbstractAsyncContextManager[Line | Told]:
        sessions = self._home.sessions
        if hello.session is None:
            about = {k: v for k, v in given.items() if k not in {"after", "position"}}
            return sessions.line(recipe_of(about), about, owner=owner_of(self._socket), title=hello.title)
        return sessions.again(hello.session, recipe_of)

    async def _welcome(self, ident: str, hello: Hello, line: Line | None) -> None:
        heard = 0 if line is None else line.hosted.expected
        await self._send(
            {
                "type": "welcome",
                "protocol": PROTOCOL,
                "session": ident,
                "recording": await self._recording(ident) if line is None else line.hosted.recording,
                "seq": 0 if line is None else line.hosted.seq,
                "position": timebase.seconds(heard),
                "over": line is None,
            }
        )
        if line is not None and hello.after > line.hosted.seq:
            raise BadInput(f"no event {hello.after} was told yet", remedy="Say the last you saw.", param="after")
        if line is not None:
            known(line, hello)

    async def _recording(self, ident: str) -> str | None:
        """The recording of a session that is over; None where it was not stored, or the archive does not answer."""
        try:
            return await in_thread(lambda: self._home.archive.recordings.of_session(ident, viewer(self._socket)))
        except EarwitnessError:
            return None

    async def _converse(self, line: Line, hello: Hello) -> None:
        taker = taking(line, hello.encoding, hello.rate, hello.channels, hello.channel, skip=known(line, hello))
        try:
            await first_of(self._hear(line, taker), self._tell(line, hello.after), beside=self._acknowledge(line))
        finally:
            taker.stop()

    async def _hear(self, line: Line, taker: Taking) -> None:
        """What the client sends; ends when it goes away. After its `end` it is only listened to."""
        while True:
            given = await self._message()
            if isinstance(given, bytes):
                await taker.take(given)
            elif given["type"] == "flush":
                await taker.flush()
                line.flush(_flush_id(given))
            elif given["type"] == "end":
                await taker.end()
                line.end()
            elif given["type"] == "ping":
                line.touch()
                await self._send({"type": "pong"})
            else:
                raise BadInput(f"there is no message of type {str(given['type'])[:40]!r}", param="type")

    async def _tell(self, line: Line, after: int) -> None:
        """What the session tells; ends with it, or with this connection."""
        async for event in line.events(after):
            await self._send(told.to_json(event))
        if line.hosted.ended:
            await self._socket.close(1000)
        elif self._home.sessions.draining:
            raise Busy("the server stops; everything that was said has been told", retry_after_s=5.0)
        else:
            raise Cancelled("another connection has taken this session over", remedy="What is said is told there.")

    async def _acknowledge(self, line: Line) -> None:
        """Tell now and then up to where the sound is safe."""
        before = -1
        while True:
            await asyncio.sleep(ACK_EACH_S)
            if line.hosted.acknowledged != before:
                before = line.hosted.acknowledged
                await self._send({"type": "ack", "position": timebase.seconds(before)})

    async def _send(self, body: dict[str, Json]) -> None:
        async with asyncio.timeout(SLOWEST_S), self._sending:
            await self._socket.send_text(json.dumps(body))

    async def _message(self) -> dict[str, Any] | bytes:
        """The next message. Raises WebSocketDisconnect, and BadInput for text that is no JSON object with a type."""
        return _read(await received(self._socket))


def _read(message: Mapping[str, Any]) -> dict[str, Any] | bytes:
    if (data := message.get("bytes")) is not None:
        return bytes(data)
    found = _json(message["text"])
    if not isinstance(found, dict) or "type" not in found:
        raise BadInput("this message is no JSON object with a type", remedy="Send sound as binary messages.")
    return found


def _is_guest(text: str | None) -> bool:
    found = _json(text or "")
    return isinstance(found, dict) and "uid" in found and "type" not in found


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _flush_id(given: Mapping[str, Any]) -> str:
    found = str(given.get("id", ""))
    if len(found) > LONGEST_ID:
        raise BadInput(f"the id of a flush is longer than {LONGEST_ID} characters", param="id")
    return found
