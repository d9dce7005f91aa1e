"""Recordings and segments written straight into the archive's tables, for tests of what is done with them."""

import itertools
from collections.abc import Sequence

from sqlalchemy import Connection, insert

from earwitness.archive.schema.heard import RecordingRow, SegmentRow, SourceRow, SpeakerRow
from earwitness.archive.search.tokens import tokens

BEGAN_S = 1_790_000_000.0
"""2026-09-21 14:13:20 UTC."""

NUMBERS = itertools.count(1)


def source(connection: Connection, name: str) -> str:
    """A source; its id."""
    ident = f"s_{next(NUMBERS)}"
    connection.execute(
        insert(SourceRow).values(id=ident, name=name, kind="file", options={}, keep={}, enabled=True, made_s=0.0)
    )
    return ident


def recording(
    connection: Connection,
    *,
    owner: str | None = None,
    source: str | None = None,
    began_s: float = BEGAN_S,
    title: str = "A talk",
    language: str | None = "en",
) -> str:
    """An empty recording; its id."""
    ident = f"r_{next(NUMBERS)}"
    connection.execute(
        insert(RecordingRow).values(
            id=ident,
            kind="file",
            state="whole",
            title=title,
            owner_id=owner,
            source_id=source,
            began_s=began_s,
            duration_s=0.0,
            language=language,
            about={},
            kept=False,
            made_s=began_s,
            changed_s=began_s,
        )
    )
    return ident


def say(
    connection: Connection,
    recording_id: str,
    *texts: str,
    speaker: str | None = None,
    language: str | None = None,
    began_s: float = BEGAN_S,
    start_s: float = 0.0,
) -> list[int]:
    """Segments of two seconds, a word each half a second; their ids."""
    made = list[int]()
    for n, text in enumerate(texts):
        at_s = start_s + 2.0 * n
        words = [
            [word, at_s + 0.5 * i, at_s + 0.5 * i + 0.5, None, True, speaker] for i, word in enumerate(text.split())
        ]
        row = insert(SegmentRow).values(
            recording_id=recording_id,
            number=next(NUMBERS),
            said_s=began_s + at_s,
            start_s=at_s,
            end_s=at_s + 2.0,
            text=text,
            tokens=tokens(text),
            language=language,
            speaker=speaker,
            words=words,
            rest={},
            revision=1,
            by_person=False,
        )
        made.append(connection.execute(row.returning(SegmentRow.id)).scalar_one())
    return made


def speakers(connection: Connection, recording_id: str, names: Sequence[tuple[str, str | None, str | None]]) -> None:
    """Speakers of a recording: label, name, id of a person."""
    for label, name, person in names:
        row = {"recording_id": recording_id, "label": label, "name": name, "person_id": person}
        connection.execute(insert(SpeakerRow).values(**row, speech_s=1.0, by_person=False))
