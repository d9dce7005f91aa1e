"""Where the recordings of jobs lie until they are done with: a file named by its job, in one of two folders."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from earwitness.errors import StorageFailed

GRACE_S = 3600.0
"""A file is there before its job is written down; after so long, none comes any more."""

PART = ".part"


class Inbox:
    """The folders `jobs`, which is emptied as jobs end, and `uploads`, where what is to be kept stays."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, job: str, *, kept: bool) -> Path:
        """Where a job's recording lies, or will."""
        return self._folder / ("uploads" if kept else "jobs") / job

    def put(self, source: Path, job: str, *, kept: bool) -> None:
        """Move a recording in, and have the disk hold it. Raises StorageFailed."""
        target = self.path(job, kept=kept)
        try:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                source.replace(target)
            except OSError:  # on another disk
                beside = target.with_name(job + PART)
                shutil.copyfile(source, beside)
                beside.replace(target)
                source.unlink()
            synced(target)
        except OSError as error:
            raise StorageFailed(f"the recording can't be kept: {error.strerror or error}") from error

    def remove(self, job: str) -> None:
        """Delete a job's recording, wherever it lies."""
        for kept in (False, True):
            with contextlib.suppress(OSError):
                self.path(job, kept=kept).unlink(missing_ok=True)

    def sweep(self, states: Callable[[Sequence[str]], Mapping[str, str]], keep_failed_s: float) -> int:
        """Delete what no job needs any more; those that failed may be tried again for so long. How many went."""
        gone, now = 0, time.time()
        for kept in (False, True):
            found = list(self.path("", kept=kept).parent.joinpath("uploads" if kept else "jobs").glob("*"))
            known = states([path.name.removesuffix(PART) for path in found])
            for path in found:
                with contextlib.suppress(OSError):
                    state = known.get(path.name.removesuffix(PART))
                    age_s = now - path.stat().st_mtime
                    old = age_s > (keep_failed_s if state == "failed" else GRACE_S)
                    done = state == "cancelled" or (state == "done" and not kept)
                    if done or (old and (state in {None, "failed"} or path.name.endswith(PART))):
                        path.unlink()
                        gone += 1
        return gone


def synced(path: Path) -> None:
    """Have the disk hold a file and its name. Raises OSError."""
    for one, flags in ((path, os.O_RDONLY), (path.parent, os.O_RDONLY)):
        if os.name != "nt" or one is path:
            handle = os.open(one, flags)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
