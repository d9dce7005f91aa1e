"""The sound of a recording that lies in several files, as one: silence where there is none, and exact positions.

Knows no archive: a part is a file, and where it begins.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from earwitness.audio import decode, timebase
from earwitness.types import Audio


@dataclass(frozen=True, slots=True)
class Part:
    """A file that holds the positions from `start` to `end` of a recording; without an end, all that comes."""

    file: Path
    start: int
    end: int | None


def stream(parts: Sequence[Part], start: int, end: int) -> Iterator[Audio]:
    """The sound from one position to another, all of it, as contiguous blocks of at most 30 s.

    Where parts overlap the first one is heard. Raises what `decode.stream` raises of a part.
    """
    at = start
    for part in sorted(parts, key=lambda p: p.start):
        until = end if part.end is None else min(end, part.end)
        if until <= max(at, part.start):
            continue
        yield from decode.silence(at, part.start)
        at = max(at, part.start)
        low, high = timebase.seconds(at - part.start), timebase.seconds(until - part.start)
        for block in decode.stream(part.file, from_s=low, to_s=high):
            yield Audio(block.samples, part.start + block.start)
            at = part.start + block.end
    yield from decode.silence(at, end)


def covered(parts: Sequence[Part], start: int, end: int) -> list[tuple[int, int]]:
    """The stretches between two positions of which there is sound, in order, each as long as can be."""
    found = list[tuple[int, int]]()
    for part in sorted(parts, key=lambda p: p.start):
        low, high = max(start, part.start), end if part.end is None else min(end, part.end)
        if found and low <= found[-1][1]:
            found[-1] = found[-1][0], max(high, found[-1][1])
        elif low < high:
            found.append((low, high))
    return found
