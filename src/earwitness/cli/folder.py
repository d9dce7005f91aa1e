"""What of a folder was done before, kept in the home folder, and a folder that is looked into again and again."""

import contextlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

from earwitness import config
from earwitness.cli import paths
from earwitness.cli.exits import INTERRUPTED
from earwitness.cli.paths import Recording
from earwitness.cli.work import Order, carry_out
from earwitness.errors import EarwitnessError, NotFound, StorageFailed
from earwitness.stages.recipe import Recipe
from earwitness.unfinished.checkpoint import digest_of
from earwitness.working import orders

LOOK_S = 5.0
"""Between two looks into a folder; a recording that is the same in both has stopped growing."""

Stamp = tuple[int, int]


class Done:
    """What was done: a line for each transcript that was written, with the hash of what it came from."""

    def __init__(self, recipe: Recipe, *, fresh: bool = False) -> None:
        """With `fresh` nothing counts that was done before this command."""
        self._path = config.load().home / "batches.jsonl"
        self._recipe = orders.as_json(recipe)
        self._lines = dict[str, str]() if fresh else _read(self._path)
        self._digests = dict[tuple[str, Stamp], str]()
        self._failed = set[tuple[str, Stamp]]()
        self.waits: frozenset[str] = frozenset()
        """Paths of recordings that are still growing."""

    def skips(self, recording: Recording, targets: Sequence[Path]) -> bool:
        """Whether all of its transcripts are there and come from what it holds now; also while it grows."""
        path = recording.path
        assert path is not None
        if str(path) in self.waits or (str(path), stamp(path)) in self._failed:
            return True
        if not all(target.is_file() and str(target.absolute()) in self._lines for target in targets):
            return False
        with contextlib.suppress(StorageFailed):
            return all(self._lines[str(target.absolute())] == self._result(path) for target in targets)
        return False

    def took(self, recording: Recording, targets: Sequence[Path], error: EarwitnessError | None) -> None:
        """Write down what was done. Raises StorageFailed."""
        path = recording.path
        assert path is not None
        if error is not None:
            self._failed.add((str(path), stamp(path)))
            return
        found = self._result(path)
        self._lines |= {str(target.absolute()): found for target in targets}
        lines = "".join(json.dumps({"target": str(t.absolute()), "result": found}) + "\n" for t in targets)
        try:
            config.ensure_folder(self._path.parent)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as failure:
            raise StorageFailed(f"what was done can't be written down: {failure.strerror or failure}") from failure

    def _result(self, path: Path) -> str:
        key = str(path), stamp(path)
        if key not in self._digests:
            self._digests[key] = digest_of(path)
        return orders.result(self._digests[key], self._recipe)


def watching(folder: Path, order: Order, done: Done) -> int:
    """Look into a folder again and again, until Ctrl-C; the exit code is that of the first failure, or 0."""
    failed, before = 0, dict[str, Stamp]()
    try:
        while True:
            now = {str(r.path): stamp(r.path) for r in _there(folder) if r.path is not None}
            done.waits = frozenset(name for name, told in now.items() if before.get(name) != told)
            if len(done.waits) < len(now):
                code = carry_out([str(folder)], order, done)
                if code == INTERRUPTED:
                    return code
                failed = failed or code
            before = now
            rest()
    except KeyboardInterrupt:
        return failed


def rest() -> None:
    """Wait for the next look."""
    time.sleep(LOOK_S)


def stamp(path: Path) -> Stamp:
    """What changes with a file; zeros for one that is gone."""
    try:
        told = path.stat()
    except OSError:
        return 0, 0
    return told.st_size, told.st_mtime_ns


def _there(folder: Path) -> list[Recording]:
    try:
        return paths.find([str(folder)])
    except NotFound:
        return []


def _read(path: Path) -> dict[str, str]:
    """Results by target; the last line counts, and what a crash cut off does not."""
    found = dict[str, str]()
    with contextlib.suppress(OSError):
        for line in path.read_text("utf-8", "replace").splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                told = json.loads(line)
                found[str(told["target"])] = str(told["result"])
    return found
