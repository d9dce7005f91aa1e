"""A query's filters, a viewer's rights and a time limit, as the databases take them."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Join,
    and_,
    cast,
    column,
    exists,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from earwitness.archive.schema.heard import RecordingRow, SegmentRow, SourceRow, SpeakerRow
from earwitness.archive.schema.people import PersonRow
from earwitness.archive.search.query import Filter, Query, fts5, fts5_any, tsquery
from earwitness.archive.search.tokens import tokens
from earwitness.archive.viewer import Viewer, sees
from earwitness.errors import Busy

T = TypeVar("T")
FTS = table("segment_fts", column("rowid"), column("segment_fts"))
VECTOR: ColumnElement[str] = literal_column("segments.vector")
STEPS = 20_000
"""SQLite's steps between two looks at the clock."""


class Pinned(Join):
    """A join that SQLite makes in the order in which it is written: the words first, then what they stand in.

    Left alone it walks the newest segments and asks for the words in each, which takes seconds.
    """

    inherit_cache = True


@compiles(Pinned)
def _pinned(join: Pinned, compiler: SQLCompiler, **how: object) -> str:
    how |= {"asfrom": True, "from_linter": None}
    left, right = (compiler.process(side, **how) for side in (join.left, join.right))
    return f"{left} CROSS JOIN {right} ON {compiler.process(join.onclause)}"  # type: ignore[arg-type]


def tables(connection: Connection, query: Query) -> Join:
    """The segments with their recordings; in SQLite behind the words, where words are looked for."""
    segments, recordings = SegmentRow.__table__, RecordingRow.__table__
    of = SegmentRow.recording_id == RecordingRow.id
    if connection.dialect.name != "sqlite" or not query.groups:
        return Join(segments, recordings, of)
    return Pinned(Pinned(FTS, segments, SegmentRow.id == FTS.c.rowid), recordings, of)


def order(connection: Connection, query: Query) -> ColumnElement[int]:
    """The segments' ids, as the database follows them fastest: they grow with time."""
    if connection.dialect.name != "sqlite" or not query.groups:
        return SegmentRow.__table__.c.id
    return FTS.c.rowid


def conditions(connection: Connection, query: Query, viewer: Viewer) -> list[ColumnElement[bool]]:
    """What segments and recordings of `tables` must fulfil."""
    found = [sees(viewer), *_words(connection, query)]
    for name in dict.fromkeys(f.name for f in query.filters):
        either = [_filter(connection, f) for f in query.filters if f.name == name and f.wanted]
        if either:
            found.append((and_ if name in {"after", "before"} else or_)(*either))
    found += [not_(_filter(connection, f)) for f in query.filters if not f.wanted]
    return found


def of_recordings(connection: Connection, query: Query, viewer: Viewer) -> list[ColumnElement[bool]]:
    """What recordings must fulfil for something in them to fulfil `conditions`, as far as it is quickly said."""
    found = [sees(viewer)]
    for name in ("recording", "source", "speaker"):
        wanted = [f for f in query.filters if f.name == name and f.wanted and isinstance(f.value, str)]
        if wanted:
            found.append(or_(*(_of_recording(connection, f) for f in wanted)))
    return found


def _of_recording(connection: Connection, wanted: Filter) -> ColumnElement[bool]:
    value = str(wanted.value)
    if wanted.name == "recording":
        return RecordingRow.id == value
    if wanted.name == "source":
        return _source(connection, value)
    return RecordingRow.id.in_(select(SpeakerRow.recording_id).where(_called(connection, value)))


def _words(connection: Connection, query: Query) -> list[ColumnElement[bool]]:
    if not query.groups and not query.excluded:
        return []
    if connection.dialect.name != "sqlite":
        return [VECTOR.bool_op("@@")(cast(tsquery(query), TSQUERY))]
    match = FTS.c.segment_fts.bool_op("MATCH")
    if query.groups:
        return [match(fts5(query))]
    without = select(FTS.c.rowid).where(match(fts5_any(query.excluded)))
    return [SegmentRow.id.not_in(without)]


def _filter(connection: Connection, wanted: Filter) -> ColumnElement[bool]:
    value = wanted.value
    if isinstance(value, float):
        return SegmentRow.said_s >= value if wanted.name == "after" else SegmentRow.said_s < value
    if wanted.name == "recording":
        return SegmentRow.recording_id == value
    if wanted.name == "lang":
        language = func.lower(func.coalesce(SegmentRow.language, RecordingRow.language, ""))
        return or_(language == value, language.startswith(f"{value}-", autoescape=True))
    return _source(connection, value) if wanted.name == "source" else _speaker(connection, value)


def _source(connection: Connection, value: str) -> ColumnElement[bool]:
    rows = connection.execute(select(SourceRow.id, SourceRow.name))
    ids = [row.id for row in rows if row.id == value or _named(row.name, value)]
    # said so that `not` of it holds for what has no source, and that PostgreSQL knows how many have this one
    return and_(RecordingRow.source_id.is_not(None), RecordingRow.source_id.in_(ids))


def _speaker(connection: Connection, value: str) -> ColumnElement[bool]:
    said = select(SpeakerRow.label).where(
        SpeakerRow.recording_id == SegmentRow.recording_id,
        SpeakerRow.label == SegmentRow.speaker,
        _called(connection, value),
    )
    return exists(said.correlate(SegmentRow))


def _called(connection: Connection, value: str) -> ColumnElement[bool]:
    """Speakers who are called so: by the name of the person, by that in the recording, or by the label."""
    known = connection.execute(select(SpeakerRow.name).distinct().where(SpeakerRow.name.is_not(None))).scalars()
    names = {name for name in known if name and _named(name, value)}
    people = connection.execute(select(PersonRow.id, PersonRow.name))
    ids = [row.id for row in people if _named(row.name, value)]
    either = list[ColumnElement[bool]]([SpeakerRow.person_id.in_(ids)] if ids else [])
    if names:
        either.append(and_(SpeakerRow.person_id.is_(None), SpeakerRow.name.in_(sorted(names))))
    if value.isascii() and value.isalnum():
        either.append(func.lower(SpeakerRow.label) == value.lower())
    return or_(false(), *either)


def _named(name: str, value: str) -> bool:
    """Whether a name holds the words of a value in a row."""
    return f" {tokens(value)} " in f" {tokens(name)} "


class Limit:
    """How long the database may take for something on a connection."""

    def __init__(self, connection: Connection, seconds: float) -> None:
        self._connection, self.until = connection, time.monotonic() + seconds
        self._raw = connection.connection.driver_connection

    def begin(self) -> None:
        """Hold it to that from now on."""
        if isinstance(self._raw, sqlite3.Connection):
            self._raw.set_progress_handler(lambda: int(time.monotonic() > self.until), STEPS)
        else:
            left = max(1, round(1000 * (self.until - time.monotonic())))
            self._connection.exec_driver_sql(f"SET LOCAL statement_timeout = {left}")

    def end(self) -> None:
        """Let go."""
        if isinstance(self._raw, sqlite3.Connection):
            self._raw.set_progress_handler(None, 0)

    def within(self, seconds: float, find: Callable[[], T]) -> T | None:
        """What something finds; None where it takes longer than that. Raises what the database raises otherwise."""
        whole = self.until
        self.until = min(whole, time.monotonic() + seconds)
        try:
            with self._connection.begin_nested():
                self.begin()
                found = find()
                self.until = whole
                self.begin()
        except DBAPIError as error:
            if not _stopped(error):
                raise
            return None
        else:
            return found
        finally:
            self.until = whole


@contextmanager
def limited(connection: Connection, seconds: float) -> Iterator[Limit]:
    """Stop whatever the database does within for longer. Raises Busy then."""
    limit = Limit(connection, seconds)
    limit.begin()
    try:
        yield limit
    except DBAPIError as error:
        if not _stopped(error):
            raise
        raise too_long(seconds) from error
    finally:
        limit.end()


def _stopped(error: DBAPIError) -> bool:
    """Whether the database was stopped because it took too long."""
    names = getattr(error.orig, "sqlite_errorname", ""), getattr(error.orig, "sqlstate", "")
    return names[0] == "SQLITE_INTERRUPT" or names[1] == "57014"


def too_long(seconds: float) -> Busy:
    """What a search is stopped with."""
    return Busy(
        f"the search took longer than {seconds:g} s",
        retry_after_s=5.0,
        remedy="Look for rarer words, or narrow it by recording:, source:, after: or before:.",
    )
