"""Who the unnamed speakers of recordings may be: those whose voices are like those of people who are known by now."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import select

from earwitness.archive.database import Database
from earwitness.archive.likeness import Center, Tier, centers, judged, near
from earwitness.archive.person import Person
from earwitness.archive.schema.heard import RecordingRow, SpeakerRow
from earwitness.archive.viewer import Viewer, sees

LOOKED = 1000
"""The unnamed voices of the newest recordings that are compared."""


@dataclass(frozen=True, slots=True)
class Suggested:
    """A speaker of a recording, and the person they may be; `score` is the cosine, `auto` is sure."""

    recording: str
    speaker: str
    speech_s: float
    person: str
    score: float
    tier: Tier


def suggested(database: Database, viewer: Viewer, people: Sequence[Person], most: int = 20) -> tuple[Suggested, ...]:
    """Speakers who sound like somebody and were not named, not even as nobody; the newest recordings first.

    Of recordings that the viewer may change; in none of them is somebody suggested who speaks in it already.
    """
    there = SpeakerRow.recording_id == RecordingRow.id
    unnamed = SpeakerRow.person_id.is_(None), SpeakerRow.name.is_(None), SpeakerRow.by_person.is_(False)
    asked = (
        select(SpeakerRow.recording_id, SpeakerRow.label, SpeakerRow.speech_s, SpeakerRow.voice, SpeakerRow.model)
        .select_from(RecordingRow)
        .join(SpeakerRow, there)
        .where(sees(viewer, "edit"), *unnamed, SpeakerRow.voice.is_not(None))
        .order_by(RecordingRow.began_s.desc(), RecordingRow.id, SpeakerRow.label)
        .limit(LOOKED)
    )
    with database.reading() as connection:
        if connection is None or not people:
            return ()
        rows = list(connection.execute(asked))
        ids = sorted({row.recording_id for row in rows})
        named = select(SpeakerRow.recording_id, SpeakerRow.person_id).where(SpeakerRow.recording_id.in_(ids))
        taken = {tuple(row) for row in connection.execute(named)}
    known, found = dict[tuple[str, int], tuple[Center, ...]](), list[Suggested]()
    for row in rows:
        voice = np.frombuffer(row.voice, "<f4")
        among = known.setdefault((row.model, len(voice)), centers(people, row.model or "", len(voice)))
        told = judged(near(voice, among))
        if told.best and (row.recording_id, told.best.person) not in taken:
            best = told.best
            found.append(Suggested(row.recording_id, row.label, row.speech_s, best.person, best.score, told.tier))
        if len(found) == most:
            break
    return tuple(found)
