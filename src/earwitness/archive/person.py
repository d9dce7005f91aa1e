"""A person and their voices, as the archive gives them out."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from earwitness.types import Json


@dataclass(frozen=True, slots=True)
class Voiceprint:
    """What is known of a voice from one clip. Only those that the same model made compare."""

    embedding: tuple[float, ...] = field(repr=False)
    """Of length one."""
    model: str
    speech_s: float
    """Seconds of speech it was made from."""
    origin: str = ""
    """Where it comes from, for people to read."""


@dataclass(frozen=True, slots=True)
class Voice:
    """One voiceprint of a person."""

    id: str
    print: Voiceprint
    created_s: float
    """Seconds of the Unix clock."""


@dataclass(frozen=True, slots=True)
class Person:
    """A human known across recordings."""

    id: str
    name: str
    created_s: float
    """Seconds of the Unix clock."""
    voices: tuple[Voice, ...] = ()
    """The oldest first."""
    merged: tuple[str, ...] = ()
    """Ids that lead here since their people were found to be this one."""


def described(person: Person) -> dict[str, Json]:
    """A person as JSON, for doors and terminals; embeddings stay inside."""
    voices: list[Json] = [
        {
            "id": voice.id,
            "model": voice.print.model,
            "speech_s": voice.print.speech_s,
            "origin": voice.print.origin,
            "created": _moment(voice.created_s),
        }
        for voice in person.voices
    ]
    return {
        "id": person.id,
        "name": person.name,
        "created": _moment(person.created_s),
        "voices": voices,
        "merged": list(person.merged),
    }


def _moment(unix_s: float) -> str:
    """A time as RFC 3339 has it."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
