"""What the benchmarks share: reference data, made recordings, child processes, a server, tables and JSON files.

Importing this needs the standard library only, so that a child process which measures its own memory, or one of
another environment, may use it.
"""

import contextlib
import http.client
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import uuid
import wave
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from earwitness.config import Settings

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("EARWITNESS_REFERENCE_DATA", ROOT.parent / "shared" / "data"))
RESULTS = ROOT / "benchmarks" / "results"
PLAIN = ("read_en", "spont_en", "align_en", "noisy_en", "phone_en")
START_WAIT_S = 120.0
"""A server that is not ready by then will not be."""


# ── recordings ───────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Reference:
    """One reference recording: where it is, what kind, and what is said in it (empty: nothing)."""

    path: Path
    kind: str
    text: str
    language: str


def references(*kinds: str, part: str = "dev") -> list[Reference]:
    """The reference recordings of some kinds, or of all. Ends the program where they are absent."""
    manifest = DATA / part / "manifest.jsonl"
    if not manifest.is_file():
        sys.exit(f"the reference recordings are not at {DATA}; set EARWITNESS_REFERENCE_DATA to where they are")
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    return [
        Reference(manifest.parent / r["file"], r["kind"], r.get("text") or "", r.get("language") or "")
        for r in rows
        if not kinds or r["kind"] in kinds
    ]


def long_recording(minutes: float, folder: Path) -> Path:
    """A recording of that many minutes made from the reference clips, with its text beside it as long.txt."""
    target = folder / f"{minutes:g}min"
    if not (target / "long.wav").is_file():
        references()
        subprocess.run(
            [sys.executable, DATA / "make_long.py", target, f"{minutes:g}"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return target / "long.wav"


def looped(piece: Path, seconds: float, target: Path) -> Path:
    """A WAV file repeated or cut to that many seconds, with a minute in memory at a time. Leaves on a full disk."""
    with wave.open(str(piece), "rb") as source, wave.open(str(target), "wb") as made:
        made.setparams(source.getparams())
        rate, size = source.getframerate(), source.getsampwidth() * source.getnchannels()
        left = round(seconds * rate)
        free = shutil.disk_usage(target.parent).free
        if free < 1.2 * left * size:
            sys.exit(f"{target.parent} has {free / 1e9:.1f} GB free; {left * size / 1e9:.1f} GB are needed")
        while left > 0:
            block = source.readframes(min(left, 60 * rate))
            if not block:
                source.rewind()
                continue
            made.writeframesraw(block)
            left -= len(block) // size
    return target


def duration_s(path: Path) -> float:
    """Seconds of a WAV file."""
    with wave.open(str(path), "rb") as opened:
        return opened.getnframes() / opened.getframerate()


def load_wav(path: Path) -> "NDArray[np.float32]":
    """A whole recording as 16 kHz mono."""
    from earwitness.audio import decode

    return decode.decode(path).samples


def error_rate(pairs: list[tuple[str, str]]) -> tuple[float, int, str]:
    """Word error rate in percent, reference words, and S/D/I in words, by the Whisper English normaliser."""
    from earwitness.rollout import scores

    found = scores.added(scores.wording(reference, heard) for reference, heard in pairs)
    assert found is not None
    assert found.rate is not None
    return 100 * found.rate, found.reference, f"{found.substituted}/{found.deleted}/{found.inserted}"


def percentiles(values: Sequence[float], *which: float) -> str:
    """Some percentiles of times in seconds, in milliseconds with strokes between."""
    import numpy as np

    return "/".join(f"{1000 * v:.0f}" for v in np.percentile(values, which)) if values else "-"


# ── processes ────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Child:
    """What a child process took and told. `told` is what it gave to `tell`; `cpu_s` and `peak_mb` are its own."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    told: Mapping[str, Any]


def child(script: str, *arguments: str, python: str = sys.executable) -> Child:
    """Run `python script arguments…` in a fresh process and wait for it. Raises CalledProcessError if it fails."""
    began = time.perf_counter()
    done = subprocess.run([python, script, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    wall_s = time.perf_counter() - began
    told = json.loads(done.stdout.splitlines()[-1])
    return Child(wall_s, told["cpu_s"], told["peak_mb"], told)


def tell(**found: Any) -> None:
    """In a child process: hand what was found to the parent, with the CPU seconds and the peak memory. Call it last."""
    print(json.dumps({**found, "cpu_s": time.process_time(), "peak_mb": peak_mb()}), flush=True)


def peak_mb() -> float:
    """The most memory this process has held, in megabytes (10^6 bytes).

    On Linux by VmHWM: `ru_maxrss` of a fresh process counts what its parent held when it was started.
    """
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset / 1e6)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def resident_mb() -> float:
    """The memory this process holds now, in megabytes."""
    if sys.platform != "linux":
        import psutil

        return float(psutil.Process().memory_info().rss / 1e6)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def command() -> str:
    """The `earwitness` command of this environment. Ends the program where there is none."""
    found = shutil.which("earwitness", path=sysconfig.get_path("scripts"))
    return found or sys.exit("earwitness is not installed in this environment: pip install -e .")


def environment(folder: Path) -> dict[str, str]:
    """This process's environment without its own earwitness settings; the home is in a folder of the benchmark."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("EARWITNESS_")}
    return kept | {"EARWITNESS_HOME": str(folder / "home")}


def settings(folder: Path, **given: Any) -> "Settings":
    """Settings that keep everything in a folder of the benchmark."""
    from earwitness import config

    return config.load(home=folder / "home", **given)


@dataclass(frozen=True)
class Server:
    """A running `earwitness serve`: its port on loopback, and the seconds from its start until it was ready."""

    port: int
    ready_s: float
    pid: int

    def ask(self, path: Path, **fields: str) -> http.client.HTTPResponse:
        """Send a recording to `/v1/audio/transcriptions` on a connection of its own; the answer is not yet read."""
        line = uuid.uuid4().hex
        form = {"model": "whisper-1", **fields}
        parts = [f'--{line}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in form.items()]
        named = f'Content-Disposition: form-data; name="file"; filename="{path.name}"'
        parts.append(f"--{line}\r\n{named}\r\nContent-Type: application/octet-stream\r\n\r\n")
        body = "".join(parts).encode() + path.read_bytes() + f"\r\n--{line}--\r\n".encode()
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        kind = f"multipart/form-data; boundary={line}"
        link.request("POST", "/v1/audio/transcriptions", body, {"Content-Type": kind, "Connection": "close"})
        answer = link.getresponse()
        if answer.status != 200:
            sys.exit(f"the server answered {answer.status}: {answer.read().decode(errors='replace')}")
        return answer


@contextlib.contextmanager
def serving(folder: Path, **settings: str) -> Iterator[Server]:
    """A server in a process of its own on a free port of loopback, once `/readyz` says so; stopped at the end.

    `settings` go into its environment.
    """
    log = folder / f"serve-{uuid.uuid4().hex}.log"
    began, env = time.perf_counter(), environment(folder)
    env |= {f"EARWITNESS_{name.upper()}": value for name, value in settings.items()}
    with log.open("wb") as out:
        process = subprocess.Popen([command(), "serve", "--port", "0"], stdout=out, stderr=out, env=env)
    try:
        port = None
        while port is None or not _ready(port):
            if process.poll() is not None or time.perf_counter() - began > START_WAIT_S:
                sys.exit(f"the server did not start:\n{log.read_text()}")
            port = port or _port(log)
            time.sleep(0.005)
        yield Server(port, time.perf_counter() - began, process.pid)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _port(log: Path) -> int | None:
    """The port in the line where the server says what it listens on."""
    for line in log.read_text().splitlines():
        if "listens on http://" in line:
            return urlsplit(line.split("listens on ")[1].split()[0]).port
    return None


def _ready(port: int) -> bool:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        link.request("GET", "/readyz")
        return link.getresponse().status == 200
    except OSError:
        return False
    finally:
        link.close()


# ── results ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def report(name: str, title: str, columns: list[str], rows: list[list[Any]]) -> None:
    """Print a table and write benchmarks/results/NAME.json."""
    from rich.console import Console
    from rich.table import Table

    from earwitness.__about__ import __version__
    from earwitness.hardware import probe

    machine = probe.machine()
    given = [Path(a).name if Path(a).is_absolute() else a for a in sys.argv[1:]]
    table = Table(
        title=f"{title}\n{machine.processor}, {machine.cores} cores, earwitness {__version__}",
        title_justify="left",
    )
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right")
    for row in rows:
        table.add_row(*(f"{v:.2f}" if isinstance(v, float) else str(v) for v in row))
    Console(width=140).print(table)
    RESULTS.mkdir(exist_ok=True)
    told = {
        "benchmark": name,
        "title": title,
        "when": time.strftime("%Y-%m-%d"),
        "command": "python " + " ".join(["benchmarks/" + Path(sys.argv[0]).name, *given]),
        "machine": {"processor": machine.processor, "cores": machine.cores, "system": platform.system()},
        "earwitness": __version__,
        "rows": [dict(zip(columns, row, strict=True)) for row in rows],
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(told, indent=2) + "\n")
