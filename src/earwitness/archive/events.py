"""The log of what happened: read by whoever may see it, in order, from any place on, for a day.

Ids only grow, and an event with a lower id is never seen later than one with a higher: one at a time writes. What a
viewer may not see leaves no trace but the number. Knows no wire.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, or_, select, true

from earwitness.archive.database import Database
from earwitness.archive.schema.accounts import GrantRow
from earwitness.archive.schema.work import EventRow
from earwitness.archive.viewer import Viewer, sees
from earwitness.archive.writer import Writer
from earwitness.errors import EarwitnessError

KEPT_S = 86_400.0
"""How long events are kept."""

AT_ONCE = 1000
"""Events that one transaction deletes: others shall not wait for long."""

FOR_ALL = ("models", "people")
"""Topics whose events everybody sees that belong to nobody. Any other event of nobody is for who sees everything."""

LISTEN_EACH_S, AGAIN_S = 0.2, 2.0


@dataclass(frozen=True, slots=True)
class Told:
    """One event."""

    id: int
    at_s: float
    topic: str
    kind: str
    recording: str | None
    source: str | None
    owner: str | None
    about: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Events after an id, oldest first. Up to `reached` there are no others that the viewer may see.

    `missed` where some of them are not kept any more, or where the id is none of this log.
    """

    events: tuple[Told, ...]
    reached: int
    newest: int
    missed: bool = False


class Bell:
    """Rings in the thread that wrote something. Whoever hears it must be quick and not raise."""

    def __init__(self) -> None:
        self._ears = tuple[Callable[[], None], ...]()
        self._lock = threading.Lock()

    def heard_by(self, ear: Callable[[], None]) -> None:
        """Call `ear` at each ring, until it is let go."""
        with self._lock:
            self._ears = (*self._ears, ear)

    def let_go(self, ear: Callable[[], None]) -> None:
        """Call it no more."""
        with self._lock:
            self._ears = tuple(e for e in self._ears if e != ear)

    def ring(self) -> None:
        """Tell everybody."""
        for ear in self._ears:
            ear()


class Events:
    """The log of a database. Safe to share between threads."""

    def __init__(self, database: Database, writer: Writer, bell: Bell) -> None:
        self._database, self._writer, self.bell = database, writer, bell
        self._closed = threading.Event()
        self._listener: threading.Thread | None = None

    def newest(self) -> int:
        """The id of the newest event; 0 before the first."""
        with self._database.reading() as connection:
            return 0 if connection is None else _ends(connection)[1]

    def after(self, viewer: Viewer, after: int, most: int = 500) -> Page:
        """At most so many events after an id that a viewer may see."""
        with self._database.reading() as connection:
            if connection is None:
                return Page((), 0, 0, missed=after > 0)
            oldest, newest = _ends(connection)
            if after > newest or after < oldest - 1:
                return Page((), newest, newest, missed=True)
            wanted = (
                select(*EventRow.__table__.columns)
                .where(EventRow.id > after, EventRow.id <= newest, _may(viewer))
                .order_by(EventRow.id)
                .limit(most)
            )
            found = tuple(
                Told(r.id, r.at_s, r.topic, r.kind, r.recording_id, r.source_id, r.owner_id, r.about)
                for r in connection.execute(wanted)
            )
        return Page(found, newest if len(found) < most else found[-1].id, newest)

    def may(self, viewer: Viewer, *, owner: str | None, source: str | None, recording: str | None) -> bool:
        """Whether a viewer may be told of something that is not written down."""
        outside = viewer.sources is not None and source not in viewer.sources
        if outside or (viewer.recording is not None and recording != viewer.recording):
            return False
        if viewer.everything or viewer.every or owner == viewer.id:
            return True
        with self._database.reading() as connection:
            if connection is None:
                return False
            granted = and_(GrantRow.source_id == source, GrantRow.source_id.is_not(None))
            itself = and_(GrantRow.recording_id == recording, GrantRow.recording_id.is_not(None))
            mine = GrantRow.user_id == viewer.id, GrantRow.verb == "view", or_(granted, itself)
            return bool(connection.execute(select(exists().where(*mine))).scalar())

    def prune(self, before_s: float | None = None) -> int:
        """Forget what is older than a time of the Unix clock, or than a day; how many. The newest event always stays.

        Raises what the writer raises.
        """
        limit = time.time() - KEPT_S if before_s is None else before_s
        old = select(EventRow.id).where(
            EventRow.at_s < limit, EventRow.id < select(func.max(EventRow.id)).scalar_subquery()
        )
        with self._database.reading() as connection:
            if connection is None or connection.execute(old.limit(1)).first() is None:
                return 0
        some = delete(EventRow).where(EventRow.id.in_(old.order_by(EventRow.id).limit(AT_ONCE)))
        gone = 0
        while True:
            went = self._writer.write(lambda c: c.execute(some).rowcount)
            gone += went
            if went < AT_ONCE:
                return gone

    def listen(self) -> None:
        """Ring the bell for what other programs write into the same database, until this is closed."""
        if self._listener is None:
            self._listener = threading.Thread(target=self._listen, name="archive-listener", daemon=True)
            self._listener.start()

    def close(self) -> None:
        """Listen no more."""
        self._closed.set()
        if self._listener is not None:
            self._listener.join()

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                for written in self._database.notices(LISTEN_EACH_S):
                    if self._closed.is_set():
                        break
                    if written:
                        self.bell.ring()
            except EarwitnessError:  # whoever reads is told; this only waits until it is there again
                self._closed.wait(AGAIN_S)


def _ends(connection: Connection) -> tuple[int, int]:
    """The ids of the oldest and the newest event; 0 without any."""
    oldest, newest = (select(f(EventRow.id)).scalar_subquery() for f in (func.min, func.max))
    found = connection.execute(select(oldest, newest)).one()
    return found[0] or 0, found[1] or 0


def _may(viewer: Viewer) -> ColumnElement[bool]:
    """The condition on `events` that lets through what a viewer may see."""
    if viewer.everything:
        return true()
    if viewer.recording is not None:
        return sees(viewer, of=EventRow)
    nobody = and_(EventRow.recording_id.is_(None), EventRow.owner_id.is_(None), EventRow.source_id.is_(None))
    return or_(sees(viewer, of=EventRow), and_(nobody, EventRow.topic.in_(FOR_ALL)))
