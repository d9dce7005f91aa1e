"""Makes what search by meaning needs, in a thread that comes after everything else and rests while others work."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from earwitness.archive.search.making import Making
from earwitness.archive.whole import Archive
from earwitness.errors import EarwitnessError
from earwitness.hardware import background
from earwitness.kit import Kit

LOOK_S = 60.0
"""How often it is looked for what nobody told of: of other programs, or put off."""

AFTER_S = 2.0
"""What was written is looked at so much later: more may come with it. A server that starts has other work first."""

OPEN_S = 30.0
"""How often more of a recording is made while it is being heard."""

HOLD_S = 10.0
"""How long a few passages wait for others' work at most: where that never ends they are made all the same."""

REST_S = 0.2
AGAIN_S = 30.0

Log = Callable[..., object]


@dataclass(frozen=True, slots=True)
class Indexed:
    """How far it is. Without a model there is a reason."""

    model: str | None = None
    languages: tuple[str, ...] = ()
    passages: int = 0
    waiting: int = 0
    """Recordings that lack passages."""
    why_not: str | None = None


class Indexer:
    """Of an archive, with the model of a kit. `busy` says whether something is being recognised."""

    def __init__(
        self, kit: Kit, archive: Archive, *, busy: Callable[[], bool], log: Log = lambda *_, **__: None
    ) -> None:
        self._kit, self._archive, self._busy, self._log = kit, archive, busy, log
        self._news, self._ending = threading.Event(), threading.Event()
        self._looked = dict[str, float]()
        self._thread: threading.Thread | None = None
        self.indexed = Indexed(why_not="not looked yet")

    def start(self) -> None:
        """Begin, where there is a model for it."""
        self._archive.bell.heard_by(self._news.set)
        self._thread = threading.Thread(target=self._work, name="indexer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End after the few passages that are in work."""
        self._ending.set()
        self._news.set()
        if self._thread is not None:
            self._archive.bell.let_go(self._news.set)
            self._thread.join()

    def _work(self) -> None:
        background.step_back()
        try:
            model = self._kit.embedder()
        except EarwitnessError as error:
            self.indexed = Indexed(why_not=error.message)
            return
        making = Making(self._archive.database, self._archive.writer, model)
        self.indexed = Indexed(model.model, model.languages)
        wait_s = AFTER_S
        while not self._ending.wait(wait_s):
            self._news.clear()
            try:
                self._round(making)
                self._news.wait(LOOK_S)
                wait_s = AFTER_S
            except EarwitnessError as error:
                self._log("not indexed", code=error.code, why=error.message)
                wait_s = AGAIN_S

    def _round(self, making: Making) -> None:
        """Make all that is due now; of what is being heard, only now and then."""
        now, total = time.monotonic(), 0
        self._looked = {ident: at for ident, at in self._looked.items() if now - at < OPEN_S}
        self._tell(making)
        while found := making.due(but=self._looked):
            for ident, heard in found:
                if heard:
                    self._looked[ident] = now
                made = making.make(ident, self._go_on)
                total += made
                self.indexed = replace(self.indexed, passages=self.indexed.passages + made, waiting=making.waiting())
                if self._ending.is_set():
                    return
        if total:
            self._log("indexed", passages=total)
            self._tell(making)

    def _tell(self, making: Making) -> None:
        self.indexed = replace(self.indexed, passages=making.count(), waiting=making.waiting())

    def _go_on(self) -> bool:
        """Whether to go on; once nobody else works, or after some time."""
        until = time.monotonic() + HOLD_S
        while self._busy() and time.monotonic() < until and not self._ending.wait(REST_S):
            pass
        return not self._ending.is_set()
