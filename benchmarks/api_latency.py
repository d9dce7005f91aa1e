"""How long the everyday routes take while live sessions run, over an archive of 300 000 segments.

    python benchmarks/api_latency.py [--sessions 4] [--seconds 120] [--segments 300000] [--database ADDRESS | own]

The archive is filled as in `benchmarks/archive.py`. Then clients in processes of their own speak into live sessions at
the pace of speech, which are stored, and one client calls each route in turn over a connection that it keeps, with
20 ms between calls; a stream of events is begun anew each time, up to its first event. At the end it is told how late
the live text came meanwhile.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import delete

import archive
import common
import live
from databases import reached
from earwitness.archive.database import Database
from earwitness.archive.schema.accounts import UserRow

PAUSE_S = 0.02
COLUMNS = ["database", "live sessions", "what", "p50 ms", "p95 ms", "p99 ms", "most ms", "of"]

Call = Callable[[int], None]


def calls(http: httpx.Client, words: list[str]) -> dict[str, Call]:
    """What is called, by what it is; the number makes each another one."""
    listed = (
        http.get("/api/recordings", params={"limit": 200, "state": "whole"}).raise_for_status().json()["recordings"]
    )
    idents = [r["id"] for r in listed]
    corrected = http.get(f"/api/recordings/{idents[0]}/segments", params={"limit": 50}).json()["segments"]

    def got(path: Callable[[int], str], params: Callable[[int], dict[str, Any]] = lambda _: {}) -> Call:
        def call(n: int) -> None:
            http.get(path(n), params=params(n)).raise_for_status()

        return call

    def correct(n: int) -> None:
        segment = corrected[n % len(corrected)]
        change = {"revision": segment["revision"], "text": f"corrected {n}"}
        segment["revision"] = (
            http.patch(f"/api/segments/{segment['id']}", json=change).raise_for_status().json()["revision"]
        )

    def events(_: int) -> None:
        with http.stream("GET", "/api/events") as stream:
            next(line for line in stream.iter_lines() if line.startswith("data:"))

    return {
        "recordings": got(lambda _: "/api/recordings"),
        "a recording": got(lambda n: f"/api/recordings/{idents[n % len(idents)]}"),
        "a transcript": got(lambda n: f"/api/recordings/{idents[n % len(idents)]}/segments"),
        "a transcript as a file": got(lambda n: f"/api/recordings/{idents[n % len(idents)]}/export?format=srt"),
        "a search": got(lambda _: "/api/transcripts", lambda n: {"q": f"{words[20 + n % 500]} {words[60 + n % 300]}"}),
        "a correction": correct,
        "jobs": got(lambda _: "/api/jobs"),
        "events, up to the first": events,
        "how it fares": got(lambda _: "/api/system"),
    }


def called(http: httpx.Client, words: list[str], seconds: float) -> dict[str, list[float]]:
    """Milliseconds of each call, by what it is."""
    took, asked = defaultdict[str, list[float]](list), calls(http, words)
    for call in asked.values():
        call(0)
    end = time.monotonic() + seconds
    for n in itertools.count(1):
        for what, call in asked.items():
            began = time.perf_counter()
            call(n)
            took[what].append(1000 * (time.perf_counter() - began))
            time.sleep(PAUSE_S)
            if time.monotonic() > end:
                return took
    return took


def measure(folder: Path, database: str, options: argparse.Namespace) -> list[list[Any]]:
    """The rows of a database."""
    words, seconds = archive.vocabulary(), options.seconds + 5
    settings = {"database_url": database} if database else {}
    with closing(Database(database or folder / "home" / "archive.db")) as filled, filled.writing() as connection:
        archive.fill(connection, archive.sentences(words, options.segments), options.segments)
        connection.execute(delete(UserRow))  # without accounts whoever is on this machine may do everything
    made = common.long_recording(10.0, folder)
    hello = json.dumps({"type": "hello", "keep": True})
    from_s = live.starts(options.sessions, common.duration_s(made), seconds)
    with common.serving(folder, **settings) as server:
        script = [sys.executable, live.__file__, "--client", str(server.port), str(made)]
        clients = [
            subprocess.Popen(
                [*script, str(s), str(seconds), hello], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for s in from_s
        ]
        time.sleep(2 + 0.3 * len(clients))
        for client in clients:
            assert client.stdin is not None
            client.stdin.write("\n")
            client.stdin.flush()
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60) as http:
            took = called(http, words, options.seconds)
        streams = [live.read(c.communicate(timeout=seconds + live.GRACE_S)[0].splitlines()) for c in clients]
    name = "PostgreSQL" if database else "SQLite"
    rows = [[name, options.sessions, *archive.row(name, what, ms)[1:]] for what, ms in took.items()]
    late = common.percentiles([t for s in streams for t in s.after_endpoint_s], 50, 95)
    refused, gaps_s = sum(s.refused for s in streams), sum(s.gaps_s for s in streams)
    print(f"live text after the endpoint, p50/p95: {late} ms; {refused} refused, {gaps_s:.1f} s of gaps")
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=4, help="live sessions at a time (4)")
    parser.add_argument("--seconds", type=float, default=120, help="how long the routes are called (120)")
    parser.add_argument("--segments", type=int, default=300_000, help="in the archive (300000)")
    parser.add_argument("--database", default="", help="an empty PostgreSQL database, or `own`; SQLite without it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, reached(options.database) as database:
        rows = measure(Path(name), database, options)
    title = f"The API while {options.sessions} live sessions run, {options.segments} segments"
    common.report("api_latency", title, COLUMNS, rows)


if __name__ == "__main__":
    main()
