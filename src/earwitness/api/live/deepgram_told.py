"""The events of one channel as Deepgram's messages: a fold, without socket, clock or tasks.

A draft is a `Results` with `is_final` false, a segment one with `is_final` true; the last of an utterance has
`speech_final`, the last before a `Finalize` was through `from_finalize`. What was not listened to is an `Error` of the
variant `Gap`. Where speakers are wanted, a segment waits a moment for its label: this protocol can't correct one.
"""

from collections import deque
from dataclasses import dataclass, replace

from earwitness.api.deepgram import Asked, Message, alternative
from earwitness.api.errors import sentence
from earwitness.errors import EngineFailed
from earwitness.events import (
    Event,
    Failed,
    Final,
    Flushed,
    Gap,
    Noted,
    Partial,
    Revised,
    Settled,
    SpeechStarted,
)
from earwitness.spread import spread
from earwitness.types import Json, Segment, Suppressed

LABEL_S = 2.0
"""How long a segment waits for its speaker at most."""

LAST_CALL_S = 0.1
"""How long it does when no voice is being heard any more."""

SLACK_S = 0.3
"""How late the beginning of speech may be told."""


@dataclass(slots=True, eq=False)
class _Result:
    """A final result on its way; without a segment, it only says that an utterance is over."""

    start_s: float
    end_s: float
    ident: int = 0
    segment: Segment | None = None
    speech_final: bool = False
    from_finalize: bool = False
    suppressed: tuple[Suppressed, ...] = ()
    until: float | None = None
    """When it goes out though nobody is named, by the clock; None before it was looked at."""


class Told:
    """What one channel tells."""

    def __init__(self, asked: Asked, index: tuple[int, int], about: Message) -> None:
        """`about` is the metadata of each result; `index` the channel's number, and how many there are."""
        self._asked, self._index, self._about = asked, list[Json](index), about
        self._queue = deque[_Result | Message]()
        self._final: _Result | None = None
        """The last segment, until it is known whether another one follows in its utterance."""
        self._over: _Result | None = None
        """The end of an utterance, until it is known whether a flush follows."""
        self._flushes = set[str]()
        self._started = self._settled = 0
        self._last_word_s: float | None = None
        self._heard_s = 0.0
        self.noted = list[tuple[str, str]]()
        """What is to be told at the end."""
        self.broken = False

    @property
    def waiting(self) -> bool:
        """Whether time alone may bring something to tell."""
        return bool(self._queue) or (self._asked.utterance_end_s is not None and self._last_word_s is not None)

    def flush(self, ident: str) -> None:
        """The client wants to know when all before now was told."""
        self._flushes.add(ident)

    def take(self, event: Event) -> None:
        """Go on by an event."""
        if isinstance(event, Flushed) and event.id in self._flushes:
            self._finalized(event.id)
            return
        if isinstance(event, Revised):
            self._named(event)
            return
        self._release()
        match event:
            case SpeechStarted():
                self._begun(event)
            case Partial():
                self._draft(event)
            case Final(segment=segment):
                self._put(self._final)
                self._final = _Result(segment.start_s, segment.end_s, event.id, segment)
            case Settled():
                self._settle(event)
            case Gap():
                self._gap(event)
            case Failed():
                self.broken = self.broken or event.fatal
                self._error(event.code, sentence(EngineFailed(event.message, remedy=event.remedy)))
            case Noted(notice=notice):
                self.noted.append((notice.code, notice.message))
            case _:
                pass

    def ready(self, now: float, heard_s: float, *, labelling: bool) -> list[Message]:
        """What is to be told now; all events of the sound up to `heard_s` were taken."""
        told, self._heard_s = list[Message](), max(heard_s, self._heard_s)
        while self._queue:
            head = self._queue[0]
            if isinstance(head, _Result):
                if self._unnamed(head, now, labelling=labelling):
                    break
                told += self._utterance_end(head)
                head = self._results(head)
            self._queue.popleft()
            told.append(head)
        if not self._queue and self._started <= self._settled:
            told += self._pause()
        return told

    def rest(self) -> list[Message]:
        """All that is left, at the end."""
        self._release()
        self._put(self._final)
        self._final = None
        return [m for r in self._queue for m in ([*self._utterance_end(r), self._results(r)] if isinstance(r, _Result)
                                                 else [r])]  # fmt: skip

    # ── events ──
    def _begun(self, event: SpeechStarted) -> None:
        self._started = event.utterance
        if self._asked.vad_events:
            self._queue.append({"type": "SpeechStarted", "channel": self._index, "timestamp": round(event.at_s, 3)})

    def _draft(self, event: Partial) -> None:
        if not self._asked.interim or not event.text:
            return
        stable, words = len(event.stable.split()), spread(event.text.split(), event.start_s, event.end_s)
        agreed = tuple(replace(w, confidence=float(n < stable)) for n, w in enumerate(words))
        segment = Segment(event.start_s, event.end_s, event.text, words=agreed)
        body = self._body(_Result(event.start_s, event.end_s, segment=segment), is_final=False)
        if self._queue and (last := self._queue[-1]) and isinstance(last, dict) and last.get("is_final") is False:
            self._queue.pop()
        self._queue.append(body)

    def _settle(self, event: Settled) -> None:
        self._settled = event.utterance
        found, self._final = self._final or _Result(event.start_s, event.end_s), None
        found.speech_final = self._asked.endpoints and not event.forced
        found.suppressed = event.suppressed
        self._over = found
        if not self._flushes:
            self._release()

    def _finalized(self, ident: str) -> None:
        self._flushes.discard(ident)
        found, self._over = self._over or _Result(self._heard_s, self._heard_s), None
        found.from_finalize = True
        found.speech_final = self._asked.endpoints
        self._put(found)

    def _gap(self, event: Gap) -> None:
        told = f"From {event.start_s:.2f} s to {event.end_s:.2f} s nothing was heard: {event.reason}."
        start, length = round(event.start_s, 3), round(event.end_s - event.start_s, 3)
        self._error(event.reason, told, "Gap", start=start, duration=length)

    def _error(self, code: str, told: str, variant: str = "Failed", **further: Json) -> None:
        self._queue.append({"type": "Error", "variant": variant, "description": told, "message": told, "code": code,
                            "channel_index": self._index, **further})  # fmt: skip

    def _named(self, event: Revised) -> None:
        for item in (*self._queue, self._final, self._over):
            if isinstance(item, _Result) and item.segment is not None and item.ident == event.id:
                item.segment = event.segment

    # ── results ──
    def _put(self, found: _Result | None) -> None:
        if found is not None:
            self._queue.append(found)

    def _release(self) -> None:
        self._put(self._over)
        self._over = None

    def _unnamed(self, found: _Result, now: float, *, labelling: bool) -> bool:
        """Whether it still waits for its speaker."""
        if not self._asked.diarize or found.segment is None or found.segment.speaker is not None:
            return False
        latest = now + (LABEL_S if labelling else LAST_CALL_S)
        found.until = latest if found.until is None else min(found.until, latest)
        return now < found.until

    def _results(self, found: _Result) -> Message:
        return self._body(found, is_final=True)

    def _body(self, found: _Result, *, is_final: bool) -> Message:
        segments = () if found.segment is None else (found.segment,)
        said = alternative(segments, speakers=self._asked.diarize, languages=self._asked.languages)
        body: Message = {
            "type": "Results",
            "channel_index": self._index,
            "duration": round(found.end_s - found.start_s, 3),
            "start": round(found.start_s, 3),
            "is_final": is_final,
            "speech_final": found.speech_final,
            "from_finalize": found.from_finalize,
            "channel": {"alternatives": [said]},
            "metadata": self._about,
        }
        if found.suppressed:
            body["suppressed"] = [
                {"start": round(s.start_s, 3), "end": round(s.end_s, 3), "reason": s.reason} for s in found.suppressed
            ]
        return body

    # ── the ends of utterances ──
    def _utterance_end(self, found: _Result) -> list[Message]:
        """What is told before a result that comes after a long pause; remembers its last word."""
        wanted_s, before = self._asked.utterance_end_s, self._last_word_s
        if wanted_s is None or found.segment is None or not found.segment.text:
            return []
        self._last_word_s = found.segment.words[-1].end_s if found.segment.words else found.end_s
        ended = before is not None and found.start_s - before >= wanted_s
        return [self._ended(before)] if ended and before is not None else []

    def _pause(self) -> list[Message]:
        """What is told when nobody has spoken for long enough."""
        wanted_s, last = self._asked.utterance_end_s, self._last_word_s
        if wanted_s is None or last is None or self._heard_s < last + wanted_s + SLACK_S:
            return []
        self._last_word_s = None
        return [self._ended(last)]

    def _ended(self, last_s: float) -> Message:
        return {"type": "UtteranceEnd", "channel": self._index, "last_word_end": round(last_s, 3)}
