"""Words over a stretch of time by their letters, where nothing tells when they are said."""

from collections.abc import Sequence

from earwitness.types import Segment, Word


def spread(words: Sequence[str], start_s: float, end_s: float) -> list[Word]:
    """Words over a stretch of time by their letters, marked as not aligned."""
    total, done, found = sum(len(w) + 1 for w in words), 0, list[Word]()
    for word in words:
        first, done = done, done + len(word) + 1
        low, high = (min(end_s, start_s + (end_s - start_s) * n / total) for n in (first, done))
        found.append(Word(word, low, high, confidence=None, aligned=False))
    return found


def timed_words(segment: Segment) -> tuple[Word, ...]:
    """The segment's words with times, its own or shared out by letters."""
    return segment.words or tuple(spread(segment.text.split(), segment.start_s, segment.end_s))
