"""Finds what was said: the newest first, or what fits best, a page at a time, and never what the viewer may not see."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal, TypeAlias

from sqlalchemy import ColumnElement, Connection, Select, func, select

from earwitness.archive.database import Database
from earwitness.archive.schema.heard import RecordingRow, SegmentRow, SpeakerRow
from earwitness.archive.schema.people import PersonRow
from earwitness.archive.search import typos
from earwitness.archive.search.conditions import FTS, conditions, limited, order, tables
from earwitness.archive.search.pages import Place, place
from earwitness.archive.search.query import Query, parse
from earwitness.archive.search.ranking import Mark, marks, scores
from earwitness.archive.search.tokens import tokens
from earwitness.archive.viewer import Viewer

Sort = Literal["newest", "relevance"]
By = Literal["words", "meaning", "both"]

Counting: TypeAlias = Callable[[Callable[[], int]], int | None]
"""Counts, and gives up when that takes too long."""

COUNTED = 1000
"""Hits are counted up to here."""

RANKED = 2000
"""By relevance the newest hits up to here are sorted."""

LONGEST_S = 2.0
"""How long a search may take."""

COUNTING_S = 0.03
"""How long counting may take besides; there are more than are shown then."""


@dataclass(frozen=True, slots=True)
class Meant:
    """A passage that means what is looked for: what a viewer sees of it, its stretch of the recording, and how much."""

    text: str
    start_s: float
    end_s: float
    likeness: float
    """A cosine."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A segment that was found."""

    id: int
    recording: str
    title: str
    source: str | None
    number: int
    said_s: float
    """Wall clock of its start, in seconds of the Unix clock."""
    start_s: float
    end_s: float
    text: str
    language: str | None
    speaker: str | None
    """Its label in the recording."""
    name: str | None
    """What the speaker is called."""
    revision: int
    marks: tuple[Mark, ...]
    found_by: By = "words"
    passage: Meant | None = None
    """Where it was found by what it means."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of hits."""

    hits: tuple[Hit, ...] = ()
    next: str | None = None
    """Where the next page begins; None at the end."""
    count: int | None = None
    """How many hits there are, as far as they were counted; told with the first page."""
    more: bool = False
    """Whether there are more than `count`."""
    typos: bool = False
    """Whether words that are only near were looked for too."""
    instead: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Words of the query, and near ones that these hits hold."""


class Search:
    """Search over the archive. Safe to share between threads."""

    def __init__(self, database: Database, longest_s: float = LONGEST_S, counting_s: float = COUNTING_S) -> None:
        self._database, self._longest_s, self._counting_s = database, longest_s, counting_s

    def find(
        self,
        viewer: Viewer,
        text: str,
        *,
        sort: Sort = "newest",
        page: str | None = None,
        size: int = 20,
        near: bool | None = None,
        count: bool = True,
    ) -> Found:
        """A page of what is found for a query, as `query` reads it; `page` is the `next` of the one before.

        `near` says whether words may have typos; None tries them where nothing is found without. Hits are counted up to
        `COUNTED`, as far as that is quick, unless `count` says not to. Raises BadInput for a query or page that means
        nothing, and Busy where the search takes too long.
        """
        query, at = parse(text), place(page, "n" if sort == "newest" else "r")
        with self._database.reading() as connection:
            if connection is None:
                return Found(count=0)
            with limited(connection, self._longest_s) as limit:
                counting = partial(limit.within, self._counting_s) if count and at is None else None
                seek = partial(_page, connection, viewer, sort=sort, size=size, counting=counting)
                wide = at.typos if at else bool(near)
                asked = typos.widened(connection, query) if wide else query
                found = seek(asked, at=at, wide=wide)
                if not found.hits and at is None and near is None:
                    asked, wide = typos.widened(connection, query), True
                    if asked != query:
                        found = seek(asked, at=None, wide=wide)
                return found if not (wide and found.hits) else instead(found, query, asked)


def _page(
    connection: Connection,
    viewer: Viewer,
    query: Query,
    *,
    sort: Sort,
    at: Place | None,
    size: int,
    wide: bool,
    counting: Counting | None,
) -> Found:
    there: int | None
    if sort == "newest":
        ident, newest = _newest(connection, query, viewer)
        behind = newest.where(ident < at.id) if at else newest
        ids: list[int] = list(connection.execute(behind.limit(size + 1)).scalars())
        after = Place(wide, "n", ids[size - 1]) if len(ids) > size else None
        there = len(ids)
        if counting is not None and after is not None:
            there = counting(lambda: len(connection.execute(newest.limit(COUNTED + 1)).all()))
    else:
        best = ranked(connection, viewer, query, at.top if at else None)
        top = at.top if at else max((ident for _, ident in best), default=0)
        there = len(best)
        best = best if at is None else [one for one in best if one < (at.score, at.id)]
        ids = [ident for _, ident in best[:size]]
        score, last = best[size - 1] if len(best) > size else (0, 0)
        after = Place(wide, "r", last, score, top) if len(best) > size else None
    count, more = (size, True) if there is None else (min(there, COUNTED), there > COUNTED)
    return Found(
        hits=hits(connection, query, ids[:size]),
        next=after.told() if after else None,
        count=count if counting else None,
        more=counting is not None and more,
    )


def _newest(connection: Connection, query: Query, viewer: Viewer) -> tuple[ColumnElement[int], Select[int]]:
    """The ids of what is found, the newest first, and how the database asks for them."""
    ident, where = order(connection, query), conditions(connection, query, viewer)
    alone = viewer.everything and not query.filters and ident is FTS.c.rowid
    source = FTS if alone else tables(connection, query)
    return ident, select(ident).select_from(source).where(*where).order_by(ident.desc())


def ranked(connection: Connection, viewer: Viewer, query: Query, top: int | None) -> list[tuple[int, int]]:
    """Scores and ids of the newest segments that a query finds, up to the id `top`; the best first."""
    ident, where = order(connection, query), conditions(connection, query, viewer)
    some = select(ident, SegmentRow.tokens).select_from(tables(connection, query)).where(*where)
    some = some if top is None else some.where(ident <= top)
    rows = [(found, said) for found, said in connection.execute(some.order_by(ident.desc()).limit(RANKED))]
    return sorted(
        zip(scores(query, [said for _, said in rows]), (found for found, _ in rows), strict=True), reverse=True
    )


def hits(connection: Connection, query: Query, ids: list[int]) -> tuple[Hit, ...]:
    """Segments by their ids, in that order, with the places that a query looks for."""
    wanted = (
        select(
            SegmentRow,
            RecordingRow.title,
            RecordingRow.source_id,
            RecordingRow.language.label("of_recording"),
            func.coalesce(PersonRow.name, SpeakerRow.name).label("name"),
        )
        .join(RecordingRow, RecordingRow.id == SegmentRow.recording_id)
        .outerjoin(
            SpeakerRow,
            (SpeakerRow.recording_id == SegmentRow.recording_id) & (SpeakerRow.label == SegmentRow.speaker),
        )
        .outerjoin(PersonRow, PersonRow.id == SpeakerRow.person_id)
        .where(SegmentRow.id.in_(ids))
    )
    found = {
        row.id: Hit(
            id=row.id,
            recording=row.recording_id,
            title=row.title,
            source=row.source_id,
            number=row.number,
            said_s=row.said_s,
            start_s=row.start_s,
            end_s=row.end_s,
            text=row.text,
            language=row.language or row.of_recording,
            speaker=row.speaker,
            name=row.name,
            revision=row.revision,
            marks=marks(query, row.text, row.words),
        )
        for row in connection.execute(wanted)
    }
    return tuple(found[ident] for ident in ids if ident in found)


def instead(found: Found, typed: Query, asked: Query) -> Found:
    """The page with what stands in it for what was typed: other words might tell what may not be seen."""
    shown = {token for hit in found.hits for token in tokens(hit.text).split()}
    told = dict[str, tuple[str, ...]]()
    for before, after in zip(typed.groups, asked.groups, strict=True):
        near = tuple(term.tokens[0] for term in after if term not in before and term.tokens[0] in shown)
        if near:
            told[" ".join(before[0].tokens)] = near
    return replace(found, typos=True, instead=told)
