"""A recording that is transcribed again: what people have corrected stays, all else is new."""

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import Connection, delete, func, select

from earwitness.archive import shapes, told
from earwitness.archive.happened import happened
from earwitness.archive.recordings import fill, segment_rows
from earwitness.archive.schema.heard import RecordingRow, SegmentRow, SpeakerRow
from earwitness.archive.writer import Writer
from earwitness.errors import NotFound
from earwitness.types import Segment, Transcript


def again(writer: Writer, recording: str, transcript: Transcript) -> None:
    """Give a recording another transcript. Raises NotFound, StorageFailed and Busy."""
    writer.write(partial(replaced, recording, transcript))


def replaced(recording: str, transcript: Transcript, connection: Connection) -> None:
    """Likewise, in a transaction. Speakers are called by other labels where theirs are taken."""
    asked = select(RecordingRow.began_s, RecordingRow.about).where(RecordingRow.id == recording)
    held = connection.execute(asked).one_or_none()
    if held is None:
        raise NotFound(f"there is no recording {recording[:40]!r}")
    mine = SegmentRow.recording_id == recording
    connection.execute(delete(SegmentRow).where(mine, SegmentRow.by_person.is_(False)))
    asked_left = select(SegmentRow.start_s, SegmentRow.end_s, SegmentRow.speaker).where(mine)
    left = connection.execute(asked_left).all()
    taken = {row.speaker for row in left if row.speaker}
    said_who = SpeakerRow.recording_id == recording
    taken |= set(connection.execute(select(SpeakerRow.label).where(said_who, SpeakerRow.by_person)).scalars())
    connection.execute(delete(SpeakerRow).where(said_who, SpeakerRow.label.not_in(taken)))
    names = _names([s.id for s in transcript.speakers], taken)
    last = connection.execute(select(func.max(SegmentRow.number)).where(mine)).scalar() or 0
    fresh = [
        _renamed(s, names)
        for s in transcript.segments
        if not any(row.start_s <= (s.start_s + s.end_s) / 2 < row.end_s for row in left)
    ]
    who = tuple(replace(s, id=names[s.id]) for s in transcript.speakers)
    rows = segment_rows(fresh)
    fill(connection, recording, rows, replace(transcript, speakers=who), held.began_s, after=last)
    about: dict[str, Any] = shapes.about(transcript)
    about |= {"speakers": [names[s.id] for s in transcript.speakers]} | ({"edited": time.time()} if left else {})
    state = "whole" if transcript.complete else "part"
    told.touch(connection, recording, about=about, language=transcript.language, state=state)
    happened(connection, "recordings", "again", {"id": recording}, recording=recording)


def _names(labels: list[str], taken: set[str]) -> dict[str, str]:
    """Another label for each that is taken."""
    found = dict[str, str]()
    for label in labels:
        name, number = label, 1
        while name in taken or name in found.values() or (name != label and name in labels):
            name, number = f"S{number}", number + 1
        found[label] = name
    return found


def _renamed(segment: Segment, names: Mapping[str, str]) -> Segment:
    words = tuple(replace(w, speaker=names.get(w.speaker or "", w.speaker)) for w in segment.words)
    return replace(segment, speaker=names.get(segment.speaker or "", segment.speaker), words=words)
