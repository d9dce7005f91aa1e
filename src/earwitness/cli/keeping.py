"""Puts what was transcribed at the command line into the archive."""

import hashlib
import time
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from earwitness.archive.viewer import HOUSE
from earwitness.archive.whole import Archive
from earwitness.config import Settings
from earwitness.errors import StorageFailed
from earwitness.types import Transcript


def keep(found: Transcript, source: Path | BinaryIO, title: str, settings: Settings) -> str:
    """Keep a transcript; the id of the recording. It began when its file was last changed. Raises StorageFailed."""
    try:
        if isinstance(source, Path):
            began_s = source.stat().st_mtime
            with source.open("rb") as file:
                digest = _digest(file)
        else:
            began_s = time.time()
            source.seek(0)
            digest = _digest(source)
    except OSError as error:
        raise StorageFailed(f"{title} can't be read again: {error.strerror or error}") from error
    with closing(Archive(settings.archive, settings.kept)) as archive:
        return archive.recordings.add(found, viewer=HOUSE, title=title, kind="file", began_s=began_s, sha256=digest)


def _digest(file: BinaryIO) -> str:
    found = hashlib.sha256()
    while some := file.read(1 << 20):
        found.update(some)
    return found.hexdigest()
