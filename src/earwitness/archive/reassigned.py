"""What one speaker of a recording said becomes another's, in one transaction and one event, however many segments."""

import time
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from earwitness.archive import told
from earwitness.archive.happened import happened
from earwitness.archive.recordings import seen
from earwitness.archive.schema.heard import RevisionRow, SegmentRow, SpeakerRow
from earwitness.archive.viewer import Viewer
from earwitness.errors import NotFound
from earwitness.types import Json

_GIVEN = (
    update(SegmentRow.__table__)  # type: ignore[arg-type]
    .where(SegmentRow.id == bindparam("ident"))
    .values(speaker=bindparam("label"), words=bindparam("said"), revision=SegmentRow.revision + 1, by_person=True)
)


def reassigned(
    recording: str, speaker: str, into: str, viewer: Viewer, segments: Collection[int] | None, connection: Connection
) -> tuple[int, ...]:
    """Ids of the segments that changed; each has a revision of its own, so each can be taken back. Raises NotFound."""
    about = seen(connection, recording, viewer, "edit")["about"]
    where = (SpeakerRow.recording_id == recording, SpeakerRow.label == speaker)
    who = connection.execute(select(SpeakerRow.name, SpeakerRow.person_id).where(*where)).one_or_none()
    if who is None:
        raise NotFound(f"nobody in this recording is {speaker[:40]!r}", remedy="GET /api/recordings/ID names them.")
    told.speaks(connection, recording, into)
    asked = select(SegmentRow.id, SegmentRow.revision, SegmentRow.words, SegmentRow.by_person).where(
        SegmentRow.recording_id == recording, SegmentRow.speaker == speaker
    )
    chosen = None if segments is None else set(segments)
    rows = [row for row in connection.execute(asked) if chosen is None or row.id in chosen]
    if not rows:
        return ()
    now, fresh, past = time.time(), list[dict[str, Any]](), list[dict[str, Any]]()
    for row in rows:
        words = [[*word[:5], into] for word in row.words]
        fresh.append({"ident": row.id, "label": into, "said": words})
        before = {"speaker": speaker, "words": row.words, "by_person": row.by_person}
        was = {"segment_id": row.id, "revision": row.revision, "what": "speaker", "before": before}
        past.append({**was, "by": viewer.id, "at_s": now})
    connection.execute(insert(RevisionRow), past)
    connection.execute(_GIVEN, fresh)
    if chosen is None and (who.name or who.person_id):
        nobody = (SpeakerRow.name.is_(None), SpeakerRow.person_id.is_(None))
        target = (SpeakerRow.recording_id == recording, SpeakerRow.label == into)
        named = update(SpeakerRow).where(*target, *nobody)
        connection.execute(named.values(name=who.name, person_id=who.person_id, by_person=True))
    told.touch(connection, recording, about={**about, "edited": now})
    facts: dict[str, Json] = {"id": recording, "what": ["speakers"], "speaker": speaker, "into": into}
    happened(connection, "recordings", "changed", facts, recording=recording)
    return tuple(row.id for row in rows)
