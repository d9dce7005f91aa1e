"""Where the journals of one recording lie, under which names, how long they stay, and who made them.

A journal is named by what the recording holds, byte for byte, and by the recipe. Its first record says with what it was
made: version, engine, model, device, parts; it serves no other. What goes wrong here is told and never ends a run: it
goes on, and its place is not kept.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Self

from earwitness import files
from earwitness.audio.container import Source
from earwitness.errors import Busy, StorageFailed
from earwitness.unfinished.journal import Journal

SUFFIX = ".unfinished"
EVERY_S = 15.0
"""Seconds of work between two pages: what an interruption costs at most, and the stretches that are under way."""

MOST_BYTES = 2 * 10**9
"""All journals together; 24 hours with speakers take 0.15 GB."""

DAY_S = 86_400.0


class Checkpoint:
    """What a door keeps of one recording while it is worked on. `done` deletes it, `close` leaves it for the next run.

    Args:
        folder: of all journals.
        source: the recording.
        tell: is told in a sentence where the work goes on, and why it does not.
        fresh: begin anew, whatever is there.
        digest: hex SHA-256 of the recording, where it is known already.
        every_s: seconds of work between two pages.
    """

    def __init__(
        self,
        folder: Path,
        source: Source,
        *,
        tell: Callable[[str], None] = lambda _: None,
        fresh: bool = False,
        digest: str | None = None,
        every_s: float = EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self.tell, self.fresh, self.every_s, self.clock = folder, tell, fresh, every_s, clock
        self._source, self._digest = source, digest
        self._stamp = _stamp(source)
        self._books: list[Book] = []

    def book(self, work: str, made_by: Mapping[str, str]) -> "Book":
        """The journal of some work on the recording, such as one channel of it, that is made with these things."""
        self._books.append(Book(self, work, made_by))
        return self._books[-1]

    def digest(self) -> str:
        """The recording's SHA-256. Raises StorageFailed where it can't be read, or is not what it was at first."""
        if self._digest is None:
            found = digest_of(self._source)
            if _stamp(self._source) != self._stamp:
                raise StorageFailed("the recording changes while it is read")
            self._digest = found
        return self._digest

    @property
    def begun(self) -> bool:
        """Whether anything is kept."""
        return any(book.begun for book in self._books)

    def done(self) -> None:
        """The work is done and its result safe: nothing is kept."""
        for book in self._books:
            book.remove()

    def close(self) -> None:
        """Let go of what is kept, for another run."""
        for book in self._books:
            book.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Book:
    """One journal: looked for before there is anything to write, made when there is."""

    def __init__(self, checkpoint: Checkpoint, work: str, made_by: Mapping[str, str]) -> None:
        self._its, self._work, self._made_by = checkpoint, work, dict(made_by)
        self._journal: Journal | None = None
        self._given_up = False
        self._told = False

    @property
    def every_s(self) -> float:
        """Seconds of work between two pages."""
        return self._its.every_s

    def now(self) -> float:
        """Seconds of a clock that only runs forward."""
        return self._its.clock()

    @property
    def begun(self) -> bool:
        """Whether there is a journal."""
        return self._journal is not None

    def tell(self, sentence: str) -> None:
        """Say something to whoever waits for the work."""
        self._its.tell(sentence)

    def pages(self) -> Iterator[bytes]:
        """What an earlier run left, in order; a page counts when the next is asked for. Tells what is of no use."""
        try:
            if not any(self._its.folder.glob(f"*{SUFFIX}")) or not self._path().is_file():
                return
            self._journal = Journal(self._path())
            records = self._journal.records()
            made_by = _plain(next(records, b""))
            if not (made_by or self._journal.torn):
                return
            other = sorted(k for k in {*made_by, *self._made_by} if made_by.get(k) != self._made_by.get(k))
            if self._its.fresh or other:
                if not self._its.fresh:
                    why = f"with another {' and '.join(other)}" if made_by else "and is damaged"
                    self.tell(f"an earlier run of this recording was made {why}; it starts anew")
                self._journal.clear()
                return
            yield from records
            if self._journal.torn:
                self.tell("the end of what an earlier run kept is damaged, and is done again")
        except (StorageFailed, Busy) as error:
            self._give_up(error.message)

    def add(self, page: bytes) -> None:
        """Keep a page. What the disk does not take is told once, and tried again with the next page."""
        if self._given_up:
            return
        try:
            if self._journal is None:
                self._journal = Journal(self._path())
            if not self._journal.size:
                self._journal.clear()
                self._journal.append(json.dumps(self._made_by, sort_keys=True).encode())
            self._journal.append(page)
        except StorageFailed as error:
            if self._journal is None or not self._journal.size:
                self._give_up(error.message)
            elif not self._told:
                self._told = True
                self.tell(f"how far the work is can't be kept for now: {error.message}")
        except Busy as error:
            self._give_up(error.message)

    def remove(self) -> None:
        """Delete it."""
        if self._journal is not None:
            self._journal.remove()
            self._journal = None

    def close(self) -> None:
        """Leave it as it is."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _give_up(self, why: str) -> None:
        self._given_up = True
        self.close()
        self.tell(f"how far the work is will not be kept: {why}")

    def _path(self) -> Path:
        name = hashlib.blake2b(f"{self._its.digest()} {self._work}".encode(), digest_size=20).hexdigest()
        return self._its.folder / f"{name}{SUFFIX}"


def sweep(folder: Path, keep_s: float, *, most_bytes: int = MOST_BYTES, now_s: float | None = None) -> None:
    """Delete the journals that nobody took up for so long, and the oldest ones where all are too large together.

    Those that a run holds stay.
    """
    now_s, found = time.time() if now_s is None else now_s, list[tuple[float, int, Path]]()
    for path in folder.glob(f"*{SUFFIX}"):
        with contextlib.suppress(OSError):
            told = path.stat()
            found.append((told.st_mtime, told.st_size, path))
    left = sum(size for _, size, _ in found)
    for changed_s, size, path in sorted(found):
        if now_s - changed_s > keep_s or left > most_bytes:
            with contextlib.suppress(StorageFailed, Busy):
                Journal(path).remove()
                left -= size


def _plain(record: bytes) -> dict[str, str]:
    """The first record's table; empty for what is none."""
    try:
        found = json.loads(record)
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _stamp(source: Source) -> tuple[int, ...]:
    """What changes with a file; nothing for what is no path."""
    with contextlib.suppress(OSError, ValueError):
        if isinstance(source, Path):
            told = source.stat()
            return told.st_ino, told.st_size, told.st_mtime_ns
    return ()


def digest_of(source: Source) -> str:
    """SHA-256 of a recording. Raises StorageFailed where it can't be read."""
    try:
        return files.digest(source)
    except OSError as error:
        raise StorageFailed(f"the recording can't be read: {error.strerror or error}") from error
