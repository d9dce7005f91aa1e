"""Files that are there whole or not at all, and what they hold."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from earwitness.errors import BadInput, StorageFailed

LARGEST_SECRET = 4096
"""Characters that are read of a file with a secret."""


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and put it there in one step. Raises StorageFailed; nothing is left then."""
    spare = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        spare.write_bytes(content)
        spare.replace(path)
    except OSError as error:
        with suppress(OSError):
            spare.unlink()
        raise StorageFailed(f"{path} can't be written: {error.strerror or error}") from error


def secret_in(path: Path, setting: str) -> str:
    """The secret in a file that a setting names, without the end of its line. Raises BadInput."""
    try:
        with path.open(encoding="utf-8") as opened:
            if found := opened.read(LARGEST_SECRET).removesuffix("\n").removesuffix("\r"):
                return found
        why = "the file is empty"
    except (OSError, ValueError) as error:
        why = str(error)
    raise BadInput(
        f"the secret in {path} can't be read: {why}", remedy=f"Correct {setting}, or let this user read the file."
    )


def digest(source: Path | bytes | BinaryIO) -> str:
    """SHA-256 of a content in hexadecimal; a stream is read from its beginning, left where it was. Raises OSError."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    if isinstance(source, Path):
        with source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    here, found = source.tell(), hashlib.sha256()
    source.seek(0, os.SEEK_SET)
    while chunk := source.read(1 << 20):
        found.update(chunk)
    source.seek(here)
    return found.hexdigest()
