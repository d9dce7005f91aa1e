"""Finds what was said by what it means, alone or beside its words, and never what the viewer may not see.

Every passage in memory is compared; the likest go through the query's filters and the viewer's rights in the database,
until there are enough of them. One whose segments say something else by now is left out.

Source: reciprocal rank fusion with k = 60 (Cormack, Clarke and Büttcher, 2009).
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from operator import itemgetter
from threading import Lock
from typing import Literal

from sqlalchemy import ColumnElement, Connection, Executable, Join, and_, func, select

from earwitness.archive.database import Database
from earwitness.archive.schema.heard import PassageRow, RecordingRow, SegmentRow
from earwitness.archive.search import typos
from earwitness.archive.search.conditions import Pinned, conditions, limited, of_recordings, too_long
from earwitness.archive.search.find import COUNTED, LONGEST_S, RANKED, By, Found, Meant, hits, instead, ranked
from earwitness.archive.search.pages import Place, place
from earwitness.archive.search.passages import Line, digest, said
from earwitness.archive.search.query import Query, parse
from earwitness.archive.search.vectors import Vectors
from earwitness.archive.viewer import Viewer, sees
from earwitness.embedding import TextEmbedder
from earwitness.errors import BadInput

Mode = Literal["meaning", "both"]

DEPTH = 200
"""Passages that are found by what they mean."""

FEW, MANY = DEPTH + 50, 2000
"""Passages that the database is asked for at once, and of which it is asked whether they fit."""

K = 60

Entry = tuple[int, By, Meant | None]
"""A score, what found it, and the passage."""


@dataclass(frozen=True, slots=True)
class _Like:
    """A passage that was found: its segments that fulfil all conditions, and how it is shown."""

    id: int
    segments: tuple[int, ...]
    shown: Meant


@dataclass(frozen=True, slots=True)
class _Asked:
    """One search."""

    viewer: Viewer
    query: Query
    mode: Mode
    until: float
    longest_s: float
    languages: tuple[str, ...]

    def check(self) -> None:
        """Raises Busy once the time is over."""
        if time.monotonic() > self.until:
            raise too_long(self.longest_s)


class Meaning:
    """Search by meaning over the archive. Safe to share between threads."""

    def __init__(
        self, database: Database, model: Callable[[], TextEmbedder], most_mb: float, longest_s: float = LONGEST_S
    ) -> None:
        """`model` loads it, and raises what that raises; the vectors take `most_mb` megabytes at most."""
        self._database, self._model, self._most_mb, self._longest_s = database, model, most_mb, longest_s
        self._vectors: Vectors | None = None
        self._lock = Lock()

    def find(
        self,
        viewer: Viewer,
        text: str,
        *,
        mode: Mode,
        page: str | None = None,
        size: int = 20,
        near: bool | None = None,
        count: bool = True,
    ) -> Found:
        """A page of what is found by meaning, or by words and meaning; the arguments are those of `Search.find`.

        Raises what that raises and what loading the model raises, and Busy while the passages are read into memory.
        """
        query, at = parse(text), place(page, "m" if mode == "meaning" else "b")
        if not query.plain:
            raise BadInput("there is nothing in the query that could mean something", remedy="Add words.", param="q")
        if near is not None and mode == "meaning":
            raise BadInput("typos are of words, and these are not looked for", param="typos")
        model = self._model()
        vectors = self._held(model)
        with self._database.reading() as connection:
            if connection is None:
                return Found(count=0)
            with limited(connection, self._longest_s):
                among = _recordings(connection, viewer, query)
        vector, since = model.embed([query.plain])[0], _since(query)
        ids, like = vectors.best(vector, model.unlike, self._longest_s, among=among, said=since)
        if at and at.reach is not None:
            ids, like = ids[ids <= at.reach], like[ids <= at.reach]
        asked = _Asked(viewer, query, mode, time.monotonic() + self._longest_s, self._longest_s, model.languages)
        with self._database.reading() as connection:
            assert connection is not None
            with limited(connection, self._longest_s):
                likes = _meant(connection, asked, zip(ids.tolist(), like.tolist(), strict=True))
                return _page(connection, asked, likes, at, size, near, count)

    def __len__(self) -> int:
        return 0 if self._vectors is None else len(self._vectors)

    def rest(self, unused_s: float) -> None:
        """Give back memory that nobody has used for so long."""
        if self._vectors is not None:
            self._vectors.rest(unused_s)

    def _held(self, model: TextEmbedder) -> Vectors:
        with self._lock:
            if self._vectors is None:
                self._vectors = Vectors(self._database, model.model, model.size, 1e6 * self._most_mb)
            return self._vectors


def _recordings(connection: Connection, viewer: Viewer, query: Query) -> frozenset[str] | None:
    """The only recordings in which something may be found, as far as that is quickly said; None for all."""
    if viewer.everything and not any(f.name in {"recording", "source", "speaker"} for f in query.filters if f.wanted):
        return None
    where = of_recordings(connection, query, viewer)
    return frozenset(connection.execute(select(RecordingRow.id).where(*where)).scalars())


def _since(query: Query) -> tuple[float, float]:
    """Between which times it was said."""
    times = {name: [float(f.value) for f in query.filters if f.name == name] for name in ("after", "before")}
    return max(times["after"], default=-math.inf), min(times["before"], default=math.inf)


def _page(
    connection: Connection,
    asked: _Asked,
    likes: Sequence[_Like],
    at: Place | None,
    size: int,
    near: bool | None,
    count: bool,
) -> Found:
    words, best, wide = asked.query, list[tuple[int, int]](), at.typos if at else bool(near)
    if asked.mode == "both":
        words = typos.widened(connection, asked.query) if wide else asked.query
        best = ranked(connection, asked.viewer, words, at.top if at else None)
        if not (best or at or near is not None):
            words, wide = typos.widened(connection, asked.query), True
            best = ranked(connection, asked.viewer, words, None)
    entries = _fused(best, likes, asked.mode)
    order = sorted(((entry[0], ident) for ident, entry in entries.items()), reverse=True)
    behind = [one for one in order if one < (at.score, at.id)] if at else order
    some, count = [ident for _, ident in behind[:size]], count and at is None
    found = Found(
        hits=tuple(
            replace(hit, found_by=entries[hit.id][1], passage=entries[hit.id][2])
            for hit in hits(connection, words, some)
        ),
        count=min(len(order), COUNTED) if count else None,
        more=count and (len(order) > COUNTED or len(best) == RANKED),
    )
    if len(behind) > size:
        score, last = behind[size - 1]
        top = at.top if at else max(entries)
        reach = at.reach if at else max((one.id for one in likes), default=0)
        after = Place(wide, "m" if asked.mode == "meaning" else "b", last, score, top, reach)
        found = replace(found, next=after.told())
    return instead(found, asked.query, words) if wide and words != asked.query and found.hits else found


def _fused(best: Sequence[tuple[int, int]], likes: Sequence[_Like], mode: Mode) -> dict[int, Entry]:
    """What is given out by the ids of segments: a passage stands with its segment of the best words, or its first."""
    ranks = {ident: n for n, (_, ident) in enumerate(best, 1)}
    found: dict[int, Entry] = {ident: (_share(n), "words", None) for ident, n in ranks.items()}
    for n, one in enumerate(likes, 1):
        ident = min(one.segments, key=lambda s: ranks.get(s, len(ranks) + 1))
        score = round(1e6 * one.shown.likeness) if mode == "meaning" else _share(n)
        before = found.get(ident)
        found[ident] = (score, "meaning", one.shown) if before is None else (before[0] + score, "both", one.shown)
    return found


def _share(rank: int) -> int:
    return round(1e9 / (K + rank))


def _meant(connection: Connection, asked: _Asked, near: Iterator[tuple[int, float]]) -> list[_Like]:
    """The likest passages that a viewer may see, and that the query's filters let through."""
    query, found = asked.query, list[_Like]()
    where = conditions(connection, replace(query, groups=()), asked.viewer)
    if query.excluded or any(f.name in {"speaker", "lang"} or not f.wanted for f in query.filters):
        near = _fitting(connection, asked, near, where)
    while len(found) < DEPTH and (some := dict(islice(near, FEW))):
        asked.check()
        there = dict(_alike(connection, asked, some, where))
        found += [there[ident] for ident in some if ident in there]
    return found[:DEPTH]


def _fitting(
    connection: Connection, asked: _Asked, near: Iterator[tuple[int, float]], where: Sequence[ColumnElement[bool]]
) -> Iterator[tuple[int, float]]:
    """Passages of which a segment fulfils all conditions: where few do, most need not be read."""
    joined = _joined(connection)
    while some := dict(islice(near, MANY)):
        asked.check()
        wanted = select(PassageRow.id).select_from(joined).where(PassageRow.id.in_(list(some)), *where).distinct()
        fits = set(connection.execute(wanted).scalars())
        yield from ((ident, like) for ident, like in some.items() if ident in fits)


def _alike(
    connection: Connection, asked: _Asked, some: Mapping[int, float], where: Sequence[ColumnElement[bool]]
) -> Iterator[tuple[int, _Like]]:
    """Those of some passages of which something may be shown, and that still say what they are known to mean."""
    rows = connection.execute(_members(connection, asked.viewer, list(some), where))
    for ident, members in groupby(rows, key=itemgetter(0)):
        held = [(Line(row.start_s, row.end_s, row.text, row.language), row) for row in members]
        fits = [row for line, row in held if row.fits and line.known(asked.languages)]
        if fits and digest(said((line for line, _ in held), asked.languages)) == fits[0].digest:
            shown = Meant(
                " ".join(row.text for row in fits), fits[0].start_s, max(row.end_s for row in fits), some[ident]
            )
            yield ident, _Like(ident, tuple(row.segment for row in fits), shown)


def _joined(connection: Connection) -> Join:
    """Passages with their segments and recordings; SQLite begins with the passages."""
    passages, segments, recordings = PassageRow.__table__, SegmentRow.__table__, RecordingRow.__table__
    inside = and_(
        SegmentRow.recording_id == PassageRow.recording_id,
        SegmentRow.start_s >= PassageRow.first_s,
        SegmentRow.start_s <= PassageRow.last_s,
    )
    join = Pinned if connection.dialect.name == "sqlite" else Join
    return join(join(passages, segments, inside), recordings, RecordingRow.id == SegmentRow.recording_id)


def _members(
    connection: Connection, viewer: Viewer, some: Sequence[int], where: Sequence[ColumnElement[bool]]
) -> Executable:
    """The segments of passages, in their order, and whether each fulfils the query's conditions."""
    return (
        select(
            PassageRow.id,
            PassageRow.digest,
            SegmentRow.id.label("segment"),
            SegmentRow.start_s,
            SegmentRow.end_s,
            SegmentRow.text,
            func.coalesce(SegmentRow.language, RecordingRow.language).label("language"),
            and_(*where).label("fits"),
        )
        .select_from(_joined(connection))
        .where(PassageRow.id.in_(some), sees(viewer))
        .order_by(PassageRow.id, SegmentRow.start_s, SegmentRow.id)
    )
