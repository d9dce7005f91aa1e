"""Cuts a given text and its recording into chunks that belong together, by what a recogniser heard.

Where three words in a row are the same in both, the text is anchored; a cut goes into the pause between two anchored
words. What lies between two cuts is short enough to be aligned, however wrong the text or the recogniser is there.
Pure functions.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from earwitness.types import Word

SURE = 3
"""Words in a row that must be the same."""

SHORT_S, LONG_S = 6.0, 20.0
"""Seconds of a chunk: the longest pause between these is taken, or the first one after them."""

FINER = 8
"""So many times shorter are the chunks of a chunk in which nothing could be aligned."""

TRIED_S = 90.0
"""A longer chunk is not worth a try: its text and its sound have nothing in common."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of the recording, and which words of the text lie in it; `last` is not part of it."""

    start_s: float
    end_s: float
    first: int
    last: int

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class _Cut:
    at_s: float
    word: int
    pause_s: float


def chunks(heard: Sequence[Word], given: Sequence[str], end_s: float) -> tuple[Chunk, ...]:
    """The chunks of a recording of `end_s` seconds and of the words of a text, in order, without gap."""
    return _chunks(_cuts(heard, given), Chunk(0.0, end_s, 0, len(given)), SHORT_S, LONG_S)


def finer(heard: Sequence[Word], given: Sequence[str], chunk: Chunk) -> tuple[Chunk, ...]:
    """A chunk in smaller ones, so that what is wrong in it keeps to itself."""
    inside = [w for w in heard if chunk.start_s <= w.start_s and w.end_s <= chunk.end_s]
    cuts = [replace(c, word=c.word + chunk.first) for c in _cuts(inside, given[chunk.first : chunk.last])]
    return _chunks(cuts, chunk, SHORT_S / FINER, LONG_S / FINER)


def _chunks(cuts: list[_Cut], whole: Chunk, short_s: float, long_s: float) -> tuple[Chunk, ...]:
    made, start, end_s = list[Chunk](), _Cut(whole.start_s, whole.first, 0.0), whole.end_s
    while cuts:
        cuts = [cut for cut in cuts if cut.at_s >= start.at_s + short_s]
        near = [cut for cut in cuts if cut.at_s <= start.at_s + long_s] or cuts[:1]
        if not near:
            break
        best = max(near, key=lambda cut: cut.pause_s)
        made.append(Chunk(start.at_s, best.at_s, start.word, best.word))
        start = best
    made.append(Chunk(start.at_s, max(end_s, start.at_s), start.word, whole.last))
    return tuple(made)


def _cuts(heard: Sequence[Word], given: Sequence[str]) -> list[_Cut]:
    """Where the text may be cut: between two anchored words that follow each other."""
    said, wanted = [_plain(w.text) for w in heard], [_plain(w) for w in given]
    found = list[_Cut]()
    for a, b, size in difflib.SequenceMatcher(None, said, wanted).get_matching_blocks():
        for i in range(1, size if size >= SURE else 0):
            before, after = heard[a + i - 1], heard[a + i]
            if before.aligned and after.aligned and after.start_s >= before.end_s:
                middle_s = (before.end_s + after.start_s) / 2
                found.append(_Cut(middle_s, b + i, after.start_s - before.end_s))
    return found


def _plain(word: str) -> str:
    return re.sub(r"[^\w']", "", word.lower()) or word
