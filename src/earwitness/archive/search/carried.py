"""What a search finds as transcripts, one a recording, so that every format can carry them away."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from sqlalchemy import Connection, RowMapping, func, select

from earwitness.archive import shapes
from earwitness.archive.database import Database
from earwitness.archive.schema.heard import RecordingRow, SegmentRow, SpeakerRow
from earwitness.archive.schema.people import PersonRow
from earwitness.archive.search.conditions import conditions, limited, order, tables
from earwitness.archive.search.query import parse
from earwitness.archive.viewer import Viewer
from earwitness.errors import BadInput
from earwitness.types import Provenance, Speaker, Transcript, Turn

MOST = 10_000
"""Segments that are carried at once."""

LONGEST_S = 20.0
"""How long finding them may take."""

TOGETHER = 500
"""Ids in one question to the database."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What was found in one recording: the segments in the order of being said."""

    recording: str
    title: str
    transcript: Transcript


def carried(database: Database, viewer: Viewer, text: str, only: Sequence[int] | None = None) -> tuple[Carried, ...]:
    """All that a query finds, the oldest recording first; of the segments `only`, where these are given.

    Raises BadInput for more than `MOST` segments, and Busy.
    """
    query = parse(text)
    with database.reading() as connection:
        if connection is None:
            return ()
        with limited(connection, LONGEST_S):
            ident = order(connection, query)
            wanted = select(ident).select_from(tables(connection, query)).where(*conditions(connection, query, viewer))
            wanted = wanted if only is None else wanted.where(ident.in_(only))
            ids = list(connection.execute(wanted.order_by(ident.desc()).limit(MOST + 1)).scalars())
            if len(ids) > MOST:
                remedy = "Narrow it by recording:, source:, after: or before:."
                raise BadInput(f"more than {MOST} segments are found", remedy=remedy, param="q")
            rows = [
                row
                for n in range(0, len(ids), TOGETHER)
                for row in connection.execute(
                    select(SegmentRow, RecordingRow.began_s)
                    .join(RecordingRow, RecordingRow.id == SegmentRow.recording_id)
                    .where(SegmentRow.id.in_(ids[n : n + TOGETHER]))
                ).mappings()
            ]
            rows.sort(key=itemgetter("began_s", "recording_id", "start_s", "number"))
            return tuple(
                _carried(connection, recording, tuple(some))
                for recording, some in groupby(rows, key=itemgetter("recording_id"))
            )


def _carried(connection: Connection, recording: str, rows: Sequence[RowMapping]) -> Carried:
    about = connection.execute(select(RecordingRow).where(RecordingRow.id == recording)).one()
    names = connection.execute(
        select(SpeakerRow.label, func.coalesce(PersonRow.name, SpeakerRow.name).label("name"), SpeakerRow.person_id)
        .outerjoin(PersonRow, PersonRow.id == SpeakerRow.person_id)
        .where(SpeakerRow.recording_id == recording)
    ).all()
    segments = tuple(shapes.segment_of(row) for row in rows)
    labels = list(dict.fromkeys(s.speaker for s in segments if s.speaker))
    called = {row.label: row for row in names}
    transcript = Transcript(
        segments=segments,
        duration_s=max(about.duration_s, segments[-1].end_s),
        language=about.language,
        task="transcribe",
        provenance=Provenance("", "", "", "", {}),
        complete=False,
        turns=tuple(Turn(s.start_s, s.end_s, s.speaker) for s in segments if s.speaker),
        speakers=tuple(
            Speaker(
                label,
                sum(s.duration_s for s in segments if s.speaker == label),
                name=called[label].name if label in called else None,
                person=called[label].person_id if label in called else None,
            )
            for label in labels
        ),
    )
    return Carried(recording, about.title, transcript)
