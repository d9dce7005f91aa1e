"""The small Whisper under tests/assets, and what its recordings say."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from earwitness.audio import decode
from earwitness.types import Samples

MICRO = Path(__file__).resolve().parent.parent / "assets" / "whisper-micro"
MODEL, RECORDINGS = MICRO / "model", MICRO / "wavs"

EXACT = ("01", "02", "03", "04", "07", "08", "09")
"""Clips that every engine must get right to the word; see the model's README."""


@dataclass(frozen=True)
class Spoken:
    """One recording, and what is said in it."""

    name: str
    text: str
    language: str
    segments: tuple[tuple[float, float, str], ...]

    @property
    def samples(self) -> Samples:
        """The sound, at 16 kHz."""
        return decode.decode(RECORDINGS / self.name).samples


@cache
def recordings() -> tuple[Spoken, ...]:
    """All recordings, in the order of their numbers."""
    found = []
    for line in (RECORDINGS / "manifest.jsonl").read_text("utf-8").splitlines():
        told = json.loads(line)
        parts = tuple((s["start"], s["end"], s["text"]) for s in told["segments"])
        found.append(Spoken(told["file"], told["text"], told["language"], parts))
    return tuple(found)


def exact() -> tuple[Spoken, ...]:
    """Those that every engine must get right."""
    return tuple(r for r in recordings() if r.name[:2] in EXACT)
