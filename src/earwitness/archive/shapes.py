"""Transcripts as rows, and back without loss. Pure functions; knows no connection."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeAlias

import numpy as np

from earwitness.archive.retimed import turns
from earwitness.archive.search.tokens import tokens
from earwitness.types import (
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

Row: TypeAlias = Mapping[Any, Any]
"""A row, by the names of its columns."""

COLUMNS = ("start_s", "end_s", "text", "language", "speaker", "confidence")
"""Fields of a Segment that are columns of the same name."""

RESTING = tuple(f for f in fields(Segment) if f.name not in {*COLUMNS, "words"})

LONGEST_NAME = 200


def clean(text: str) -> str:
    """Text without what no database takes: zero bytes, and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def line(text: str) -> str:
    """Text as one line: what can't be printed is a blank, and blanks are single."""
    return " ".join("".join(c if c.isprintable() else " " for c in clean(text)).split())


def segment_row(segment: Segment) -> dict[str, Any]:
    """The columns of a segment that come from what was heard."""
    rest = {f.name: getattr(segment, f.name) for f in RESTING if getattr(segment, f.name) != f.default}
    if "tokens" in rest:
        rest["tokens"] = [[t.id, list(t.raw), t.logprob] for t in segment.tokens]
    text = clean(segment.text)
    return {
        **{name: getattr(segment, name) for name in COLUMNS},
        "text": text,
        "tokens": tokens(text),
        "words": [word_row(w) for w in segment.words],
        "rest": plain(rest),
    }


def word_row(word: Word) -> list[Any]:
    """A word as `words` holds it."""
    return [clean(word.text), word.start_s, word.end_s, word.confidence, word.aligned, word.speaker]


def segment_of(row: Row) -> Segment:
    """The segment of a row."""
    rest = dict(row["rest"])
    if "tokens" in rest:
        rest["tokens"] = tuple(Token(ident, bytes(raw), logprob) for ident, raw, logprob in rest["tokens"])
    for name in ("token_ids", "marks"):
        if name in rest:
            rest[name] = tuple(rest[name])
    return Segment(**{name: row[name] for name in COLUMNS}, words=tuple(Word(*w) for w in row["words"]), **rest)


def speaker_row(speaker: Speaker, model: str | None, person: str | None) -> dict[str, Any]:
    """The columns of a speaker; the name of a `person` who is known is theirs, and not kept here."""
    voice = np.asarray(speaker.voice, "<f4").tobytes() if speaker.voice else None
    return {
        "label": speaker.id,
        "name": None if person or not speaker.name else clean(speaker.name)[:LONGEST_NAME],
        "person_id": person,
        "speech_s": speaker.speech_s,
        "confidence": speaker.confidence,
        "voice": voice,
        "model": model if voice else None,
        "by_person": False,
    }


def speaker_of(row: Row, person: str | None) -> Speaker:
    """The speaker of a row; `person` is the name of the person as it is now."""
    voice = () if row["voice"] is None else tuple(np.frombuffer(row["voice"], "<f4").tolist())
    name = person if row["person_id"] else row["name"]
    return Speaker(row["label"], row["speech_s"], row["confidence"], name, row["person_id"], voice)


def about(transcript: Transcript) -> dict[str, Any]:
    """What a transcript holds beside its segments and the columns of a recording."""
    found: dict[str, Any] = {
        "task": transcript.task,
        "complete": transcript.complete,
        "suppressed": [asdict(s) for s in transcript.suppressed],
        "turns": [asdict(t) for t in transcript.turns],
        "speakers": [s.id for s in transcript.speakers],
        "provenance": asdict(transcript.provenance),
    }
    return dict(plain(found))


def transcript_of(recording: Row, segments: Iterable[Row], speakers: Sequence[Speaker]) -> Transcript:
    """The transcript of a recording's rows."""
    held: Row = recording["about"]
    found = tuple(segment_of(s) for s in segments)
    spoken = turns([(s.start_s, s.end_s, s.speaker) for s in found])
    if "edited" in held and found:  # a person may have put all that one of them said to another
        saying = {s.speaker for s in found}
        speakers = [s for s in speakers if s.id in saying]
    order = {label: n for n, label in enumerate(held.get("speakers", ()))}
    return Transcript(
        segments=found,
        duration_s=recording["duration_s"],
        language=recording["language"],
        task=held.get("task", "transcribe"),
        provenance=_provenance(held.get("provenance")),
        suppressed=tuple(Suppressed(**s) for s in held.get("suppressed", ())),
        complete=held.get("complete", False),
        turns=tuple(Turn(**t) for t in held.get("turns", ())) if "edited" not in held else spoken,
        speakers=tuple(sorted(speakers, key=lambda s: (order.get(s.id, len(order)), len(s.id), s.id))),
    )


def _provenance(given: Row | None) -> Provenance:
    if given is None:
        return Provenance("", "", "", "", {})
    return Provenance(
        **{name: given[name] for name in ("earwitness", "engine", "model", "device", "recipe", "methods")},
        source=SourceInfo(**given["source"]) if given["source"] else None,
        not_honoured=tuple(given["not_honoured"]),
        notices=tuple(Notice(**n) for n in given["notices"]),
    )


def plain(value: Any) -> Any:
    """Values for a column of JSON: lists for tuples, text that databases take."""
    if isinstance(value, Mapping):
        return {clean(str(k)): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return clean(value) if isinstance(value, str) else value
