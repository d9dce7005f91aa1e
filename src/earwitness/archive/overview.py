"""All segments of a recording at a glance: when, who, how long, and those in which something was said.

For who reads a long recording in pieces and has to know what lies where.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from earwitness.archive.database import Database
from earwitness.archive.recordings import seen
from earwitness.archive.schema.heard import SegmentRow
from earwitness.archive.viewer import HOUSE, Viewer

MOST_FOUND = 2_000
"""Segments that are found at most."""


@dataclass(frozen=True, slots=True)
class Outline:
    """The segments of a recording in the order of time, a column each."""

    ids: Sequence[int] = ()
    start_s: Sequence[float] = ()
    end_s: Sequence[float] = ()
    speakers: Sequence[str | None] = ()
    characters: Sequence[int] = ()
    edited: Sequence[int] = ()
    """Ids of those that a person has changed."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A segment in which something was said."""

    id: int
    revision: int
    start_s: float
    speaker: str | None
    text: str


class Overview:
    """Of the recordings of a database. Safe to share between threads; not for an event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def outline(self, recording: str, viewer: Viewer = HOUSE) -> Outline:
        """All segments. Raises NotFound."""
        row = SegmentRow
        asked = select(row.id, row.start_s, row.end_s, row.speaker, func.length(row.text), row.by_person)
        asked = asked.where(row.recording_id == recording).order_by(row.start_s, row.id)
        with self._database.reading() as connection:
            seen(connection, recording, viewer)
            assert connection is not None
            found = connection.execute(asked).all()
        if not found:
            return Outline()
        ids, start_s, end_s, speakers, characters, by_person = zip(*found, strict=True)
        edited = [ident for ident, by in zip(ids, by_person, strict=True) if by]
        return Outline(ids, start_s, end_s, speakers, characters, edited)

    def find(
        self, recording: str, text: str, viewer: Viewer = HOUSE, *, case: bool = False, most: int = MOST_FOUND
    ) -> tuple[Hit, ...]:
        """Segments that hold a text, letter by letter, as it is or in either case. Raises NotFound."""
        row = SegmentRow
        asked = select(row.id, row.revision, row.start_s, row.speaker, row.text).where(row.recording_id == recording)
        wanted, found = re.compile(re.escape(text), 0 if case else re.IGNORECASE), list[Hit]()
        with self._database.reading() as connection:
            seen(connection, recording, viewer)
            assert connection is not None
            for one in connection.execute(asked.order_by(row.start_s, row.id)):
                if wanted.search(one.text):
                    found.append(Hit(*one))
                if len(found) == most:
                    break
        return tuple(found)
