"""Which workers live: each holds a file of its name, and the system ends the hold with the process."""

import contextlib
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

from earwitness.errors import Busy, StorageFailed
from earwitness.unfinished.journal import Journal


class Presence:
    """One worker's own sign, in the folder of all."""

    def __init__(self, folder: Path) -> None:
        """Raises StorageFailed where the folder can't be written."""
        host = "".join(c if c.isalnum() else "-" for c in socket.gethostname())[:40]
        self._folder = folder
        try:
            self._sign = Journal(folder / f"{host}-{secrets.token_hex(6)}")
        except Busy:  # somebody saw the file before it was held, and buries it
            self._sign = Journal(folder / f"{host}-{secrets.token_hex(6)}")
        self.name = self._sign.path.name

    def bury(self, free: Callable[[str], int]) -> int:
        """Free what dead workers of this folder held; how many jobs that were."""
        count = 0
        for path in self._folder.glob("*-*"):
            if path.name == self.name:
                continue
            with contextlib.suppress(Busy, StorageFailed):  # it lives, or another one buries it
                sign = Journal(path)
                try:
                    count += free(path.name)
                    sign.remove()
                finally:
                    sign.close()
        return count

    def end(self) -> None:
        """This worker is no more."""
        self._sign.remove()
