"""How a text is laid out, as far as the reader may choose."""

from dataclasses import dataclass

from earwitness.noted import Note


@dataclass(frozen=True, slots=True)
class Layout:
    """How subtitles are broken, what formats that name the recording call it, and what was noted."""

    line_chars: int = 42
    lines: int = 2
    chars_per_s: float = 20.0
    shortest_s: float = 5 / 6
    longest_s: float = 7.0
    gap_s: float = 0.08
    recording: str = "recording"
    notes: tuple[Note, ...] = ()
    """In the order of their beginnings."""
