"""Wyoming's door: Home Assistant and other voice assistants, over TCP on a port of its own.

An event is a line of JSON, then as many bytes of JSON and of sound as the line says. An utterance is a live session of
its own. Wyoming knows no keys. Source: wyoming 1.10 (event.py, asr.py, info.py).
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from earwitness.__about__ import __version__
from earwitness.api.errors import sentence
from earwitness.api.house import House
from earwitness.api.live.announce import announced
from earwitness.api.live.conversation import SLOWEST_S
from earwitness.api.live.hearing import taking
from earwitness.api.live.line import Line
from earwitness.config import Settings
from earwitness.engines.whisper.languages import LANGUAGES
from earwitness.errors import BadInput, Busy, Cancelled, EarwitnessError, EngineFailed, Missing, Unauthorized
from earwitness.events import Failed, Final, Gap, Noted, Settled
from earwitness.models.catalog import Entry
from earwitness.stages.recipe import Captioning, Recipe, language_code
from earwitness.types import Ask

if TYPE_CHECKING:
    from wyoming.event import Event, Eventable

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
PROGRAM = "earwitness"

LONGEST_LINE, MOST_DATA, MOST_SOUND = 2**16, 2**20, 2**22
"""Bytes of an event's line, of its data, and of its sound."""


DRAIN_S = 5.0
"""How long a client that is refused is read, so that it sees why."""

ENCODINGS = {1: "u8", 2: "s16le", 3: "s24le", 4: "s32le"}
"""By the bytes of a sample."""

SERVICE = "_wyoming._tcp.local."


@dataclass(frozen=True, slots=True)
class Frame:
    """An event as it came."""

    type: str
    data: dict[str, Any] = field(default_factory=dict)
    sound: bytes = b""


class Wanted(BaseModel):
    """What `transcribe` says. None of it need be there, nor the event itself."""

    model_config = ConfigDict(extra="allow")

    name: str | None = None
    language: str | None = None
    context: object = None
    """What an earlier transcript came with; clients send it back."""
    transcript_names: tuple[str, ...] | None = None
    transcript_terms: tuple[str, ...] | None = None

    def recipe(self) -> Recipe:
        """What is asked for. Raises BadInput."""
        hotwords = (*(self.transcript_names or ()), *(self.transcript_terms or ()))
        ask = Ask(language=language_code(self.language or None), hotwords=hotwords)
        return Recipe(model=self.name or "default", ask=ask, captioning=Captioning(drafts=False))

    def notices(self) -> list[str]:
        """What of it has no effect."""
        extra = self.model_extra or {}
        names = [name for name, value in extra.items() if value not in (None, "", "default")]
        return [f"without effect here: {', '.join(names)[:500]}"] if names else []


class Form(BaseModel):
    """How the samples of a chunk lie."""

    model_config = ConfigDict(frozen=True)

    rate: int
    width: int
    channels: int

    @property
    def encoding(self) -> str:
        """The name of it. Raises BadInput for widths that are not read here."""
        if self.width not in ENCODINGS:
            raise BadInput(f"samples of {self.width} bytes are not read here", remedy="Send 1 to 4.", param="width")
        return ENCODINGS[self.width]


def check(settings: Settings) -> None:
    """Raise Missing without the packages, Unauthorized where strangers reach the port and nobody said they may."""
    if settings.wyoming_port is None:
        return
    for package in ("wyoming", *(["zeroconf"] if announces(settings) else [])):
        if find_spec(package) is None:
            raise Missing(
                f"a port for Wyoming is set, and the package {package} is not installed",
                remedy="pip install 'earwitness[wyoming]'",
            )
    if settings.host not in LOOPBACK and not settings.wyoming_open:
        raise Unauthorized(
            f"Wyoming knows no keys: on {settings.host} anybody could use port {settings.wyoming_port}",
            remedy="Set EARWITNESS_WYOMING_OPEN=true if they may, listen on 127.0.0.1, or set no port for Wyoming.",
        )


def announces(settings: Settings) -> bool:
    """Whether the port is made known in the network."""
    told = settings.wyoming_zeroconf
    return settings.host not in LOOPBACK if told is None else told


@asynccontextmanager
async def listening(house: House) -> AsyncIterator[None]:
    """Listens as long as the context lasts, where a port is set. Raises what `check` raises, and BadInput."""
    settings = house.settings
    check(settings)
    if settings.wyoming_port is None:
        yield
        return
    tasks = set[asyncio.Task[None]]()

    def arrived(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_Guest(house, reader, writer).serve(), name="wyoming")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    try:
        server = await asyncio.start_server(arrived, settings.host, settings.wyoming_port, limit=LONGEST_LINE)
    except OSError as error:
        raise BadInput(
            f"cannot listen on {settings.host}:{settings.wyoming_port} for Wyoming: {error.strerror or error}",
            remedy="Choose another EARWITNESS_WYOMING_PORT, or end the program that holds this one.",
        ) from error
    if announces(settings):
        known = announced(SERVICE, PROGRAM, settings.host, settings.wyoming_port, house.log)
        tasks.add(asyncio.create_task(known, name="zeroconf"))
    house.log.info("wyoming listens", host=settings.host, port=settings.wyoming_port)
    try:
        yield
    finally:
        server.close()
        held = tuple(tasks)
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)


async def read(reader: asyncio.StreamReader) -> Frame | None:
    """The next event; None at the end. Raises BadInput for what is none, IncompleteReadError where one breaks off."""
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise BadInput("the last event breaks off") from None
        return None
    except asyncio.LimitOverrunError:
        raise BadInput(f"an event's line is longer than {LONGEST_LINE} bytes") from None
    head = _table(line)
    kind, data = head.get("type"), head.get("data") or {}
    if not isinstance(kind, str) or not isinstance(data, dict):
        raise BadInput("an event has a type and data", remedy='Send {"type": "describe"} and the like.')
    more = await reader.readexactly(_length(head, "data_length", MOST_DATA))
    sound = await reader.readexactly(_length(head, "payload_length", MOST_SOUND))
    return Frame(kind, data | _table(more) if more else data, sound)


def _table(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadInput("this is no event of Wyoming: it is no JSON object", remedy="Speak Wyoming to this port.")
    return found


def _length(head: dict[str, Any], name: str, most: int) -> int:
    length = head.get(name) or 0
    if not isinstance(length, int) or not 0 <= length <= most:
        raise BadInput(f"{name} is {str(length)[:40]}, and 0 to {most} is expected", param=name)
    return length


def info(models: Iterable[Entry]) -> "Event":
    """What is told of this server; of models that know many languages, those that a Whisper knows."""
    from wyoming.info import AsrModel, AsrProgram, Attribution, Info

    known = [
        AsrModel(
            name=entry.name,
            attribution=Attribution(entry.author, ""),
            installed=True,
            description=entry.about,
            version=None,
            languages=list(entry.languages or LANGUAGES),
        )
        for entry in models
    ]
    program = AsrProgram(
        name=PROGRAM,
        attribution=Attribution("Earwitness", ""),
        installed=True,
        description="Speech to text on your own machine",
        version=__version__,
        models=known,
        supports_transcript_streaming=True,
    )
    return Info(asr=[program]).event()


class _Guest:
    """The conversation with one client."""

    def __init__(self, house: House, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._house, self._reader, self._writer = house, reader, writer
        self._sending = asyncio.Lock()

    async def serve(self) -> None:
        """From the first event until one of both goes."""
        began = time.monotonic()
        try:
            await self._turns()
        except TimeoutError:
            self._writer.transport.abort()
        except (OSError, asyncio.IncompleteReadError):
            pass  # it is gone
        except EarwitnessError as error:
            await self._refuse(error)
        except Exception as error:
            self._house.log.error("unexpected", door="wyoming", kind=type(error).__name__, exc_info=error)
            await self._refuse(EngineFailed(f"an unexpected {type(error).__name__} stopped this"))
        finally:
            self._writer.close()
            self._house.log.info("wyoming", s=round(time.monotonic() - began, 1))

    async def _turns(self) -> None:
        wanted, idle_s = Wanted(), self._house.settings.live_idle_s
        while (frame := await self._next(idle_s)) is not None:
            if frame.type == "transcribe":
                wanted = _wanted(frame.data)
            elif not await self._utterance(frame, wanted):
                return
            else:
                wanted = Wanted()

    async def _next(self, within_s: float | None = None) -> Frame | None:
        """The next event that is about speech. Small ones are answered, unknown ones dropped, as Wyoming wants it."""
        from wyoming.ping import Pong

        while True:
            async with asyncio.timeout(within_s):
                frame = await read(self._reader)
            if frame is None or frame.type in {"transcribe", "audio-start", "audio-chunk", "audio-stop"}:
                return frame
            if frame.type == "describe":
                await self._send(info(await asyncio.to_thread(self._house.kit.catalog.shown)))
            elif frame.type == "ping":
                await self._send(Pong(frame.data.get("text")))
            elif frame.type == "select-program" and frame.data.get("name") != PROGRAM:
                raise BadInput(
                    f"there is no program {str(frame.data.get('name'))[:40]!r} here", remedy=f"Select {PROGRAM}."
                )

    async def _utterance(self, first: Frame, wanted: Wanted) -> bool:
        """From the first sound to the transcript; whether there may be another one."""
        recipe = wanted.recipe()
        self._house.sessions.admit()
        await self._house.can(recipe.model)
        async with self._house.sessions.line(recipe) as line:
            hearing = asyncio.create_task(self._hear(line, first))
            telling = asyncio.create_task(self._tell(line, wanted.notices(), hearing))
            try:
                await asyncio.wait({hearing, telling}, return_when=asyncio.FIRST_COMPLETED)
                wrong = hearing.exception() if hearing.done() else None
                if isinstance(wrong, BadInput):
                    line.end()  # what was said before is told first
                elif wrong is not None and not isinstance(wrong, Cancelled):
                    raise wrong
                await telling
                if isinstance(wrong, BadInput):
                    raise wrong
                return hearing.done() and wrong is None
            finally:
                for task in (hearing, telling):
                    task.cancel()
                await asyncio.gather(hearing, telling, return_exceptions=True)

    async def _hear(self, line: Line, first: Frame) -> None:
        """The sound up to its end. A client that closes its side has said all, too."""
        frame: Frame | None = first
        form, taker, told = None, None, dict[str, Any]()
        while frame is not None and frame.type != "audio-stop":
            if frame.type == "transcribe":
                raise BadInput("transcribe comes before the sound, or after its end")
            told = frame.data if frame.type == "audio-start" else told
            now = _form(told | frame.data)
            if taker is None or now != form:
                if taker is not None:
                    await taker.end()
                form, taker = now, taking(line, now.encoding, now.rate, now.channels)
            await taker.take(frame.sound)
            frame = await self._next()
        if taker is not None:
            await taker.end()
        line.end()

    async def _tell(self, line: Line, notices: list[str], hearing: asyncio.Task[None]) -> None:
        """Text as it becomes final, then the whole. What the text lacks is told as errors before it."""
        from wyoming.asr import Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
        from wyoming.error import Error

        texts, language, fatal = list[str](), None, False
        async for numbered in line.events():
            event = numbered.event
            if isinstance(event, Final):
                language = language or event.segment.language
                if not texts:
                    await self._send(TranscriptStart(language=language))
                await self._send(TranscriptChunk(f" {event.segment.text}" if texts else event.segment.text))
                texts.append(event.segment.text)
            elif isinstance(event, Gap):
                text = f"{event.start_s:.1f} to {event.end_s:.1f} s were not heard: {event.reason}"
                await self._send(Error(text, code=event.reason))
            elif isinstance(event, Failed):
                fatal = fatal or event.fatal
                await self._send(Error(f"{event.message}. {event.remedy}", code=event.code))
            elif isinstance(event, Noted):
                notices.append(event.notice.message)
            elif isinstance(event, Settled):
                where = f"{event.start_s:.1f} to {event.end_s:.1f} s"
                notices += [f"text of {where} was held back: {s.reason}" for s in event.suppressed]
        if not hearing.done() and not fatal:
            await self._send(Error("the server ended this; what was said up to here follows", code=Cancelled.code))
        if not texts:
            await self._send(TranscriptStart(language=language))
        context = {"notices": notices} if notices else None
        await self._send(Transcript(" ".join(texts), language=language, context=context))
        await self._send(TranscriptStop())

    async def _refuse(self, error: EarwitnessError) -> None:
        """Say what is wrong and that nothing follows, and let the client finish, so that it gets to read it."""
        from wyoming.error import Error

        when = f" That is in {error.retry_after_s:.0f} s." if isinstance(error, Busy) else ""
        with suppress(OSError):
            await self._send(Error(sentence(error) + when, code=error.code))
            self._writer.write_eof()
            async with asyncio.timeout(DRAIN_S):
                while await self._reader.read(MOST_SOUND):
                    pass

    async def _send(self, told: "Event | Eventable") -> None:
        from wyoming.event import Event, async_write_event

        async with asyncio.timeout(SLOWEST_S), self._sending:
            await async_write_event(told if isinstance(told, Event) else told.event(), self._writer)


def _wanted(data: dict[str, Any]) -> Wanted:
    try:
        return Wanted.model_validate(data)
    except ValidationError as error:
        raise _wrong(error, "transcribe") from None


def _form(data: dict[str, Any]) -> Form:
    try:
        return Form.model_validate(data)
    except ValidationError as error:
        raise _wrong(error, "sound") from None


def _wrong(error: ValidationError, what: str) -> BadInput:
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"]))
    return BadInput(f"the {name} of {what} is wrong: {first['msg']}", param=name)
