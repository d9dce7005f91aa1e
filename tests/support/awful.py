"""An engine that does what a prompt tells it: crash in all the ways there are, hang, and make noise.

It is no engine of the package: `installed` puts it beside, for this process and those it starts.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from earwitness.engines import Engine
from earwitness.errors import Busy, Unsupported
from earwitness.types import Can, Clip, Device, Machine, ModelFiles, Segment, Token

FILES = ModelFiles("awful", "fake")
HERE = Path(__file__).resolve().parent.parent
WAIT_S = 30.0


class Options(BaseModel):
    """What to do while loading, and at each call, and whether calls may be parallel."""

    model_config = ConfigDict(extra="forbid")
    at_load: str = ""
    always: str = ""
    parallel: bool = True


class Awful:
    """Says how long a clip is and in which process it was heard."""

    def __init__(self, options: Options) -> None:
        do(options.at_load)
        self._always = options.always
        self.can = Can(languages=("en",), prompt=True, batch=4, parallel=options.parallel, max_clip_s=20.0)

    def transcribe(self, clips: Sequence[Clip]) -> list[tuple[Segment, ...]]:
        """One segment a clip, after doing what its prompt says."""
        found: list[tuple[Segment, ...]] = []
        for clip in clips:
            for deed in (self._always, *(clip.ask.prompt or "").split(";")):
                do(deed)
            words = f"{len(clip.audio.samples)} {os.getpid()}"
            token = Token(7, b"\xff\x00\xe2", -0.5)
            found.append((Segment(clip.audio.start_s, clip.audio.end_s, words, language="en", tokens=(token,)),))
        return found

    def close(self) -> None:
        """Nothing to give back."""


def do(deed: str) -> None:
    """One awful deed; none for an empty one."""
    name, _, told = deed.partition(":")
    if name:
        DEEDS[name](told)


def _first(told: str) -> None:
    """Only once: what follows is done where the file is not there yet."""
    path, _, then = told.partition(",")
    if not Path(path).exists():
        Path(path).touch()
        do(then)


def _while(told: str) -> None:
    """As long as a file is there."""
    path, _, then = told.partition(",")
    if Path(path).exists():
        do(then)


def _noise(_: str) -> None:
    print("noise" * 50_000)
    os.write(1, b"\x00EWI1" * 50_000)
    assert sys.stdin.read() == ""


def _stop(_: str) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(1000)  # it may take effect a moment later


def _raise(error: BaseException) -> None:
    raise error


DEEDS: dict[str, Callable[[str], object]] = {
    "first": _first,
    "while": _while,
    "segv": lambda _: ctypes.string_at(0),
    "kill": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "stop": _stop,
    "illegal": lambda _: os.kill(os.getpid(), signal.SIGILL),
    "leave": lambda told: os._exit(int(told)),
    "sleep": lambda told: time.sleep(float(told)),
    "hang": lambda _: ctypes.PyDLL(None).sleep(1000),  # with the interpreter's lock held, as a runtime may
    "noise": _noise,
    "library": ctypes.CDLL,
    "value": lambda _: _raise(ValueError("that was awful")),
    "quit": lambda _: _raise(SystemExit(1)),
    "unsupported": lambda _: _raise(Unsupported("not even that", remedy="Leave it.", param="prompt")),
    "busy": lambda _: _raise(Busy("too much", retry_after_s=7.5)),
}


class _Spec:
    name = "awful"
    formats: tuple[str, ...] = ("fake",)
    libraries: tuple[str, ...] = ()
    Options: type[BaseModel] = Options

    def missing(self) -> str | None:
        return None

    def devices(self, machine: Machine) -> tuple[Device, ...]:
        return machine.devices

    def load(self, files: ModelFiles, device: Device, options: BaseModel) -> Engine:
        do(os.environ.get("AWFUL_AT_LOAD", ""))
        return Awful(options if isinstance(options, Options) else Options())


spec = _Spec()


def installed(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Have the engine found by its entry point, here and in processes that are started."""
    about = folder / "awful-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: awful\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[earwitness.engines]\nawful = support.awful:spec\n")
    patch.syspath_prepend(str(folder))
    patch.setenv("PYTHONPATH", f"{folder}:{HERE}")


def gone(pid: int, *, orphan: bool = False) -> bool:
    """Whether a process is no more, not even as a zombie of ours."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            # an orphan has ended as a zombie too: burying it is for the machine's first process, which may be slow
            if orphan and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.01)
    return False
