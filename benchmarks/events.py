"""The stream of events under load: many clients, a server that is killed, and whether anything is lost or comes twice.

    python benchmarks/events.py [--rate 1000] [--clients 50] [--seconds 20] [--kills 1]

A server in a process of its own (`tests/support/eventful.py`) writes numbered events into its SQLite archive at a pace,
each on the disk before its number is told. Clients in another process read `GET /api/events` and come again after half
a second when they are cut off, with the last id they have seen. In the middle of the run the server is ended by SIGKILL
and started again. At the end every client must have every number from the first to the last, once. How late an event
comes is measured from the moment it was written down, by one client in ten, but for the time from a kill until ten
seconds after the next start.
"""

import argparse
import asyncio
import contextlib
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import common

sys.path.insert(0, str(common.ROOT / "tests"))

from support.eventful import eventful
from support.sockets import free_port

AGAIN_S, DONE_S, PATIENCE_S = 0.5, 1.0, 180.0
FACTS = re.compile(rb'"at_s": ([\d.]+).*?"n": (\d+)')
IDENT = re.compile(rb"\nid: (\d+)\n")
COLUMNS = ["clients", "events", "events/s", "delivered/s", "kills", "lost", "twice", "resyncs", "late p50/p95/p99 ms"]


class Client:
    """One reader; counts the numbers instead of keeping them."""

    def __init__(self, port: int, *, times: bool) -> None:
        self.port, self.times = port, times
        self.number = self.lost = self.twice = self.resyncs = 0
        self.late = list[tuple[float, float]]()
        self._ident = b"0"

    async def read(self) -> None:
        """Read for good."""
        while True:
            with contextlib.suppress(OSError):
                await self._connected()
            await asyncio.sleep(AGAIN_S)

    async def _connected(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            ask = b"GET /api/events?topics=models HTTP/1.1\r\nhost: 127.0.0.1\r\nlast-event-id: %s\r\n\r\n"
            writer.write(ask % self._ident)
            left = b""
            while some := await reader.read(1 << 18):
                whole, mark, rest = (left + some).rpartition(b"\n\n")
                left = rest if mark else whole + rest
                self._take(whole + mark)
        finally:
            writer.close()

    def _take(self, whole: bytes) -> None:
        now = time.time()
        self.resyncs += whole.count(b"event: resync\n")
        for match in FACTS.finditer(whole):
            number = int(match[2])
            self.lost += max(0, number - self.number - 1)
            self.twice += number <= self.number
            self.number = max(self.number, number)
            if self.times:
                self.late.append((now, now - float(match[1])))
        if idents := IDENT.findall(whole):
            self._ident = idents[-1]


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


async def watch(port: int, clients: int, over: Path) -> None:
    """In a process of its own: read until a file says which number is the last, then tell what was found."""
    readers = [Client(port, times=not n % 10) for n in range(clients)]
    tasks = [asyncio.create_task(r.read()) for r in readers]
    while not (told := await asyncio.to_thread(_read, over)):  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(0.1)
    last = int(told)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while any(r.number < last for r in readers):  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    common.tell(
        lost=sum(r.lost + max(0, last - r.number) for r in readers),
        twice=sum(r.twice for r in readers),
        resyncs=sum(r.resyncs for r in readers),
        late=[late for r in readers for late in r.late],
    )


def settled(kept: Path) -> int:
    """The last number, once no more come."""
    before = b""
    while (now := kept.read_bytes()) != before:
        before = now
        time.sleep(DONE_S)
    return int(before.split()[-1])


def measure(folder: Path, rate: float, clients: int, seconds: float, kills: int) -> list[object]:
    """One row."""
    port, over, go = free_port(), folder / "over", folder / "go"
    process = eventful(folder, port, 1 / rate)
    command = [sys.executable, __file__, "--watch", str(port), str(clients), str(over)]
    watcher = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    down = list[tuple[float, float]]()
    try:
        time.sleep(3)
        go.touch()
        wrote_s = 0.0
        for turn in range(kills + 1):
            time.sleep(seconds / (kills + 1))
            wrote_s += seconds / (kills + 1)
            if turn < kills:
                killed = time.time()
                process.kill()
                process.wait()
                process = eventful(folder, port, 1 / rate)
                down.append((killed, time.time() + 10))
        go.unlink()
        last = settled(folder / "kept")
        over.with_suffix(".new").write_text(str(last))
        over.with_suffix(".new").rename(over)
        told = json.loads(watcher.communicate(timeout=2 * PATIENCE_S)[0].splitlines()[-1])
    finally:
        process.kill()
        process.wait()
    late = [took for at, took in told["late"] if not any(a <= at <= b for a, b in down)]
    shown = common.percentiles(late, 50, 95, 99)
    pace = last / wrote_s
    return [clients, last, pace, pace * clients, kills, told["lost"], told["twice"], told["resyncs"], shown]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=1000, help="events a second (1000)")
    parser.add_argument("--clients", type=int, default=50, help="readers (50)")
    parser.add_argument("--seconds", type=float, default=20, help="how long events are written (20)")
    parser.add_argument("--kills", type=int, default=1, help="times that the server is killed (1)")
    parser.add_argument("--watch", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.watch:
        asyncio.run(watch(int(options.watch[0]), int(options.watch[1]), Path(options.watch[2])))
        return
    with tempfile.TemporaryDirectory() as name:
        row = measure(Path(name), options.rate, options.clients, options.seconds, options.kills)
    common.report("events", "Events to many clients, through a server that is killed", COLUMNS, [row])


if __name__ == "__main__":
    main()
