"""Whether the source of a live session is ahead of the clock, as a recording is, and can wait; how late its text is.

Counted from when nothing of it waited, or it was behind the clock, last: so a client that was cut off and brings what
it has kept can wait too, and one that goes on at the pace of speech can't. Knows no sound.
"""

from collections.abc import Callable

from earwitness.audio import timebase

EARLY_S = 2.0
"""A source so far ahead of the clock is no live one: it can wait, nothing of it is late, and others come first."""


class Early:
    """Of one session. Not safe for threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since = (clock(), 0)
        """A moment, and the position that the source was at."""
        self._last = clock()
        """When it was ahead of the clock last, as far as anybody looked."""

    def ahead(self, position: int) -> bool:
        """Whether the source, which has come to that position, can wait."""
        now = self._clock()
        found = self._ahead_s(position, now) > EARLY_S
        self._last = now if found else self._last
        return found

    def comes(self, position: int, *, waits: bool) -> None:
        """More sound comes, from that position on; `waits` says whether text of what came before is still to come."""
        now = self._clock()
        if not waits or self._ahead_s(position, now) < 0:
            self._since = (now, position)

    def late_s(self, since: float) -> float:
        """How late something is that was due then, of a source that is not ahead: what it could wait is not counted."""
        return self._clock() - max(since, self._last)

    def _ahead_s(self, position: int, now: float) -> float:
        moment, before = self._since
        return timebase.seconds(position - before) - (now - moment)
