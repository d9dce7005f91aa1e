"""What speakers are called in a text: by their name where they have one, else by their id."""

from collections.abc import Iterator, Mapping
from itertools import count, product

from earwitness.types import Transcript

UNKNOWN = "Unknown"
"""Who says what nobody in the recording could be found for."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def told_apart(transcript: Transcript) -> bool:
    """Whether it is known of any segment who says it."""
    return any(s.speaker is not None for s in transcript.segments)


def names(transcript: Transcript) -> Mapping[str, str]:
    """The label of each speaker by id, in one line; ids that stand for no Speaker are their own labels."""
    given = {s.id: s.name for s in transcript.speakers}
    return {i: " ".join((given.get(i) or i).split()) for i in (*given, *_ids(transcript))}


def letters(transcript: Transcript) -> Mapping[str, str]:
    """The labels of OpenAI's API: the name, else A, B … Z, AA … in the order of the speakers."""
    given = {s.id: s.name for s in transcript.speakers}
    free = (letter for letter in _alphabet() if letter not in given.values())
    return {i: given.get(i) or next(free) for i in dict.fromkeys((*given, *_ids(transcript)))}


def _ids(transcript: Transcript) -> Iterator[str]:
    yield from (s.speaker for s in transcript.segments if s.speaker is not None)
    yield from (t.speaker for t in transcript.turns)


def _alphabet() -> Iterator[str]:
    for size in count(1):
        yield from map("".join, product(LETTERS, repeat=size))
