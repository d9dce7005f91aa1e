"""Disks of a test's own: small ones, and ones that can only be read. They are gone with the process that sees them."""

import functools
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

OWN = ["unshare", "--mount"] if os.name != "nt" and os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]


@functools.cache
def _can() -> bool:
    if sys.platform != "linux":
        return False
    try:
        done = subprocess.run([*OWN, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0


def _seen(how: str) -> list[str]:
    if not _can():
        pytest.skip("no disk of a test's own can be had here: unshare and mount are not allowed")
    return [*OWN, "bash", "-c", f'{how} && exec "$@"', "-"]


def small(folder: Path, megabytes: float) -> list[str]:
    """The beginning of a command that sees an empty disk of that size in a folder. Skips where none can be had."""
    return _seen(f"mount -t tmpfs -o size={round(megabytes * 1024)}k none {shlex.quote(str(folder))}")


def only_read(folder: Path) -> list[str]:
    """The beginning of a command that can only read what lies in a folder. Likewise."""
    place = shlex.quote(str(folder))
    return _seen(f"mount --bind {place} {place} && mount -o remount,bind,ro {place}")


def within(pid: int, folder: Path) -> Path:
    """A folder as that process sees it."""
    return Path(f"/proc/{pid}/root{folder}")


def fill(folder: Path) -> Path:
    """A file that takes all the room that is left."""
    found = folder / "filler"
    with found.open("wb", 0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return found
