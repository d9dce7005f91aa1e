"""A file of records that only grows: each is there whole or not at all, whatever is killed or pulled out meanwhile.

A record is its length, the checksum of all records up to it, and its bytes; it counts once the disk has it. What stands
after the last whole record is what a crash left, and is cut off. One process holds a journal at a time; the system ends
the hold with the process. Knows nothing of what the records say.
"""

import contextlib
import hashlib
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

from earwitness.errors import Busy, StorageFailed

MAGIC = b"earwitness journal 1\n"
HEAD = struct.Struct("<Q16s")
AGAIN_S = 60.0


class Journal:
    """One open file. Raises StorageFailed where it can't be made or read, Busy while another process holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        """Bytes of the records that count."""
        self.torn = False
        """Whether something else stood behind them."""
        self._sum = b""
        self._owed: list[bytes] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = _opened(path)
        except OSError as error:
            raise _failed(path, error) from error
        try:
            _hold(self._file)
        except OSError as error:
            self._file.close()
            raise Busy(f"another run holds {path.name}", retry_after_s=AGAIN_S) from error

    def records(self) -> Iterator[bytes]:
        """The whole records in order. One counts when the next is asked for: `append` overwrites what did not count."""
        try:
            end = self._file.seek(0, os.SEEK_END)
            self._file.seek(0)
            if self._file.read(len(MAGIC)) != MAGIC:
                self.torn = end > 0
                return
            self.size = len(MAGIC)
            while end - self.size >= HEAD.size:
                self._file.seek(self.size)
                length, told = HEAD.unpack(self._file.read(HEAD.size))
                record = self._file.read(length) if length <= end - self.size - HEAD.size else b""
                if _sum(self._sum, record) != told:
                    break
                yield record
                self.size, self._sum = self.size + HEAD.size + length, told
            self.torn = self.size < end
        except OSError as error:
            raise _failed(self.path, error) from error

    def append(self, record: bytes) -> None:
        """Add a record; once this returns it is on the disk.

        Raises StorageFailed; the record is then owed, and written before the next one.
        """
        self._owed.append(record)
        total, end = self._sum, self.size
        try:
            self._file.seek(end)
            self._file.truncate()
            pieces = [] if end else [MAGIC]
            for owed in self._owed:
                total = _sum(total, owed)
                pieces += [HEAD.pack(len(owed), total), owed]
            for piece in pieces:
                end += _written(self._file, piece)
            os.fsync(self._file.fileno())
            if not self.size:
                _sync_folder(self.path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(self.size)  # gives the space back
            raise _failed(self.path, error) from error
        self.size, self._sum, self._owed = end, total, []

    def clear(self) -> None:
        """Forget all records; the file is overwritten by the next `append`."""
        self.size, self._sum, self._owed = 0, b"", []

    def remove(self) -> None:
        """Delete the file and let it go."""
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                self._file.close()  # a file that is open can't be deleted there
            self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let it go. May be called again."""
        with contextlib.suppress(OSError):
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def whole(path: Path) -> Iterator[bytes]:
    """The whole records of a file that another may be writing. Raises StorageFailed where it can't be read."""
    try:
        with path.open("rb") as file:
            total = b""
            if file.read(len(MAGIC)) != MAGIC:
                return
            while len(head := file.read(HEAD.size)) == HEAD.size:
                length, told = HEAD.unpack(head)
                record = file.read(min(length, path.stat().st_size))
                if _sum(total, record) != told:
                    return
                yield record
                total = told
    except OSError as error:
        raise _failed(path, error) from error


def _opened(path: Path) -> BinaryIO:
    """The file to read and write, without a buffer, readable by its owner only; made if need be."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    return os.fdopen(os.open(path, flags, 0o600), "r+b", buffering=0)


def _written(file: BinaryIO, piece: bytes) -> int:
    """Write all of it: a disk that is nearly full takes a part and says so."""
    done = 0
    while done < len(piece):
        done += file.write(piece[done:])
    return done


def _hold(file: BinaryIO) -> None:
    """Hold the file for this process until it is closed. Raises OSError where another one does."""
    if sys.platform == "win32":
        import msvcrt

        file.seek(2**31 - 2)  # far behind the records: what is held there can't be read by others
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sync_folder(folder: Path) -> None:
    """Have the disk know the names in a folder, where the system can."""
    if sys.platform != "win32":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sum(before: bytes, record: bytes) -> bytes:
    return hashlib.blake2b(record, digest_size=16, key=before).digest()


def _failed(path: Path, error: OSError) -> StorageFailed:
    return StorageFailed(f"{path} can't be kept: {error.strerror or error}")
