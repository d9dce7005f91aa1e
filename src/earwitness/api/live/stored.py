"""A live session in the archive: what is told by `archive.storing`, its sound as pieces of Opus beside the database.

Sound is a convenience and text is not: where a piece can't be written that is told, and the next one is tried.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from earwitness.archive.sound import PART, place, unfinished
from earwitness.archive.storing import Storing
from earwitness.audio import decode, timebase
from earwitness.audio.encode import Encoder
from earwitness.errors import EarwitnessError, StorageFailed
from earwitness.events import Ended, Numbered
from earwitness.types import Notice, Samples

PIECE = timebase.samples(60.0)
"""Samples of a file."""

AGAIN = timebase.samples(10.0)
"""Samples after which a disk that took nothing is tried again."""


class Stored:
    """One session. Called from one thread at a time."""

    def __init__(self, storing: Storing, folder: Path, *, sound: bool) -> None:
        """`folder` is that of the archive's files. A piece that was left half-written is kept."""
        self._storing, self._folder, self._sound = storing, folder, sound
        self._piece: Encoder | None = None
        self._start = self._next = 0
        self._fails, self._said = False, list[Notice]()
        self._again = timebase.samples(storing.sound_s)
        """Position from which on sound is written: before it all is there, or the disk was full just now."""
        for path, start, end, size in mended(folder, storing.id):
            storing.piece(path, timebase.seconds(start), timebase.seconds(end), size)
            self._again = max(self._again, end)

    def heard(self, samples: Samples, position: int) -> None:
        """See `Store.heard`."""
        self._storing.heard(position, len(samples))
        samples, position = samples[max(0, self._again - position) :], max(position, self._again)
        if not self._sound or self._storing.lost or not len(samples):
            return
        if position != self._next or position - self._start >= PIECE:
            self._end_piece()
        try:
            if self._piece is None:
                self._start, self._piece = position, Encoder(self._place(position, PART))
            self._piece.write(samples)
        except StorageFailed as error:
            self._failed(error)
        self._next = position + len(samples)

    def tell(self, events: Sequence[Numbered]) -> Notice | None:
        """See `Store.tell`."""
        if any(isinstance(e.event, Ended) for e in events):
            self._end_piece()
        said = self._storing.tell(events)
        return said or (self._said.pop() if self._said else None)

    def close(self, *, later: bool) -> None:
        """See `Store.close`."""
        self._end_piece()
        self._storing.close(later=later)

    def _place(self, start: int, end: str = "") -> Path:
        return place(self._folder, self._storing.id, start, end)

    def _end_piece(self) -> None:
        piece, self._piece = self._piece, None
        if piece is None:
            return
        path = self._place(self._start)
        try:
            size = piece.close()
            self._place(self._start, PART).rename(path)
        except (StorageFailed, OSError) as error:
            self._failed(error)
            return
        self._fails = False
        end_s = timebase.seconds(self._start + piece.size)
        self._storing.piece(path.relative_to(self._folder).as_posix(), timebase.seconds(self._start), end_s, size)

    def _failed(self, error: Exception) -> None:
        """The piece is given up."""
        if (piece := self._piece) is not None:
            self._piece = None
            with suppress(StorageFailed, OSError):
                piece.close()
        with suppress(OSError):
            self._place(self._start, PART).unlink()
        self._again = self._start + AGAIN
        if not self._fails:
            self._fails = True
            told = getattr(error, "message", None) or getattr(error, "strerror", None) or type(error).__name__
            self._said.append(Notice("sound_not_stored", f"the session goes on, but its sound is not stored: {told}"))


def mended(folder: Path, recording: str) -> Iterator[tuple[str, int, int, int]]:
    """Pieces that a process which is gone left half-written, whole now: path, first and last position, bytes."""
    for part, start in unfinished(folder, recording):
        path = part.with_suffix("")
        try:
            length = len(decode.decode(part).samples)
            part.rename(path)
            size = path.stat().st_size
        except (EarwitnessError, OSError):
            with suppress(OSError):
                part.unlink()  # nothing can be heard in it
            continue
        yield path.relative_to(folder).as_posix(), start, start + length, size
