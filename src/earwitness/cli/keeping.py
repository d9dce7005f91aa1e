"""Puts what was transcribed at the command line into the archive."""

import time
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from earwitness import files
from earwitness.archive.viewer import HOUSE
from earwitness.archive.whole import Archive
from earwitness.config import Settings
from earwitness.errors import StorageFailed
from earwitness.types import Transcript


def keep(found: Transcript, source: Path | BinaryIO, title: str, settings: Settings) -> str:
    """Keep a transcript; the id of the recording. It began when its file was last changed. Raises StorageFailed."""
    try:
        began_s = source.stat().st_mtime if isinstance(source, Path) else time.time()
        digest = files.digest(source)
    except OSError as error:
        raise StorageFailed(f"{title} can't be read again: {error.strerror or error}") from error
    with closing(Archive(settings.archive, settings.kept)) as archive:
        return archive.recordings.add(found, viewer=HOUSE, title=title, kind="file", began_s=began_s, sha256=digest)
