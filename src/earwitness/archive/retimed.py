"""Words and their times: for a text that a person has corrected, for a part of a recording. Pure functions."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import TypeVar

from earwitness.types import Segment, Suppressed, Transcript, Turn, Word

Timed = TypeVar("Timed", Segment, Suppressed, Turn)


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


def moved(transcript: Transcript, by_s: float) -> Transcript:
    """A transcript of a part of a recording, as one of the recording: all of it lies later."""

    def at(time_s: float) -> float:
        return round(time_s + by_s, 9)  # exact for times that are those of samples

    def words(segment: Segment) -> tuple[Word, ...]:
        return tuple(replace(w, start_s=at(w.start_s), end_s=at(w.end_s)) for w in segment.words)

    def later(what: Timed) -> Timed:
        return replace(what, start_s=at(what.start_s), end_s=at(what.end_s))

    return replace(
        transcript,
        segments=tuple(replace(later(s), words=words(s)) for s in transcript.segments),
        suppressed=tuple(later(s) for s in transcript.suppressed),
        turns=tuple(later(t) for t in transcript.turns),
        duration_s=at(transcript.duration_s),
    )


def outside(segment: Segment, spans: Sequence[tuple[float, float]]) -> tuple[Segment, ...]:
    """What of a segment lies outside some stretches: all of it, nothing, or the words around them.

    A word lies where its middle is; words without times share the segment between them.
    """
    if not any(start_s < segment.end_s and segment.start_s < end_s for start_s, end_s in spans):
        return (segment,)
    printed, words = segment.text.split(), segment.words
    if len(printed) != len(words):
        words = tuple(_between(printed, segment.start_s, segment.end_s, segment.speaker))
    runs = list[list[int]]()
    for n, word in enumerate(words):
        middle_s = (word.start_s + word.end_s) / 2
        if any(start_s <= middle_s < end_s for start_s, end_s in spans):
            continue
        if runs and runs[-1][-1] == n - 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    if runs and len(runs[0]) == len(words):
        return (segment,)
    return tuple(
        replace(
            segment,
            start_s=words[run[0]].start_s if run[0] else segment.start_s,
            end_s=segment.end_s if run[-1] == len(words) - 1 else words[run[-1]].end_s,
            text=" ".join(printed[n] for n in run),
            words=tuple(words[n] for n in run) if segment.words else (),
            tokens=(),
            token_ids=(),
        )
        for run in runs
    )


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
