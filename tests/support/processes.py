"""Servers in processes of their own, for tests that kill them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx

START_S = 60.0


class Processes:
    """Those that a test has started, all ended with it."""

    def __init__(self) -> None:
        self._started = list[subprocess.Popen[str]]()

    def begin(self, home: Path, port: int, **settings: str) -> str:
        """Start a server, and wait until it is ready; its address."""
        address = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "earwitness", "serve", "--port", str(port)]
        told = {"EARWITNESS_HOME": str(home), "PATH": "", "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        told |= {f"EARWITNESS_{name.upper()}": value for name, value in settings.items()}
        self._started.append(subprocess.Popen(command, env=told, text=True))
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            assert self.last.poll() is None, "the server ended while it started"
            try:
                if httpx.get(f"{address}/readyz").status_code == 200:
                    return address
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError("the server did not start")

    @property
    def last(self) -> subprocess.Popen[str]:
        """The one that was started last."""
        return self._started[-1]

    def kill(self) -> None:
        """End that one at once."""
        self.last.kill()
        self.last.wait()

    def close(self) -> None:
        """End all."""
        for process in self._started:
            process.kill()
            process.wait()
