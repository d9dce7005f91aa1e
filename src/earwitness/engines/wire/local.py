"""A server program on this machine, on a loopback port and a path nobody can guess; it ends when we do."""

import contextlib
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from earwitness.engines.wire import leash
from earwitness.engines.wire.address import Remote
from earwitness.engines.wire.line import Line
from earwitness.errors import EarwitnessError, EngineFailed

PORTS = 3
"""Another program may take a free port before ours does."""

NO_PORT = 1
"""What whisper.cpp's server ends with then."""

ASK_S, END_S = 0.05, 5.0


class Local:
    """The program, started and ready. `words` are its arguments but for the address, `name` is the model's.

    Raises EngineFailed where it ends instead, or is not ready after `load_s`.
    """

    def __init__(self, name: str, program: Path, words: Sequence[str], *, load_s: float = 300.0) -> None:
        self._name, self._command, self._load_s = name, [str(program), *words], load_s
        self._process: subprocess.Popen[bytes] | None = None
        self._line: Line | None = None
        self._root = ""
        self.start()

    def start(self) -> None:
        """Start it, anew if it is there. Raises EngineFailed."""
        for _ in range(PORTS):
            self.close()
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            path = f"/{secrets.token_hex(16)}"
            address, self._root = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port}{path}"
            where = ("--host", "127.0.0.1", "--port", str(port), "--request-path", path)
            self._process = subprocess.Popen(  # noqa: S603 - the program that was set
                [sys.executable, "-I", "-S", leash.__file__, *self._command, *where],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=Path(self._command[0]).anchor or None,  # it gives out files of its working folder
                start_new_session=True,  # an interrupt at the terminal is for us
            )
            self._line = Line(self._name, Remote(url=address, model=self._name[:200], timeout_s=3600), tries=1)
            try:
                if self._ready():
                    return
            except BaseException:
                self.close()
                raise
        self.close()
        raise EngineFailed(f"{self._command[0]} found no free port for {self._name}")

    def post(self, path: str, fields: Mapping[str, str], wav: bytes) -> bytes:
        """The answer to a clip. Raises Ended where the program ended of it, and what `Line.post` raises."""
        if self._line is None:
            raise Ended(f"{self._command[0]} does not run with {self._name}")
        try:
            return self._line.post(f"{self._root}{path}", fields, wav)
        except EarwitnessError as error:
            if (code := self._ended()) is None:
                raise
            raise Ended(f"{self._command[0]} ended with code {code} over a clip of {self._name}") from error

    def close(self) -> None:
        """End it."""
        if self._line is not None:
            self._line.close()
        if self._process is None:
            return
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # the leash lets go of it
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = self._line = None

    def _ready(self) -> bool:
        """Wait until it is; False where it could not have its port."""
        assert self._line is not None
        assert self._process is not None
        until = time.monotonic() + self._load_s
        while time.monotonic() < until:
            with contextlib.suppress(EarwitnessError):
                self._line.get(f"{self._root}/health")
                return True
            if (code := self._process.poll()) is not None:
                if code == NO_PORT:
                    return False
                raise EngineFailed(
                    f"{self._command[0]} ended with code {code} while it loaded {self._name}",
                    remedy="Run it by hand with the same model: it says what it lacks.",
                )
            time.sleep(ASK_S)
        raise EngineFailed(f"{self._command[0]} was not ready with {self._name} after {self._load_s:g} s")

    def _ended(self) -> int | None:
        """Its code if it has ended; None if it lives."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(ASK_S * 10)  # the end of a connection is seen before that of its process
        return None


class Ended(EngineFailed):
    """The program ended before it answered."""

    default_remedy = "Start it by hand with the same model and recording, or take the engine whispercpp."
