"""One thread writes everything: changes that come at the same time are kept by one transaction, and so by one fsync.

A change is a function of the connection and of nothing else, because it may be made twice: where one of several raises,
all are made anew, each so that what it raises undoes that one alone. What a change returns is told once it is kept, not
before. Changes are made in the order in which they came.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from earwitness.archive.checkpoints import Checkpoints
from earwitness.archive.database import Database
from earwitness.errors import Busy, EarwitnessError, StorageFailed

T = TypeVar("T")
Waiting: TypeAlias = "tuple[Callable[[Connection], Any], Future[Any]]"
Made = tuple[Any, Exception | None]
"""What a change returned, or raised."""

TOGETHER = 200
"""Changes in one transaction at most: whoever comes late in a long queue shall not wait for all of it."""

WAITING = 20_000
"""Changes that may wait."""


class Writer:
    """Writes into a database. `after` is called in the writer's thread after each transaction that was kept."""

    def __init__(self, database: Database, after: Callable[[], None] = lambda: None) -> None:
        self._database, self._after = database, after
        self._checkpoints = Checkpoints(database)
        self._waiting = deque[Waiting]()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, change: Callable[[Connection], T]) -> "Future[T]":
        """Let a change be made. Raises Busy where too many wait, and StorageFailed once this is closed.

        The future has what the change returned once it is kept; it raises what the change raised, or why nothing could
        be kept (StorageFailed, Busy).
        """
        told: Future[T] = Future()
        with self._changed:
            if self._closed:
                raise StorageFailed("the archive is closed", remedy="Start the server again.")
            if len(self._waiting) >= WAITING:
                raise Busy("too much waits to be written", retry_after_s=5.0)
            self._waiting.append((change, told))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="archive-writer", daemon=True)
                self._thread.start()
            self._changed.notify()
        return told

    def write(self, change: Callable[[Connection], T]) -> T:
        """Make a change and wait until it is kept. Raises what `submit` and its future raise. Not for an event loop."""
        return self.submit(change).result()

    @property
    def waiting(self) -> int:
        """Changes that wait."""
        return len(self._waiting)

    def close(self) -> None:
        """Write what waits, then let go."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        self._checkpoints.close()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                some = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
            some = [one for one in some if one[1].set_running_or_notify_cancel()]
            if some:
                self._keep(some)

    def _keep(self, some: Sequence[Waiting]) -> None:
        try:
            done = self._together(some) or self._apart(some)
        except Exception as error:  # noqa: BLE001 - whoever waits for it gets it
            for _, told in some:
                told.set_exception(error)
            return
        for (_, told), (value, failed) in zip(some, done, strict=True):
            if failed is None:
                told.set_result(value)
            else:
                told.set_exception(failed)
        self._checkpoints.written(len(some))
        self._after()

    def _together(self, some: Sequence[Waiting]) -> list[Made] | None:
        """Make the changes of a transaction; None where one of several fails: nothing of them is kept then.

        A change nearly never fails, and a savepoint around each takes as long as the change itself.
        """
        done, failed = list[Made](), None
        try:
            with self._database.writing() as connection:
                for change, _ in some:
                    try:
                        done.append((change(connection), None))
                    except Exception as error:
                        failed = None if _lost(connection, error) else error
                        raise
        except Exception:
            if failed is None:  # nothing can be kept, or it is not known whether it was
                raise
            return [(None, self._explained(failed))] if len(some) == 1 else None
        return done

    def _apart(self, some: Sequence[Waiting]) -> list[Made]:
        """The same where what one of them raises undoes that one alone."""
        done = list[Made]()
        with self._database.writing() as connection:
            for change, _ in some:
                try:
                    with connection.begin_nested():
                        done.append((change(connection), None))
                except Exception as error:
                    if _lost(connection, error):
                        raise
                    done.append((None, self._explained(error)))
        return done

    def _explained(self, error: Exception) -> Exception:
        """The error that whoever waits is told: the database's own in our words."""
        if not isinstance(error, DBAPIError):
            return error
        told = self._database.explained(error)
        told.__cause__ = error
        return told


def _lost(connection: Connection, error: Exception) -> bool:
    """Whether an error is the database's own: the connection is lost, or the disk full, and nothing is kept."""
    return not isinstance(error, EarwitnessError) and (connection.invalidated or not connection.in_transaction())
