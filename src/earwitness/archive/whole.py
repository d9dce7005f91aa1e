"""The archive as its users have it: one database, one writer, and the rooms over them."""

from collections.abc import Callable
from pathlib import Path

from earwitness.archive.accounts import Accounts
from earwitness.archive.database import Database
from earwitness.archive.editing import Editing
from earwitness.archive.events import Bell, Events
from earwitness.archive.hooks import Hooks
from earwitness.archive.jobs import Jobs
from earwitness.archive.notes import Notes
from earwitness.archive.overview import Overview
from earwitness.archive.peaks import Peaks
from earwitness.archive.people import People
from earwitness.archive.recordings import Recordings
from earwitness.archive.seal import Seal
from earwitness.archive.search.find import Search
from earwitness.archive.uploads import Uploads
from earwitness.archive.writer import Writer


class Archive:
    """Everything that is kept. Nothing is opened or made before it is wanted. Safe to share between threads."""

    def __init__(self, place: Path | str, folder: Path, written: Callable[[], None] = lambda: None) -> None:
        """`place` is that of the database, `folder` that of the files; `written` after each transaction of this one."""
        self.folder = folder
        self.database = Database(place)
        self.bell = Bell()

        def kept() -> None:
            written()
            self.bell.ring()

        self.writer = Writer(self.database, kept)
        self.events = Events(self.database, self.writer, self.bell)
        self.seal = Seal(folder / "secrets.key")
        self.people = People(self.database)
        self.recordings = Recordings(self.database, self.writer, folder)
        self.editing = Editing(self.database, self.writer)
        self.notes = Notes(self.database, self.writer)
        self.overview = Overview(self.database)
        self.peaks = Peaks(folder)
        self.search = Search(self.database)
        self.accounts = Accounts(self.database, self.writer)
        self.jobs = Jobs(self.database, self.writer)
        self.uploads = Uploads(self.database, self.writer)
        self.hooks = Hooks(self.database, self.writer, self.seal)

    def close(self) -> None:
        """Write what waits, and let go."""
        self.peaks.close()
        self.events.close()
        self.writer.close()
        self.database.close()
