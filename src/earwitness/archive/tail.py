"""What was heard of a live session that nobody can go on with, and has no text yet: it becomes a job of the queue."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from sqlalchemy import Connection, func, select

from earwitness.archive import jobs, told
from earwitness.archive.job import TAIL, Order
from earwitness.archive.schema.heard import FileRow, RecordingRow, SegmentRow
from earwitness.archive.schema.work import JobRow
from earwitness.types import Json

LEAST_S = 0.1
"""Shorter sound than this holds no word."""

Held: TypeAlias = Mapping[str, Sequence[dict[str, Json]]]
"""What else was told of a session: `suppressed` and `notices`."""

NOTHING: Held = {"suppressed": (), "notices": ()}


def left(ident: str, why: str, connection: Connection, *, held: Held = NOTHING, torn: bool = True) -> None:
    """Nothing more comes of a session: close its recording, or first have the sound of its end transcribed.

    `torn` the end of that sound may be missing, so that the recording stays a part of what was heard.
    """
    spoken = select(func.max(SegmentRow.end_s)).where(SegmentRow.recording_id == ident)
    sound = select(func.max(FileRow.end_s)).where(FileRow.recording_id == ident, FileRow.kind == "audio")
    from_s, to_s = connection.execute(spoken).scalar() or 0.0, connection.execute(sound).scalar() or 0.0
    if to_s - from_s < LEAST_S:
        told.closed(ident, "part", why, None, held, connection)
    else:
        order = Order("", {}, kind=TAIL, about={"from_s": from_s, "to_s": to_s, "torn": torn})
        queued(ident, why, order, connection, held=held)


def queued(ident: str, why: str, order: Order, connection: Connection, *, held: Held = NOTHING) -> None:
    """Likewise, where it is known what the job is: the recording waits for it."""
    there = select(JobRow.id).where(JobRow.recording_id == ident, JobRow.kind == TAIL)
    if connection.execute(there).first() is not None:
        return  # a database that was lost while it kept this has kept it
    asked = select(RecordingRow.title, RecordingRow.owner_id, RecordingRow.about, RecordingRow.duration_s)
    row = connection.execute(asked.where(RecordingRow.id == ident)).one()
    recipe = row.about["provenance"]["recipe"]
    told.closed(ident, "waiting", why, max(row.duration_s, float(str(order.about["to_s"]))), held, connection)
    jobs.put(connection, row.owner_id, [replace(order, name=row.title or ident, recipe=recipe, recording=ident)])


def given_up(connection: Connection, session: str) -> bool:
    """Whether the queue has what was left of a session, so that nobody else may go on with it."""
    asked = select(JobRow.id).join(RecordingRow, RecordingRow.id == JobRow.recording_id)
    return connection.execute(asked.where(RecordingRow.session == session, JobRow.kind == TAIL)).first() is not None
