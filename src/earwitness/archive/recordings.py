"""Recordings as they are kept: put in whole, listed, given out as transcripts, taken away.

What is given out is what was put in, until somebody changes it; only names follow the people as they are now, and
voices are kept in 32 bits. Every question is asked for a viewer, and what they may not see is not there.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, func, insert, or_, select

from earwitness.archive import shapes
from earwitness.archive.database import Database
from earwitness.archive.happened import happened
from earwitness.archive.schema.heard import FileRow, RecordingRow, SegmentRow, SpeakerRow, TakeRow
from earwitness.archive.schema.people import MergedRow, PersonRow
from earwitness.archive.viewer import HOUSE, Viewer, sees
from earwitness.archive.writer import Writer
from earwitness.errors import BadInput, NotFound
from earwitness.types import Segment, Speaker, Transcript

Kind = Literal["file", "live"]

LONGEST_TITLE = 300
MOST = 200
"""Recordings on a page at most."""

OUTLINES = "peaks"
"""The folder of what files of sound look like; in it each has the path of its sound."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What is known of a recording besides what was said. Times called `began`, `made`, `changed` are Unix seconds."""

    id: str
    kind: str
    state: str
    title: str
    owner_id: str | None
    source_id: str | None
    session: str | None
    sha256: str | None
    began_s: float
    duration_s: float
    language: str | None
    kept: bool
    made_s: float
    changed_s: float


@dataclass(frozen=True, slots=True)
class Piece:
    """A file of a recording, and the stretch of it that it holds."""

    id: int
    kind: str
    path: str
    start_s: float
    end_s: float | None
    size: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which recordings; None is any. Times are Unix seconds, `before_s` is not part of it."""

    kind: str | None = None
    state: str | None = None
    source: str | None = None
    sha256: str | None = None
    kept: bool | None = None
    after_s: float | None = None
    before_s: float | None = None
    title: str | None = None
    """Words that its title holds, or parts of words, in any order."""
    person: str | None = None
    """Somebody who speaks in it, by id."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some recordings, the newest first, and where the next page begins; None on the last one."""

    recordings: tuple[Recording, ...]
    next: str | None


class Recordings:
    """The recordings of a database. Safe to share between threads; not for an event loop."""

    def __init__(self, database: Database, writer: Writer, folder: Path) -> None:
        """`folder` is that of the archive's files."""
        self._database, self._writer, self._folder = database, writer, folder

    def add(
        self,
        transcript: Transcript,
        *,
        viewer: Viewer,
        title: str,
        kind: Kind,
        began_s: float,
        sha256: str | None = None,
        source: str | None = None,
        kept: bool = False,
    ) -> str:
        """Keep a transcript, and whose it is; the id of the recording.

        `began_s` is when its first sample was heard, or when the file came. Raises StorageFailed and Busy.
        """
        ident = new_id()
        row = {"title": title, "kind": kind, "began_s": began_s, "sha256": sha256, "source_id": source, "kept": kept}
        rows = segment_rows(transcript.segments)  # not in the writer's thread
        self._writer.write(lambda c: put(c, ident, transcript, rows, viewer.owner, row))
        return ident

    def one(self, ident: str, viewer: Viewer = HOUSE, verb: str = "view") -> Recording:
        """A recording with which a viewer may do something. Raises NotFound."""
        with self._database.reading() as connection:
            return _card(seen(connection, ident, viewer, verb))

    def may(self, ident: str, viewer: Viewer, verb: str) -> bool:
        """Whether a viewer may do something with a recording."""
        try:
            self.one(ident, viewer, verb)
        except NotFound:
            return False
        return True

    def of_session(self, session: str, viewer: Viewer = HOUSE) -> str | None:
        """Id of the recording of a live session; None where there is none that the viewer sees."""
        asked = select(RecordingRow.id).where(RecordingRow.session == session, sees(viewer))
        with self._database.reading() as connection:
            return None if connection is None else connection.execute(asked).scalar()

    def page(self, viewer: Viewer = HOUSE, wanted: Wanted = Wanted(), at: str | None = None, most: int = 50) -> Page:
        """Recordings that a viewer sees, the newest first, from where an earlier page ended. Raises BadInput."""
        most = max(1, min(most, MOST))
        asked = select(RecordingRow.__table__).where(sees(viewer), *_filters(wanted))
        if at is not None:
            began_s, ident = _place(at)
            before = and_(RecordingRow.began_s == began_s, RecordingRow.id < ident)
            asked = asked.where(or_(RecordingRow.began_s < began_s, before))
        asked = asked.order_by(RecordingRow.began_s.desc(), RecordingRow.id.desc()).limit(most + 1)
        with self._database.reading() as connection:
            found = [] if connection is None else [_card(r) for r in connection.execute(asked).mappings()]
        last = found[most - 1] if len(found) > most else None
        return Page(tuple(found[:most]), None if last is None else f"{last.began_s!r}:{last.id}")

    def transcript(self, ident: str, viewer: Viewer = HOUSE) -> Transcript:
        """What was said, as it stands now. Raises NotFound."""
        with self._database.reading() as connection:
            recording = seen(connection, ident, viewer)
            assert connection is not None
            asked = select(SegmentRow.__table__).where(SegmentRow.recording_id == ident)
            segments = connection.execute(asked.order_by(SegmentRow.start_s, SegmentRow.number)).mappings()
            return shapes.transcript_of(recording, segments, _speakers(connection, ident))

    def speakers(self, ident: str, viewer: Viewer = HOUSE) -> tuple[Speaker, ...]:
        """Who speaks in a recording. Raises NotFound."""
        with self._database.reading() as connection:
            recording = seen(connection, ident, viewer)
            assert connection is not None
            return shapes.transcript_of(recording, (), _speakers(connection, ident)).speakers

    def speaking(self, idents: Sequence[str], viewer: Viewer = HOUSE) -> dict[str, tuple[Speaker, ...]]:
        """Who speaks in each of some recordings that the viewer sees, without their voices."""
        columns = SpeakerRow.recording_id, SpeakerRow.label, SpeakerRow.speech_s, SpeakerRow.confidence
        name = func.coalesce(PersonRow.name, SpeakerRow.name).label("name")
        asked = (
            select(*columns, name, SpeakerRow.person_id)
            .join(RecordingRow, RecordingRow.id == SpeakerRow.recording_id)
            .join(PersonRow, PersonRow.id == SpeakerRow.person_id, isouter=True)
            .where(SpeakerRow.recording_id.in_(idents), sees(viewer))
            .order_by(func.length(SpeakerRow.label), SpeakerRow.label)
        )
        found = dict[str, tuple[Speaker, ...]]()
        with self._database.reading() as connection:
            for row in () if connection is None or not idents else connection.execute(asked):
                who = Speaker(row.label, row.speech_s, row.confidence, row.name, row.person_id)
                found[row.recording_id] = (*found.get(row.recording_id, ()), who)
        return found

    def files(self, ident: str, viewer: Viewer = HOUSE, verb: str = "listen") -> tuple[Piece, ...]:
        """The files of a recording in the order of its time. Raises NotFound."""
        with self._database.reading() as connection:
            seen(connection, ident, viewer, verb)
            assert connection is not None
            return tuple(files_of(connection, ident))

    def remove(self, ident: str, viewer: Viewer = HOUSE) -> None:
        """Take a recording away, with everything of it. Raises NotFound."""

        def change(connection: Connection) -> list[Piece]:
            seen(connection, ident, viewer, "edit")
            return taken_away(connection, ident)

        for piece in self._writer.write(change):
            for path in (self._folder / piece.path, outlined(self._folder, piece.path)):
                with suppress(OSError):  # what stays is found by the scan for orphans
                    path.unlink()


def new_id() -> str:
    """An id for a recording."""
    return f"r_{secrets.token_hex(8)}"


def put(
    connection: Connection,
    ident: str,
    transcript: Transcript,
    segments: Sequence[dict[str, Any]],
    owner_id: str | None,
    given: dict[str, Any],
) -> None:
    """Write a transcript down as a recording. `segments` are its rows, `given` other columns of the recording."""
    now = time.time()
    state = "whole" if transcript.complete else "part"
    row = {
        "id": ident,
        "state": state,
        "owner_id": owner_id,
        "duration_s": transcript.duration_s,
        "language": transcript.language,
        "about": shapes.about(transcript),
        "made_s": now,
        "changed_s": now,
        **given,
        "title": titled(given["title"]),
    }
    connection.execute(insert(RecordingRow).values(**row))
    began_s = given["began_s"]
    take = {"recording_id": ident, "began_s": began_s, "start_s": 0.0, "end_s": transcript.duration_s, "why": "end"}
    connection.execute(insert(TakeRow).values(**take))
    fill(connection, ident, segments, transcript, lambda at_s: began_s + at_s)
    happened(connection, "recordings", "made", {"id": ident, "kind": given["kind"], "state": state}, recording=ident)


def fill(
    connection: Connection,
    ident: str,
    segments: Sequence[dict[str, Any]],
    transcript: Transcript,
    clock: Callable[[float], float],
    *,
    after: int = 0,
) -> None:
    """Give a recording its segments, numbered `after` those that are there, and its speakers.

    `clock` tells the Unix time of a second of it.
    """
    if segments:
        fresh = {"recording_id": ident, "revision": 0, "by_person": False}
        numbered = enumerate(segments, after + 1)
        rows = [{**s, **fresh, "number": n, "said_s": clock(s["start_s"])} for n, s in numbered]
        connection.execute(insert(SegmentRow), rows)
    if transcript.speakers:
        model = transcript.provenance.methods.get("speakers")
        who = [shapes.speaker_row(s, model, known(connection, s.person)) for s in transcript.speakers]
        connection.execute(insert(SpeakerRow), [row | {"recording_id": ident} for row in who])


def known(connection: Connection, person: str | None) -> str | None:
    """The id of a person as it is now; None for nobody who is known here."""
    if person is None or connection.execute(select(PersonRow.id).where(PersonRow.id == person)).scalar():
        return person
    return connection.execute(select(MergedRow.person_id).where(MergedRow.id == person)).scalar()


def seen(connection: Connection | None, ident: str, viewer: Viewer, verb: str = "view") -> RowMapping:
    """The row of a recording with which a viewer may do something. Raises NotFound."""
    asked = select(RecordingRow.__table__).where(RecordingRow.id == ident, sees(viewer, verb))
    found = (
        None if connection is None or not ident.isprintable() else connection.execute(asked).mappings().one_or_none()
    )
    if found is None:
        raise NotFound(f"there is no recording {ident[:40]!r}", remedy="GET /api/recordings lists those there are.")
    return found


def files_of(connection: Connection, ident: str) -> list[Piece]:
    """The files of a recording, in the order of its time."""
    asked = select(FileRow.id, FileRow.kind, FileRow.path, FileRow.start_s, FileRow.end_s, FileRow.size)
    asked = asked.where(FileRow.recording_id == ident).order_by(FileRow.start_s, FileRow.id)
    return [Piece(*row) for row in connection.execute(asked)]


def outlined(folder: Path, path: str) -> Path:
    """Where it is kept how loud a file of sound is, below the folder of the archive's files."""
    return folder / OUTLINES / path


def taken_away(connection: Connection, ident: str) -> list[Piece]:
    """Take a recording's rows away; its files, which are to be deleted once this is kept."""
    files = files_of(connection, ident)
    happened(connection, "recordings", "removed", {"id": ident}, recording=ident)
    connection.execute(delete(RecordingRow).where(RecordingRow.id == ident))
    return files


def titled(title: str) -> str:
    """A title as it is kept: one line."""
    return shapes.line(title)[:LONGEST_TITLE]


def segment_rows(segments: Sequence[Segment]) -> list[dict[str, Any]]:
    """The rows of segments, for `put`."""
    return [shapes.segment_row(s) for s in segments]


def _speakers(connection: Connection, ident: str) -> list[Speaker]:
    asked = (
        select(SpeakerRow.__table__, PersonRow.name.label("called"))
        .join(PersonRow, PersonRow.id == SpeakerRow.person_id, isouter=True)
        .where(SpeakerRow.recording_id == ident)
    )
    return [shapes.speaker_of(row, row["called"]) for row in connection.execute(asked).mappings()]


def _filters(wanted: Wanted) -> list[ColumnElement[bool]]:
    columns = (
        (RecordingRow.kind, wanted.kind),
        (RecordingRow.state, wanted.state),
        (RecordingRow.source_id, wanted.source),
        (RecordingRow.sha256, wanted.sha256),
        (RecordingRow.kept, wanted.kept),
    )
    found: list[ColumnElement[bool]] = [column == value for column, value in columns if value is not None]
    if wanted.after_s is not None:
        found.append(RecordingRow.began_s >= wanted.after_s)
    if wanted.before_s is not None:
        found.append(RecordingRow.began_s < wanted.before_s)
    if wanted.person is not None:
        found.append(RecordingRow.id.in_(select(SpeakerRow.recording_id).where(SpeakerRow.person_id == wanted.person)))
    return [*found, *(_titled(word) for word in (wanted.title or "").split())]


def _titled(word: str) -> ColumnElement[bool]:
    """Titles that hold a word. SQLite knows capitals of ASCII only: others are tried as a title has them."""
    forms = dict.fromkeys((word.lower(), word.capitalize(), word.upper(), word))
    return or_(*(RecordingRow.title.icontains(form, autoescape=True) for form in forms))


def _place(at: str) -> tuple[float, str]:
    began_s, _, ident = at.partition(":")
    try:
        if ident.isprintable():
            return float(began_s), ident
        raise ValueError
    except ValueError:
        raise BadInput("this is no place in a list", remedy="Give `next` of the page before.", param="at") from None


def _card(row: RowMapping) -> Recording:
    return Recording(**{name: row[name] for name in Recording.__slots__})
