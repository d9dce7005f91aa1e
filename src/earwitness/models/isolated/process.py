"""One process of an isolated engine, seen from here: started, asked, and buried when it ends, however it ends."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

from earwitness.hardware.probe import limits
from earwitness.models.isolated import wire
from earwitness.models.isolated.wire import Told
from earwitness.types import Samples

CLOSE_S, END_S = 10.0, 2.0
"""How long an engine may take to close, and a process to end once its pipe has."""


class Died(Exception):
    """The process ended before it answered; the message says how. Never leaves this room."""


class Process:
    """A child process and the thread that starts it, reads its answers and waits for its end.

    The thread lives as long as the process, because the system counts the thread that started a process as its parent.
    """

    def __init__(self, order: Told, ended: Callable[[str], None]) -> None:
        self._order, self._ended = order, ended
        self._process: subprocess.Popen[bytes] | None = None
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._waiting: dict[int, Future[Told]] = {0: Future()}
        self._loaded = self._waiting[0]
        self._numbers = itertools.count(1)
        self._why: str | None = None
        self._closing = False
        self.over = False
        self._thread = threading.Thread(target=self._live, name="isolated", daemon=True)
        self._thread.start()

    @property
    def resident(self) -> int:
        """Bytes of memory it holds; 0 where that can't be found out."""
        return (limits.resident(self._process.pid) or 0) if self._process else 0

    def loaded(self, limit_s: float) -> Told:
        """What it says once its engine is loaded. Raises Died, and the load's error."""
        with self._limit(limit_s):
            return self._loaded.result()

    def ask(self, told: Told, sound: Sequence[Samples], limit_s: float) -> Told:
        """The answer to a frame. Raises Died, also where there is none in time, and the engine's error."""
        answer: Future[Told] = Future()
        with self._lock:
            if self.over:
                raise Died(self._why or "it had ended")
            number = next(self._numbers)
            self._waiting[number] = answer
        with self._limit(limit_s):
            self._send({"id": number, **told}, sound)
            return answer.result()

    def close(self) -> None:
        """End it in order, or by force where that takes long."""
        self._closing = True
        with self._limit(CLOSE_S):
            self._send({"close": True})
            self._thread.join()

    def _send(self, told: Told, sound: Sequence[Samples] = ()) -> None:
        with self._writing, contextlib.suppress(OSError, ValueError):  # it is gone, which the reading end tells
            if self._process is not None and self._process.stdin is not None:
                wire.write(self._process.stdin, told, sound)

    @contextlib.contextmanager
    def _limit(self, limit_s: float) -> Iterator[None]:
        """End the process when the block takes longer than that."""
        timer = threading.Timer(limit_s, self._kill, (f"it gave no answer for {limit_s:.0f} s",))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _kill(self, why: str) -> None:
        self._why = self._why or why
        if self._process is not None:
            self._process.kill()

    # ── the thread ──
    def _live(self) -> None:
        command = [sys.executable, "-P", "-m", "earwitness.models.isolated.child", str(os.getpid())]
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own
        except OSError as error:
            self._end(f"it could not be started: {error.strerror or error}")
            return
        self._process = process
        self._send(self._order)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            while frame := wire.read(process.stdout):
                self._hand(frame[0])
        except (ValueError, LookupError, TypeError):
            self._kill("it sent what is no answer")
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:  # it closed the pipe and goes on
            process.kill()
            process.wait()
        process.stdout.close()
        with self._writing, contextlib.suppress(OSError):
            process.stdin.close()
        self._end(self._why or ending(process.returncode))

    def _hand(self, told: Told) -> None:
        with self._lock:
            answer = self._waiting.pop(told.pop("id", 0), None)
        if answer is None:
            return
        if "error" in told:
            self._closing = self._closing or answer is self._loaded  # what does not load ends in order
            answer.set_exception(wire.error_in(told))
        else:
            answer.set_result(told)

    def _end(self, how: str) -> None:
        with self._lock:
            self.over, self._why = True, how
            waiting, self._waiting = list(self._waiting.values()), {}
        for answer in waiting:
            answer.set_exception(Died(how))
        if not self._closing:
            self._ended(how)


def ending(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"it ended by itself with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = ", which is also how a system short of memory ends it" if name == "SIGKILL" else ""
    return f"it was ended by {name}{hint}"
