"""Live text beside WhisperLive's server: the same client, the same protocol, the same model, the same sound.

    pip install --no-deps whisper-live==0.10.0 faster-whisper==1.2.1 ctranslate2 tokenizers && pip install torch
    python benchmarks/live_whisperlive.py [--streams 1 2 4] [--rounds 3] [--pause 6]

Sentences that the small Whisper of the tests understands are played at the pace of speech, with pauses between them, by
clients of WhisperLive's protocol, each beginning a second after the one before, to one server after the other. The
pauses are long because that model loses sentences where it is given several at once, and WhisperLive gives it all that
it has not called completed; with 1.2 s between them the comparison would be one of the model with itself. Both have the
same CTranslate2 files (int8) and all cores, unless OMP_NUM_THREADS says otherwise; WhisperLive has one model for all
clients. Times are in milliseconds, p50/p95 over the sentences of all streams, by where those stand in the sound: `first
text` is from where a sentence begins to the first message with text there, `end → final` from where it ends to the
first that calls it completed. `never final` counts sentences that were never called that. WER is of what a client has
at the end, the last draft included. CPU is in cores, memory in megabytes, both of the server.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import common
from earwitness.audio.timebase import RATE
from earwitness.models.convert import convert

MICRO = Path(__file__).parent.parent / "tests" / "assets" / "whisper-micro"
MODEL = "whisper-micro"
KNOWN = ("01", "02", "03", "04", "07", "08", "09")
"""The sentences that every runtime hears rightly."""

PIECE, TAIL_S, WAIT_S = 4096, 8.0, 60.0
OURS, PEER = "earwitness", "WhisperLive"
COLUMNS = ["streams", "with", "first text", "end → final", "never final", "WER %", "CPU", "MB"]
NEEDS = ("whisper_live", "faster_whisper", "torch")


@dataclass(frozen=True)
class Sentence:
    """One sentence of the sound, and where it stands."""

    text: str
    start_s: float
    end_s: float


@dataclass
class Heard:
    """What one client saw: arrivals in seconds after its first sample."""

    told: list[tuple[float, list[dict[str, Any]]]] = field(default_factory=list)
    wrong: str = ""


def spoken(rounds: int, pause_s: float) -> "tuple[np.ndarray[Any, Any], list[Sentence]]":
    """The sentences one after the other, so many times."""
    rows = [json.loads(line) for line in (MICRO / "wavs" / "manifest.jsonl").read_text().splitlines()]
    sound, found, at = list[Any](), list[Sentence](), 0
    for row in [r for r in rows if r["file"][:2] in KNOWN] * rounds:
        clip = common.load_wav(MICRO / "wavs" / row["file"])
        (span,) = row["segments"]
        found.append(Sentence(row["text"], at / RATE + span["start"], at / RATE + span["end"]))
        sound += [clip, np.zeros(round(pause_s * RATE), np.float32)]
        at += len(clip) + round(pause_s * RATE)
    return np.concatenate([*sound, np.zeros(round(TAIL_S * RATE), np.float32)]), found


# ── a client ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def client(port: int, sound: "np.ndarray[Any, Any]", found: Heard) -> None:
    """Play the sound to a server, as WhisperLive's own client does, and keep what it tells."""
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    hello = {"uid": f"{id(found)}", "language": "en", "task": "transcribe", "model": MODEL, "use_vad": True}
    with connect(f"ws://127.0.0.1:{port}/", open_timeout=60, max_size=None) as socket:
        socket.send(json.dumps(hello))
        while (first := json.loads(socket.recv(60))).get("message") != "SERVER_READY":
            if first.get("status") in {"WAIT", "ERROR"}:
                found.wrong = str(first["message"])
                return
        began = time.monotonic()

        def play() -> None:
            with suppress(ConnectionClosed):
                for low in range(0, len(sound), PIECE):
                    time.sleep(max(0.0, began + (low + PIECE) / RATE - time.monotonic()))
                    socket.send(sound[low : low + PIECE].astype("<f4").tobytes())
                socket.send(b"END_OF_AUDIO")

        threading.Thread(target=play, daemon=True).start()
        try:
            while True:
                message = json.loads(socket.recv(WAIT_S))
                if "segments" in message:
                    found.told.append((time.monotonic() - began, message["segments"]))
        except (ConnectionClosed, TimeoutError):
            return


def there(row: dict[str, Any], sentence: Sentence) -> bool:
    """Whether a row of a message is about a sentence: it has text, and they overlap by a third of it."""
    low, high = max(float(row["start"]), sentence.start_s), min(float(row["end"]), sentence.end_s)
    return bool(row["text"].strip()) and high - low > (sentence.end_s - sentence.start_s) / 3


def times(heard: Heard, sentences: Sequence[Sentence]) -> tuple[list[float], list[float], int]:
    """Seconds to the first text and to final text of each sentence, and how many never became final."""
    first, final, never = list[float](), list[float](), 0
    for sentence in sentences:
        shown = [at for at, rows in heard.told if at > sentence.start_s and any(_begun(r, sentence) for r in rows)]
        done = [at for at, rows in heard.told if any(r.get("completed") and there(r, sentence) for r in rows)]
        first += [min(shown) - sentence.start_s] if shown else []
        final += [min(done) - sentence.end_s] if done else []
        never += not done
    return first, final, never


def _begun(row: dict[str, Any], sentence: Sentence) -> bool:
    return bool(row["text"].strip()) and sentence.start_s < float(row["end"]) and float(row["start"]) < sentence.end_s


def text_of(heard: Heard) -> str:
    """What a client has at the end: everything completed, once, and the last draft."""
    done = dict[str, str]()
    for _, rows in heard.told:
        done |= {str(r["start"]): str(r["text"]) for r in rows if r.get("completed")}
    rest = [r for r in heard.told[-1][1] if not r.get("completed")] if heard.told else []
    parts = [text.strip() for _, text in sorted(done.items(), key=lambda d: float(d[0]))]
    return " ".join([*parts, *(str(r["text"]).strip() for r in rest)])


# ── the servers ──────────────────────────────────────────────────────────────────────────────────────────────────────
PEER_SERVER = """
import sys
from whisper_live.server import TranscriptionServer
TranscriptionServer().run(
    "127.0.0.1", port=int(sys.argv[1]), backend="faster_whisper", faster_whisper_custom_model_path=sys.argv[2],
    single_model=True, max_clients=64, max_connection_time=3600,
)
"""


@contextmanager
def peer(model: Path) -> Iterator[tuple[int, int]]:
    """WhisperLive's server: its port and its process."""
    import os
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    cores = str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
    process = subprocess.Popen(
        [sys.executable, "-c", PEER_SERVER, str(port), str(model)],
        env={"OMP_NUM_THREADS": cores, **os.environ}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(600):
            with socket.socket() as tried:
                if process.poll() is None and tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        else:
            sys.exit("WhisperLive's server did not start")
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def ours(folder: Path) -> Iterator[tuple[int, int]]:
    """Our server, whose home has the model."""
    with common.serving(folder) as server:
        yield server.port, server.pid


def measure(port: int, pid: int, sound: "np.ndarray[Any, Any]", count: int) -> tuple[list[Heard], float, float]:
    """All streams; the server's CPU in cores, and its memory."""
    import psutil

    client(port, sound[: 3 * RATE], Heard())  # loads the model
    server, found = psutil.Process(pid), [Heard() for _ in range(count)]
    before, began = sum(server.cpu_times()[:2]), time.monotonic()
    threads = [threading.Thread(target=client, args=(port, sound, heard)) for heard in found]
    for thread in threads:
        thread.start()
        time.sleep(1.0)
    for thread in threads:
        thread.join()
    cores = (sum(server.cpu_times()[:2]) - before) / (time.monotonic() - began)
    return found, cores, server.memory_info().rss / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 2, 4], metavar="N")
    parser.add_argument("--rounds", type=int, default=3, help="how often the sentences are said (3)")
    parser.add_argument("--pause", type=float, default=6.0, help="seconds between sentences (6)")
    options = parser.parse_args()
    if lacking := [name for name in NEEDS if find_spec(name) is None]:
        sys.exit(f"{', '.join(lacking)} not installed: see the top of this file")
    sound, sentences = spoken(options.rounds, options.pause)
    said, rows = " ".join(s.text for s in sentences), list[list[Any]]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stored = convert(MICRO / "model", folder / "home" / "models", model=MODEL, form="ctranslate2", precision="int8")
        for count in options.streams:
            for who, server in ((OURS, ours(folder)), (PEER, peer(stored.path))):
                with server as (port, pid):
                    heard, cores, size_mb = measure(port, pid, sound, count)
                for told in sorted({h.wrong for h in heard if h.wrong}):
                    print(f"  {who} told: {told}")
                each = [times(h, sentences) for h in heard]
                first, final = [t for f, _, _ in each for t in f], [t for _, f, _ in each for t in f]
                rate = common.error_rate([(said, text_of(h)) for h in heard])[0]
                never = f"{sum(n for *_, n in each)} of {len(sentences) * count}"
                rows.append([
                    count, who, common.percentiles(first, 50, 95), common.percentiles(final, 50, 95), never, rate,
                    cores, round(size_mb),
                ])  # fmt: skip
                print(dict(zip(COLUMNS, rows[-1], strict=True)), flush=True)
    title = f"Live text of {len(sound) / RATE:.0f} s by {MODEL}, beside WhisperLive"
    common.report("live_whisperlive", title, COLUMNS, rows)


if __name__ == "__main__":
    main()
