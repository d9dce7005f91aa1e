"""Brings SQLite's log into its file, beside the writer, who else would do that while others wait for it."""

import threading
from contextlib import suppress

from earwitness.archive.database import Database
from earwitness.errors import EarwitnessError

EACH = 500
"""Changes between two times."""


class Checkpoints:
    """A thread for it, from the first change that makes it worthwhile. Nothing to do where the database has no log."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written = 0
        self._due = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def written(self, changes: int) -> None:
        """So many changes were kept. For one thread."""
        self._written += changes
        if self._written < EACH or self._database.file is None:
            return
        self._written = 0
        self._due.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="archive-checkpoints", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._due.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while self._due.wait() and not self._closed:
            self._due.clear()
            with suppress(EarwitnessError):  # SQLite brings it in with a later change, which tells what is wrong
                self._database.shorten_log()
