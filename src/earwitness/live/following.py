"""What comes after the text of a live session: followers hear its finals, and tell more of them when they know it.

Who speaks is one (`speaking`), words that are watched for another. A translation would be one more.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from earwitness.events import Event, Final, Spotted
from earwitness.types import Audio, Segment

Spot = Callable[[Segment], tuple[tuple[str, float], ...]]
"""The phrases that are watched for in a segment, each with the second where it is said."""


class Following(Protocol):
    """Follows one session; no text waits for it. Called from one thread at a time."""

    @property
    def waiting(self) -> int:
        """Utterances of which there is still something to tell; the session does not end before."""
        ...

    def hear(self, utterance: int, audio: Audio, finals: Sequence[Final]) -> None:
        """An utterance whose text was told, with its sound."""
        ...

    def collect(self) -> list[Event]:
        """What is known since the last call."""
        ...

    def end(self) -> list[Event]:
        """What is to be said at the end of the session, when nothing is waited for."""
        ...


class Watching:
    """Tells where one of some phrases is said."""

    waiting = 0

    def __init__(self, spot: Spot) -> None:
        self._spot, self._found = spot, list[Event]()

    def hear(self, utterance: int, audio: Audio, finals: Sequence[Final]) -> None:
        """See `Following.hear`."""
        for final in finals:
            self._found += [Spotted(final.id, phrase, at_s) for phrase, at_s in self._spot(final.segment)]

    def collect(self) -> list[Event]:
        """See `Following.collect`."""
        found, self._found = self._found, []
        return found

    def end(self) -> list[Event]:
        """See `Following.end`."""
        return []
