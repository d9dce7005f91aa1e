"""Whether a folder is still as it was: the times and sizes of everything in it, which cost a fraction of reading it."""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

COARSE_NS = 3_000_000_000
"""A change that comes sooner than this after another one may bear the same time: file systems count in up to 2 s."""

UNSEEN = frozenset(("blobs", "cache"))
"""Folders of the model directory that hold no models."""


@dataclass(frozen=True, slots=True)
class Stamps:
    """Times of change, modification and size by path; `settled` where another change would show in them."""

    root: Path
    told: Mapping[str, tuple[int, int, int]]
    settled: bool

    @classmethod
    def of(cls, root: Path) -> Self:
        """How a folder is now."""
        now = time.time_ns()
        told = {path: _stamp(path) for path in (str(root), *_within(str(root), UNSEEN))}
        return cls(root, told, all(max(stamp[:2]) < now - COARSE_NS for stamp in told.values()))

    def hold(self) -> bool:
        """Whether the folder is still so, for certain."""
        return self.settled and all(_stamp(path) == stamp for path, stamp in self.told.items())


def _stamp(path: str) -> tuple[int, int, int]:
    try:
        told = os.stat(path)  # noqa: PTH116 - a Path each would cost more than the call
    except OSError:
        return 0, 0, -1
    return told.st_ctime_ns, told.st_mtime_ns, told.st_size


def _within(folder: str, unseen: frozenset[str] = frozenset()) -> Iterator[str]:
    """Everything below a folder."""
    try:
        with os.scandir(folder) as found:
            inside = [(entry.path, entry.is_dir()) for entry in found if entry.name not in unseen]
    except OSError:
        return
    for path, is_folder in inside:
        yield path
        if is_folder:
            yield from _within(path)
