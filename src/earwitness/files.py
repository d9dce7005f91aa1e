"""Files that are there whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path

from earwitness.errors import StorageFailed


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
