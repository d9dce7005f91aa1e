"""Clips of made sound, for engines."""

from earwitness.audio import timebase
from earwitness.types import Ask, Audio, Clip
from support import sounds


def clip(seconds: float = 1.0, ask: Ask | None = None, *, start_s: int = 0) -> Clip:
    """A tone."""
    return Clip(Audio(sounds.tone(seconds), timebase.samples(start_s)), ask or Ask())


def late(ask: Ask | None = None, *, seconds: float = 2.0) -> Clip:
    """A tone, ten seconds into a recording."""
    return clip(seconds, ask, start_s=10)
