"""Writes down what happened, in the transaction in which it happened: nobody is told of what a crash undoes."""

import time
from collections.abc import Mapping

from sqlalchemy import Connection, insert, select

from earwitness.archive.schema.heard import RecordingRow
from earwitness.archive.schema.work import EventRow
from earwitness.types import Json

TOPICS = ("recordings", "segments", "jobs", "models", "sources", "alerts", "people", "accounts")


def happened(
    connection: Connection,
    topic: str,
    kind: str,
    about: Mapping[str, Json],
    *,
    recording: str | None = None,
    owner: str | None = None,
) -> None:
    """Write down one event; one of a recording is told to those who may see the recording, others to their `owner`.

    `about` holds ids and plain facts for whoever looks further, not what was said.
    """
    found = select(RecordingRow.owner_id, RecordingRow.source_id).where(RecordingRow.id == recording)
    owner, source = connection.execute(found).one_or_none() or (owner, None)
    connection.execute(
        insert(EventRow).values(
            at_s=time.time(),
            topic=topic,
            kind=kind,
            about=dict(about),
            recording_id=recording,
            owner_id=owner,
            source_id=source,
        )
    )
