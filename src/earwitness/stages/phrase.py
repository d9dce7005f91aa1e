"""Splits the text of a stretch into sentences and gives each its times from the pauses in the sound.

A recogniser without word times says only that a text lies somewhere in its clip. Its sentences mostly end where the
speaker pauses, so each boundary goes to the pause nearest to where it should fall by its share of the letters, counted
in speech and not in silence; where no pause is near, it stays there. Segments an engine has timed itself pass
unchanged. Pure functions.
"""

import re
from dataclasses import replace

import numpy as np

from earwitness.types import Segment, Span, Token

SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s)")
ABBREVIATIONS = frozenset(
    ("mr mrs ms dr st prof sen rep gen col capt sgt rev hon jr sr vs etc no vol fig inc ltd co corp").split()
)
NEAR_S = 1.5
"""A pause further than this from where a boundary is expected belongs to something else."""

LEAST_SHARE = 0.4
"""A sentence keeps at least this share of the time its letters would take."""


def split(segment: Segment, spans: tuple[Span, ...]) -> tuple[Segment, ...]:
    """The sentences of a segment as segments; `spans` are the speech in its stretch, in order, at least one."""
    if not _untimed(segment, spans):
        return (segment,)
    pieces = sentences(segment.text)
    bounds = _bounds([len(p) for p in pieces], spans)
    tokens = share_tokens(segment, pieces)
    found = []
    for piece, (start_s, end_s), (ids, steps, logprob) in zip(pieces, bounds, tokens, strict=True):
        found.append(
            replace(
                segment,
                start_s=start_s,
                end_s=end_s,
                text=piece,
                token_ids=ids,
                tokens=steps,
                avg_logprob=logprob,
            )
        )
    return tuple(found)


def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a text; joined by single spaces they are the text again.

    The full stop of an abbreviation or an initial ends no sentence.
    """
    found, start = [], 0
    for match in SENTENCE_END.finditer(text):
        head = text[start : match.end()]
        last = head.split()[-1] if head.split() else ""
        bare = re.sub(r"[^\w]", "", last).lower()
        stop = match.group().startswith(".") and len(match.group()) == 1
        if stop and (bare in ABBREVIATIONS or (len(bare) == 1 and bare.isalpha() and bare != "i")):
            continue
        found.append(head.strip())
        start = match.end()
    rest = text[start:].strip()
    if rest:
        found.append(rest)
    return tuple(found) or (text,)


def _untimed(segment: Segment, spans: tuple[Span, ...]) -> bool:
    """Whether the segment just spans its clip: its edges lie in the silence around the speech."""
    return not segment.words and segment.start_s <= spans[0].start_s and segment.end_s >= spans[-1].end_s


def _bounds(letters: list[int], spans: tuple[Span, ...]) -> list[tuple[float, float]]:
    """Start and end seconds of each piece, by its letters. Times run over the speech alone until they are mapped."""
    pauses = np.cumsum([s.duration_s for s in spans])
    total = float(pauses[-1])
    lengths = [n / sum(letters) * total for n in letters]
    starts, ends, begin = [spans[0].start_s], list[float](), 0.0
    for i, expected in enumerate(np.cumsum(lengths)[:-1].tolist()):
        earliest = begin + LEAST_SHARE * lengths[i]
        latest = max(earliest, expected + (1 - LEAST_SHARE) * lengths[i + 1])
        near = [j for j, at in enumerate(pauses[:-1]) if abs(at - expected) <= NEAR_S and earliest <= at <= latest]
        if near:
            nearest = min(near, key=lambda j: abs(pauses[j] - expected))
            ends.append(spans[nearest].end_s)
            starts.append(spans[nearest + 1].start_s)
            begin = float(pauses[nearest])
        else:
            begin = min(total, max(expected, earliest))
            inside = min(int(np.searchsorted(pauses, begin, "left")), len(spans) - 1)
            time_s = spans[inside].end_s - (float(pauses[inside]) - begin)
            ends.append(time_s)
            starts.append(time_s)
    ends.append(spans[-1].end_s)
    return list(zip(starts, ends, strict=True))


def share_tokens(
    segment: Segment, pieces: tuple[str, ...]
) -> list[tuple[tuple[int, ...], tuple[Token, ...], float | None]]:
    """The decoder's steps of each piece, by the letters they print."""
    if not segment.tokens:
        return [(segment.token_ids if i == 0 else (), (), segment.avg_logprob) for i in range(len(pieces))]
    goals = np.cumsum([len(p.replace(" ", "")) for p in pieces])
    groups: list[list[Token]] = [[] for _ in pieces]
    printed = b""
    for token in segment.tokens:
        group = int(np.searchsorted(goals, len(printed.decode("utf-8", "ignore").replace(" ", "")), "right"))
        groups[min(group, len(pieces) - 1)].append(token)
        printed += token.raw
    return [
        (
            tuple(t.id for t in g),
            tuple(g),
            float(np.mean([t.logprob for t in g])) if g else segment.avg_logprob,
        )
        for g in groups
    ]
