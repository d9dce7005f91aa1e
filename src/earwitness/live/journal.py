"""What is kept of a live session: what was told, and the sound whose text is not final yet. Survives its process.

One folder a session: `told` holds what the session is and its events but for drafts, as records that are whole or not
there; `sound-N.f32` samples from position N on, 16 kHz mono float32, little-endian. Sound is thrown away once its text
is told. Sound survives the end of the process, not the loss of power: the disk is not waited for. Knows no socket.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np

from earwitness.audio import timebase
from earwitness.errors import BadInput, StorageFailed
from earwitness.events import Ended, Final, Numbered, Partial, Revised, Settled
from earwitness.live import told
from earwitness.live.session import Since
from earwitness.types import Samples
from earwitness.unfinished import journal as records

TOLD = "told"
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
        for _ in self._told.records():
            pass  # new ones follow the last that is whole
        self._sound: IO[bytes] | None = None
        self._end = self._safe = max((start + size for start, size in _sizes(folder)), default=0)
        self._part = 0
        if about is not None:
            self._told.append(json.dumps(dict(about)).encode())

    def hear(self, samples: Samples, position: int) -> None:
        """Keep some sound that begins at a position; what is there already is not written again."""
        fresh = samples[max(0, self._safe - position) :]
        position = max(position, self._safe)
        if not len(fresh):
            return
        try:
            if self._sound is None or position - self._part >= PART or position != self._end:
                if self._sound is not None:
                    self._sound.close()
                self._part, self._sound = position, (self.folder / f"sound-{position}.f32").open("wb", buffering=0)
            size, content = self._sound.tell(), fresh.astype("<f4", copy=False).tobytes()
            if self._sound.write(content) != len(content):
                os.ftruncate(self._sound.fileno(), size)
                self._sound.seek(size)
                raise StorageFailed(f"the disk of {self.folder} is full")
        except OSError as error:
            raise StorageFailed(f"{self.folder} can't be written: {error.strerror or error}") from error
        self._end = position + len(fresh)

    def tell(self, events: Sequence[Numbered]) -> None:
        """Keep some events; drafts are not kept."""
        if lasting := [told.to_json(e) for e in events if not isinstance(e.event, Partial)]:
            self._told.append(json.dumps(lasting, ensure_ascii=False).encode())

    def forget(self, position: int) -> None:
        """Throw away the sound before a position, as far as it fills whole files."""
        starts = sorted(start for start, _ in _sizes(self.folder))
        for low, high in pairwise(starts):
            if high <= position - BEFORE:
                with suppress(OSError):
                    (self.folder / f"sound-{low}.f32").unlink()

    def close(self) -> None:
        """Close the files; the journal stays."""
        self._told.close()
        if self._sound is not None:
            self._sound.close()


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
        found = _parsed(record)
        for event in found if isinstance(found, list) else ():
            with suppress(BadInput):
                yield told.from_json(event)


def finished(folder: Path) -> bool:
    """Whether all of a session was told."""
    return any(isinstance(e.event, Ended) for e in read(folder))


def reached(folder: Path) -> tuple[Since, int]:
    """Where a session goes on, and the number after which its further events are counted."""
    end_s, utterances, segments, labels, seq = 0.0, 0, 0, 0, 0
    for numbered in read(folder):
        seq, event = max(seq, numbered.seq), numbered.event
        if isinstance(event, Settled):
            end_s, utterances = max(end_s, event.end_s), max(utterances, event.utterance)
        elif isinstance(event, Final):
            end_s, segments = max(end_s, event.segment.end_s), max(segments, event.id)
        elif isinstance(event, Revised):
            number = (event.segment.speaker or "").removeprefix("S")
            labels = max(labels, int(number) if number.isdecimal() else 0)
    return Since(timebase.samples(end_s), utterances, segments, labels), seq + SKIPPED


def sound(folder: Path, position: int) -> Iterator[tuple[int, Samples]]:
    """The sound that is kept from a position on, in pieces, each with its own position."""
    for start, _ in sorted(_sizes(folder)):
        raw = (folder / f"sound-{start}.f32").read_bytes()
        samples = np.frombuffer(raw[: len(raw) - len(raw) % 4], "<f4").astype(np.float32)
        low = max(0, position - start)
        if low < len(samples):
            yield start + low, samples[low:]


def remove(folder: Path) -> None:
    """Throw a journal away."""
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


def _parsed(record: bytes) -> Any:
    try:
        return json.loads(record)
    except ValueError:
        return None
