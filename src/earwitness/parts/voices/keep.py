"""What was seen of a recording as plain arrays, so that another process can go on: activity and embeddings."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from earwitness.errors import BadInput
from earwitness.parts import Arrays
from earwitness.parts.voices.frames import FRAMES, Stretch, Window

N = TypeVar("N", bound=np.generic)

PACKED = -(-FRAMES * 3 // 8)
VOICE = 256


def arrays(windows: Sequence[Window]) -> Arrays:
    """Windows in order as arrays."""
    inside = [s for w in windows for s in w.stretches]
    return {
        "start_s": np.array([w.start_s for w in windows], np.float64),
        "packed": np.frombuffer(b"".join(w.packed for w in windows), np.uint8).reshape(-1, PACKED),
        "stretches": np.array([len(w.stretches) for w in windows], np.int64),
        "spans": np.array([(s.local, s.first, s.last) for s in inside], np.int64).reshape(-1, 3),
        "voices": np.array([s.voice for s in inside], np.float16).reshape(-1, VOICE),
    }


def windows(kept: Arrays) -> list[Window]:
    """The windows that `arrays` was given. Raises BadInput for what it never made."""
    start_s, packed = _of(kept, "start_s", np.float64, 1), _of(kept, "packed", np.uint8, 2)
    counts, spans, voices = (
        _of(kept, "stretches", np.int64, 1),
        _of(kept, "spans", np.int64, 2),
        _of(kept, "voices", np.float16, 2),
    )
    total = int(counts.sum())
    fits = len(start_s) == len(counts) and len(spans) == len(voices) == total and not (counts < 0).any()
    if not fits or packed.shape != (len(counts), PACKED) or spans.shape[1] != 3 or voices.shape[1] != VOICE:
        raise BadInput("what was kept of a diarizer does not fit together")
    inside = [Stretch(who, a, b, voice) for (who, a, b), voice in zip(spans.tolist(), voices, strict=True)]
    edges = np.concatenate([[0], np.cumsum(counts)]).tolist()
    return [
        Window(at_s, bits.tobytes(), tuple(inside[low:high]))
        for at_s, bits, (low, high) in zip(start_s.tolist(), packed, pairwise(edges), strict=True)
    ]


def _of(kept: Arrays, name: str, kind: type[N], axes: int) -> NDArray[N]:
    found = kept.get(name)
    if found is None or found.dtype != kind or found.ndim != axes:
        raise BadInput(f"what was kept of a diarizer has no {name}")
    return found.astype(kind, copy=False)
