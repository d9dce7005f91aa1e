"""Who the unnamed speakers of recordings may be: their voices were like somebody's, and not like enough to be named.

Voices are not kept with a recording: what was told of them when its speakers were told apart is read again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from earwitness.archive.database import Database
from earwitness.archive.naming import proposed
from earwitness.archive.person import Person
from earwitness.archive.schema.heard import RecordingRow, SpeakerRow
from earwitness.archive.viewer import Viewer, sees

LOOKED = 500
"""The newest recordings with unnamed speakers that are looked at."""


@dataclass(frozen=True, slots=True)
class Suggested:
    """A speaker of a recording, and the person they may be."""

    recording: str
    title: str
    began_s: float
    speaker: str
    speech_s: float
    person: str


def suggested(database: Database, viewer: Viewer, people: Sequence[Person], most: int = 20) -> tuple[Suggested, ...]:
    """Speakers who may be somebody and were not named, not even as nobody; the newest recordings first.

    Of recordings that the viewer may change; in none of them is somebody suggested who speaks in it already.
    """
    now = {ident: person.id for person in people for ident in (person.id, *person.merged)}
    unnamed = SpeakerRow.person_id.is_(None), SpeakerRow.name.is_(None), SpeakerRow.by_person.is_(False)
    asked = (
        select(RecordingRow.id, RecordingRow.title, RecordingRow.began_s, RecordingRow.about["provenance"]["notices"])
        .where(sees(viewer, "edit"), RecordingRow.id.in_(select(SpeakerRow.recording_id).where(*unnamed)))
        .order_by(RecordingRow.began_s.desc(), RecordingRow.id)
        .limit(LOOKED)
    )
    with database.reading() as connection:
        if connection is None or not people:
            return ()
        told = {row.id: row for row in connection.execute(asked)}
        there = select(SpeakerRow).where(SpeakerRow.recording_id.in_(told))
        speakers = list(connection.execute(there.order_by(SpeakerRow.label)))
    taken = {(row.recording_id, row.person_id) for row in speakers}
    free = {(row.recording_id, row.label): row for row in speakers if not (row.person_id or row.name or row.by_person)}
    found = list[Suggested]()
    for ident, title, began_s, notices in told.values():
        for notice in notices or ():
            speaker, once = proposed(notice["code"], notice["message"]) or ("", "")
            row, person = free.get((ident, speaker)), now.get(once)
            if row is not None and person is not None and (ident, person) not in taken:
                found.append(Suggested(ident, title, began_s, speaker, row.speech_s, person))
    return tuple(found[:most])
