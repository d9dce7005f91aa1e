"""Writes down what happened, in the transaction in which it happened: nobody is told of what a crash undoes."""

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select

from earwitness.archive.postgres import CHANNEL
from earwitness.archive.schema.heard import RecordingRow
from earwitness.archive.schema.work import EventRow
from earwitness.types import Json

TOPICS = ("recordings", "segments", "jobs", "models", "sources", "alerts", "people", "accounts")

WRITTEN = insert(EventRow.__table__)  # type: ignore[arg-type]
TOLD = WRITTEN.returning(func.pg_notify(CHANNEL, ""))
WHOSE = select(RecordingRow.owner_id, RecordingRow.source_id).where(RecordingRow.id == bindparam("ident"))
"""Made once: to make them costs more than to execute them."""


def happened(
    connection: Connection,
    topic: str,
    kind: str,
    about: Mapping[str, Json],
    *,
    recording: str | None = None,
    owner: str | None = None,
    source: str | None = None,
) -> None:
    """Write down one event; one of a recording is told to those who may see the recording.

    One of something else is told to its `owner`, and to those who were granted its `source`. `about` holds ids and
    plain facts for whoever looks further, not what was said.
    """
    if recording is not None:
        owner, source = connection.execute(WHOSE, {"ident": recording}).one_or_none() or (owner, source)
    written(connection, topic, kind, about, (recording, owner, source))


def written(
    connection: Connection,
    topic: str,
    kind: str,
    about: Mapping[str, Json],
    whose: tuple[str | None, str | None, str | None],
) -> None:
    """Likewise, where it is known whose it is: the recording, its owner and its source."""
    notify = connection.dialect.name == "postgresql"  # other servers are told when this is kept, and not before
    facts: dict[str, Any] = {"topic": topic, "kind": kind, "about": dict(about)}
    facts |= dict(zip(("recording_id", "owner_id", "source_id"), whose, strict=True))
    connection.execute(TOLD if notify else WRITTEN, {"at_s": time.time(), **facts})
