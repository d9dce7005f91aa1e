"""Finds phrases in text, whatever their capitals and punctuation: for alerts on what is said."""

import re
from collections.abc import Sequence

from earwitness.types import Segment

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def spot(phrases: Sequence[str], segment: Segment) -> tuple[tuple[str, float], ...]:
    """The phrases that are said in a segment, each with the second of its first word, as far as that is known."""
    said, found = _words(segment.text), list[tuple[str, float]]()
    for phrase in phrases:
        wanted = _words(phrase)
        for at in range(len(said) - len(wanted) + 1 if wanted else 0):
            if said[at : at + len(wanted)] == wanted:
                found.append((phrase, _second(segment, at)))
    return tuple(sorted(found, key=lambda f: f[1]))


def _words(text: str) -> list[str]:
    return [word.replace("’", "'") for word in WORD.findall(text.casefold())]


def _second(segment: Segment, nth: int) -> float:
    """Where the nth word of the text begins; by its share of the text where words have no times."""
    before = 0
    for word in segment.words:
        before += len(_words(word.text))
        if before > nth:
            return word.start_s
    share = nth / max(len(_words(segment.text)), 1)
    return segment.start_s + share * segment.duration_s
