"""A recording that is transcribed again, all of it or some stretches: what people have corrected stays.

Likewise what was heard and is transcribed later: then all that is there stays.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, false, func, or_, select, true

from earwitness.archive import shapes, told
from earwitness.archive.happened import happened
from earwitness.archive.job import AGAIN, Order
from earwitness.archive.recordings import files_of, fill, seen, segment_rows
from earwitness.archive.retimed import outside
from earwitness.archive.schema.heard import RecordingRow, SegmentRow, SpeakerRow, TakeRow
from earwitness.archive.sound import parts
from earwitness.archive.viewer import Viewer
from earwitness.archive.whole import Archive
from earwitness.archive.writer import Writer
from earwitness.audio import joined, timebase
from earwitness.errors import BadInput, Conflict, NotFound
from earwitness.types import Json, Notice, Segment, Transcript

Stretches: TypeAlias = Sequence[tuple[float, float]]
"""Beginning and end of each, in seconds of the recording."""

EVER = float("inf")

MARGIN_S = 0.5
"""A recogniser wants so much of the pauses before and after what it hears."""

PAUSE_S = 0.1
"""Between segments that are closer there may be no pause."""

FARTHEST_S = 30.0
"""So far a pause is looked for."""

NEAR_S = 0.01
"""Times that are closer are the same here."""


def ready(archive: Archive, recording: str, viewer: Viewer, from_s: float = 0.0, to_s: float | None = None) -> Order:
    """A job that transcribes a recording again as it was made, or some seconds of it, up to the ends of segments there.

    Raises NotFound, BadInput for seconds that it does not have, Conflict where it is still heard or no sound is kept.
    """
    with archive.database.reading() as connection:
        row = seen(connection, recording, viewer, "edit")
        assert connection is not None
        if row["state"] in {"open", "waiting"}:
            raise Conflict("this recording is still being heard", remedy="Wait until it is over.")
        if not from_s < (to_s or EVER) or from_s >= row["duration_s"]:
            told_s = f"{from_s:g} s to {'its end' if to_s is None else f'{to_s:g} s'}"
            raise BadInput(f"of a recording of {row['duration_s']:.2f} s, {told_s} is nothing", param="from_s")
        to_s = None if to_s is None or to_s >= row["duration_s"] else to_s
        from_s = _widened(connection, recording, from_s)
        to_s = None if to_s is None else _widened(connection, recording, to_s, end=True)
        there = parts(files_of(connection, recording), archive.folder)
    if not joined.covered(there, timebase.samples(from_s), timebase.samples(to_s or row["duration_s"])):
        raise Conflict(
            "no sound of this is kept, so it can't be transcribed again", remedy="Bring the recording: POST /api/jobs."
        )
    about: dict[str, Json] = {"from_s": from_s, "to_s": to_s}
    recipe = row["about"]["provenance"]["recipe"]
    return Order(row["title"] or recording, recipe, kind=AGAIN, recording=recording, about=about)


def _widened(connection: Connection, recording: str, at_s: float, *, end: bool = False) -> float:
    """The pause before a place, or after it: between segments that touch each other a word may be cut in two.

    What a person has changed stays, and nothing is said there again, so a cut there harms nothing.
    """
    there = (
        SegmentRow.recording_id == recording,
        SegmentRow.end_s > at_s - FARTHEST_S,
        SegmentRow.start_s < at_s + FARTHEST_S,
    )
    asked = select(SegmentRow.start_s, SegmentRow.end_s, SegmentRow.by_person).where(*there)
    rows = [(row.start_s, row.end_s, row.by_person) for row in connection.execute(asked)]
    sign = 1.0 if end else -1.0
    spans = sorted((min(sign * a, sign * b), max(sign * a, sign * b), person) for a, b, person in rows)
    found, limit = sign * at_s, EVER  # as if time ran to where the end is
    for near_s, far_s, person in spans:
        if near_s >= found + PAUSE_S or (person and far_s > found):
            limit = max(near_s, found)
            break
        found = max(found, far_s)
    widened = sign * min(found + MARGIN_S, limit)
    return max(0.0, widened)


def again(writer: Writer, recording: str, transcript: Transcript) -> None:
    """Give a recording another transcript. Raises NotFound, StorageFailed and Busy."""
    writer.write(partial(replaced, recording, transcript))


def replaced(recording: str, transcript: Transcript, connection: Connection, *, heard: Stretches | None = None) -> None:
    """Likewise, in a transaction; with `heard` only what was said there is another, and the rest stays as it is.

    Speakers are called by other labels where theirs are taken, and by those there are where they are the same people.
    """
    row = _held(connection, recording)
    gone = and_(SegmentRow.recording_id == recording, SegmentRow.by_person.is_(False), _within(heard))
    connection.execute(delete(SegmentRow).where(gone))
    names = _put(connection, recording, transcript, heard)
    if heard is None:
        left = connection.execute(
            select(SegmentRow.id).where(SegmentRow.recording_id == recording, SegmentRow.by_person)
        )
        about: dict[str, Any] = shapes.about(transcript)
        about |= {"speakers": [names[s.id] for s in transcript.speakers]}
        about |= {"edited": time.time()} if left.first() else {}
        state = "whole" if transcript.complete else "part"
        told.touch(connection, recording, about=about, language=transcript.language, state=state)
    else:
        _about(connection, row, transcript, names, heard)
    happened(connection, "recordings", "again", {"id": recording}, recording=recording)


def added(recording: str, transcript: Transcript, connection: Connection) -> None:
    """Put what was heard beside what is there of a recording, in a transaction; where there is text it stays."""
    row = _held(connection, recording)
    names = _put(connection, recording, transcript, None)
    _about(connection, row, transcript, names, ())


def _held(connection: Connection, recording: str) -> RowMapping:
    found = connection.execute(select(RecordingRow.__table__).where(RecordingRow.id == recording)).mappings()
    if (row := found.one_or_none()) is None:
        raise NotFound(f"there is no recording {recording[:40]!r}")
    return row


def _put(connection: Connection, recording: str, transcript: Transcript, heard: Stretches | None) -> Mapping[str, str]:
    """The segments of a transcript, as far as nothing is said there already, and its speakers; their labels."""
    mine, voices = SegmentRow.recording_id == recording, SpeakerRow.recording_id == recording
    left = connection.execute(select(SegmentRow.start_s, SegmentRow.end_s, SegmentRow.speaker).where(mine)).all()
    said_who = connection.execute(select(SpeakerRow.label).where(voices, SpeakerRow.by_person)).scalars()
    taken = {row.speaker for row in left if row.speaker} | set(said_who)
    connection.execute(delete(SpeakerRow).where(voices, SpeakerRow.label.not_in(taken)))
    known = select(SpeakerRow.person_id, SpeakerRow.label).where(voices, SpeakerRow.person_id.is_not(None))
    same = {row.person_id: row.label for row in connection.execute(known)}
    alike = {s.id: same[s.person] for s in transcript.speakers if s.person in same}
    names = _names([s.id for s in transcript.speakers if s.id not in alike], taken) | alike
    full = [(row.start_s, row.end_s) for row in left] + _around(heard)
    fresh = [_renamed(part, names) for s in transcript.segments for part in outside(s, full)]
    who = tuple(replace(s, id=names[s.id]) for s in transcript.speakers if s.id not in alike)
    last = connection.execute(select(func.max(SegmentRow.number)).where(mine)).scalar() or 0
    whose = replace(transcript, speakers=who)
    fill(connection, recording, segment_rows(fresh), whose, _clock(connection, recording), after=last)
    return names


def _about(
    connection: Connection, row: RowMapping, transcript: Transcript, names: Mapping[str, str], heard: Stretches
) -> None:
    """What else a transcript of some stretches says of a recording."""

    def there(one: Mapping[str, Any]) -> bool:
        middle_s = (one["start_s"] + one["end_s"]) / 2
        return any(start_s <= middle_s < end_s for start_s, end_s in heard)

    about, recording = dict(row["about"]), row["id"]
    fresh = [asdict(s) for s in transcript.suppressed]
    about["suppressed"] = sorted([s for s in about.get("suppressed", ()) if not there(s)] + fresh, key=_start)
    labels = list(about.get("speakers", ()))
    about["speakers"] = labels + [n for n in dict.fromkeys(names.values()) if n not in labels]
    notices = [asdict(n) for n in (*transcript.provenance.notices, *_told(transcript, heard))]
    before = about["provenance"]
    about["provenance"] = {
        **before,
        "notices": [*before["notices"], *(n for n in notices if n not in before["notices"])],
    }
    about |= {"edited": time.time()} if about.get("turns") else {}
    told.spoken(connection, recording)
    language = row["language"] or transcript.language
    told.touch(connection, recording, about=shapes.plain(about), language=language)


def _told(transcript: Transcript, heard: Stretches) -> tuple[Notice, ...]:
    if not heard:
        return ()
    first, last, model = timebase.clock(heard[0][0]), timebase.clock(heard[-1][1]), transcript.provenance.model
    return (Notice("transcribed_again", f"{first} to {last} was transcribed again, by {model}"),)


def _start(one: Mapping[str, Any]) -> float:
    return float(one["start_s"])


def _within(heard: Stretches | None) -> ColumnElement[bool]:
    """Segments that lie wholly in some stretches."""
    if heard is None:
        return true()
    start_s, end_s = SegmentRow.start_s + NEAR_S, SegmentRow.end_s - NEAR_S
    return or_(false(), *(and_(start_s >= low_s, end_s <= high_s) for low_s, high_s in heard))


def _around(heard: Stretches | None) -> list[tuple[float, float]]:
    """What lies before, between and after some stretches."""
    if heard is None:
        return []
    begins, ends = [start_s for start_s, _ in heard], [end_s for _, end_s in heard]
    return list(zip([-EVER, *ends], [*begins, EVER], strict=True))


def _clock(connection: Connection, recording: str) -> Callable[[float], float]:
    """What the Unix time was at a second of a recording."""
    asked = select(TakeRow.start_s, TakeRow.began_s).where(TakeRow.recording_id == recording)
    takes = [tuple(row) for row in connection.execute(asked.order_by(TakeRow.start_s, TakeRow.id))]

    def clock(at_s: float) -> float:
        start_s, began_s = next((t for t in reversed(takes) if t[0] <= at_s), takes[0])
        return float(began_s + at_s - start_s)

    return clock


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
