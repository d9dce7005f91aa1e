"""WhisperLive's door, a socket at `/`: a hello in JSON, sound as binary messages, the last segments after each change.

Its clients ask for a model whether or not their user did, so one that is not here is replaced, and they are warned.
They put text together from what is `completed` and from the last draft, and drop what begins before the last end or
says the same as the text before it; `Screen` sees to it that this gives the final text. Source: whisper-live 0.10.0.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Literal

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from earwitness.api import house
from earwitness.api.errors import sentence
from earwitness.api.house import House
from earwitness.api.live.conversation import SLOWEST_S, attended, first_of, reason, received
from earwitness.api.live.hearing import Taking, taking
from earwitness.api.live.line import Line
from earwitness.api.live.storeroom import owner_of
from earwitness.errors import BadInput, Busy, EarwitnessError, UnknownModel
from earwitness.events import Event, Failed, Final, Gap, Named, Noted, Partial, Revised, Settled
from earwitness.parts import Crowd
from earwitness.stages.recipe import Captioning, Diarizing, Recipe, language_code
from earwitness.stages.speech import Listening
from earwitness.types import Ask, Json, Segment

router = APIRouter(tags=["Live"])

END = "END_OF_AUDIO"
BACKEND = "faster_whisper"
"""The clients keep a transcript only of a server that says this."""


STILL_S = 3.0
"""Sound that stops for so long ends the open utterance: the file client waits for the text before it says END."""

ENCODINGS = {"float32": "f32le", "int16": "s16le", "uint8": "u8"}

IDLE = {
    "use_vad": True, "no_speech_thresh": 0.45, "clip_audio": False, "same_output_threshold": 10,
    "enable_translation": False, "target_language": "fr", "diarization_threshold": 0.55,
}  # fmt: skip
"""What clients send of themselves for options that have no effect here."""

CLOSING = {"busy": 1013, "bad_input": 1008, "unsupported": 1008}
"""Why a socket is closed, by the error's code; 1011 for all others."""

Row = dict[str, Json]


class Vad(BaseModel):
    """What is heeded of `vad_parameters`."""

    model_config = ConfigDict(extra="allow")

    threshold: float | None = Field(None, gt=0, lt=1)
    min_silence_duration_ms: float | None = None


class Options(BaseModel):
    """The first message of a client. The extensions send only the first four."""

    model_config = ConfigDict(extra="allow")

    uid: str = Field(max_length=200)
    language: str | None = None
    task: Literal["transcribe", "translate"] = "transcribe"
    model: str | None = None
    send_last_n_segments: int = Field(10, ge=1, le=1000)
    initial_prompt: str | None = None
    hotwords: str | None = None
    word_timestamps: bool = False
    enable_diarization: bool = False
    max_speakers: int | None = None
    vad_parameters: Vad | None = None
    audio_format: Literal["float32", "int16", "uint8"] = "float32"


def parsed(text: object) -> Options:
    """The options of a first message. Raises BadInput, naming the field."""
    try:
        return Options.model_validate_json(text if isinstance(text, str) else "")
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"])) or "first message"
        raise BadInput(f"the {name} is wrong: {first['msg']}", param=name) from None


def without_effect(options: Options) -> tuple[str, ...]:
    """Names of options that somebody set, and that change nothing here."""
    vad = options.vad_parameters or Vad(threshold=None)
    given = dict(options.model_extra or {})
    given |= {f"vad_parameters.{name}": value for name, value in (vad.model_extra or {}).items()}
    return tuple(name for name, value in given.items() if value not in (None, "", [], {}, IDLE.get(name)))


def recipe_of(options: Options, model: str) -> Recipe:
    """What a client asks for. Raises BadInput."""
    vad = options.vad_parameters or Vad(threshold=None)
    silence_ms = vad.min_silence_duration_ms
    return Recipe(
        model=model,
        ask=Ask(
            language=language_code(options.language or None),
            task=options.task,
            prompt=options.initial_prompt,
            hotwords=tuple(w.strip() for w in (options.hotwords or "").split(",") if w.strip()),
            word_times=options.word_timestamps,
        ),
        aligner="auto" if options.word_timestamps else None,
        listening=replace(Listening(), threshold=vad.threshold) if vad.threshold else Listening(),
        captioning=Captioning() if silence_ms is None else Captioning(silence_ms / 1000),
        diarizing=Diarizing(crowd=Crowd(most=options.max_speakers)) if options.enable_diarization else None,
    )


class Screen:
    """What a client shows: its last segments, and a draft behind them. Pure."""

    def __init__(self, last: int) -> None:
        self._done = deque[tuple[int, str | None, Row]](maxlen=last)
        self._draft: Partial | None = None
        self._end_ms = 0
        self._drafted: str | None = None
        """The draft that the client saw last, which it takes for text when it writes its transcript."""
        self._names = dict[str, str]()

    def after(self, event: Event) -> list[list[Json]]:
        """The lists of segments to send after an event, none of them empty."""
        if isinstance(event, Partial) and event.text:
            self._draft = event
        elif isinstance(event, Final):
            self._take(event)
        elif isinstance(event, Settled) and self._draft is not None and self._draft.utterance <= event.utterance:
            self._draft = None
        elif isinstance(event, Revised) and any(ident == event.id for ident, *_ in self._done):
            self._relabel({event.id: event.segment.speaker})
        elif isinstance(event, Named):
            self._names[event.speaker.id] = event.speaker.name or ""
            self._relabel({})
        else:
            return []
        return self._shown()

    def _take(self, final: Final) -> None:
        segment = final.segment
        row = self._row(segment.start_s, segment.end_s, segment.text, completed=True)
        self._end_ms = max(self._end_ms, round(segment.end_s * 1000))
        if segment.words:
            row["words"] = [_word(segment, n) for n in range(len(segment.words))]
        if self._draft is not None and self._draft.utterance <= final.utterance:
            self._draft = None
        self._done.append((final.id, None, row))
        self._relabel({final.id: segment.speaker})

    def _relabel(self, speakers: Mapping[int, str | None]) -> None:
        for at, (ident, before, row) in enumerate(self._done):
            who = speakers.get(ident, before)
            if who is not None:
                self._done[at] = ident, who, row | {"speaker": self._names.get(who) or label(who)}

    def _row(self, start_s: float, end_s: float, text: str, *, completed: bool) -> Row:
        start_ms = max(self._end_ms, round(start_s * 1000))
        end_ms = max(start_ms, round(end_s * 1000))
        shown = f" {text}" if text else ""
        return {"start": _time(start_ms), "end": _time(end_ms), "text": shown, "completed": completed}

    def _shown(self) -> list[list[Json]]:
        done: list[Json] = [row for *_, row in self._done]
        if (draft := self._draft) is not None:
            row = self._row(draft.start_s, draft.end_s, draft.text, completed=False)
            self._drafted = str(row["text"])
            return [[*done, row]]
        if not self._done:
            withdrawn, self._drafted = bool(self._drafted), "" if self._drafted else self._drafted
            return [[self._row(0, 0, "", completed=False)]] if withdrawn else []
        last = self._done[-1][2]
        if self._drafted in {None, last["text"]}:
            return [done]
        self._drafted = str(last["text"])
        return [[*done[:-1], last | {"completed": False}], done]


def label(speaker: str) -> str:
    """WhisperLive's label of our `S1`, `S2` and so on: SPEAKER_00, SPEAKER_01."""
    number = speaker.removeprefix("S")
    return f"SPEAKER_{int(number) - 1:02d}" if number.isdigit() else speaker


def _time(ms: int) -> str:
    return f"{ms // 1000}.{ms % 1000:03d}"


def _word(segment: Segment, number: int) -> Json:
    word = segment.words[number]
    start, end = (_time(round(t * 1000)) for t in (word.start_s, word.end_s))
    return {"word": f" {word.text}", "start": start, "end": end, "probability": word.confidence}


@router.websocket("/")
async def whisperlive(socket: WebSocket) -> None:
    """One connection."""
    await socket.accept("bearer" if "bearer" in socket.scope.get("subprotocols", ()) else None)
    await welcomed(socket)


async def welcomed(socket: WebSocket, first: str | None = None) -> None:
    """A conversation over an open socket; `first` is the client's hello, where another door has read it."""
    door = _Door(house.at(socket), socket)
    silent = {"late": "this client said or took nothing", "remedy": "Say hello, and read what is told."}
    await attended(door.serve(first), door.refuse, **silent)


class _Door:
    """The conversation with one client."""

    def __init__(self, home: House, socket: WebSocket) -> None:
        self._home, self._socket = home, socket
        self._sending = asyncio.Lock()
        self._uid: str | None = None
        self._language_wanted = self._said_end = self._taking = False
        self._wrong: BadInput | None = None
        self._heard_at: float | None = None
        self._warnings = deque[str](maxlen=50)
        self._told_of = set[str]()

    async def serve(self, first: str | bytes | None = None) -> None:
        """From hello to the end."""
        if first is None:
            async with asyncio.timeout(SLOWEST_S):
                first = await self._message()
        options = parsed(first)
        self._uid = options.uid
        self._home.sessions.admit()
        model = await self._model(options.model or "default")
        if names := without_effect(options):
            self._warnings.append(f"without effect here: {', '.join(names)[:500]}")
        can = await self._home.can(model)
        async with self._home.sessions.line(recipe_of(options, model), owner=owner_of(self._socket)) as line:
            taker = taking(line, ENCODINGS[options.audio_format], 16_000, 1)
            await self._send(message="SERVER_READY", backend=BACKEND)
            self._language_wanted = not options.language
            if can.languages is not None and len(can.languages) == 1:
                await self._tell_language(can.languages[0], 1.0)
            elif not self._language_wanted:
                await self._tell_warnings()
            await self._converse(line, taker, Screen(options.send_last_n_segments))

    async def refuse(self, error: EarwitnessError) -> None:
        """Tell a client what was wrong, or how many minutes to wait, and close."""
        with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
            if isinstance(error, Busy):
                await self._send(status="WAIT", message=error.retry_after_s / 60)
            else:
                await self._send(status="ERROR", message=sentence(error))
            await self._close(CLOSING.get(error.code, 1011), sentence(error))

    async def _model(self, name: str) -> str:
        try:
            await asyncio.to_thread(self._home.kit.catalog.named, name)
        except UnknownModel as error:
            self._warnings.append(f"the default model is used: {error.message}. {error.remedy}")
            return "default"
        return name

    async def _converse(self, line: Line, taker: Taking, screen: Screen) -> None:
        await first_of(self._hear(line, taker), self._tell(line, screen), beside=self._end_what_is_still(line))

    async def _hear(self, line: Line, taker: Taking) -> None:
        """What the client sends; ends when it goes away. After END it is only listened to."""
        while True:
            given = await self._message()
            if given in {END, END.encode()}:
                await self._end(line, taker)
            elif isinstance(given, str):
                self._wrong = BadInput(f"{given[:40]!r} is no message here", remedy=f"Send sound, then {END}.")
                await self._end(line, taker)
            elif not self._said_end:
                self._taking = True
                await taker.take(given)
                self._taking, self._heard_at = False, time.monotonic()

    async def _end(self, line: Line, taker: Taking) -> None:
        """No more sound is taken; what was said is told before the socket closes."""
        if not self._said_end:
            self._said_end = True
            await taker.end()
            line.end()

    async def _end_what_is_still(self, line: Line) -> None:
        while True:
            await asyncio.sleep(STILL_S / 6)
            still = self._heard_at is not None and time.monotonic() - self._heard_at > STILL_S
            if still and not self._taking and not self._said_end:
                self._heard_at = None
                line.flush("still")

    async def _tell(self, line: Line, screen: Screen) -> None:
        """What the session tells; ends with it, or when the server stops."""
        async for numbered in line.events():
            event = numbered.event
            if isinstance(event, Failed) and event.fatal:
                await self._send(status="ERROR", message=f"{event.message}. {event.remedy}")
                await self._close(1011, event.message)
                return
            if isinstance(event, Final) and self._language_wanted:
                await self._tell_language(event.segment.language, event.segment.language_prob)
            if isinstance(event, Partial) and self._language_wanted:
                continue  # browsers take the first message for the language
            for segments in screen.after(event):
                await self._send(segments=segments)
            for told in self._worth_telling(event):
                self._warnings.append(told)
            if not self._language_wanted:
                await self._tell_warnings()
        await self._tell_warnings()
        if self._wrong is not None:
            raise self._wrong
        if not self._said_end:
            await self._send(message="DISCONNECT")
        await self._close(1000 if line.hosted.ended else 1012, "")

    def _worth_telling(self, event: Event) -> Sequence[str]:
        """What a client should know of an event besides its text."""
        if isinstance(event, Gap):
            return (f"{event.start_s:.1f} to {event.end_s:.1f} s were not heard: {event.reason}",)
        if isinstance(event, Noted):
            return (event.notice.message,)
        if isinstance(event, Failed):
            return (f"{event.message}. {event.remedy}",)
        if isinstance(event, Settled):
            fresh = {s.reason: s for s in event.suppressed if s.reason not in self._told_of}
            self._told_of |= set(fresh)
            where = f"{event.start_s:.1f} to {event.end_s:.1f} s"
            return [f"text of {where} was held back ({reason}); more of that is not told" for reason in fresh]
        return ()

    async def _tell_language(self, language: str | None, probability: float | None) -> None:
        """Once, where the client asked for none."""
        if self._language_wanted and language:
            await self._send(language=language, language_prob=probability)
        self._language_wanted = False
        await self._tell_warnings()

    async def _tell_warnings(self) -> None:
        while self._warnings:
            await self._send(status="WARNING", message=self._warnings.popleft())

    async def _send(self, **body: Json) -> None:
        async with asyncio.timeout(SLOWEST_S), self._sending:
            await self._socket.send_text(json.dumps({"uid": self._uid, **body}))

    async def _close(self, code: int, why: str) -> None:
        async with asyncio.timeout(SLOWEST_S):
            await self._socket.close(code, reason(why))

    async def _message(self) -> str | bytes:
        """The next message. Raises WebSocketDisconnect."""
        message = await received(self._socket)
        data = message.get("bytes")
        return bytes(data) if data is not None else str(message["text"])
