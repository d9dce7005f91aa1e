"""The process of an isolated engine: loads it, and recognises what comes through the pipe until that ends.

    python -P -m earwitness.models.isolated.child PID-OF-THE-PARENT

The pipe is taken away from the standard streams, so that a runtime may print and read what it likes: what it prints
goes to standard error, what it reads is empty. It ends with its parent, however that ended.
"""

import ctypes
import faulthandler
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

from earwitness.engines import Engine, Spec
from earwitness.errors import EarwitnessError, EngineFailed
from earwitness.models.isolated import wire
from earwitness.models.isolated.wire import Told
from earwitness.plugins import ENGINES, Plugins
from earwitness.types import Samples

MOST_CALLS = 256
"""Calls at once; how many there are is for the lane of the parent to say."""

PR_SET_PDEATHSIG = 1


def main(parent: int) -> None:
    """Answer until there is nobody to answer."""
    inward, outward = _pipes()
    for stop in (signal.SIGINT, signal.SIGTERM):  # they go to all processes of a terminal or a unit
        signal.signal(stop, signal.SIG_IGN)  # the parent stops in order, and this process with it
    faulthandler.enable(all_threads=False)
    _end_with(parent)
    order = wire.read(inward)
    if order is None:
        _leave()
        return
    try:
        engine = load(order[0])
    except BaseException as error:  # noqa: BLE001 - the lane's side of the pipe: whatever it is, the parent is told
        wire.write(outward, wire.error_out(error))
        return
    wire.write(outward, {"can": wire.CAN.dump_python(engine.can, mode="json")})
    answer(engine, inward, outward)
    engine.close()


def load(order: Told) -> Engine:
    """The engine that was ordered. Raises what its load raises, and EngineFailed for what is none of ours."""
    engines: Plugins[Spec] = Plugins(ENGINES)
    spec = engines.get(order["engine"])
    files, device = wire.FILES.validate_python(order["files"]), wire.DEVICE.validate_python(order["device"])
    try:
        return spec.load(files, device, spec.Options(**order["options"]))
    except EarwitnessError:
        raise
    except Exception as error:
        raise EngineFailed(f"{spec.name} broke while it was loaded: {type(error).__name__}: {error}") from error


def answer(engine: Engine, inward: BinaryIO, outward: BinaryIO) -> None:
    """Recognise until told to close; when the parent is gone, leave at once."""
    writing = threading.Lock()

    def call(told: Told, sound: Samples) -> None:
        try:
            answer = wire.results_out(engine.transcribe(wire.clips_in(told, sound)))
        except BaseException as error:  # noqa: BLE001 - as above
            answer = wire.error_out(error)
        try:
            with writing:
                wire.write(outward, {"id": told["id"], **answer})
        except OSError:
            _leave()

    with ThreadPoolExecutor(MOST_CALLS if engine.can.parallel else 1) as threads:
        while frame := wire.read(inward):
            if "close" in frame[0]:
                return
            threads.submit(call, *frame)
        _leave()


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    inward, outward = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    try:
        os.dup2(2, 1)
    except OSError:  # the parent has no standard error
        os.dup2(nothing, 1)
    return inward, outward


def _end_with(parent: int) -> None:
    """Have the system end this process with the thread that started it: an engine that hangs reads no pipe."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            _leave()


def _leave() -> None:
    """End without a look back: threads of the engine may hang, and nobody is there."""
    os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
