"""Stores one live session as it goes: what is told is kept before it is told. Knows no sound and no connection.

What the database does not take waits in memory and is kept with the next, so a disk that is full for a while costs
nothing, and the session goes on meanwhile. What an earlier process kept already is not kept twice.
"""

import time
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.exc import OperationalError

from earwitness.archive import shapes, tail, told
from earwitness.archive.database import Database
from earwitness.archive.job import Order
from earwitness.archive.recordings import new_id, titled
from earwitness.archive.schema.heard import FileRow, RecordingRow, TakeRow
from earwitness.archive.writer import Writer
from earwitness.audio import timebase
from earwitness.errors import Busy, EarwitnessError, StorageFailed
from earwitness.events import Ended, Failed, Final, Gap, Named, Noted, Numbered, Partial, Revised, Settled
from earwitness.types import Json, Notice, Provenance, Task

PATIENCE_S = 5.0
"""How long a session waits for the database before it goes on without."""

AGAIN_S = 1.0
"""How long a database that takes nothing is left alone."""

MOST_OWED = 20_000
"""Changes that wait in memory while the database takes none."""

MOST_HELD = 1_000
"""Stretches held back, and notices, that are kept of a session."""

AWAY_S = 10.0
"""Sound that comes so much later than what came before says it should begins a new take."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a session is begun with, as far as it is kept."""

    session: str
    place: str
    """Id of the server whose session it is."""
    owner: str | None = None
    title: str = ""
    source: str | None = None
    task: Task = "transcribe"
    provenance: Provenance = field(default_factory=lambda: Provenance("", "", "", "", {}))


_THERE = select(RecordingRow.id).where(RecordingRow.id == bindparam("ident"))


class Storing:
    """Of one session. Called from one thread at a time, which is not an event loop's."""

    def __init__(self, database: Database, writer: Writer, opening: Opening) -> None:
        """Goes on with the recording of that session, where there is one. Raises what reading does."""
        self._writer, self._opening = writer, opening
        self._owed, self._flying = list[partial[None]](), list[partial[None]]()
        self._told: Future[bool] | None = None
        self._fails = self._over = self.lost = False
        """`lost` nothing more is kept: the recording was taken away, or too much waits."""
        self._notice: Notice | None = None
        self._again_s = 0.0
        self._suppressed, self._notices = list[dict[str, Json]](), list[dict[str, Json]]()
        self._take: tuple[float, float] | None = None
        """Where the take begins in the recording, and when that was."""
        self._kept = 0
        """Number of the last event that an earlier process kept."""
        self.id = new_id()
        self.sound_s = 0.0
        """Up to where there are files of sound."""
        with database.reading() as connection:
            if connection is not None:
                self._go_on(connection)

    def heard(self, position: int, samples: int) -> None:
        """Some sound comes, that begins at a position."""
        start_s, now = timebase.seconds(position), time.time()
        began_s = now - timebase.seconds(samples)
        if self._take is None:
            self.begin(start_s, began_s)
        elif began_s - self._clock(start_s) > AWAY_S:
            self._next_take(start_s, start_s, "paused", began_s)

    def begin(self, start_s: float, began_s: float) -> None:
        """The recording begins there and then, unless it has begun."""
        if self._take is None:
            self._take = start_s, began_s
            self._owed.append(partial(told.opened, self.id, _row(self._opening, began_s), self._take))

    def tell(self, events: Sequence[Numbered]) -> Notice | None:
        """Keep some events; what is to be told of that. Waits until they are kept, but not for long."""
        if self.lost:
            return None
        for numbered in events:
            self._take_in(numbered)
        return self._keep()

    def piece(self, path: str, start_s: float, end_s: float, size: int) -> None:
        """A file of sound is whole; it is kept with what is told next."""
        row = {"recording_id": self.id, "kind": "audio", "path": path, "start_s": start_s, "end_s": end_s}
        row |= {"size": size, "made_s": time.time()}
        self._owed.append(partial(told.piece, row))

    def close(self, *, later: bool) -> None:
        """The session is let go of; `later` it may be taken up again. Does not wait."""
        if self._take is not None and not self._over and not later:
            self._owed.append(partial(tail.left, self.id, "left", held=self._held(), torn=False))
        self._keep(0.0)

    def hand_on(self, order: Order | None) -> Notice | None:
        """Nobody goes on with the session: a job has what was heard and has no text yet; None where nothing is left."""
        if order is None:
            self._owed.append(self._closing("whole", "crash", None))
        else:
            self._owed.append(partial(tail.queued, self.id, "crash", order, held=self._held()))
        return self._keep()

    # ── what comes of an event ──
    def _take_in(self, numbered: Numbered) -> None:
        event = numbered.event
        if isinstance(event, Settled) and len(self._suppressed) < MOST_HELD:
            self._suppressed += [dict(asdict(s)) for s in event.suppressed]
        elif isinstance(event, Noted) and len(self._notices) < MOST_HELD:
            self._notices.append(dict(asdict(event.notice)))
        if self._take is None or numbered.seq <= self._kept or isinstance(event, Partial):
            return
        if isinstance(event, Final):
            said_s = self._clock(event.segment.start_s)
            row = shapes.segment_row(event.segment) | {"number": event.id, "said_s": said_s}
            self._owed.append(partial(told.final, self.id, row, numbered.seq))
        elif isinstance(event, Revised):
            row = shapes.segment_row(event.segment)
            self._owed.append(partial(told.revised, self.id, event.id, event.what, row, numbered.seq))
        elif isinstance(event, Named):
            self._owed.append(partial(told.named, self.id, event.speaker))
        elif isinstance(event, Gap):
            self._next_take(event.start_s, event.end_s, event.reason, None)
        elif isinstance(event, Ended):
            self._owed.append(self._closing("whole", "end", event.duration_s))
            self._over = True
        elif isinstance(event, Failed) and event.fatal:
            self._owed.append(self._closing("part", event.code, None))
            self._over = True

    def _clock(self, at_s: float) -> float:
        """Wall clock of a position."""
        assert self._take is not None
        return self._take[1] + at_s - self._take[0]

    def _next_take(self, end_s: float, start_s: float, why: str, began_s: float | None) -> None:
        self._take = start_s, self._clock(start_s) if began_s is None else began_s
        self._owed.append(partial(told.next_take, self.id, end_s, why, self._take))

    def _closing(self, state: str, why: str, duration_s: float | None) -> partial[None]:
        return partial(told.closed, self.id, state, why, duration_s, self._held())

    def _held(self) -> tail.Held:
        return {"suppressed": tuple(self._suppressed), "notices": tuple(self._notices)}

    # ── keeping it ──
    def _keep(self, patience_s: float = PATIENCE_S) -> Notice | None:
        if not self._landed(0.0) or not self._owed or self._notice or time.monotonic() < self._again_s:
            return self._notice
        if len(self._owed) > MOST_OWED:
            self.lost = True
            return Notice("not_stored", "too much waits to be stored: what is said from here on is not in the archive")
        self._flying, self._owed = self._owed, []
        try:
            self._told = self._writer.submit(partial(_all, self.id, tuple(self._flying)))
        except EarwitnessError as error:
            return self._failed(error)
        if patience_s and not self._landed(patience_s):
            return self._failing("the database does not answer")
        return self._notice

    def _landed(self, patience_s: float) -> bool:
        """Whether nothing is on its way to the database; what failed there is owed again."""
        self._notice = None
        if self._told is None:
            return True
        try:
            there = self._told.result(patience_s)
        except Late:
            return False
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the database, the session goes on
            self._notice = self._failed(error)
        else:
            self._flying, self._told, self._fails = [], None, False
            if not there:
                self.lost, self._notice = True, Notice("not_stored", "the recording was taken out of the archive")
        return True

    def _failed(self, error: Exception) -> Notice | None:
        self._told = None
        if isinstance(error, StorageFailed | Busy | OperationalError):
            self._owed, self._flying, self._again_s = self._flying + self._owed, [], time.monotonic() + AGAIN_S
            return self._failing(getattr(error, "message", type(error).__name__))
        self._flying = []
        return Notice("not_stored", f"some of what was said could not be stored: {type(error).__name__}")

    def _failing(self, why: str) -> Notice | None:
        if self._fails:
            return None
        self._fails = True
        return Notice("not_stored", f"the session goes on, but is not stored for now: {why}")

    def _go_on(self, connection: Connection) -> None:
        asked = select(RecordingRow.id, RecordingRow.told).where(RecordingRow.session == self._opening.session)
        row = connection.execute(asked).one_or_none()
        if row is None:
            return
        self.id, self._kept = row.id, row.told or 0
        last = select(TakeRow.start_s, TakeRow.began_s).where(TakeRow.recording_id == row.id)
        take = connection.execute(last.order_by(TakeRow.id.desc()).limit(1)).one()
        self._take = take.start_s, take.began_s
        sound = select(func.max(FileRow.end_s)).where(FileRow.recording_id == row.id, FileRow.kind == "audio")
        self.sound_s = connection.execute(sound).scalar() or 0.0


def _all(ident: str, changes: Sequence[partial[None]], connection: Connection) -> bool:
    """Make some changes; False where the recording is gone."""
    if changes[0].func is not told.opened and connection.execute(_THERE, {"ident": ident}).scalar() is None:
        return False
    for change in changes:
        change(connection)
    return True


def _row(opening: Opening, began_s: float) -> dict[str, Any]:
    now = time.time()
    return {
        "kind": "live",
        "state": "open",
        "title": titled(opening.title),
        "owner_id": opening.owner,
        "source_id": opening.source,
        "session": opening.session,
        "began_s": began_s,
        "duration_s": 0.0,
        "about": shapes.plain(
            {"place": opening.place, "task": opening.task, "complete": False, "provenance": asdict(opening.provenance)}
        ),
        "kept": False,
        "made_s": now,
        "changed_s": now,
    }


def left_open(connection: Connection, place: str | None) -> list[tuple[str, str]]:
    """Recordings of a server, or of all, that are open: their ids, and those of their sessions."""
    asked = select(RecordingRow.id, RecordingRow.session, RecordingRow.about).where(RecordingRow.state == "open")
    rows = connection.execute(asked.where(RecordingRow.session.is_not(None)))
    return [(row.id, row.session) for row in rows if place in {None, row.about.get("place")}]
