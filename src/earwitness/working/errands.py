"""Errands for the models: each is fetched or measured in a process of its own, one after another.

What is known of them is in memory: an errand that a stop of the server cuts short is given again, and finds the files
that came whole. When one begins, ends or is cancelled, whoever listens to the topic `models` is told.
"""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from earwitness.archive.happened import happened
from earwitness.archive.writer import Writer
from earwitness.config import Settings
from earwitness.errors import Busy, EarwitnessError, NotFound

What = Literal["pull", "bench"]
State = Literal["waiting", "running", "done", "failed", "cancelled"]

MOST, KEPT = 8, 12
"""Errands that may wait, and those that are over and still told of."""

AGAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Errand:
    """One errand: `done` of `total` are bytes fetched, or ways measured; `total` is 0 while nobody knows."""

    id: str
    what: What
    name: str
    made_s: float
    to: str = ""
    """The format it is brought into; empty for one that stays as it is published."""
    revision: str = ""
    state: State = "waiting"
    step: str = ""
    done: int = 0
    total: int = 0
    began_s: float | None = None
    ended_s: float | None = None
    code: str = ""
    error: str = ""
    remedy: str = ""

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in {"done", "failed", "cancelled"}


class Errands:
    """The errands of a server. `writer` writes down what happened; `log` is told of good ends, `warn` of others."""

    def __init__(
        self,
        settings: Settings,
        writer: Writer,
        *,
        log: Callable[..., object] = lambda *_, **__: None,
        warn: Callable[..., object] = lambda *_, **__: None,
    ) -> None:
        self._settings, self._writer, self._log, self._warn = settings, writer, log, warn
        self._lock = threading.Condition()
        self._known = dict[str, Errand]()
        self._wanted = dict[str, Mapping[str, str]]()
        self._queue = deque[str]()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def all(self) -> tuple[Errand, ...]:
        """Those that are known, the newest first."""
        with self._lock:
            return tuple(reversed(self._known.values()))

    def begin(self, what: What, name: str, *, to: str = "", revision: str = "") -> Errand:
        """Begin one in its turn; one that is the same and not over is given back. Raises Busy."""
        with self._lock:
            told = {"what": what, "name": name, "to": to, "revision": revision}
            for ident, errand in self._known.items():
                if not errand.over and self._wanted.get(ident) == told:
                    return errand
            if len(self._queue) >= MOST or self._closed:
                raise Busy(f"{len(self._queue)} errands wait already", retry_after_s=AGAIN_S)
            made = Errand(f"e_{secrets.token_hex(8)}", what, name, time.time(), to, revision)
            self._known[made.id], self._wanted[made.id] = made, told
            self._queue.append(made.id)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="errands", daemon=True)
                self._thread.start()
            self._lock.notify()
        self._tell(made)
        return made

    def cancel(self, ident: str) -> Errand:
        """Stop one, or forget one that is over. Files that came whole stay for the next try. Raises NotFound."""
        with self._lock:
            errand = self._known.get(ident)
            if errand is None:
                raise NotFound("there is no such errand", remedy="It is over and forgotten: ask for them anew.")
            if errand.over:
                del self._known[ident], self._wanted[ident]
                return errand
            ended = self._set(ident, state="cancelled", ended_s=time.time())
            if ident in self._queue:
                self._queue.remove(ident)
            elif self._process is not None:
                _end(self._process)
        self._tell(ended)
        return ended

    def close(self) -> None:
        """Stop what runs, and let go of what waits."""
        with self._lock:
            self._closed = True
            self._queue.clear()
            if self._process is not None:
                _end(self._process)
            self._lock.notify()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._lock:
                while not self._queue and not self._closed:
                    self._lock.wait()
                if self._closed:
                    return
                ident = self._queue.popleft()
                begun = self._set(ident, state="running", began_s=time.time())
                wanted = self._wanted[ident]
            self._tell(begun)
            told = self._run(ident, wanted)
            with self._lock:
                errand = self._known.get(ident)
                if errand is None or errand.over:
                    continue
                state: State = "failed" if told.get("error") else "done"
                ended = self._set(ident, state=state, ended_s=time.time(), **told)
                for old in [i for i, e in self._known.items() if e.over][:-KEPT]:
                    del self._known[old], self._wanted[old]
            facts = {
                "what": ended.what,
                "model": ended.name,
                "code": ended.code,
                "why": ended.error,
                "remedy": ended.remedy,
            }
            write = self._warn if ended.code else self._log
            write(f"errand {state}", errand=ident, **{name: fact for name, fact in facts.items() if fact})
            self._tell(ended)

    def _run(self, ident: str, wanted: Mapping[str, str]) -> Mapping[str, str]:
        """What became of it: nothing where it went well, else its code, error and remedy."""
        home = {"EARWITNESS_HOME": self._settings.home, "EARWITNESS_MODELS": self._settings.models_folder}
        environment = {**os.environ, **{name: str(path) for name, path in home.items()}}
        last = dict[str, str]()
        with self._lock:
            if self._closed or ident not in self._known or self._known[ident].over:
                return {}
            process = self._process = subprocess.Popen(
                [sys.executable, "-m", "earwitness.working.errand"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=os.name == "posix",  # what it starts itself ends with it
            )
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError), process.stdin:
            process.stdin.write(json.dumps(dict(wanted)).encode())
        with process.stdout:
            for line in process.stdout:
                told: dict[str, Any] = json.loads(line)
                if "error" in told:
                    last = {name: str(told[name]) for name in ("code", "error", "remedy")}
                else:
                    self._note(ident, told)
        code = process.wait()
        with self._lock:
            self._process = None
        if code and not last:
            remedy = "Try again; `earwitness doctor` says what may be wrong with this machine."
            return {"code": "engine_failed", "error": f"its process ended with {code}", "remedy": remedy}
        return last

    def _note(self, ident: str, told: Mapping[str, Any]) -> None:
        with self._lock:
            errand = self._known.get(ident)
            if errand is not None and not errand.over:
                self._set(ident, **told)

    def _set(self, ident: str, **facts: Any) -> Errand:
        found = self._known[ident] = replace(self._known[ident], **facts)
        return found

    def _tell(self, errand: Errand) -> None:
        """Write down that something has changed; that nobody can be told of it is no fault of the errand."""
        about = {"errand": errand.id, "what": errand.what, "name": errand.name}
        with contextlib.suppress(EarwitnessError):
            self._writer.submit(lambda connection: happened(connection, "models", errand.state, about))


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process and what it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
