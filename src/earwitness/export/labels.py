"""What speakers are called in a text: by their name where they have one, else by their id."""

from collections.abc import Collection, Iterator, Mapping
from itertools import count, product

from earwitness.types import Transcript

UNKNOWN = "Unknown"
"""Who says what nobody in the recording could be found for."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def told_apart(transcript: Transcript) -> bool:
    """Whether it is known of any segment who says it."""
    return any(s.speaker is not None for s in transcript.segments)


def names(transcript: Transcript) -> Mapping[str, str]:
    """The label of each speaker by id, in one line; ids that stand for no Speaker are their own labels.

    Two people of one name, and a name that is another speaker's id, are told apart by the id behind it.
    """
    ids = _ids(transcript)
    named = {s.id for s in transcript.speakers if s.name}
    given = _given(transcript, {i for i in ids if i not in named})
    return {i: _line(given.get(i, i)) for i in ids}


def letters(transcript: Transcript) -> Mapping[str, str]:
    """The labels of OpenAI's API: the name, else A, B … Z, AA … in the order of the speakers."""
    given = _given(transcript)
    free = (letter for letter in _alphabet() if letter not in given.values())
    return {i: given.get(i) or next(free) for i in _ids(transcript)}


def _given(transcript: Transcript, taken: Collection[str] = ()) -> dict[str, str]:
    """The names of those who have one, by id. Speakers share one where nothing says that they are two people."""
    found, whose = dict[str, str](), dict[str, str | None]()
    for speaker in transcript.speakers:
        if not speaker.name:
            continue
        other = whose.setdefault(_line(speaker.name), speaker.person)
        apart = _line(speaker.name) in taken or (other and speaker.person and speaker.person != other)
        found[speaker.id] = f"{speaker.name} ({speaker.id})" if apart else speaker.name
    return found


def _line(label: str) -> str:
    return " ".join(label.split())


def _ids(transcript: Transcript) -> Collection[str]:
    """Of all speakers, in their order, and of whom else segments and turns name."""
    said = (s.speaker for s in transcript.segments if s.speaker is not None)
    return dict.fromkeys((*(s.id for s in transcript.speakers), *said, *(t.speaker for t in transcript.turns)))


def _alphabet() -> Iterator[str]:
    for size in count(1):
        yield from map("".join, product(LETTERS, repeat=size))
