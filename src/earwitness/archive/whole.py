"""The archive as its users have it: one database, one writer, and the rooms over them."""

from collections.abc import Callable
from pathlib import Path

from earwitness.archive.database import Database
from earwitness.archive.hooks import Hooks
from earwitness.archive.jobs import Jobs
from earwitness.archive.people import People
from earwitness.archive.results import Results
from earwitness.archive.seal import Seal
from earwitness.archive.uploads import Uploads
from earwitness.archive.writer import Writer


class Archive:
    """Everything that is kept. Nothing is opened or made before it is wanted. Safe to share between threads."""

    def __init__(self, place: Path | str, folder: Path, woken: Callable[[], None] = lambda: None) -> None:
        """`place` is that of the database, `folder` that of the files; `woken` is called after something was kept."""
        self.folder = folder
        self.database = Database(place)
        self.writer = Writer(self.database, woken)
        self.seal = Seal(folder / "secrets.key")
        self.people = People(self.database)
        self.jobs = Jobs(self.database, self.writer)
        self.uploads = Uploads(self.database, self.writer)
        self.results = Results(self.database, folder)
        self.hooks = Hooks(self.database, self.writer, self.seal)

    def close(self) -> None:
        """Write what waits, and let go."""
        self.writer.close()
        self.database.close()
