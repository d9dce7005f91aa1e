"""Earwitness hears recordings and testifies to who said what, and when.

>>> import earwitness
>>> transcript = earwitness.transcribe("meeting.mp3")
>>> print(transcript.text)
"""

from importlib import import_module
from typing import TYPE_CHECKING

from earwitness.__about__ import __version__

if TYPE_CHECKING:
    from earwitness.quick import transcribe
    from earwitness.types import Segment, Transcript, Word

__all__ = ["Segment", "Transcript", "Word", "__version__", "transcribe"]


def __getattr__(name: str) -> object:
    """Public names are imported when they are first used."""
    if name not in __all__:
        raise AttributeError(f"module 'earwitness' has no attribute {name!r}")
    return getattr(import_module("earwitness.quick" if name == "transcribe" else "earwitness.types"), name)
