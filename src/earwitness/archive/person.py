"""A person and their voices, as the archive gives them out."""

from dataclasses import dataclass, field


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
