"""A folder of the server's machine: recordings in it become jobs once they stop growing. They are left as they are."""

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from earwitness.archive.job import LONGEST_NAME, Order
from earwitness.archive.viewer import HOUSE
from earwitness.archive.whole import Archive
from earwitness.config import Settings, ensure_folder
from earwitness.errors import EarwitnessError, StorageFailed
from earwitness.files import write_whole
from earwitness.sounding import SOUNDING
from earwitness.stages.recipe import Recipe
from earwitness.working import orders
from earwitness.working.inbox import PART
from earwitness.working.worker import Worker

LOOK_S = 5.0

Stamp = list[int]


class Watched:
    """Looks into the folder of the settings, if there is one. What was taken is kept in a file of the home folder."""

    def __init__(self, settings: Settings, archive: Archive, worker: Worker, *, log: Callable[..., object]) -> None:
        self._folder, self._file = settings.watch_folder, settings.home / "watched.json"
        self._archive, self._worker, self._log = archive, worker, log
        self._before = dict[str, Stamp]()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, if there is a folder."""
        if self._folder is not None:
            self._thread = threading.Thread(target=self._work, name="watched", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def look(self) -> int:
        """Take what has not changed since the last look and was not taken before; how many. Raises StorageFailed."""
        assert self._folder is not None
        now = dict[str, Stamp]()
        try:
            for path in sorted(self._folder.rglob("*")):
                if path.suffix[1:].lower() in SOUNDING and not path.name.startswith(".") and path.is_file():
                    told = path.stat()
                    now[str(path)] = [told.st_size, told.st_mtime_ns]
        except OSError as error:
            raise StorageFailed(f"the watched folder can't be read: {error.strerror or error}") from error
        taken = self._taken()
        still = [name for name, told in now.items() if self._before.get(name) == told and taken.get(name) != told]
        self._before = now
        for name in still:
            self._take(Path(name))
            taken[name] = now[name]
            write_whole(self._file, json.dumps(taken).encode())
        return len(still)

    def _take(self, path: Path) -> None:
        order = Order(path.name[:LONGEST_NAME], orders.as_json(Recipe()), about={"watched": True})
        target = self._worker.inbox.path(order.id, kept=False)
        beside = target.with_name(target.name + PART)
        try:
            ensure_folder(beside.parent)
            shutil.copyfile(path, beside)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise StorageFailed(f"{path.name} can't be taken: {error.strerror or error}") from error
        self._worker.inbox.put(beside, order.id, kept=False)
        self._archive.jobs.add(HOUSE, [order])
        self._worker.wake()

    def _taken(self) -> dict[str, Stamp]:
        """What was taken before; nothing where the file can't be read, as the same is done once anyway."""
        try:
            found = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _work(self) -> None:
        while not self._ending.wait(LOOK_S):
            try:
                self.look()
            except EarwitnessError as error:
                self._log("watched folder", code=error.code, why=error.message)
