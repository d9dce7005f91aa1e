"""Notes and highlights that people put to places of a recording.

They belong to times, not to segments: they stay where they are when text is corrected, split, joined or transcribed
again, and go with the recording.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from earwitness.archive.database import Database
from earwitness.archive.happened import happened
from earwitness.archive.recordings import seen
from earwitness.archive.schema.heard import MarkRow, RecordingRow
from earwitness.archive.shapes import clean
from earwitness.archive.viewer import HOUSE, Viewer
from earwitness.archive.writer import Writer
from earwitness.errors import BadInput, NotFound
from earwitness.noted import Note

LONGEST = 5_000
"""Characters of a note."""

MOST = 10_000
"""Notes and highlights of one recording."""

LATEST_S = 1e8
"""No recording is longer than three years."""


@dataclass(frozen=True, slots=True)
class Noted:
    """A note or highlight as it is kept: who wrote it last, and when by the Unix clock."""

    id: int
    by: str
    at_s: float
    note: Note


class Notes:
    """Of the recordings of a database. Safe to share between threads; not for an event loop."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    def all(self, recording: str, viewer: Viewer = HOUSE) -> tuple[Noted, ...]:
        """In the order of their beginnings. Raises NotFound."""
        asked = select(MarkRow.__table__).where(MarkRow.recording_id == recording)
        with self._database.reading() as connection:
            seen(connection, recording, viewer)
            assert connection is not None
            found = connection.execute(asked.order_by(MarkRow.start_s, MarkRow.id)).mappings()
            return tuple(_noted(row) for row in found)

    def add(self, recording: str, note: Note, viewer: Viewer = HOUSE) -> Noted:
        """Put one to a recording. Raises NotFound, and BadInput for times that are none, no text or too much."""
        if not (math.isfinite(note.start_s + note.end_s) and 0 <= note.start_s <= note.end_s <= LATEST_S):
            raise BadInput("a note is put to a time, or from one to a later one", param="end_s")
        values = {"start_s": note.start_s, "end_s": note.end_s, "kind": note.kind}
        values["text"] = _text(note.text, note.kind)
        return self._writer.write(partial(_added, recording, viewer, values))

    def change(self, recording: str, ident: int, text: str, viewer: Viewer = HOUSE) -> Noted:
        """Write something else. Raises NotFound and BadInput."""
        return self._writer.write(partial(_changed, recording, viewer, ident, text))

    def remove(self, recording: str, ident: int, viewer: Viewer = HOUSE) -> None:
        """Take one away. Raises NotFound."""
        self._writer.write(partial(_removed, recording, viewer, ident))


def _added(recording: str, viewer: Viewer, values: Mapping[str, Any], connection: Connection) -> Noted:
    seen(connection, recording, viewer, "edit")
    many = select(func.count()).select_from(MarkRow).where(MarkRow.recording_id == recording)
    if connection.execute(many).scalar_one() >= MOST:
        raise BadInput(f"a recording has {MOST} notes at most", remedy="Take some away first.")
    row = {**values, "recording_id": recording, "by": viewer.id, "at_s": time.time()}
    key = connection.execute(insert(MarkRow).values(**row)).inserted_primary_key
    assert key is not None
    _told(connection, recording)
    return _noted({**row, "id": key[0]})


def _changed(recording: str, viewer: Viewer, ident: int, text: str, connection: Connection) -> Noted:
    row = _held(connection, recording, viewer, ident)
    fresh = {"text": _text(text, row["kind"]), "by": viewer.id, "at_s": time.time()}
    connection.execute(update(MarkRow).where(MarkRow.id == ident).values(**fresh))
    _told(connection, recording)
    return _noted({**row, **fresh})


def _removed(recording: str, viewer: Viewer, ident: int, connection: Connection) -> None:
    _held(connection, recording, viewer, ident)
    connection.execute(delete(MarkRow).where(MarkRow.id == ident))
    _told(connection, recording)


def _held(connection: Connection, recording: str, viewer: Viewer, ident: int) -> Mapping[Any, Any]:
    seen(connection, recording, viewer, "edit")
    asked = select(MarkRow.__table__).where(MarkRow.id == ident, MarkRow.recording_id == recording)
    found = connection.execute(asked).mappings().one_or_none()
    if found is None:
        raise NotFound(f"this recording has no note {ident}", remedy="GET /api/recordings/ID/notes lists them.")
    return found


def _told(connection: Connection, recording: str) -> None:
    connection.execute(update(RecordingRow).where(RecordingRow.id == recording).values(changed_s=time.time()))
    happened(connection, "recordings", "noted", {"id": recording}, recording=recording)


def _text(given: str, kind: str) -> str:
    """A text of several lines, without what can't be seen. A highlight needs none."""
    lines = ("".join(c if c.isprintable() else " " for c in line).rstrip() for line in clean(given).splitlines())
    found = "\n".join(lines).strip()
    if len(found) > LONGEST or (kind == "note" and not found):
        raise BadInput(f"a note has 1 to {LONGEST} characters", param="text")
    return found


def _noted(row: Mapping[Any, Any]) -> Noted:
    end_s = row["start_s"] if row["end_s"] is None else row["end_s"]
    return Noted(row["id"], row["by"], row["at_s"], Note(row["start_s"], end_s, row["kind"], row["text"]))
