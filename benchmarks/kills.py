"""What a server that is killed again and again under load has lost of what it acknowledged: nothing, it is to be.

    python benchmarks/kills.py [--kills 50] [--database postgresql://… | own] [--sessions 2] [--seconds 6] [--seed 1]

A server in a process of its own is ended by SIGKILL at a random moment of its first seconds of being ready, and
started again, so many times. All the while clients put recordings into its queue, by forms and by uploads that are gone
on with, speak into live sessions that are stored with their sound, at the pace of speech, and correct segments; they
come again when they are cut off, and write down what was acknowledged: a 201, a final segment, a corrected segment.
Live clients do not come back after the last kill, so that what was safe is heard from disk alone.

At the end the queue is worked off, and the database is looked into. Lost are jobs that are not there or not done, live
segments that are not in their recording to the letter, corrections of which neither the segment nor its history knows,
seconds of sound that were told to be safe and are in no recording. `damage` is what the integrity check finds, with
files that are missing. `own` starts a PostgreSQL from the system's packages, as the tests do. It ends with an error
where anything was lost.
"""

import argparse
import base64
import contextlib
import io
import itertools
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
import wave
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

import common
from databases import reached
from earwitness import config
from earwitness.archive import upkeep
from earwitness.archive.schema.heard import RecordingRow, RevisionRow, SegmentRow
from earwitness.archive.viewer import HOUSE
from earwitness.archive.whole import Archive
from earwitness.types import Provenance, Segment, Transcript

sys.path.insert(0, str(common.ROOT / "tests"))

from support.sockets import free_port

RATE, PIECE_S, SESSION_S, LONGEST_S = 16_000, 0.1, 40.0, 4.0
AGAIN_S, CALL_S, SETTLE_S, KEEP_S = 0.1, 20.0, 600.0, 20.0
ANY = {"language_gate": "off"}
"""A cut of some seconds may not be told from another language."""

CORRECTED = 200
"""Segments that are corrected again and again."""

COLUMNS = [
    "database", "kills", "jobs", "jobs lost", "segments", "segments lost", "corrections", "corrections lost", "sound s",
    "sound lost s", "damage", "ready again ms p50/p95",
]  # fmt: skip


@dataclass
class Kept:
    """What was acknowledged."""

    jobs: list[str] = field(default_factory=list)
    segments: dict[str, list[tuple[str, float, float]]] = field(default_factory=lambda: defaultdict(list))
    """By live session: text, start and end."""
    safe_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    corrections: list[tuple[int, int, str]] = field(default_factory=list)
    """Id of a segment, its revision, its text."""
    refused: list[str] = field(default_factory=list)


class Load:
    """Clients in threads, until they are told to stop."""

    def __init__(self, port: int, made: Path, corrected: str, sessions: int) -> None:
        self.kept, self.port, self._made, self._corrected = Kept(), port, made, corrected
        self.over, self._length_s = threading.Event(), common.duration_s(made)
        work = [self._order, self._correct, *[lambda n=n: self._speak(n) for n in range(sessions)]]
        self._threads = [threading.Thread(target=self._tireless, args=(one,), daemon=True) for one in work]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait for them."""
        for thread in self._threads:
            thread.join()

    def _tireless(self, work: Callable[[], None]) -> None:
        """Do something again wherever a connection breaks."""
        while not self.over.is_set():
            try:
                work()
            except (httpx.TransportError, WebSocketException, OSError, TimeoutError):
                time.sleep(AGAIN_S)

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=CALL_S)

    def _sound(self, from_s: float, seconds: float) -> bytes:
        with wave.open(str(self._made), "rb") as source:
            source.setpos(round(from_s * RATE))
            return source.readframes(round(seconds * RATE))

    # ── the queue ──
    def _order(self) -> None:
        draw = random.Random(len(self.kept.jobs))
        with self._client() as http:
            for number in itertools.count():
                if self.over.is_set():
                    return
                content = _wav(self._sound(draw.uniform(0, self._length_s - LONGEST_S), draw.uniform(1, LONGEST_S)))
                found = self._uploaded(http, content) if number % 2 else self._posted(http, content)
                if found.status_code == 201:
                    self.kept.jobs.append(found.json()["id"])
                else:
                    self.kept.refused.append(found.text)
                time.sleep(AGAIN_S)

    def _posted(self, http: httpx.Client, content: bytes) -> httpx.Response:
        return http.post("/api/jobs", files={"file": ("talk.wav", content)}, data=ANY)

    def _uploaded(self, http: httpx.Client, content: bytes) -> httpx.Response:
        """By two pieces."""
        tus, half = {"tus-resumable": "1.0.0"}, len(content) // 2
        name = base64.b64encode(b"talk.wav").decode()
        begun = http.post(
            "/api/uploads",
            headers=tus | {"upload-length": str(len(content)), "upload-metadata": f"filename {name}"},
        )
        for at, piece in ((0, content[:half]), (half, content[half:])):
            headers = tus | {"upload-offset": str(at), "content-type": "application/offset+octet-stream"}
            http.patch(begun.headers["location"], headers=headers, content=piece).raise_for_status()
        return http.post("/api/jobs", json=ANY | {"upload": begun.headers["location"].rpartition("/")[2]})

    # ── corrections ──
    def _correct(self) -> None:
        with self._client() as http:
            listed = http.get(f"/api/recordings/{self._corrected}/segments", params={"limit": CORRECTED}).json()
            for segment in itertools.cycle(listed["segments"]):
                if self.over.is_set():
                    return
                text = f"corrected at {time.time():.6f}"
                changed = {"revision": segment["revision"], "text": text}
                found = http.patch(f"/api/segments/{segment['id']}", json=changed)
                if found.is_success:
                    segment["revision"] = found.json()["revision"]
                    self.kept.corrections.append((segment["id"], segment["revision"], text))
                else:
                    self.kept.refused.append(found.text)
                time.sleep(AGAIN_S / 4)

    # ── live sessions ──
    def _speak(self, number: int) -> None:
        """Sessions one after the other; each is gone on with until it has ended."""
        for turn in itertools.count():
            from_s = (SESSION_S * (7 * number + turn)) % (self._length_s - SESSION_S)
            talk = _Talk(self, self._sound(from_s, SESSION_S))
            while not (self.over.is_set() or talk.ended):
                with contextlib.suppress(WebSocketException, OSError, TimeoutError):
                    talk.go_on()
                time.sleep(AGAIN_S)
            if self.over.is_set():
                return


class _Talk:
    """One live session over as many connections as it takes."""

    def __init__(self, load: Load, sound: bytes) -> None:
        self._load, self._sound, self.ended = load, sound, False
        self._session, self._seq = "", 0

    def go_on(self) -> None:
        """Speak until the end, or until the connection breaks."""
        with connect(f"ws://127.0.0.1:{self._load.port}/ws", open_timeout=CALL_S, close_timeout=1) as socket:
            hello: dict[str, Any] = {"type": "hello", "keep": True, "keep_audio": True, "drafts": False}
            if self._session:
                hello |= {"session": self._session, "after": self._seq}
            socket.send(json.dumps(hello))
            told = json.loads(socket.recv(CALL_S))
            if told["type"] != "welcome":
                self._load.kept.refused.append(json.dumps(told))
                self.ended |= told.get("code") == "not_found"
                return
            self._session = told["session"]
            player = threading.Thread(target=self._play, args=(socket, round(told["position"] * RATE)), daemon=True)
            player.start()
            for message in socket:
                self._hear(json.loads(message))

    def _play(self, socket: ClientConnection, position: int) -> None:
        step, began, first = round(PIECE_S * RATE), time.monotonic(), position
        with contextlib.suppress(WebSocketException, OSError):
            while position * 2 < len(self._sound) and not self._load.over.is_set():
                socket.send(self._sound[position * 2 : (position + step) * 2])
                position += step
                time.sleep(max(0.0, began + (position - first) / RATE - time.monotonic()))
            if not self._load.over.is_set():
                socket.send('{"type": "end"}')

    def _hear(self, told: dict[str, Any]) -> None:
        kept = self._load.kept
        self._seq = max(self._seq, told.get("seq", 0))
        if told["type"] == "final":
            segment = told["segment"]
            kept.segments[self._session].append((segment["text"], segment["start_s"], segment["end_s"]))
        elif told["type"] == "ack":
            kept.safe_s[self._session] = max(kept.safe_s[self._session], told["position"])
        elif told["type"] == "ended":
            self.ended = True


def _wav(frames: bytes) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(frames)
    return out.getvalue()


# ── the server ──
class Server:
    """`earwitness serve`, started again on the same port; `ready_s` is how long it took each time."""

    def __init__(self, folder: Path, port: int, database: str) -> None:
        told = {"PRELOAD": "true", "JOBS_AT_ONCE": "1", "LIVE_KEEP_S": str(KEEP_S), "LOG_LEVEL": "warning"}
        if database:
            told["DATABASE_URL"] = database
        self._env = common.environment(folder) | {f"EARWITNESS_{k}": v for k, v in told.items()}
        self._folder, self._port = folder, port
        self.ready_s = list[float]()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        began = time.perf_counter()
        with (self._folder / "serve.log").open("ab") as log:
            command = [common.command(), "serve", "--port", str(self._port)]
            self._process = subprocess.Popen(command, env=self._env, stdout=log, stderr=log)
        while not self._ready():
            if self._process.poll() is not None or time.perf_counter() - began > common.START_WAIT_S:
                sys.exit(f"the server did not start:\n{(self._folder / 'serve.log').read_text()[-3000:]}")
            time.sleep(0.02)
        self.ready_s.append(time.perf_counter() - began)

    def end(self, *, kill: bool) -> None:
        """End it."""
        assert self._process is not None
        self._process.kill() if kill else self._process.terminate()
        self._process.wait(60)

    def _ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self._port}/readyz", timeout=CALL_S).status_code == 200
        except httpx.TransportError:
            return False


def settle(port: int) -> None:
    """Wait until all jobs are over and all recordings closed."""
    end = time.monotonic() + SETTLE_S
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=CALL_S) as http:
        while time.monotonic() < end:
            states = http.get("/api/jobs").json()["states"]
            left = http.get("/api/recordings", params={"state": "open"}).json()["recordings"]
            if not left and not states.keys() - {"done", "failed"}:
                return
            time.sleep(1)


# ── what is there ──
def missing(archive: Archive, kept: Kept) -> tuple[int, int, int, float]:
    """Jobs, segments, corrections and seconds of sound that were acknowledged and are not there."""
    states = archive.jobs.there(kept.jobs)
    lost = [job for job in kept.jobs if states.get(job) != "done"]
    for job in lost:
        why = archive.jobs.one(HOUSE, job) if job in states else None
        print(f"  lost: {job} {why and (why.state, why.code, why.error)}")
    with archive.database.reading() as connection:
        assert connection is not None
        closed = {row.session: row for row in connection.execute(select(RecordingRow.__table__))}
        wanted = select(RecordingRow.session, SegmentRow.text, SegmentRow.start_s, SegmentRow.end_s)
        joined = wanted.join(SegmentRow, SegmentRow.recording_id == RecordingRow.id)
        said = {tuple(row) for row in connection.execute(joined)}
        now = connection.execute(select(SegmentRow.id, SegmentRow.revision, SegmentRow.text))
        texts = {(row.id, row.revision): row.text for row in now}
        for row in connection.execute(select(RevisionRow.segment_id, RevisionRow.revision, RevisionRow.before)):
            texts[row.segment_id, row.revision] = row.before.get("text", "")
    segments = sum((ident, *one) not in said for ident, some in kept.segments.items() for one in some)
    corrections = sum(texts.get((ident, revision)) != text for ident, revision, text in kept.corrections)
    sound_s = sum(max(0.0, s - (closed[i].duration_s if i in closed else 0.0)) for i, s in kept.safe_s.items())
    return len(lost), segments, corrections, sound_s


def prepared(archive: Archive) -> str:
    """A recording whose segments are corrected; its id."""
    segments = tuple(Segment(2.0 * n, 2.0 * n + 1.5, f"It was said at {n}.") for n in range(CORRECTED))
    told = Transcript(segments, 2.0 * CORRECTED, "en", "transcribe", Provenance("0", "none", "none", "cpu", {}))
    return archive.recordings.add(told, viewer=HOUSE, title="corrected", kind="file", began_s=time.time())


def measure(folder: Path, database: str, options: argparse.Namespace) -> list[Any]:
    """One row."""
    made = common.long_recording(10.0, folder)
    settings = config.load(home=folder / "home", database_url=database or None)
    with closing(Archive(settings.archive, settings.kept)) as archive:
        corrected = prepared(archive)
    server, draw = Server(folder, free_port(), database), random.Random(options.seed)
    server.start()
    load = Load(server._port, made, corrected, options.sessions)  # noqa: SLF001 - one program
    for kill in range(options.kills):
        time.sleep(draw.uniform(0.0, options.seconds))
        if kill == options.kills - 1:
            load.over.set()
        server.end(kill=True)
        print(f"{database or 'SQLite'}: killed {kill + 1} times, {len(load.kept.jobs)} jobs", flush=True)
        server.start()
    load.join()
    settle(load.port)
    server.end(kill=False)
    with closing(Archive(settings.archive, settings.kept)) as archive:
        jobs, segments, corrections, sound_s = missing(archive, load.kept)
        found = upkeep.check(archive)
    for told in sorted({*load.kept.refused, *found.damage, *found.missing})[:20]:
        print(f"  told: {told[:300]}")
    return [
        "PostgreSQL" if database else "SQLite", options.kills, len(load.kept.jobs), jobs,
        sum(map(len, load.kept.segments.values())), segments, len(load.kept.corrections), corrections,
        round(sum(load.kept.safe_s.values())), sound_s, len(found.damage) + len(found.missing),
        common.percentiles(server.ready_s[1:], 50, 95),
    ]  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="times that the server is killed (50)")
    parser.add_argument("--sessions", type=int, default=2, help="live sessions at a time (2)")
    parser.add_argument("--seconds", type=float, default=6, help="for which it lives at most, once it is ready (6)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills (1)")
    parser.add_argument("--database", default="", help="an empty PostgreSQL database, or `own`; SQLite without it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, reached(options.database) as database:
        row = measure(Path(name), database, options)
    common.report("kills", "A server that is killed under load: what was acknowledged and lost", COLUMNS, [row])
    if any(row[n] for n in (3, 5, 7, 9, 10)):
        sys.exit(1)


if __name__ == "__main__":
    main()
