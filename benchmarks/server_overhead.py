"""What the server adds to the work: the same recording in this process and through `earwitness serve` on loopback.

    python benchmarks/server_overhead.py [--seconds 60 2] [--repeat 15]

A warm kit in this process runs `batch.run`; a warm server in a process of its own is sent the same file on a new
connection (`POST /v1/audio/transcriptions`), as JSON and with `stream=true`, and read to the end. The three take
turns, each round beginning with another. `overhead` is the median of the differences to the run in this process of the
same round, in milliseconds and in percent of the median of those runs; the quartiles of the differences stand beside
it. The short recording shows the milliseconds of a request where hardly any work hides them. All three ways must give
one text; where they don't, a line says so.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import common
from common import Server
from earwitness import batch
from earwitness.kit import Kit
from earwitness.stages.recipe import Recipe

HERE = "batch.run here"
COLUMNS = ["recording, way", "median ms", "fastest ms", "overhead ms", "quartiles ms", "overhead %", "x real time"]


def asked(server: Server, path: Path) -> str:
    """The text by a plain request."""
    return str(json.loads(server.ask(path).read())["text"])


def streamed(server: Server, path: Path) -> str:
    """The text by a streamed request."""
    lines = server.ask(path, stream="true").read().decode().splitlines()
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    return str(events[-1]["text"])


def ways_of(path: Path, kit: Kit, server: Server) -> dict[str, Callable[[], str]]:
    """The ways to the text of a recording."""
    return {
        HERE: lambda: batch.run(path, Recipe(), kit).text,
        "server": lambda: asked(server, path),
        "server, stream=true": lambda: streamed(server, path),
    }


def measure(ways: dict[str, Callable[[], str]], repeat: int) -> dict[str, list[float]]:
    """Milliseconds of each way in each round, after one round that does not count."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeat + 1):
        texts = set()
        for name in [*ways][turn % len(ways) :] + [*ways][: turn % len(ways)]:
            began = time.perf_counter()
            texts.add(ways[name]())
            if turn:
                took[name].append(1000 * (time.perf_counter() - began))
        if len(texts) > 1:
            print(f"round {turn}: the texts differ", file=sys.stderr)
    return took


def rows_of(seconds: float, took: dict[str, list[float]]) -> list[list[Any]]:
    """The rows of one recording."""
    rows: list[list[Any]] = []
    for way, found in took.items():
        middle, base = median(found), median(took[HERE])
        more = [a - b for a, b in zip(found, took[HERE], strict=True)]
        low, _, high = quantiles(more, n=4)
        spread = f"{low:.1f} to {high:.1f}"
        share = 100 * median(more) / base
        rows.append([f"{seconds:g} s, {way}", middle, min(found), median(more), spread, share, 1000 * seconds / middle])
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, nargs="+", default=[60, 2], help="lengths of the recording (60 and 2)")
    parser.add_argument("--repeat", type=int, default=15, metavar="N", help="rounds, at least 2 (15)")
    options = parser.parse_args()
    rows: list[list[Any]] = []
    with tempfile.TemporaryDirectory() as name, Kit(common.settings(Path(name))) as kit:
        folder = Path(name)
        long = common.long_recording(max(1.0, max(options.seconds) / 60), folder)
        with kit.lane("default"), common.serving(folder) as server:
            for seconds in options.seconds:
                path = common.looped(long, seconds, folder / "recording.wav")
                rows += rows_of(seconds, measure(ways_of(path, kit, server), options.repeat))
    title = f"Overhead of the server, {options.repeat} rounds"
    common.report("server_overhead", title, COLUMNS, rows)


if __name__ == "__main__":
    main()
