"""Passages: segments in a row that say enough to mean something, and how their vectors are kept. Pure; no connection.

A segment is one by itself unless it is short; then it has those that follow it soon, until there are ten words. What is
said in languages that the model does not know is in none.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST, MOST = 10, 60
"""Words of a passage, as far as whole segments allow it."""

PAUSE_S = 10.0
"""What is said after a longer pause belongs to another passage."""

LONGEST_S = 600.0
"""From the start of a passage's first segment to that of its last."""

SCALE = np.dtype("<f4")


@dataclass(frozen=True, slots=True)
class Line:
    """A segment as passages see it; without a language it may be in any."""

    start_s: float
    end_s: float
    text: str
    language: str | None
    said_s: float = 0.0
    """Wall clock of its start."""

    def known(self, languages: Collection[str]) -> bool:
        """Whether it is in one of some languages, by their ISO 639-1 codes."""
        return self.language is None or self.language.lower().split("-")[0] in languages


@dataclass(frozen=True, slots=True)
class Passage:
    """Lines in a row: where the first and the last of them begin, and what they say."""

    first_s: float
    last_s: float
    text: str
    said_s: float = 0.0


def cut(lines: Iterable[Line], languages: Collection[str], *, whole: bool = True) -> tuple[Passage, ...]:
    """The passages of lines in the order of their starts; unless this is the `whole`, more may come to the last."""
    found, some, words = list[Passage](), list[Line](), 0
    for line in lines:
        if not line.known(languages) or not line.text.strip():
            continue
        size = len(line.text.split())
        full = words >= LEAST or words + size > MOST
        if some and line.start_s > some[-1].start_s and (full or _far(line, some)):
            found.append(_made(some))
            some, words = [], 0
        some.append(line)
        words += size
    if some and (whole or words >= LEAST):
        found.append(_made(some))
    return tuple(found)


def digest(text: str) -> bytes:
    """What tells the text of a passage from others."""
    return hashlib.sha256(text.encode()).digest()[:16]


def said(lines: Iterable[Line], languages: Collection[str]) -> str:
    """The text of a passage that consists of some lines."""
    return " ".join(line.text.strip() for line in lines if line.known(languages) and line.text.strip())


def _far(line: Line, some: Sequence[Line]) -> bool:
    return line.start_s - some[-1].end_s > PAUSE_S or line.start_s - some[0].start_s > LONGEST_S


def _made(some: Sequence[Line]) -> Passage:
    text = " ".join(line.text.strip() for line in some)
    return Passage(some[0].start_s, some[-1].start_s, text, some[0].said_s)


def packed(vectors: NDArray[np.float32]) -> Iterator[bytes]:
    """Vectors in 8 bits, as `PassageRow.vector` holds them."""
    for vector in vectors:
        scale = np.asarray(max(float(np.abs(vector).max()), 1e-9) / 127, SCALE)
        yield scale.tobytes() + np.rint(vector / scale).astype(np.int8).tobytes()


def unpacked(held: Sequence[bytes], size: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """The whole numbers of such vectors, shape (n, size), and their scales, shape (n,)."""
    rows = np.frombuffer(b"".join(held), np.int8).reshape(len(held), SCALE.itemsize + size)
    scales = np.ascontiguousarray(rows[:, : SCALE.itemsize]).view(SCALE).ravel()
    return rows[:, SCALE.itemsize :], scales.astype(np.float32)
