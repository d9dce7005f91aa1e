"""Words and their times for a text that a person has corrected. Pure functions."""

from collections.abc import Sequence
from difflib import SequenceMatcher

from earwitness.types import Turn, Word


def retimed(words: Sequence[Word], text: str, start_s: float, end_s: float) -> tuple[Word, ...]:
    """The words of a text within a segment: those that stayed keep their times, others share the time between them."""
    printed, was = text.split(), [w.text.casefold() for w in words]
    if not words or not printed:
        return ()
    found = list[Word]()
    for kind, low, high, first, last in SequenceMatcher(a=was, b=[p.casefold() for p in printed]).get_opcodes():
        if kind == "equal" or high - low == last - first:
            same = kind == "equal"
            pairs = zip(words[low:high], printed[first:last], strict=True)
            found += [
                Word(p, w.start_s, w.end_s, w.confidence if same else None, w.aligned, w.speaker) for w, p in pairs
            ]
        else:
            begin = words[low].start_s if low < high else (words[low - 1].end_s if low else start_s)
            end = words[high - 1].end_s if low < high else (words[low].start_s if low < len(words) else end_s)
            found += _between(printed[first:last], begin, max(begin, end), words[min(low, len(words) - 1)].speaker)
    return tuple(found)


def _between(printed: Sequence[str], begin: float, end: float, speaker: str | None) -> list[Word]:
    """Words that share a stretch by their lengths."""
    whole, at, found = sum(len(p) for p in printed) or 1, begin, list[Word]()
    for text in printed:
        after = at + (end - begin) * len(text) / whole
        found.append(Word(text, at, after, None, False, speaker))
        at = after
    return found


def turns(said: Sequence[tuple[float, float, str | None]]) -> tuple[Turn, ...]:
    """Who spoke when, from segments as start, end and speaker, in order."""
    found = list[Turn]()
    for start_s, end_s, speaker in said:
        if speaker is None:
            continue
        if found and found[-1].speaker == speaker and start_s - found[-1].end_s < 1.0:
            found[-1] = Turn(found[-1].start_s, max(end_s, found[-1].end_s), speaker)
        else:
            found.append(Turn(start_s, end_s, speaker))
    return tuple(found)
