"""What the benchmarks share: the reference data, the machine's name, a table, and a JSON file beside it."""

import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from earwitness import config
from earwitness.__about__ import __version__
from earwitness.hardware import probe

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("EARWITNESS_REFERENCE_DATA", ROOT.parent / "shared" / "data"))
RESULTS = ROOT / "benchmarks" / "results"
PLAIN = ("read_en", "spont_en", "align_en", "noisy_en", "phone_en")


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


def long_recording(minutes: int, folder: Path) -> Path:
    """A recording of that many minutes made from the reference clips, with its text beside it as long.txt."""
    target = folder / f"{minutes}min"
    if not (target / "long.wav").is_file():
        subprocess.run(
            [sys.executable, DATA / "make_long.py", target, str(minutes)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return target / "long.wav"


def settings(folder: Path, **given: Any) -> config.Settings:
    """Settings that keep everything in a folder of the benchmark."""
    return config.load(home=folder / "home", **given)


def error_rate(pairs: list[tuple[str, str]]) -> tuple[float, int, str]:
    """Word error rate in percent, reference words, and S/D/I in words, by the Whisper English normaliser."""
    import jiwer
    from whisper_normalizer.english import EnglishTextNormalizer

    normal = EnglishTextNormalizer()
    found = jiwer.process_words([normal(r) for r, _ in pairs], [normal(h) for _, h in pairs])
    words = found.hits + found.substitutions + found.deletions
    wrong = found.substitutions + found.deletions + found.insertions
    return 100 * wrong / words, words, f"{found.substitutions}/{found.deletions}/{found.insertions}"


def load_wav(path: Path) -> NDArray[np.float32]:
    """A whole recording as 16 kHz mono."""
    from earwitness.audio import decode

    return decode.decode(path).samples


def report(name: str, title: str, columns: list[str], rows: list[list[Any]]) -> None:
    """Print a table and write benchmarks/results/NAME.json."""
    machine = probe.machine()
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
        "command": "python " + " ".join(["benchmarks/" + Path(sys.argv[0]).name, *sys.argv[1:]]),
        "machine": {"processor": machine.processor, "cores": machine.cores, "system": platform.system()},
        "earwitness": __version__,
        "rows": [dict(zip(columns, row, strict=True)) for row in rows],
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(told, indent=2) + "\n")
