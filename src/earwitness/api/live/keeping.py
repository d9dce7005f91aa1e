"""What of a hosted session is kept: sound before it is acknowledged, events before they are told, with their numbers.

A disk that is full costs the session its second life, and nothing else: that is told, and sound that is not kept is not
acknowledged before its text is. Called from one thread at a time. Knows no connection.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from earwitness.errors import StorageFailed
from earwitness.events import Event, Noted, Numbered, Partial
from earwitness.live.journal import Journal
from earwitness.stages.guard import NO_CREDIT, Credit
from earwitness.types import Notice, Samples


class Store(Protocol):
    """Where a session is stored for good. None of this raises: what goes wrong is told once."""

    @property
    def recording(self) -> str:
        """Id of the recording that it becomes."""

    def heard(self, samples: Samples, position: int) -> None:
        """Some sound comes, that begins at a position."""

    def tell(self, events: Sequence[Numbered]) -> Notice | None:
        """Keep some events; what is to be told of that."""

    def close(self, *, later: bool) -> None:
        """The session is let go of; `later` it may be taken up again. Does not wait."""


class Keeping:
    """Of one session. Without a journal it only counts."""

    def __init__(self, written: Journal | None, position: int, told: int, stored: Store | None = None) -> None:
        """`position` is that of the next sample, `told` the number of the last event of an earlier process."""
        self._stored = stored
        self.seq = told
        """Number of the last event."""
        self.acknowledged = position
        """Position up to which sound will be recognised whatever happens to this process; of all, without a journal."""
        self._written, self._received = written, position
        self._hole: int | None = None
        """Position after the last sample that is not kept, while its text is still to come."""
        self._sound_fails = self._told_fails = False

    @property
    def recording(self) -> str | None:
        """Id of the recording that the session becomes; None where it is not stored."""
        return None if self._stored is None else self._stored.recording

    @property
    def folder(self) -> Path | None:
        """Where the journal lies."""
        return None if self._written is None else self._written.folder

    @property
    def whole(self) -> bool:
        """Whether the journal, if there is one, has all that was told."""
        return not self._told_fails

    def hear(self, samples: Samples, position: int) -> list[Event]:
        """Keep some sound that begins at a position; what is to be told of that."""
        if self._stored is not None:
            self._stored.heard(samples, position)
        self._received, failed = position + len(samples), self._sound_fails or self._told_fails
        if self._written is not None:
            try:
                self._written.hear(samples, position)
                self._sound_fails = False
            except StorageFailed as error:
                self._sound_fails, self._hole = True, self._received
                return [] if failed else [_not_kept(error)]
        if self._hole is None:
            self.acknowledged = self._received
        return []

    def tell(self, told: Sequence[Event], needed: int, credit: Credit = NO_CREDIT) -> list[Numbered]:
        """Number some events and keep them; `needed` is the position from which on sound may still become text.

        `credit` is what the session has earned with them.
        """
        found = self._written_down(told, needed, credit)
        if self._stored is not None and (said := self._stored.tell(found)) is not None:
            found += self._written_down([Noted(said)], needed, credit)
        return found

    def _written_down(self, told: Sequence[Event], needed: int, credit: Credit) -> list[Numbered]:
        found, failed = self._numbered(told), self._sound_fails or self._told_fails
        if self._written is None:
            return found
        try:
            self._written.tell(found, credit)
            if not all(isinstance(n.event, Partial) for n in found):
                self._told_fails = False
            self._written.forget(needed, surely=self._hole is not None and needed >= self._hole)
        except StorageFailed as error:
            self._told_fails = True
            if not failed:
                said = self._numbered([_not_kept(error)])
                with suppress(StorageFailed):  # it is written with the others, once there is room
                    self._written.tell(said)
                found += said
        if self._hole is not None and needed >= self._hole and self.whole:
            self._hole, self.acknowledged = None, self._received
        return found

    def close(self) -> None:
        """Close the journal; it stays."""
        if self._stored is not None:
            self._stored.close(later=self._written is not None)
        if self._written is not None:
            self._written.close()

    def _numbered(self, told: Sequence[Event]) -> list[Numbered]:
        found = [Numbered(n, event) for n, event in enumerate(told, self.seq + 1)]
        self.seq += len(found)
        return found


def _not_kept(error: StorageFailed) -> Noted:
    return Noted(Notice("not_kept", f"the session goes on, but is not kept: {error.message}"))
