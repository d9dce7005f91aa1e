"""Events as plain values, and back: for sockets, journals and replay. Each carries its number and its type."""

import math
from dataclasses import asdict, fields
from typing import Any

from earwitness import events
from earwitness.errors import BadInput
from earwitness.events import Event, Numbered
from earwitness.types import Json, Notice, Segment, Speaker, Suppressed, Token, Word

KINDS = (
    (events.SpeechStarted, "speech_started"),
    (events.Partial, "partial"),
    (events.SpeechEnded, "speech_ended"),
    (events.Final, "final"),
    (events.Settled, "settled"),
    (events.Revised, "revised"),
    (events.Named, "named"),
    (events.Spotted, "spotted"),
    (events.Noted, "noted"),
    (events.Gap, "gap"),
    (events.Flushed, "flushed"),
    (events.Failed, "failed"),
    (events.Ended, "ended"),
)
"""The name of each kind of event on the wire."""


def to_json(told: Numbered) -> dict[str, Json]:
    """An event as plain values: `seq`, `type`, and its fields. What is no finite number is None: JSON has no other."""
    found: dict[str, Any] = asdict(told.event)
    if isinstance(told.event, events.Final | events.Revised):
        steps = told.event.segment.tokens
        found["segment"]["tokens"] = [{"id": t.id, "bytes": list(t.raw), "logprob": t.logprob} for t in steps]
    name = next(name for kind, name in KINDS if isinstance(told.event, kind))
    return {"seq": told.seq, "type": name, **_lists(found)}


def from_json(given: dict[str, Any]) -> Numbered:
    """The event of the values of `to_json`. Raises BadInput for any others."""
    try:
        kind = next(kind for kind, name in KINDS if name == given["type"])
        values = {f.name: given[f.name] for f in fields(kind) if f.name in given}
        if "segment" in values:
            values["segment"] = _segment(values["segment"])
        if "suppressed" in values:
            values["suppressed"] = tuple(Suppressed(**s) for s in values["suppressed"])
        if "speaker" in values:
            values["speaker"] = Speaker(**values["speaker"] | {"voice": ()})
        if "notice" in values:
            values["notice"] = Notice(**values["notice"])
        event: Event = kind(**values)
        return Numbered(int(given["seq"]), event)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, StopIteration) as error:
        raise BadInput(f"this event is damaged: {type(error).__name__}: {error}") from error


def _segment(given: dict[str, Any]) -> Segment:
    values = dict(given)
    values["words"] = tuple(Word(**w) for w in values["words"])
    values["tokens"] = tuple(Token(t["id"], bytes(list(t["bytes"])), t["logprob"]) for t in values["tokens"])
    values["token_ids"], values["marks"] = tuple(values["token_ids"]), tuple(values["marks"])
    return Segment(**values)


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _lists(v) for k, v in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return [_lists(v) for v in value] if isinstance(value, tuple | list) else value
