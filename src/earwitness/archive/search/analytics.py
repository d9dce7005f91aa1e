"""Figures over what a query finds: who talked how long, when, and about what."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import BigInteger, Connection, Select, case, cast, distinct, func, select

from earwitness.archive.database import Database
from earwitness.archive.schema.heard import RecordingRow, SegmentRow, SpeakerRow
from earwitness.archive.schema.people import PersonRow
from earwitness.archive.search.conditions import conditions, limited, order, tables
from earwitness.archive.search.query import parse
from earwitness.archive.viewer import Viewer

By = Literal["hour", "day", "hour_of_day"]
SECONDS: dict[By, int] = {"hour": 3600, "day": 86_400, "hour_of_day": 3600}

LONGEST_S = 10.0
"""How long one may take."""

MOST = 1000
"""Rows of an answer: the speakers who talk most, the last hours or days."""

SAMPLED = 10_000
"""The newest segments whose words are counted."""

FEW = 100
"""Of fewer segments every word is counted."""

COMMON = 0.05
"""A word that a larger share of the segments holds says nothing about them."""


@dataclass(frozen=True, slots=True)
class Talk:
    """How long somebody talked; those without a name are one."""

    name: str | None
    person: str | None
    recordings: int
    segments: int
    speech_s: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was said in one: `at` is where it begins, in seconds of the Unix clock, or an hour of the day."""

    at: int
    segments: int
    speech_s: float


@dataclass(frozen=True, slots=True)
class Counted:
    """A word, and how many segments hold it."""

    term: str
    segments: int


def talk_time(database: Database, viewer: Viewer, text: str) -> tuple[Talk, ...]:
    """Who talked how long in what a query finds, the longest first. Raises BadInput and Busy."""
    name = case((SpeakerRow.person_id.is_not(None), PersonRow.name), else_=SpeakerRow.name)
    speech = func.sum(SegmentRow.end_s - SegmentRow.start_s)
    with database.reading() as connection:
        if connection is None:
            return ()
        query = parse(text)
        spoken = (
            tables(connection, query)
            .outerjoin(
                SpeakerRow,
                (SpeakerRow.recording_id == SegmentRow.recording_id) & (SpeakerRow.label == SegmentRow.speaker),
            )
            .outerjoin(PersonRow, PersonRow.id == SpeakerRow.person_id)
        )
        wanted = (
            select(name, PersonRow.id, func.count(distinct(RecordingRow.id)), func.count(), speech)
            .select_from(spoken)
            .where(*conditions(connection, query, viewer))
            .group_by(name, PersonRow.id)
            .order_by(speech.desc(), name)
            .limit(MOST)
        )
        with limited(connection, LONGEST_S):
            return tuple(Talk(*row) for row in connection.execute(wanted))


def activity(database: Database, viewer: Viewer, text: str, by: By = "hour", offset_s: int = 0) -> tuple[Stretch, ...]:
    """When what a query finds was said, the oldest first; `offset_s` is how far the viewer's clock is before UTC."""
    with database.reading() as connection:
        if connection is None:
            return ()
        query, seconds = parse(text), SECONDS[by]
        number = (SegmentRow.said_s + offset_s) / seconds
        whole = cast(number if connection.dialect.name == "sqlite" else func.floor(number), BigInteger)
        at = (whole % 24 if by == "hour_of_day" else whole).label("at")
        wanted = (
            select(at, func.count(), func.sum(SegmentRow.end_s - SegmentRow.start_s))
            .select_from(tables(connection, query))
            .where(*conditions(connection, query, viewer))
            .group_by(at)
            .order_by(at.desc())
            .limit(MOST)
        )
        with limited(connection, LONGEST_S):
            rows = connection.execute(wanted).all()
        return tuple(
            Stretch(n if by == "hour_of_day" else n * seconds - offset_s, count, speech_s)
            for n, count, speech_s in reversed(rows)
        )


def top_terms(database: Database, viewer: Viewer, text: str, size: int = 50) -> tuple[Counted, ...]:
    """The words that most of the newest segments hold; those of two letters or that stand everywhere left out."""
    with database.reading() as connection:
        if connection is None:
            return ()
        with limited(connection, LONGEST_S):
            said = [tokens for _, tokens in connection.execute(_newest(connection, viewer, text))]
    query = parse(text)
    asked = {token for term in query.terms for token in term.tokens}
    holding = Counter(token for tokens in said for token in set(tokens.split()))
    most = len(said) * COMMON if len(said) >= FEW else len(said)
    found = [
        (token, count)
        for token, count in holding.items()
        if count <= most and token not in asked and not token.isdigit() and (len(token) > 2 or not token.isascii())
    ]
    found.sort(key=lambda one: (-one[1], one[0]))
    return tuple(Counted(*one) for one in found[:size])


def _newest(connection: Connection, viewer: Viewer, text: str) -> Select[int, str]:
    query = parse(text)
    ident = order(connection, query)
    wanted = select(ident, SegmentRow.tokens).select_from(tables(connection, query))
    return wanted.where(*conditions(connection, query, viewer)).order_by(ident.desc()).limit(SAMPLED)
