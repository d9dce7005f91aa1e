"""A server in which much happens: `python -m support.eventful HOME PORT EACH_S`, for tests and benchmarks that kill it.

A thread writes events with the numbers that follow on what is in the log. What is kept is told on standard output: the
number of the last one, a line for each batch. It writes nothing until a file `go` is in the home folder.
"""

import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import httpx
from sqlalchemy import Connection

from earwitness import config
from earwitness.api.app import create
from earwitness.archive.happened import happened
from earwitness.archive.viewer import HOUSE
from earwitness.archive.whole import Archive
from earwitness.cli.serve import bound, serving

BATCH, MOST_WAITING = 10, 2000
START_S = 60.0
ROOM = Path(__file__).resolve().parents[1]


def written(number: int, connection: Connection) -> int:
    """One event."""
    happened(connection, "models", "loaded", {"n": number})
    return number


def last(archive: Archive) -> int:
    """The number of the newest event, 0 for none."""
    found = archive.events.after(HOUSE, max(0, archive.events.newest() - 1)).events
    return int(found[-1].about["n"]) if found else 0


def write(archive: Archive, go: Path, each_s: float) -> None:
    """Write events at a pace for as long as `go` is there; what is late is made up for."""
    number, due = last(archive), time.monotonic()
    while True:
        while not go.exists():
            time.sleep(0.02)
            due = time.monotonic()
        told = [archive.writer.submit(partial(written, n)) for n in range(number + 1, number + 1 + BATCH)]
        told[-1].add_done_callback(lambda kept: print(kept.result(), flush=True))
        number += BATCH
        while archive.writer.waiting > MOST_WAITING:
            time.sleep(0.01)
        due += BATCH * each_s
        time.sleep(max(0.0, due - time.monotonic()))


def eventful(home: Path, port: int, each_s: float) -> "subprocess.Popen[bytes]":
    """Such a server, once it answers; what it keeps is told in `home/kept`."""
    command = [sys.executable, "-m", "support.eventful", str(home), str(port), str(each_s)]
    paths = os.pathsep.join([str(ROOM), *sys.path])
    with (home / "kept").open("ab") as kept:
        process = subprocess.Popen(command, stdout=kept, env={**os.environ, "PYTHONPATH": paths})
    end = time.monotonic() + START_S
    while True:
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < end, "the server did not start"
        try:
            if httpx.get(f"http://127.0.0.1:{port}/livez").status_code == 200:
                return process
        except httpx.TransportError:
            time.sleep(0.05)


def main() -> None:
    """Serve until it is killed."""
    home, port, each_s = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    settings = config.load(home=home, log_level="error", preload=False, port=port)
    app = create(settings)
    writer = threading.Thread(target=write, args=(app.state.house.archive, home / "go", each_s), daemon=True)
    writer.start()
    serving(app).run(sockets=[bound("127.0.0.1", port, "the port")])


if __name__ == "__main__":
    main()
