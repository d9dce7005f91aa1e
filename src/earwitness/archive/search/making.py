"""Makes the passages of recordings, a few at a time, and finds which recordings lack them.

A recording is due when it was changed since its passages were made, or when another model made them. Whatever is
interrupted goes on with what is missing: what is kept of a recording is compared with what it says now.
"""

from collections.abc import Callable, Collection, Sequence
from functools import partial

from sqlalchemy import Connection, Select, and_, delete, func, insert, or_, select

from earwitness.archive.database import Database
from earwitness.archive.schema.heard import IndexedRow, PassageRow, RecordingRow, SegmentRow
from earwitness.archive.search.passages import Line, Passage, cut, digest, packed
from earwitness.archive.writer import Writer
from earwitness.embedding import TextEmbedder

TOGETHER = 32
"""Passages that are made, and kept, at once."""

DELETED = 2000
"""Rows that one statement deletes."""

Key = tuple[float, float, float, bytes]


class Making:
    """With a model, for a database. Safe to share between threads and with other programs."""

    def __init__(self, database: Database, writer: Writer, model: TextEmbedder) -> None:
        self._database, self._writer, self._model = database, writer, model

    def due(self, most: int = 100, but: Collection[str] = ()) -> tuple[tuple[str, bool], ...]:
        """Recordings that lack passages, `but` for some, the last changed first; whether more is heard of each."""
        asked = _due(self._model.model).with_only_columns(RecordingRow.id, RecordingRow.state)
        asked = asked.where(RecordingRow.id.not_in(but)).order_by(RecordingRow.changed_s.desc()).limit(most)
        with self._database.reading() as connection:
            rows = () if connection is None else connection.execute(asked).all()
        return tuple((row.id, row.state == "open") for row in rows)

    def waiting(self) -> int:
        """How many recordings lack passages."""
        with self._database.reading() as connection:
            if connection is None:
                return 0
            counted = _due(self._model.model).with_only_columns(func.count())
            return int(connection.execute(counted).scalar_one())

    def count(self) -> int:
        """How many passages there are."""
        asked = select(func.count()).where(PassageRow.model == self._model.model)
        with self._database.reading() as connection:
            return 0 if connection is None else int(connection.execute(asked).scalar_one())

    def make(self, recording: str, go_on: Callable[[], bool] = lambda: True) -> int:
        """Make what a recording lacks and remove what is wrong; how many were made.

        `go_on` is asked before each few: False leaves the rest for later. Raises StorageFailed, Busy and EngineFailed.
        """
        with self._database.reading() as connection:
            asked = select(RecordingRow.changed_s, RecordingRow.state, RecordingRow.language)
            if connection is None:
                return 0
            about = connection.execute(asked.where(RecordingRow.id == recording)).one_or_none()
            if about is None:
                return 0
            lines = _lines(connection, recording, about.language)
            wanted = {_key(one): one for one in cut(lines, self._model.languages, whole=about.state != "open")}
            held = dict(_held(connection, recording, self._model.model))
        stale = [ident for ident, key in held.items() if key not in wanted]
        for first in range(0, len(stale), DELETED):
            self._writer.write(partial(_removed, stale[first : first + DELETED]))
        there = set(held.values())
        missing = [one for key, one in wanted.items() if key not in there]
        for first in range(0, len(missing), TOGETHER):
            if not go_on():
                return first
            some = missing[first : first + TOGETHER]
            vectors = tuple(packed(self._model.embed([one.text for one in some])))
            self._writer.write(partial(_kept, recording, self._model.model, some, vectors))
        self._writer.write(partial(_done, recording, self._model.model, about.changed_s))
        return len(missing)


def _due(model: str) -> Select[str]:
    """Recordings whose passages are not made of what they are now; clocks are set back, too."""
    unmade = or_(IndexedRow.model.is_(None), IndexedRow.model != model, IndexedRow.changed_s != RecordingRow.changed_s)
    joined = select(RecordingRow.id).outerjoin(IndexedRow, IndexedRow.recording_id == RecordingRow.id)
    return joined.where(unmade)


def _lines(connection: Connection, recording: str, language: str | None) -> list[Line]:
    row = SegmentRow
    asked = select(row.start_s, row.end_s, row.text, func.coalesce(row.language, language), row.said_s)
    asked = asked.where(row.recording_id == recording).order_by(row.start_s, row.id)
    return [Line(*found) for found in connection.execute(asked)]


def _held(connection: Connection, recording: str, model: str) -> list[tuple[int, Key | None]]:
    """The passages of a recording that are kept; None for those of other models."""
    row = PassageRow
    asked = select(row.id, row.model, row.first_s, row.last_s, row.said_s, row.digest).where(
        row.recording_id == recording
    )
    return [
        (found.id, (found.first_s, found.last_s, found.said_s, found.digest) if found.model == model else None)
        for found in connection.execute(asked)
    ]


def _key(one: Passage) -> Key:
    return one.first_s, one.last_s, one.said_s, digest(one.text)


def _removed(stale: Sequence[int], connection: Connection) -> None:
    connection.execute(delete(PassageRow).where(PassageRow.id.in_(stale)))


def _kept(
    recording: str, model: str, some: Sequence[Passage], vectors: Sequence[bytes], connection: Connection
) -> None:
    """Keep passages, unless the recording is gone, or somebody else has made them."""
    if connection.execute(select(RecordingRow.id).where(RecordingRow.id == recording)).scalar() is None:
        return
    asked = select(PassageRow.first_s, PassageRow.last_s, PassageRow.said_s, PassageRow.digest).where(
        PassageRow.recording_id == recording,
        PassageRow.model == model,
        and_(PassageRow.first_s >= some[0].first_s, PassageRow.first_s <= some[-1].first_s),
    )
    there = {tuple(row) for row in connection.execute(asked)}
    rows = [
        {
            "recording_id": recording,
            "model": model,
            "first_s": one.first_s,
            "last_s": one.last_s,
            "said_s": one.said_s,
            "digest": digest(one.text),
            "vector": vector,
        }
        for one, vector in zip(some, vectors, strict=True)
        if _key(one) not in there
    ]
    if rows:
        connection.execute(insert(PassageRow), rows)


def _done(recording: str, model: str, changed_s: float, connection: Connection) -> None:
    """The passages of a recording are made up to a change."""
    connection.execute(delete(IndexedRow).where(IndexedRow.recording_id == recording))
    if connection.execute(select(RecordingRow.id).where(RecordingRow.id == recording)).scalar() is not None:
        connection.execute(insert(IndexedRow).values(recording_id=recording, model=model, changed_s=changed_s))
