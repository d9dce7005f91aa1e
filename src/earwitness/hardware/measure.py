"""Runs a candidate on this machine and writes down what came out; keeps it until driver, library or model change.

Knows no engine: a candidate is a function that opens it. Each should be measured in a process of its own, so that its
memory is its own, and that one which dies takes nobody with it.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from pydantic import TypeAdapter, ValidationError

from earwitness import files
from earwitness.errors import BadInput
from earwitness.hardware.probe import limits
from earwitness.types import Clip, Segment

Submit = Callable[[Clip], Future[tuple[Segment, ...]]]
"""Puts a clip into the lane of the candidate."""

FIRST_TRIES = 3

SHORT_S = 3.0
"""Length of the clip whose text is waited for."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a candidate did. Where it failed, `error` says why and the numbers mean nothing."""

    engine: str
    model: str
    device: str
    workers: int
    at: str
    """ISO 8601, UTC."""
    speed: float = 0.0
    """Seconds of sound a second, all workers at work."""
    first_s: float = 0.0
    """From handing in one short clip to its text, nothing else being done; the median of three."""
    load_s: float = 0.0
    memory: int = 0
    """Bytes that the process grew by at its peak; 0 where the system does not tell."""
    cpu_share: float = 0.0
    """Seconds of processor time for a second of sound."""
    agreement: float | None = None
    """Share of words in common with the most exact candidate of the same model."""
    error: str = ""

    @property
    def day(self) -> str:
        """The date it was measured."""
        return self.at[:10]


def run(
    open_it: Callable[[], AbstractContextManager[tuple[Submit, Sequence[Clip]]]],
) -> tuple[dict[str, float], str]:
    """Numbers by the names of `Measured`'s fields, and the text of the clips.

    What is opened gives a way into the candidate's lane, and about a minute of speech in clips it can take. Raises what
    the candidate raises, and BadInput where there is no speech.
    """
    before, began = _memory(peak=False), time.perf_counter()
    with open_it() as (submit, clips):
        loaded = time.perf_counter()
        if not clips:
            raise BadInput("there is no speech in the recording to measure with")
        short = min(clips, key=lambda clip: abs(clip.audio.duration_s - SHORT_S))
        submit(short).result()  # what is done once is not counted as the first result
        firsts = [_timed(lambda: submit(short).result())[0] for _ in range(FIRST_TRIES)]
        used = time.process_time()
        took, results = _timed(lambda: [f.result() for f in [submit(clip) for clip in clips]])
        used = time.process_time() - used
        peak = _memory(peak=True)
    sound_s = sum(clip.audio.duration_s for clip in clips)
    numbers = {
        "speed": sound_s / took,
        "first_s": median(firsts),
        "load_s": loaded - began,
        "memory": max(0, peak - before),
        "cpu_share": used / sound_s,
    }
    return numbers, " ".join(segment.text for segments in results for segment in segments)


def now() -> str:
    """The time as it is written down."""
    return datetime.now(UTC).isoformat(timespec="seconds")


# ── what is kept ──
FORM = TypeAdapter(dict[str, Measured])


def read(path: Path) -> dict[str, Measured]:
    """What was measured, by key; nothing where there is no such file, or one that can't be read any more."""
    with suppress(OSError, ValidationError):
        return FORM.validate_json(path.read_bytes())
    return {}


def write(path: Path, found: Mapping[str, Measured]) -> None:
    """Keep measurements beside those that are there, whole or not at all. Raises StorageFailed."""
    kept = {**read(path), **found}
    files.write_whole(path, FORM.dump_json(kept, indent=1))


def _timed(work: Callable[[], object]) -> tuple[float, list[tuple[Segment, ...]]]:
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found  # type: ignore[return-value]


def _memory(*, peak: bool) -> int:
    """Bytes this process has in memory, now or at its peak; 0 where the system does not tell."""
    if not peak and (now := limits.resident()) is not None:
        return now
    try:
        import resource
    except ImportError:  # Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
