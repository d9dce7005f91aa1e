"""What a person has put to a place of a recording. The archive keeps it, and formats that have room for it tell it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """A `note`, or a `highlight`, which may say nothing; times in seconds from the start of the recording."""

    start_s: float
    end_s: float
    kind: str
    text: str
