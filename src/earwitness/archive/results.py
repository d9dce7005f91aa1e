"""What came of jobs: the whole transcript in a file below the archive's folder, and a recording in its tables."""

import gzip
import os
import secrets
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, insert, select

from earwitness.archive.database import Database
from earwitness.archive.schema.heard import FileRow, RecordingRow
from earwitness.archive.viewer import Viewer, sees
from earwitness.errors import NotFound, StorageFailed
from earwitness.types import Json

FOLDER = "results"


@dataclass(frozen=True, slots=True)
class Heard:
    """What is kept of a transcript beside its text."""

    title: str
    owner: str | None
    sha256: str | None
    came_s: float
    duration_s: float
    language: str | None
    about: Mapping[str, Json]


class Results:
    """The transcripts of jobs, in a folder and a database."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database, self._folder = database, folder

    def write(self, name: str, text: str) -> str:
        """Keep a transcript's text under a name; the path below the archive's folder. Raises StorageFailed."""
        path = self._folder / FOLDER / name[-2:] / f"{name}.json.gz"
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".part-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(gzip.compress(text.encode(), 6, mtime=0))
                    file.flush()
                    os.fsync(file.fileno())
                Path(beside).replace(path)
            except BaseException:
                Path(beside).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise StorageFailed(f"a transcript can't be kept in {path.parent}: {error.strerror or error}") from error
        return path.relative_to(self._folder).as_posix()

    def add(self, connection: Connection, heard: Heard, result: str, upload: tuple[str, int] | None) -> str:
        """Write down a recording whose text lies at `result`, and its `upload`, by path and bytes; its id."""
        now, ident = time.time(), f"r_{secrets.token_hex(8)}"
        row = {
            "id": ident,
            "kind": "file",
            "state": "whole",
            "title": heard.title,
            "owner_id": heard.owner,
            "sha256": heard.sha256,
            "began_s": heard.came_s,
            "duration_s": heard.duration_s,
            "language": heard.language,
            "about": {**heard.about, "result": result},
            "kept": False,
            "made_s": now,
            "changed_s": now,
        }
        connection.execute(insert(RecordingRow).values(row))
        if upload is not None:
            path, size = upload
            file = {"recording_id": ident, "kind": "upload", "path": path, "start_s": 0.0, "size": size, "made_s": now}
            connection.execute(insert(FileRow).values(file | {"end_s": heard.duration_s, "sha256": heard.sha256}))
        return ident

    def read(self, viewer: Viewer, recording: str) -> str:
        """A transcript's text. Raises NotFound, and StorageFailed for a file that is damaged."""
        with self._database.reading() as connection:
            wanted = select(RecordingRow.about).where(RecordingRow.id == recording, sees(viewer))
            about = None if connection is None else connection.execute(wanted).scalar_one_or_none()
        path = (about or {}).get("result")
        if not isinstance(path, str):
            raise NotFound("there is no such recording", remedy="Perhaps it was deleted.")
        try:
            return gzip.decompress((self._folder / path).read_bytes()).decode()
        except FileNotFoundError as error:
            raise NotFound("the recording's transcript is gone", remedy="Put a backup back.") from error
        except (OSError, EOFError, ValueError) as error:
            raise StorageFailed(f"the recording's transcript can't be read: {error}") from error
