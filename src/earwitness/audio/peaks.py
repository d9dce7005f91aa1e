"""How loud sound is over time, as a waveform shows it. Knows no files and no pictures."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from earwitness.audio import timebase
from earwitness.types import Audio

Loudness: TypeAlias = npt.NDArray[np.int8]
"""From 0 to 127, shape (n,)."""

PER_S = 10
"""Points of a second."""

STEP = timebase.RATE // PER_S
FULL = 127


def peaks(blocks: Iterable[Audio]) -> Iterator[bytes]:
    """The loudest sample of each tenth of a second, a byte from 0 to 127 each, from the second 0 on.

    Blocks of Audio must follow each other, at least a tenth of a second each but for the last one; what is between them
    is silence.
    """
    at = 0
    for block in blocks:
        first = block.start // STEP
        yield bytes(max(0, first - at))
        samples = np.abs(block.samples)
        samples = np.pad(samples, (0, -len(samples) % STEP))
        loudest = samples.reshape(-1, STEP).max(axis=1).clip(0.0, 1.0) * FULL
        found = loudest.round().astype(np.int8).tobytes()
        yield found[max(0, at - first) :]
        at = max(at, first + len(found))


def thinned(found: Loudness, most: int) -> tuple[Loudness, float]:
    """At most so many points, each the loudest of those it stands for; and how many a second has then."""
    step = max(1, -(-len(found) // most))
    if step == 1:
        return found, float(PER_S)
    padded = np.pad(found, (0, -len(found) % step))
    return padded.reshape(-1, step).max(axis=1), PER_S / step
