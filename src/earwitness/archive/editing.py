"""What people change of recordings: text, speakers, where segments begin and end; and how it is taken back.

Whoever changes a segment says which revision they saw, and learns of it when that is not the last one any more. What it
was before is written down. What a person changed no machine changes again, until it is undone.
"""

import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from earwitness.archive import shapes, told
from earwitness.archive.database import Database
from earwitness.archive.happened import happened
from earwitness.archive.reassigned import reassigned
from earwitness.archive.recordings import known, seen, titled
from earwitness.archive.retimed import retimed
from earwitness.archive.schema.heard import RecordingRow, RevisionRow, SegmentRow, SpeakerRow
from earwitness.archive.search.tokens import tokens
from earwitness.archive.viewer import HOUSE, Viewer, sees
from earwitness.archive.writer import Writer
from earwitness.errors import BadInput, Conflict, NotFound
from earwitness.types import Segment, Word

LONGEST_TEXT = 20_000
MOST = 1_000
"""Segments on a page at most."""

ADDED = 1_000_000_000
"""Numbers of segments from here on were never told by a session: a person has split another one."""

LABEL = re.compile(r"S[1-9][0-9]{0,3}")
NOBODY = ""
"""Given for a speaker, a name or a person: none any more."""


@dataclass(frozen=True, slots=True)
class Said:
    """A segment of a recording, as it is now."""

    id: int
    recording: str
    revision: int
    by_person: bool
    said_s: float
    """Wall clock of its start."""
    segment: Segment


@dataclass(frozen=True, slots=True)
class Past:
    """A change: which revision it ended, what it was, by whom and when, and the text before, where that changed."""

    revision: int
    what: str
    by: str
    at_s: float
    text: str | None
    speaker: str | None


@dataclass(frozen=True, slots=True)
class Who:
    """Who a speaker is said to be; None leaves it as it is, `NOBODY` takes it away."""

    name: str | None = None
    person: str | None = None


class Editing:
    """Changes to the recordings of a database. Safe to share between threads; not for an event loop."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    # ── reading ──
    def page(
        self,
        recording: str,
        viewer: Viewer = HOUSE,
        after: tuple[float, int] | None = None,
        most: int = 200,
        only: Collection[int] | None = None,
    ) -> tuple[Said, ...]:
        """Segments of a recording in the order of time, from behind a start and an id. Raises NotFound.

        `only` are ids: of these those that are there.
        """
        row = SegmentRow
        asked = select(row.__table__).where(row.recording_id == recording)
        if after is not None:
            asked = asked.where(or_(row.start_s > after[0], (row.start_s == after[0]) & (row.id > after[1])))
        if only is not None:
            asked = asked.where(row.id.in_(only))
        asked = asked.order_by(row.start_s, row.id).limit(max(1, min(most, MOST)))
        with self._database.reading() as connection:
            seen(connection, recording, viewer)
            assert connection is not None
            return tuple(_said(found) for found in connection.execute(asked).mappings())

    def one(self, ident: int, viewer: Viewer = HOUSE) -> Said:
        """A segment. Raises NotFound."""
        with self._database.reading() as connection:
            return _said(_held(connection, ident, viewer, "view"))

    def history(self, ident: int, viewer: Viewer = HOUSE) -> tuple[Past, ...]:
        """What was done to a segment, the newest first. Raises NotFound."""
        with self._database.reading() as connection:
            _held(connection, ident, viewer, "view")
            assert connection is not None
            return tuple(_past(row) for row in _changes(connection, ident))

    # ── changing ──
    def edit(
        self, ident: int, revision: int, viewer: Viewer = HOUSE, *, text: str | None = None, speaker: str | None = None
    ) -> Said:
        """Give a segment another text, or speaker (`NOBODY` for none). Raises NotFound, Conflict and BadInput."""
        if text is not None:
            text = _text(text)
        if speaker and not LABEL.fullmatch(speaker):
            raise BadInput(f"{speaker[:40]!r} is no speaker: they are called S1, S2 …", param="speaker")
        return self._writer.write(partial(_edited, ident, revision, viewer, text, speaker))

    def split(self, ident: int, revision: int, at: int, viewer: Viewer = HOUSE) -> tuple[Said, Said]:
        """Part a segment in two before a character of its text, from 0. Raises NotFound, Conflict and BadInput."""
        return self._writer.write(partial(_split, ident, revision, viewer, at))

    def join(self, ident: int, revision: int, viewer: Viewer = HOUSE) -> Said:
        """Put the segment that follows to a segment. Raises NotFound, Conflict, and BadInput for the last one."""
        return self._writer.write(partial(_joined, ident, revision, viewer))

    def undo(self, ident: int, revision: int, viewer: Viewer = HOUSE) -> Said:
        """Take back the last change by a person that is not taken back yet. Raises NotFound, Conflict, BadInput."""
        return self._writer.write(partial(_undone, ident, revision, viewer))

    def reassign(
        self, recording: str, speaker: str, into: str, viewer: Viewer = HOUSE, segments: Collection[int] | None = None
    ) -> tuple[int, ...]:
        """What one speaker said was said by another: all of it, or those of some segments; the ids of what changed.

        A speaker who is nobody yet gets the name of the other. Raises NotFound and BadInput.
        """
        if not LABEL.fullmatch(into):
            raise BadInput(f"{into[:40]!r} is no speaker: they are called S1, S2 …", param="into")
        if speaker == into:
            raise BadInput("a speaker can't be put to itself", remedy="Give two different speakers.", param="into")
        return self._writer.write(partial(reassigned, recording, speaker, into, viewer, segments))

    def describe(
        self,
        recording: str,
        viewer: Viewer = HOUSE,
        *,
        title: str | None = None,
        kept: bool | None = None,
        speakers: Mapping[str, Who] | None = None,
    ) -> None:
        """Change what a recording is called, whether it is kept for good, who speaks. Raises NotFound and BadInput."""

        def change(connection: Connection) -> None:
            seen(connection, recording, viewer, "edit")
            fresh: dict[str, Any] = {} if title is None else {"title": titled(title)}
            told.touch(connection, recording, **fresh, **({} if kept is None else {"kept": kept}))
            for label, who in (speakers or {}).items():
                _called(connection, recording, label, who)
            facts: dict[str, Any] = {"id": recording, "what": sorted([*fresh, *(["kept"] * (kept is not None))])}
            happened(connection, "recordings", "changed", facts, recording=recording)

        self._writer.write(change)


def _edited(
    ident: int, revision: int, viewer: Viewer, text: str | None, speaker: str | None, connection: Connection
) -> Said:
    row = _held(connection, ident, viewer, "edit", revision)
    segment, fresh = shapes.segment_of(row), dict[str, Any]()
    words = segment.words
    if text is not None and text != segment.text:
        words = retimed(words, text, segment.start_s, segment.end_s)
        fresh |= {"text": text, "tokens": tokens(text), "rest": _without_steps(row["rest"])}
    if speaker is not None:
        label = speaker or None
        told.speaks(connection, row["recording_id"], label)
        words = tuple(Word(w.text, w.start_s, w.end_s, w.confidence, w.aligned, label) for w in words)
        fresh["speaker"] = label
    fresh["words"] = [shapes.word_row(w) for w in words]
    if told.changed(connection, row, fresh, "speaker" if text is None else "text", viewer.id):
        _changed_by_hand(connection, row["recording_id"])
    return _said(_held(connection, ident, viewer, "edit"))


def _split(ident: int, revision: int, viewer: Viewer, at: int, connection: Connection) -> tuple[Said, Said]:
    row = _held(connection, ident, viewer, "edit", revision)
    segment = shapes.segment_of(row)
    first, second = segment.text[: max(0, at)].strip(), segment.text[max(0, at) :].strip()
    if not first or not second:
        raise BadInput("a segment is split within its text", remedy="Give a place between two words.", param="at")
    words, size = segment.words, len(first.split())
    if len(words) == size + len(second.split()):
        end_s, start_s = words[size - 1].end_s, words[size].start_s
    else:
        end_s = start_s = segment.start_s + segment.duration_s * len(first) / (len(first) + len(second))
        size = sum(w.start_s < start_s for w in words)
    listed, rest = row["words"], _without_steps(row["rest"])
    last = select(func.max(SegmentRow.number)).where(SegmentRow.recording_id == row["recording_id"])
    made = {k: v for k, v in row.items() if k != "id"} | {
        "number": max(ADDED, (connection.execute(last).scalar() or 0) + 1),
        "said_s": row["said_s"] + start_s - segment.start_s,
        "start_s": start_s,
        "text": second,
        "tokens": tokens(second),
        "words": listed[size:],
        "rest": rest,
        "revision": 0,
        "by_person": True,
    }
    key = connection.execute(insert(SegmentRow).values(**made)).inserted_primary_key
    assert key is not None
    fresh = {"end_s": end_s, "text": first, "tokens": tokens(first), "words": listed[:size], "rest": rest}
    told.changed(connection, row, fresh, "split", viewer.id, made=key[0])
    facts: dict[str, Any] = {"id": key[0], "recording": row["recording_id"]}
    happened(connection, "segments", "made", facts, recording=row["recording_id"])
    _changed_by_hand(connection, row["recording_id"])
    return _said(_held(connection, ident, viewer, "edit")), _said(_held(connection, key[0], viewer, "edit"))


def _joined(ident: int, revision: int, viewer: Viewer, connection: Connection) -> Said:
    row = _held(connection, ident, viewer, "edit", revision)
    follows = (SegmentRow.start_s > row["start_s"]) | (
        (SegmentRow.start_s == row["start_s"]) & (SegmentRow.number > row["number"])
    )
    asked = select(SegmentRow.__table__).where(SegmentRow.recording_id == row["recording_id"], follows)
    asked = asked.order_by(SegmentRow.start_s, SegmentRow.number).limit(1)
    gone = connection.execute(asked).mappings().one_or_none()
    if gone is None:
        raise BadInput("nothing follows this segment", remedy="Join the one before it with this one.")
    changes = connection.execute(select(RevisionRow.__table__).where(RevisionRow.segment_id == gone["id"])).mappings()
    past = [{k: v for k, v in change.items() if k != "id"} for change in changes]
    text = f"{row['text']} {gone['text']}".strip()
    numbers = [n for n in (row["number"], gone["number"]) if n < ADDED]
    fresh = {
        "end_s": max(row["end_s"], gone["end_s"]),
        "text": text,
        "tokens": tokens(text),
        "words": [*row["words"], *gone["words"]],
        "rest": _without_steps(row["rest"]),
        "number": max(numbers, default=row["number"]),  # what a session tells later must not take it for untold
    }
    connection.execute(delete(SegmentRow).where(SegmentRow.id == gone["id"]))
    told.changed(connection, row, fresh, "joined", viewer.id, joined=dict(gone), past=past)
    _removed(connection, gone["id"], row["recording_id"])
    _changed_by_hand(connection, row["recording_id"])
    return _said(_held(connection, ident, viewer, "edit"))


def _undone(ident: int, revision: int, viewer: Viewer, connection: Connection) -> Said:
    row = _held(connection, ident, viewer, "edit", revision)
    target, skipped = None, 0
    for change in _changes(connection, ident):
        if change["what"] == "undone":
            skipped += 1
        elif change["by"] != told.MACHINE and skipped:
            skipped -= 1
        elif change["by"] != told.MACHINE:
            target = change
            break
    if target is None:
        raise BadInput("no person has changed this segment", remedy="There is nothing to undo.")
    before = dict(target["before"])
    by_person, made = before.pop("by_person"), before.pop("made", None)
    joined, past = before.pop("joined", None), before.pop("past", ())
    if made is not None:
        second = connection.execute(select(SegmentRow.revision).where(SegmentRow.id == made)).scalar()
        if second != 0:
            raise Conflict("the second half was changed since", remedy="Undo that first.")
        connection.execute(delete(SegmentRow).where(SegmentRow.id == made))
        _removed(connection, made, row["recording_id"])
    told.changed(connection, row, before, "undone", viewer.id)
    if joined is not None:
        connection.execute(insert(SegmentRow).values(**joined))
        for change in past:
            connection.execute(insert(RevisionRow).values(**change))
        facts: dict[str, Any] = {"id": joined["id"], "recording": row["recording_id"]}
        happened(connection, "segments", "made", facts, recording=row["recording_id"])
    connection.execute(update(SegmentRow).where(SegmentRow.id == ident).values(by_person=by_person))
    told.touch(connection, row["recording_id"])
    return _said(_held(connection, ident, viewer, "edit"))


def _called(connection: Connection, recording: str, label: str, who: Who) -> None:
    where = (SpeakerRow.recording_id == recording, SpeakerRow.label == label)
    if not label.isprintable() or connection.execute(select(SpeakerRow.label).where(*where)).scalar() is None:
        raise NotFound(f"nobody in this recording is {label[:40]!r}", remedy="GET /api/recordings/ID names them.")
    fresh: dict[str, Any] = {"by_person": True}
    if who.name is not None:
        fresh |= {"name": titled(who.name)[: shapes.LONGEST_NAME] or None, "person_id": None}
    if who.person is not None:
        fresh["person_id"] = known(connection, who.person) if who.person else None
        if who.person and fresh["person_id"] is None:
            raise NotFound(f"nobody is known as {who.person[:40]!r}", remedy="GET /api/speakers shows who is known.")
        fresh["name"] = None if fresh["person_id"] else fresh.get("name")
    connection.execute(update(SpeakerRow).where(*where).values(**fresh))
    happened(connection, "recordings", "named", {"id": recording, "speaker": label}, recording=recording)


# ── rows ──
def _held(
    connection: Connection | None, ident: int, viewer: Viewer, verb: str, revision: int | None = None
) -> Mapping[Any, Any]:
    """The row of a segment with which a viewer may do something. Raises NotFound, and Conflict for an old revision."""
    asked = select(SegmentRow.__table__).join(RecordingRow, RecordingRow.id == SegmentRow.recording_id)
    asked = asked.where(SegmentRow.id == ident, sees(viewer, verb))
    found = None if connection is None else connection.execute(asked).mappings().one_or_none()
    if found is None:
        raise NotFound(f"there is no segment {ident}", remedy="GET /api/recordings/ID/segments lists those there are.")
    if revision is not None and found["revision"] != revision:
        raise Conflict(f"segment {ident} is at revision {found['revision']}, not {revision}")
    return found


def _changes(connection: Connection, ident: int) -> list[Mapping[Any, Any]]:
    asked = select(RevisionRow.__table__).where(RevisionRow.segment_id == ident)
    return list(connection.execute(asked.order_by(RevisionRow.revision.desc())).mappings())


def _said(row: Mapping[Any, Any]) -> Said:
    facts = (row["id"], row["recording_id"], row["revision"], row["by_person"], row["said_s"])
    return Said(*facts, shapes.segment_of(row))


def _past(row: Mapping[Any, Any]) -> Past:
    before = row["before"]
    return Past(row["revision"], row["what"], row["by"], row["at_s"], before.get("text"), before.get("speaker"))


def _removed(connection: Connection, ident: int, recording: str) -> None:
    happened(connection, "segments", "removed", {"id": ident, "recording": recording}, recording=recording)


def _changed_by_hand(connection: Connection, recording: str) -> None:
    """From here on who spoke when is told by the segments."""
    about = connection.execute(select(RecordingRow.about).where(RecordingRow.id == recording)).scalar_one()
    told.touch(connection, recording, about={**about, "edited": time.time()})


def _text(given: str) -> str:
    """A text as it is kept: one line."""
    found = shapes.line(given)
    if not 0 < len(found) <= LONGEST_TEXT:
        raise BadInput(f"a segment has 1 to {LONGEST_TEXT} printable characters", param="text")
    return found


def _without_steps(rest: Mapping[str, Any]) -> dict[str, Any]:
    """What a decoder said of a text does not hold for another one."""
    return {k: v for k, v in rest.items() if k not in {"tokens", "token_ids"}}
