"""What is kept of a live session: what was told, and the sound whose text is not final yet. Survives its process.

One folder a session: `told` holds what the session is and its events but for drafts, as records that are whole or not
there; `sound-N.f32` samples from position N on, 16 kHz mono float32, little-endian. Sound is thrown away once its text
is told, or it is silence; a record says up to where. Sound survives the end of the process, not the loss of power: the
disk is not waited for. Knows no socket.
"""

import errno
import json
import os
import shutil
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np

from earwitness.audio import timebase
from earwitness.errors import BadInput, Busy, EarwitnessError, StorageFailed
from earwitness.events import Ended, Failed, Final, Numbered, Partial, Revised, Settled
from earwitness.live import told
from earwitness.live.session import Since
from earwitness.stages.guard import NO_CREDIT, Credit
from earwitness.types import Samples
from earwitness.unfinished import journal as records

TOLD = "told"
EARNED = "earned"
"""What stands behind the events of a record with a settled utterance: what the session has earned."""

PART = timebase.samples(20.0)
"""Samples of a file of sound."""

BEFORE = timebase.samples(1.0)
"""Sound kept before what is not told yet."""

SKIPPED = 10_000
"""Numbers left out after an interruption: drafts had some of them, and nobody knows how many."""


class Journal:
    """Writes the journal of one session, or goes on with one.

    Raises StorageFailed where the disk is full or may not be written, Busy where another process writes it.
    """

    def __init__(self, folder: Path, about: Mapping[str, Any] | None = None) -> None:
        """`about` is what a new session is begun with, in plain values; without it the journal is one that is there."""
        self.folder = folder
        self._told = records.Journal(folder / TOLD)
        try:
            for _ in self._told.records():
                pass  # new ones follow the last that is whole
            if about is not None:
                self._told.append(json.dumps(dict(about)).encode())
        except EarwitnessError:
            self._told.close()
            raise
        self._sound: IO[bytes] | None = None
        self._end = self._safe = max((start + size for start, size in _sizes(folder)), default=0)
        self._part = 0
        self._forgotten = min((start for start, _ in _sizes(folder)), default=0)

    def hear(self, samples: Samples, position: int) -> None:
        """Keep some sound that begins at a position; what is there already is not written again."""
        fresh = samples[max(0, self._safe - position) :]
        position = max(position, self._safe)
        if not len(fresh):
            return
        try:
            self._write(fresh.astype("<f4", copy=False).tobytes(), position)
        except OSError as error:
            self._put_down()
            raise StorageFailed(f"{self.folder} can't be written: {error.strerror or error}") from error
        self._end = position + len(fresh)

    def tell(self, events: Sequence[Numbered], credit: Credit = NO_CREDIT) -> None:
        """Keep some events, and what the session has earned with them; drafts are not kept.

        Those that the disk does not take are written before the next ones.
        """
        lasting: list[dict[str, Any]] = [told.to_json(e) for e in events if not isinstance(e.event, Partial)]
        if any(isinstance(e.event, Settled) for e in events):
            lasting.append({EARNED: [credit.trust, credit.clips, credit.language]})
        if lasting:
            self._told.append(json.dumps(lasting).encode())

    def forget(self, position: int, *, surely: bool = False) -> None:
        """Throw away the sound before a position, as far as it fills whole files: no text will come of it any more.

        `surely` it is written down up to where, whether there is a file to throw away or not.
        """
        if not surely and position - BEFORE < self._forgotten + PART:
            return
        self._told.append(json.dumps({"done": position}).encode())
        self._forgotten = position - BEFORE
        for low, high in pairwise(sorted(start for start, _ in _sizes(self.folder))):
            if high <= self._forgotten:
                with suppress(OSError):
                    (self.folder / f"sound-{low}.f32").unlink()

    def close(self) -> None:
        """Close the files; the journal stays."""
        self._told.close()
        if self._sound is not None:
            self._sound.close()

    def _write(self, content: bytes, position: int) -> None:
        if self._sound is None or position - self._part >= PART or position != self._end:
            self._put_down()
            self._part, self._sound = position, (self.folder / f"sound-{position}.f32").open("wb", buffering=0)
        size = self._sound.tell()
        if self._sound.write(content) != len(content):
            os.ftruncate(self._sound.fileno(), size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _put_down(self) -> None:
        """Close the file of sound; one that nothing could be written to is deleted."""
        if (file := self._sound) is not None:
            self._sound = None
            with suppress(OSError):
                empty = not os.fstat(file.fileno()).st_size
                file.close()
                if empty:
                    (self.folder / f"sound-{self._part}.f32").unlink()


def there(folder: Path) -> bool:
    """Whether a journal lies in a folder."""
    return (folder / TOLD).is_file()


def about(folder: Path) -> dict[str, Any]:
    """What a session was begun with. Raises BadInput where that can't be read."""
    found = _parsed(next(records.whole(folder / TOLD), b""))
    if not isinstance(found, dict):
        raise BadInput(f"the journal {folder.name} is damaged at its beginning", remedy="Begin a new session.")
    return found


def read(folder: Path) -> Iterator[Numbered]:
    """The events of a journal, in order, up to the last that is whole."""
    for record in records.whole(folder / TOLD):
        yield from _events(record)


def finished(folder: Path) -> bool:
    """Whether all of a session was told."""
    last = deque(records.whole(folder / TOLD), maxlen=2)  # what sound is done with may be written down after the end
    return any(isinstance(e.event, Ended) for record in last for e in _events(record))


def broke(folder: Path) -> int:
    """How often a session broke, each time in another process or when it was taken up again."""
    return sum(isinstance(e.event, Failed) and e.event.fatal for e in read(folder))


def reached(folder: Path) -> tuple[Since, int]:
    """Where a session goes on, and the number after which its further events are counted."""
    at, utterances, segments, labels, seq, credit = 0, 0, 0, 0, 0, NO_CREDIT
    for record in records.whole(folder / TOLD):
        at, credit = max(at, _done(record)), _credit(record) or credit
        for numbered in _events(record):
            seq, event = max(seq, numbered.seq), numbered.event
            if isinstance(event, Settled):
                at, utterances = max(at, timebase.samples(event.end_s)), max(utterances, event.utterance)
            elif isinstance(event, Final):
                at, segments = max(at, timebase.samples(event.segment.end_s)), max(segments, event.id)
            elif isinstance(event, Revised):
                number = (event.segment.speaker or "").removeprefix("S")
                labels = max(labels, int(number) if number.isdecimal() else 0)
    return Since(at, utterances, segments, labels, credit), seq + SKIPPED


def sound(folder: Path, position: int) -> Iterator[tuple[int, Samples]]:
    """The sound that is kept from a position on, in pieces, each with its own position."""
    for start, _ in sorted(_sizes(folder)):
        raw = (folder / f"sound-{start}.f32").read_bytes()
        samples = np.frombuffer(raw[: len(raw) - len(raw) % 4], "<f4").astype(np.float32)
        low = max(0, position - start)
        if low < len(samples):
            yield start + low, samples[low:]


def touched(folder: Path) -> float:
    """When a journal was last told something, in seconds since 1970. Raises OSError."""
    return (folder / TOLD if there(folder) else folder).stat().st_mtime


def remove(folder: Path) -> None:
    """Throw a journal away, unless somebody writes it."""
    if not folder.is_dir():
        return
    with suppress(StorageFailed):
        try:
            records.Journal(folder / TOLD).remove()
        except Busy:
            return
    shutil.rmtree(folder, ignore_errors=True)


def _sizes(folder: Path) -> list[tuple[int, int]]:
    """Where the files of sound begin, and how many samples are in each."""
    found = []
    for path in folder.glob("sound-*.f32"):
        start = path.stem.removeprefix("sound-")
        with suppress(OSError):
            if start.isdecimal():
                found.append((int(start), path.stat().st_size // 4))
    return found


def _events(record: bytes) -> Iterator[Numbered]:
    for event in _list(record):
        if EARNED not in event:
            with suppress(BadInput):
                yield told.from_json(event)


def _credit(record: bytes) -> Credit | None:
    last = next(iter(_list(record)[-1:]), {}).get(EARNED)
    return None if last is None else Credit(*last)


def _list(record: bytes) -> list[dict[str, Any]]:
    found = _parsed(record)
    return found if isinstance(found, list) else []


def _done(record: bytes) -> int:
    found = _parsed(record) if record.startswith(b'{"done":') else None
    return int(found["done"]) if isinstance(found, dict) else 0


def _parsed(record: bytes) -> Any:
    try:
        return json.loads(record)
    except ValueError:
        return None
