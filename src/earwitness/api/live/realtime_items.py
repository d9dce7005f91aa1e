"""The events of a live session as those of OpenAI's Realtime API: each utterance, or all up to a commit, is one item.

What was told of an item is never taken back: its deltas are final text, and together they are the transcript. With
turn detection an item is an utterance; without, all that was said between two commits. Pure but for the ids; knows no
socket.
"""

import uuid
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from earwitness.events import (
    Event,
    Failed,
    Final,
    Flushed,
    Gap,
    Revised,
    Settled,
    SpeechEnded,
    SpeechStarted,
)
from earwitness.types import Json, Segment

Body = dict[str, Json]

TRANSCRIPTION = "conversation.item.input_audio_transcription"
REMEMBERED = 500
"""Segments whose speaker may still be told."""


@dataclass(slots=True)
class _Item:
    """What was told of one item so far."""

    id: str = field(default_factory=lambda: f"item_{uuid.uuid4().hex[:20]}")
    text: str = ""
    logprobs: list[Json] = field(default_factory=list)
    languages: dict[str, None] = field(default_factory=dict)
    lost: list[Body] = field(default_factory=list)
    """Errors of the stretches that were not heard."""
    suppressed: list[Json] = field(default_factory=list)
    start_s: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Mark:
    """A flush under way: what follows it belongs to the next item."""

    flush: str
    item: _Item | None
    """The item it ends, if that is known."""
    drops: bool = False
    """Whether what comes before it is thrown away."""
    committed: int = 0
    """Items that were committed when it was asked for."""


class Items:
    """The conversation's items. Not safe for threads."""

    def __init__(self, *, beta: bool) -> None:
        self.beta, self.turns, self.logprobs = beta, False, False
        self._base_s = 0.0
        self._open: _Item | None = None
        self._uttered = dict[int, _Item]()
        self._marks = deque[_Mark]()
        self._segments = OrderedDict[int, _Item]()
        self._last: str | None = None
        self._committed = 0
        self._why: Failed | None = None
        self._gap: Gap | None = None
        self._lines = 0

    def begin(self, base_s: float) -> None:
        """Another live session goes on with the conversation, whose sound so far took `base_s`."""
        self._base_s = base_s
        self._lines += 1
        self._segments.clear()

    # ── what the client does ──
    def commit(self, flush: str, seconds: float) -> list[Body]:
        """The item ends with the flush of that id, after so much sound."""
        if self.turns:
            self._marks.append(_Mark(flush, None, committed=self._committed))
            return []
        item, self._open = self._open or _Item(), None
        item.seconds = seconds
        self._marks.append(_Mark(flush, item))
        return self._commit(item)

    def clear(self, flush: str) -> list[Body]:
        """What was not committed is thrown away, up to the flush of that id."""
        item, self._open = None if self.turns else self._open, None
        self._marks.append(_Mark(flush, None, drops=True))
        cleared: Body = {"type": "input_audio_buffer.cleared"}
        if item is None or not item.text:
            return [cleared]
        why: Body = {"type": "invalid_request_error", "code": "input_audio_buffer_cleared", "param": None}
        return [cleared, self._failed(item, why | {"message": "the client cleared it after some text was told"})]

    def settle(self, seconds: float) -> list[Body]:
        """What is said so far without a commit becomes an item: no commit will come."""
        item, self._open = self._open, None
        if item is None or not (item.text or item.lost):
            return []
        item.seconds = seconds
        return [*self._commit(item), *self._complete(item)]

    def broken(self, error: Body) -> list[Body]:
        """The live session broke: whatever has no end yet has failed."""
        ended = [mark.item for mark in self._marks if mark.item] + list(self._uttered.values())
        ended += [self._open] if self._open else []
        self._open = None
        self._marks.clear()
        self._uttered.clear()
        return [self._failed(item, error) for item in ended]

    # ── what the session tells ──
    def told(self, event: Event) -> list[Body]:
        """What the client is to be told of an event."""
        found = list[Body]()
        if self._why is not None and self._gap is None and not isinstance(event, Gap):  # it cost no sound
            found.append({"type": "error", "error": error_of("server_error", self._why.code, self._why.message)})
            self._why = None
        match event:
            case SpeechStarted() if self.turns:
                item = self._uttered[event.utterance] = _Item(start_s=event.at_s)
                found.append(self._speech("started", "start", event.at_s, item))
            case SpeechEnded() if self.turns:
                found += self._ended(event)
            case Final():
                found += self._final(event)
            case Gap():
                self._gap = event
            case Settled():
                found += self._settled(event)
            case Flushed():
                found += self._flushed(event.id)
            case Revised() if event.what == "speaker":
                found += self._spoken_by(event)
            case Failed() if not event.fatal:
                self._why = event
            case _:
                pass
        return found

    def _ended(self, event: SpeechEnded) -> list[Body]:
        item = self._uttered[event.utterance]
        item.seconds = event.at_s - item.start_s
        stopped = self._speech("stopped", "end", event.at_s, item)
        if self._marks and self._marks[0].drops:
            del self._uttered[event.utterance]
            return [stopped]
        return [stopped, *self._commit(item)]

    def _item_of(self, utterance: int) -> _Item | None:
        """The item that an utterance belongs to; None where it is thrown away."""
        if self.turns:
            return self._uttered.get(utterance)
        if self._marks:
            return self._marks[0].item
        self._open = self._open or _Item()
        return self._open

    def _final(self, event: Final) -> list[Body]:
        item, segment = self._item_of(event.utterance), event.segment
        if item is None:
            return []
        self._segments[event.id] = item
        while len(self._segments) > REMEMBERED:
            self._segments.popitem(last=False)
        delta = f" {segment.text}" if item.text else segment.text
        item.text += delta
        steps = _logprobs(segment) if self.logprobs else []
        item.logprobs += steps
        item.languages |= {segment.language: None} if segment.language else {}
        body: Body = {**self._of(item, "delta"), "delta": delta}
        return [body | ({"logprobs": steps} if self.logprobs else {})]

    def _settled(self, event: Settled) -> list[Body]:
        item, gap, self._gap = self._item_of(event.utterance), self._gap, None
        why, self._why = self._why, None
        self._uttered.pop(event.utterance, None)
        if item is None:
            return []
        if gap is not None:
            where = f"{self._base_s + gap.start_s:.2f} to {self._base_s + gap.end_s:.2f} s"
            told = f"the sound from {where} was not listened to: {why.message if why else gap.reason}"
            item.lost.append(error_of("server_error", gap.reason, told))
        for held in event.suppressed:
            start_s, end_s = self._base_s + held.start_s, self._base_s + held.end_s
            item.suppressed.append({"start": round(start_s, 3), "end": round(end_s, 3), "reason": held.reason})
        return self._complete(item) if self.turns else []

    def _flushed(self, flush: str) -> list[Body]:
        if not self._marks or self._marks[0].flush != flush:
            return []
        mark = self._marks.popleft()
        if mark.item is not None:
            return self._complete(mark.item)
        if mark.drops or mark.committed < self._committed:
            return []
        item = _Item()
        return [*self._commit(item), *self._complete(item)]

    def _spoken_by(self, event: Revised) -> list[Body]:
        item, segment = self._segments.get(event.id), event.segment
        if item is None or segment.speaker is None:
            return []
        times = {"start": round(self._base_s + segment.start_s, 3), "end": round(self._base_s + segment.end_s, 3)}
        said = {"id": f"seg_{self._lines}_{event.id}", "speaker": segment.speaker, "text": segment.text}
        return [{**self._of(item, "segment"), **times, **said}]

    # ── bodies ──
    def _speech(self, what: str, side: str, at_s: float, item: _Item) -> Body:
        at_ms = round((self._base_s + at_s) * 1000)
        return {"type": f"input_audio_buffer.speech_{what}", f"audio_{side}_ms": at_ms, "item_id": item.id}

    def _commit(self, item: _Item) -> list[Body]:
        before, self._last = self._last, item.id
        self._committed += 1
        said: Body = {
            "id": item.id,
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        follows: Body = {"previous_item_id": before, "item": said}
        names = ("created",) if self.beta else ("added", "done")
        committed: Body = {"type": "input_audio_buffer.committed", "previous_item_id": before, "item_id": item.id}
        return [committed, *({"type": f"conversation.item.{name}", **follows} for name in names)]

    def _complete(self, item: _Item) -> list[Body]:
        """The transcript, or that there is none; where a part is missing, errors say so first."""
        if item.lost and not item.text:
            return [self._failed(item, item.lost[0])]
        errors: list[Body] = [{"type": "error", "error": lost} for lost in item.lost]
        body: Body = {**self._of(item, "completed"), "transcript": item.text}
        body["usage"] = {"type": "duration", "seconds": round(item.seconds, 3)}
        if self.logprobs:
            body["logprobs"] = item.logprobs
        if item.languages and not self.beta:
            body["languages"] = [{"code": code} for code in item.languages]
        if item.suppressed:
            body["suppressed"] = item.suppressed
        return [*errors, body]

    def _failed(self, item: _Item, error: Mapping[str, Json]) -> Body:
        return {**self._of(item, "failed"), "error": dict(error)}

    def _of(self, item: _Item, what: str) -> Body:
        return {"type": f"{TRANSCRIPTION}.{what}", "item_id": item.id, "content_index": 0}


def error_of(kind: str, code: str, message: str) -> Body:
    """The error object of the API."""
    return {"type": kind, "code": code, "message": message, "param": None}


def _logprobs(segment: Segment) -> list[Json]:
    return [{"token": t.text, "bytes": list(t.raw), "logprob": round(t.logprob, 6)} for t in segment.tokens]
