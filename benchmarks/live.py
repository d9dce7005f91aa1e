"""How late and how well live text comes, for 1, 2, 4 … streams at once, each from a client process of its own.

    python benchmarks/live.py [--streams 1 2 4 8 16 32] [--seconds 60] [--speakers] [--find-limit] [--no-drops]

With `--find-limit` further streams are added, four at a time, until one is refused, a word is lost or text is late;
with `--no-drops` it ends with an error where any of that happens, for so many streams of so many seconds.

Each client plays its own part of a made conversation to `/ws` at the pace of speech, in pieces of 100 ms. Times are in
milliseconds, p50/p95/p99 over the utterances of all streams. `first draft` is from where speech begins in the sound, as
the detector has it (9 of 10 between 10 ms before and 50 ms after the first word's start by forced alignment), to the
first text of it, a draft or final; what goes on behind a cut of an utterance that grew too long begins nowhere, and is
not counted there; `endpoint → final` from the message that the utterance is over to the last of its text; `word →
final` from the end of its last word. `churn` is how many words of drafts were taken back, for each final word. `lost`
and `WER` compare the words with those of the same sound heard as a file by the same recipe; `gaps` are seconds that
were told as not heard. `refused` streams were told to come back. CPU is in cores, memory in megabytes, both of the
server.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import common

PIECE_S, RATE = 0.1, 16_000
COLUMNS = [
    "streams", "refused", "first draft", "endpoint → final", "word → final", "churn", "lost", "WER %", "gaps s", "CPU",
    "MB",
]  # fmt: skip
GRACE_S, MOST_LATE_MS = 30.0, 1500.0


@dataclass
class Stream:
    """What one client saw: arrivals in seconds after its first sample."""

    refused: bool = False
    first_s: list[float] = field(default_factory=list)
    after_endpoint_s: list[float] = field(default_factory=list)
    after_word_s: list[float] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    taken_back: int = 0
    gaps_s: float = 0.0
    failed: list[str] = field(default_factory=list)


# ── a client process: standard library and websockets only ───────────────────────────────────────────────────────────
def client(port: str, recording: str, from_s: str, seconds: str, hello: str) -> None:
    """Play a part of a recording, and print what was told with its times of arrival, one JSON list a line."""
    import threading

    from websockets.sync.client import connect

    with wave.open(recording, "rb") as source:
        source.setpos(round(float(from_s) * RATE))
        sound = source.readframes(round(float(seconds) * RATE))
    step = round(PIECE_S * RATE) * 2
    with connect(f"ws://127.0.0.1:{port}/ws", open_timeout=60, max_size=None) as socket:
        socket.send(hello)
        first = json.loads(socket.recv())
        if first["type"] == "failed":
            print(json.dumps([0, first]))
            return
        sys.stdin.readline()  # all begin together
        began = time.monotonic()

        def play() -> None:
            for n, low in enumerate(range(0, len(sound), step), 1):
                time.sleep(max(0.0, began + n * PIECE_S - time.monotonic()))
                socket.send(sound[low : low + step])
            socket.send('{"type": "end"}')

        threading.Thread(target=play, daemon=True).start()
        for message in socket:
            print(json.dumps([time.monotonic() - began, json.loads(message)]))


def read(lines: Sequence[str]) -> Stream:
    """What a client printed, in figures."""
    found, begun, ended, drafts = Stream(), dict[int, float](), dict[int, float](), dict[int, list[str]]()
    last, cut = dict[int, tuple[float, float]](), False
    for line in lines:
        at_s, told = json.loads(line)
        kind, number = told["type"], told.get("utterance", 0)
        if kind == "failed":
            found.refused |= told["code"] == "busy"
            found.failed.append(told["message"])
        elif kind == "speech_started" and not cut:
            begun[number] = told["at_s"]
        elif kind == "speech_ended":
            ended[number], cut = at_s, told["forced"]
        elif kind == "gap":
            found.gaps_s += told["end_s"] - told["start_s"]
        elif kind == "partial":
            words = f"{told['stable']} {told['draft']}".split()
            if words and number in begun:
                found.first_s.append(at_s - begun.pop(number))
            found.taken_back += _taken_back(drafts.get(number, []), words)
            drafts[number] = words
        elif kind == "final":
            text = told["segment"]["text"]
            found.words += text.split()
            if number in begun:
                found.first_s.append(at_s - begun.pop(number))
            last[number] = at_s, told["segment"]["end_s"]
            drafts.pop(number, None)
        elif kind == "settled" and number in last:
            told_s, end_s = last.pop(number)
            found.after_endpoint_s.append(told_s - ended.get(number, told_s))
            found.after_word_s.append(told_s - end_s)
    return found


def _taken_back(before: Sequence[str], now: Sequence[str]) -> int:
    """Words of a draft that the next one does not begin with."""
    same = 0
    for a, b in zip(before, now, strict=False):
        if a != b:
            break
        same += 1
    return len(before) - same


# ── the benchmark ────────────────────────────────────────────────────────────────────────────────────────────────────
def starts(count: int, total_s: float, seconds: float) -> list[float]:
    """Where each stream's part begins: all different."""
    room = total_s - seconds
    return [0.0 if count == 1 else n * room / (count - 1) for n in range(count)]


def heard(made: Path, from_s: Sequence[float], seconds: float, folder: Path) -> list[str]:
    """The text of each part as a file, by the recipe of live text."""
    from earwitness import batch
    from earwitness.kit import Kit
    from earwitness.stages.recipe import Recipe, live

    found = []
    with Kit(common.settings(folder)) as kit, wave.open(str(made), "rb") as source:
        for start_s in from_s:
            source.setpos(round(start_s * RATE))
            piece = folder / "piece.wav"
            with wave.open(str(piece), "wb") as target:
                target.setparams(source.getparams())
                target.writeframes(source.readframes(round(seconds * RATE)))
            found.append(batch.run(piece, live(Recipe()), kit).text)
    return found


def cpu_s(pid: int) -> float:
    """Processor seconds of a process and its threads so far."""
    import psutil

    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def memory_mb(pid: int) -> float:
    """Memory that a process holds."""
    import psutil

    return float(psutil.Process(pid).memory_info().rss / 1e6)


def measure(server: common.Server, made: Path, from_s: Sequence[float], seconds: float, hello: str) -> dict[str, Any]:
    """Play all streams at once."""
    clients = [
        subprocess.Popen(
            [sys.executable, __file__, "--client", str(server.port), str(made), str(start_s), str(seconds), hello],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for start_s in from_s
    ]  # fmt: skip
    time.sleep(1 + 0.3 * len(clients))
    began, before_s = time.monotonic(), cpu_s(server.pid)
    for process in clients:
        if process.poll() is None and process.stdin is not None:
            process.stdin.write("\n")
            process.stdin.flush()
    time.sleep(seconds)
    cores = (cpu_s(server.pid) - before_s) / (time.monotonic() - began)
    size_mb = memory_mb(server.pid)
    streams = [read(process.communicate(timeout=seconds + GRACE_S)[0].splitlines()) for process in clients]
    return {"streams": streams, "cores": cores, "mb": size_mb}


def row(count: int, found: dict[str, Any], files: Sequence[str]) -> list[Any]:
    """One line of the table."""
    from earwitness.rollout import scores

    streams: list[Stream] = found["streams"]
    taken = [(s, text) for s, text in zip(streams, files, strict=True) if not s.refused]
    compared = scores.added(scores.wording(text, " ".join(s.words)) for s, text in taken if text)
    words = sum(len(s.words) for s in streams)
    return [
        count,
        sum(s.refused for s in streams),
        common.percentiles([t for s in streams for t in s.first_s], 50, 95, 99),
        common.percentiles([t for s in streams for t in s.after_endpoint_s], 50, 95, 99),
        common.percentiles([t for s in streams for t in s.after_word_s], 50, 95, 99),
        sum(s.taken_back for s in streams) / max(words, 1),
        compared.deleted if compared else 0,
        100 * (compared.rate or 0.0) if compared else 0.0,
        sum(s.gaps_s for s in streams),
        found["cores"],
        round(found["mb"]),
    ]


def count_up() -> Iterator[int]:
    """Four streams, then always four more."""
    return itertools.count(4, 4)


def broken(found: Sequence[Any]) -> str:
    """How the streams of a line broke; empty where all is well."""
    told = dict(zip(COLUMNS, found, strict=True))
    late_ms = float(str(told["endpoint → final"]).split("/")[1]) if told["endpoint → final"] != "-" else 0.0
    reasons = (
        (told["refused"], f"{told['refused']} refused"),
        (told["lost"], f"{told['lost']} words of the file's text are missing"),
        (told["gaps s"], f"{told['gaps s']:.1f} s were not heard, and told as gaps"),
        (late_ms > MOST_LATE_MS, f"text came {late_ms:.0f} ms after the endpoint (p95)"),
    )
    return ", ".join(why for true, why in reasons if true)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32], metavar="N")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each stream is (60)")
    parser.add_argument("--speakers", action="store_true", help="tell speakers apart too")
    parser.add_argument("--find-limit", action="store_true", help="go on until it breaks, and say how")
    parser.add_argument("--no-drops", action="store_true", help="end with an error where anything is lost or late")
    parser.add_argument("--client", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        client(*options.client)
        return
    hello = json.dumps({"type": "hello", "speakers": options.speakers})
    rows, failed = [], False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = common.long_recording(20.0, folder)
        for count in count_up() if options.find_limit else options.streams:
            from_s = starts(count, common.duration_s(made), options.seconds)
            files = heard(made, from_s, options.seconds, folder)
            with common.serving(folder) as server:
                found = measure(server, made, from_s, options.seconds, hello)
            rows.append(row(count, found, files))
            print(dict(zip(COLUMNS, rows[-1], strict=True)), flush=True)
            for told in sorted({m for s in found["streams"] for m in s.failed}):
                print(f"  told: {told}")
            if why := broken(rows[-1]):
                print(f"{count} streams: {why}")
                failed = True
                if options.find_limit:
                    break
    title = f"Live text, {options.seconds:g} s a stream" + (", speakers told apart" if options.speakers else "")
    how = {"live_with_speakers": options.speakers, "live_limit": options.find_limit, "live_stress": options.no_drops}
    common.report(next((name for name, wanted in how.items() if wanted), "live"), title, COLUMNS, rows)
    if options.no_drops and failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
