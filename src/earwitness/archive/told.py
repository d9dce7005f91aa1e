"""What an event of a live session changes in the database, each as a function of the connection."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from earwitness.archive.happened import happened, written
from earwitness.archive.recordings import known
from earwitness.archive.schema.heard import FileRow, RecordingRow, RevisionRow, SegmentRow, SpeakerRow, TakeRow
from earwitness.archive.shapes import LONGEST_NAME, clean
from earwitness.types import Json, Speaker

MACHINE = "machine"
"""Who changes what no person changes."""

# Of every segment that is said, so made once: to make them costs more than to execute them.
_NUMBERED = select(SegmentRow.__table__).where(
    SegmentRow.recording_id == bindparam("ident"), SegmentRow.number == bindparam("nth")
)
_SAID = {
    dialect.__name__.rpartition(".")[2]: dialect.insert(SegmentRow.__table__)
    .on_conflict_do_nothing(index_elements=["recording_id", "number"])
    .returning(SegmentRow.id)
    for dialect in (sqlite, postgresql)
}
"""By database; gives the id of a segment of which there was none of that number."""
_SPEAKS = select(SpeakerRow.label).where(
    SpeakerRow.recording_id == bindparam("ident"), SpeakerRow.label == bindparam("who")
)
_REACHED = (
    update(RecordingRow.__table__)  # type: ignore[arg-type]
    .where(RecordingRow.id == bindparam("ident"))
    .values(
        changed_s=bindparam("now_s"),
        told=bindparam("seq"),
        language=func.coalesce(RecordingRow.language, bindparam("spoken")),
        duration_s=case(
            (RecordingRow.duration_s < bindparam("reached_s"), bindparam("reached_s")), else_=RecordingRow.duration_s
        ),
    )
    .returning(RecordingRow.owner_id, RecordingRow.source_id)
)


def opened(ident: str, row: Mapping[str, Any], take: tuple[float, float], connection: Connection) -> None:
    """A session is heard for the first time."""
    if connection.execute(select(RecordingRow.id).where(RecordingRow.id == ident)).scalar():
        return  # a database that was lost while it kept this has kept it
    connection.execute(insert(RecordingRow).values(id=ident, **row))
    _take(connection, ident, take)
    happened(connection, "recordings", "opened", {"id": ident, "session": row["session"]}, recording=ident)


def final(ident: str, row: Mapping[str, Any], seq: int, connection: Connection) -> None:
    """A segment. One of that number that is there already came from a process whose journal was lost."""
    reached = {"ident": ident, "now_s": time.time(), "seq": seq, "spoken": row["language"], "reached_s": row["end_s"]}
    owner, source = connection.execute(_REACHED, reached).one()
    fresh = {"recording_id": ident, "revision": 0, "by_person": False}
    made = connection.execute(_SAID[connection.dialect.name], {**row, **fresh}).scalar()
    if made is None:
        there = _numbered(connection, ident, row["number"])
        assert there is not None
        changed(connection, there, row, "again", MACHINE)
    else:
        about: dict[str, Json] = {"id": made, "recording": ident, "number": row["number"], "end_s": row["end_s"]}
        written(connection, "segments", "made", about, (ident, owner, source))
    speaks(connection, ident, row["speaker"])


def revised(ident: str, number: int, what: str, row: Mapping[str, Any], seq: int, connection: Connection) -> None:
    """Something was learned about a segment. One that a person has changed, or joined to another, stays as it is."""
    there = _numbered(connection, ident, number)
    if there is not None:
        changed(connection, there, {k: v for k, v in row.items() if k not in {"text", "tokens"}}, what, MACHINE)
    speaks(connection, ident, row["speaker"])
    touch(connection, ident, told=seq)


def named(ident: str, speaker: Speaker, connection: Connection) -> None:
    """Who a speaker is. What a person has said of that stays."""
    speaks(connection, ident, speaker.id)
    person = known(connection, speaker.person)
    name = None if person or not speaker.name else clean(speaker.name)[:LONGEST_NAME]
    asked = update(SpeakerRow).where(
        SpeakerRow.recording_id == ident, SpeakerRow.label == speaker.id, SpeakerRow.by_person.is_(False)
    )
    if connection.execute(asked.values(person_id=person, name=name)).rowcount:
        happened(connection, "recordings", "named", {"id": ident, "speaker": speaker.id}, recording=ident)


def piece(row: Mapping[str, Any], connection: Connection) -> None:
    """A file of sound is whole."""
    if connection.execute(select(FileRow.id).where(FileRow.path == row["path"])).scalar() is None:
        connection.execute(insert(FileRow).values(**row))


def next_take(ident: str, end_s: float, why: str, take: tuple[float, float], connection: Connection) -> None:
    """Sound was not listened to: the take ends, and another begins."""
    _end_take(connection, ident, end_s, why)
    _take(connection, ident, take)


def closed(
    ident: str,
    state: str,
    why: str,
    duration_s: float | None,
    held: Mapping[str, Sequence[dict[str, Json]]],
    connection: Connection,
) -> None:
    """A session is over; `held` is what else was told of it. Without a duration it ends where its last segment does."""
    asked = select(RecordingRow.about, RecordingRow.duration_s, RecordingRow.state).where(RecordingRow.id == ident)
    row = connection.execute(asked).one()
    if row.state == state:
        return  # told twice
    end_s = row.duration_s if duration_s is None else duration_s
    about = dict(row.about)
    about["complete"], about["suppressed"] = state == "whole", list(held["suppressed"])
    about["provenance"] = {**about["provenance"], "notices": list(held["notices"])}
    _end_take(connection, ident, end_s, why)
    spoken(connection, ident)
    touch(connection, ident, state=state, duration_s=end_s, about=about)
    happened(connection, "recordings", "closed", {"id": ident, "state": state, "why": why}, recording=ident)


def spoken(connection: Connection, ident: str) -> None:
    """How long each speaker spoke, by the segments."""
    speech = (
        select(func.coalesce(func.sum(SegmentRow.end_s - SegmentRow.start_s), 0.0))
        .where(SegmentRow.recording_id == ident, SegmentRow.speaker == SpeakerRow.label)
        .scalar_subquery()
    )
    connection.execute(update(SpeakerRow).where(SpeakerRow.recording_id == ident).values(speech_s=speech))


def settled(connection: Connection, ident: str, state: str) -> None:
    """What was still to be transcribed of a recording is, or will not be."""
    about = connection.execute(select(RecordingRow.about).where(RecordingRow.id == ident)).scalar_one()
    touch(connection, ident, state=state, about={**about, "complete": state == "whole"})
    happened(connection, "recordings", "closed", {"id": ident, "state": state, "why": "tail"}, recording=ident)


def changed(
    connection: Connection,
    there: Mapping[Any, Any],
    row: Mapping[str, Any],
    what: str,
    by: str,
    **more: Any,
) -> bool:
    """Change a segment, and write down what it was; False where nothing changes, or a machine may not.

    `more` is what undoing it needs besides.
    """
    fresh = {k: v for k, v in row.items() if there[k] != v}
    person = by != MACHINE
    if not fresh or (there["by_person"] and not person):
        return False
    before = {k: there[k] for k in fresh} | {"by_person": there["by_person"], **more}
    connection.execute(
        insert(RevisionRow).values(
            segment_id=there["id"], revision=there["revision"], what=what[:20], before=before, by=by, at_s=time.time()
        )
    )
    asked = update(SegmentRow).where(SegmentRow.id == there["id"])
    connection.execute(asked.values(**fresh, revision=there["revision"] + 1, by_person=there["by_person"] or person))
    facts: dict[str, Json] = {"id": there["id"], "recording": there["recording_id"], "what": what}
    facts["revision"] = there["revision"] + 1
    happened(connection, "segments", "changed", facts, recording=there["recording_id"])
    return True


def _numbered(connection: Connection, ident: str, number: int) -> Mapping[Any, Any] | None:
    return connection.execute(_NUMBERED, {"ident": ident, "nth": number}).mappings().one_or_none()


def speaks(connection: Connection, ident: str, label: str | None) -> None:
    """See that a speaker is there."""
    if label is not None and connection.execute(_SPEAKS, {"ident": ident, "who": label}).scalar() is None:
        row = {"recording_id": ident, "label": label, "speech_s": 0.0, "by_person": False}
        connection.execute(insert(SpeakerRow).values(**row))


def _take(connection: Connection, ident: str, take: tuple[float, float]) -> None:
    row = {"recording_id": ident, "start_s": take[0], "began_s": take[1], "why": ""}
    connection.execute(insert(TakeRow).values(**row))


def _end_take(connection: Connection, ident: str, end_s: float, why: str) -> None:
    asked = update(TakeRow).where(TakeRow.recording_id == ident, TakeRow.end_s.is_(None))
    connection.execute(asked.values(end_s=func.coalesce(end_s, TakeRow.start_s), why=why[:40]))


def touch(connection: Connection, ident: str, **values: Any) -> None:
    """A recording has changed."""
    connection.execute(update(RecordingRow).where(RecordingRow.id == ident).values(changed_s=time.time(), **values))
