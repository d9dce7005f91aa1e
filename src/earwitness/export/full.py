"""Our own JSON: everything a transcript holds, in a versioned schema, and back again without loss.

The schema is `docs/transcript.schema.json`. A reader refuses a version it does not know; fields are only ever added
within one version.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from earwitness.errors import BadInput
from earwitness.export.layout import Layout
from earwitness.types import (
    Json,
    Notice,
    Provenance,
    Segment,
    SourceInfo,
    Speaker,
    Suppressed,
    Token,
    Transcript,
    Turn,
    Word,
)  # fmt: skip

SCHEMA = "earwitness.transcript/1"


def to_json(transcript: Transcript) -> dict[str, Json]:
    """A transcript as plain values."""
    found: dict[str, Any] = {"schema": SCHEMA, "text": transcript.text, **asdict(transcript)}
    for plain, segment in zip(found["segments"], transcript.segments, strict=True):
        plain["compression_ratio"] = segment.compression_ratio
        plain["tokens"] = [{"id": t.id, "bytes": list(t.raw), "logprob": t.logprob} for t in segment.tokens]
    listed = _lists(found)
    assert isinstance(listed, dict)
    return listed


def from_json(given: Mapping[str, Any]) -> Transcript:
    """A transcript from the values of `to_json`. Raises BadInput for another schema or missing fields."""
    if given.get("schema") != SCHEMA:
        raise BadInput(f"this is no {SCHEMA} but {given.get('schema')!r}")
    try:
        origin = given["provenance"]
        return Transcript(
            segments=tuple(_segment(s) for s in given["segments"]),
            duration_s=float(given["duration_s"]),
            language=given["language"],
            task=given["task"],
            suppressed=tuple(Suppressed(**_known(Suppressed, s)) for s in given["suppressed"]),
            complete=given["complete"],
            turns=tuple(Turn(**_known(Turn, t)) for t in given.get("turns", ())),
            speakers=tuple(_speaker(s) for s in given.get("speakers", ())),
            provenance=Provenance(
                earwitness=origin["earwitness"],
                engine=origin["engine"],
                model=origin["model"],
                device=origin["device"],
                recipe=origin["recipe"],
                source=SourceInfo(**_known(SourceInfo, origin["source"])) if origin["source"] else None,
                not_honoured=tuple(origin["not_honoured"]),
                notices=tuple(Notice(**_known(Notice, n)) for n in origin["notices"]),
                methods=origin.get("methods", {}),
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"this transcript is damaged: {type(error).__name__}: {error}") from error


def dumps(transcript: Transcript, layout: Layout | None = None) -> str:
    """The transcript as JSON text, with what people have noted, where they have."""
    notes = [asdict(note) for note in layout.notes] if layout else []
    return json.dumps(to_json(transcript) | ({"notes": notes} if notes else {}), ensure_ascii=False, indent=2) + "\n"


def loads(text: str) -> Transcript:
    """The transcript of JSON text. Raises BadInput."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise BadInput(f"this is no JSON: {error}") from error
    if not isinstance(given, dict):
        raise BadInput("this JSON is no transcript")
    return from_json(given)


def _segment(given: Mapping[str, Any]) -> Segment:
    tokens = tuple(Token(t["id"], bytes(t["bytes"]), t["logprob"]) for t in given["tokens"])
    words = tuple(Word(**_known(Word, w)) for w in given["words"])
    lists = {"words": words, "tokens": tokens, "token_ids": tuple(given["token_ids"]), "marks": tuple(given["marks"])}
    return Segment(**_known(Segment, given) | lists)


def _speaker(given: Mapping[str, Any]) -> Speaker:
    return Speaker(**_known(Speaker, given) | {"voice": tuple(given["voice"])})


def _known(kind: type[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that this version knows: a later one may have added others."""
    names = {f.name for f in fields(kind)}
    return {k: v for k, v in given.items() if k in names}


def _lists(value: object) -> Json:
    """Tuples become lists, all the way down."""
    if isinstance(value, Mapping):
        return {str(k): _lists(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [_lists(v) for v in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"no JSON for {type(value).__name__}")
