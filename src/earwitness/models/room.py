"""Room for models: how much memory they take, and which of them go when another one needs it. Loads nothing."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import Enum

SPREAD = 2.0
"""Memory a model takes for each byte of its files, until it has been measured: measured between 1.2 and 2.2."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What all models may take together: `size` in bytes, `count` in models; None is no limit."""

    size: int | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A model in memory, as far as room is concerned. `idle_s` is None while it is in use or loading."""

    key: Hashable
    size: int
    idle_s: float | None
    pinned: bool = False


class Lack(Enum):
    """Why there is no room."""

    SIZE = "more than all models may take"
    PINNED = "what is pinned leaves too little"
    IN_USE = "the others are in use"


def make(held: Sequence[Held], need: int, limits: Limits) -> tuple[Hashable, ...] | Lack:
    """Which models must go so that one of `need` bytes fits, the longest idle first, and no more than needed.

    Those in use and pinned ones never go.
    """
    if limits.size is not None and need > limits.size:
        return Lack.SIZE
    if not fits([h for h in held if h.pinned], need, limits):
        return Lack.PINNED
    idle = sorted((h for h in held if h.idle_s is not None and not h.pinned), key=lambda h: -(h.idle_s or 0.0))
    for count in range(len(idle) + 1):
        gone = {h.key for h in idle[:count]}
        if fits([h for h in held if h.key not in gone], need, limits):
            return tuple(h.key for h in idle[:count])
    return Lack.IN_USE


def fits(held: Sequence[Held], need: int, limits: Limits) -> bool:
    """Whether one more of `need` bytes fits beside these."""
    by_size = limits.size is None or sum(h.size for h in held) + need <= limits.size
    return by_size and (limits.count is None or len(held) < limits.count)
