"""How well a segment fits what is looked for, and where in its text it does; the same on every database."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from earwitness.archive.search.query import Query, Term
from earwitness.archive.search.tokens import found


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a segment's text that was looked for: `text[start:end]`, in characters, and when it was said."""

    start: int
    end: int
    start_s: float | None
    end_s: float | None
    """None where the words have no times, or others than the text."""


def places(term: Term, said: Sequence[str]) -> Iterator[int]:
    """Where a term begins among tokens."""
    size = len(term.tokens)
    first = term.tokens[0]
    alone = term.prefix and size == 1
    for at in range(len(said) - size + 1):
        if said[at] != first and not (alone and said[at].startswith(first)):
            continue
        last = said[at + size - 1]
        if tuple(said[at : at + size - 1]) == term.tokens[:-1] and (
            last == term.tokens[-1] or (term.prefix and last.startswith(term.tokens[-1]))
        ):
            yield at


def scores(query: Query, texts: Sequence[str]) -> list[int]:
    """How well each text of tokens fits, in millionths; the rarer a term is among them, the more it counts.

    Source: BM25 with k1 = 1.2 and b = 0.75 (Robertson and Zaragoza, 2009).
    """
    split = [text.split() for text in texts]
    mean = sum(map(len, split)) / max(1, len(split)) or 1.0
    total = [0.0] * len(split)
    for term in query.terms:
        counts = [sum(1 for _ in places(term, said)) for said in split]
        holding = sum(1 for count in counts if count)
        weight = math.log(1 + (len(split) - holding + 0.5) / (holding + 0.5))
        for n, count in enumerate(counts):
            if count:
                total[n] += weight * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * len(split[n]) / mean))
    return [round(1e6 * score) for score in total]


def marks(query: Query, text: str, words: Sequence[Sequence[Any]]) -> tuple[Mark, ...]:
    """Where a text holds what is looked for, in order and without overlaps; `words` as a segment's row has them."""
    said = found(text)
    plain = [token.text for token in said]
    spans = sorted(
        (said[at].start, said[at + len(term.tokens) - 1].end) for term in set(query.terms) for at in places(term, plain)
    )
    joined = list[tuple[int, int]]()
    for start, end in spans:
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    timed = _timed(text, words) if joined else []
    return tuple(Mark(start, end, *_said(start, end, timed)) for start, end in joined)


def _timed(text: str, words: Sequence[Sequence[Any]]) -> list[tuple[int, int, float, float]]:
    """The words' places in the text and their times; none at all where one of them is not there."""
    at, timed = 0, list[tuple[int, int, float, float]]()
    for word, start_s, end_s, *_ in words:
        bare = str(word).strip()
        start = text.find(bare, at)
        if start < 0:
            return []
        at = start + len(bare)
        timed.append((start, at, float(start_s), float(end_s)))
    return timed


def _said(start: int, end: int, timed: list[tuple[int, int, float, float]]) -> tuple[float | None, float | None]:
    over = [(start_s, end_s) for first, last, start_s, end_s in timed if first < end and last > start]
    return (over[0][0], over[-1][1]) if over else (None, None)
