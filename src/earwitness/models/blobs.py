"""The blob store: what several models share lies on the disk once, by its content, linked into each of them.

    blobs/sha256/ab/abcdef…    a hard link to the files that hold it

Where a file system knows no hard links, each model keeps its own copy and there are no blobs: nothing depends on them.
A blob that nothing else links to is left over; `gc` takes it away.
"""

import filecmp
import hashlib
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from earwitness.errors import StorageFailed
from earwitness.models import directory

CHUNK = 1 << 20
LEFT_S = 86_400.0
"""A thing in the making that nobody touched for so long was left by a process that died."""


def place(root: Path, sha256: str) -> Path:
    """Where a content belongs."""
    return root / "blobs" / "sha256" / sha256[:2] / sha256


def copied(source: Path, target: Path) -> str:
    """Copy a file, and take the SHA-256 of what was copied on the way."""
    found = hashlib.sha256()
    with source.open("rb") as read, target.open("wb") as write:
        while chunk := read.read(CHUNK):
            found.update(chunk)
            write.write(chunk)
    return found.hexdigest()


def share(root: Path, path: Path, sha256: str) -> bool:
    """Make a file and the blob of its content one on the disk. False where the file system can't; the file stays."""
    blob = place(root, sha256)
    spare = path.with_name(f".{path.name}.link")
    try:
        blob.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, blob)
        except FileExistsError:
            if blob.samefile(path):
                return True
            if filecmp.cmp(path, blob, shallow=False):
                os.link(blob, spare)
                spare.replace(path)
            else:  # a blob that is damaged must not spread
                os.link(path, spare)
                spare.replace(blob)
    except OSError:
        with suppress(OSError):
            spare.unlink(missing_ok=True)
        return False
    return True


def shared(path: Path) -> bool:
    """Whether the files of the model at `path` are in the store."""
    return all(p.stat().st_nlink > 1 for p in directory.contents(path).values())


def gc(root: Path) -> int:
    """Remove blobs that no model holds, and what dead processes left half made. Returns the bytes that are free now.

    Raises StorageFailed.
    """
    freed = 0
    try:
        for blob in (root / "blobs" / "sha256").glob("*/*"):
            told = blob.stat()
            if told.st_nlink == 1:
                blob.unlink()
                freed += told.st_size
        for left in (*root.glob(".*/"), *root.glob("*/.*/"), *root.glob("*/*/.*/")):
            within = [p.stat() for p in (left, *left.rglob("*"))]
            if time.time() - max(told.st_mtime for told in within) > LEFT_S:
                freed += sum(told.st_size for told in within)
                shutil.rmtree(left)
    except FileNotFoundError:
        return freed  # somebody else is tidying up
    except OSError as error:
        raise StorageFailed(f"{root} can't be tidied: {error.strerror or error}") from error
    return freed
