"""How loud the sound of recordings is over time: heard once, in a thread of its own, and kept beside it.

What is at work is given out as far as it is, so a page can show a long recording while it is still being heard.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from earwitness.archive.recordings import Piece, outlined
from earwitness.audio import decode
from earwitness.audio.peaks import PER_S, Loudness, peaks
from earwitness.errors import EarwitnessError, StorageFailed
from earwitness.files import write_whole

SOUND = ("audio", "upload")
"""Kinds of files that are heard."""

MOST_HELD = 64
"""Files whose peaks are held in memory because the disk takes nothing, or because they can't be heard."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """How loud a recording is, `PER_S` points a second, and whether all of it has been heard."""

    loudness: Loudness
    whole: bool


class Peaks:
    """Of all recordings. Safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        """`folder` is that of the archive's files."""
        self._folder, self._lock = folder, threading.Lock()
        self._hearing: ThreadPoolExecutor | None = None
        self._begun = dict[str, tuple[Future[None], bytearray]]()
        self._held = dict[str, bytes]()
        self._ending = False

    def of(self, pieces: Sequence[Piece], patience_s: float = 0.0) -> Drawn:
        """As far as it is known by then; what is not is begun."""
        sounding = [piece for piece in pieces if piece.kind in SOUND]
        found = {piece.path: self._known(piece.path) for piece in sounding}
        if missing := [path for path, known in found.items() if known is None]:
            wait_for([self._begin(path) for path in missing], patience_s)
        size = max((_point(piece.end_s or piece.start_s) for piece in sounding), default=0)
        drawn, whole = np.zeros(size, np.int8), True
        for piece in sounding:
            known = found[piece.path] or self._known(piece.path)
            whole = whole and known is not None
            heard = np.frombuffer(self._so_far(piece.path) if known is None else known, np.int8)
            at = _point(piece.start_s)
            if piece.end_s is not None:
                heard = heard[: max(0, _point(piece.end_s) - at)]
            if at + len(heard) > len(drawn):
                drawn = np.pad(drawn, (0, at + len(heard) - len(drawn)))
            drawn[at : at + len(heard)] = heard
        return Drawn(drawn, whole)

    def close(self) -> None:
        """Stop hearing; what was not finished begins anew another time."""
        self._ending = True
        if self._hearing is not None:
            self._hearing.shutdown(cancel_futures=True)

    def _known(self, path: str) -> bytes | None:
        with self._lock:
            if path in self._held:
                return self._held[path]
        try:
            return outlined(self._folder, path).read_bytes()
        except OSError:
            return None

    def _so_far(self, path: str) -> bytes:
        with self._lock:
            return bytes(self._begun[path][1]) if path in self._begun else b""

    def _begin(self, path: str) -> Future[None]:
        with self._lock:
            if path not in self._begun:
                self._hearing = self._hearing or ThreadPoolExecutor(1, thread_name_prefix="peaks")
                heard = bytearray()
                self._begun[path] = self._hearing.submit(self._hear, path, heard), heard
            return self._begun[path][0]

    def _hear(self, path: str, heard: bytearray) -> None:
        file, bad = self._folder / path, False
        try:
            for some in peaks(decode.stream(file)):
                if self._ending:
                    return
                with self._lock:
                    heard += some
        except EarwitnessError:  # what can't be heard is as flat as silence
            bad = True
        try:
            if not bad and file.is_file():
                write_whole(outlined(self._folder, path), bytes(heard))
        except StorageFailed:
            bad = True
        with self._lock:
            del self._begun[path]
            if bad:
                self._held[path] = bytes(heard)
                while len(self._held) > MOST_HELD:
                    del self._held[next(iter(self._held))]


def _point(at_s: float) -> int:
    return round(at_s * PER_S)
