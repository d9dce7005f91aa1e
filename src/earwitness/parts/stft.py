"""Sound as overlapping spectra and back, in steps, without loss: what goes in comes out, `FRAME - HOP` samples late."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from earwitness.types import Samples

FRAME, HOP = 512, 256
BANDS = FRAME // 2 + 1
WINDOW = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME))
"""The root of a periodic Hann window, before and after: the squares of two that overlap by half add up to one."""

Spectra = NDArray[np.complex128]


def _nothing() -> Samples:
    return np.zeros(FRAME - HOP, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """The last half frame: as it came, and as far as it is ready to go out."""

    tail: Samples = field(default_factory=_nothing)
    ready: Samples = field(default_factory=_nothing)


def frames(sound: Samples, overlap: Overlap) -> tuple[Spectra, Overlap]:
    """The spectra of whole hops, shape (hops, BANDS), and the overlap after them."""
    whole = np.concatenate([overlap.tail, sound])
    windows = np.lib.stride_tricks.sliding_window_view(whole, FRAME)[::HOP]
    return np.fft.rfft(windows * WINDOW, axis=1), Overlap(whole[-(FRAME - HOP) :], overlap.ready)


def overlapped(spectra: Spectra, overlap: Overlap) -> tuple[Samples, Overlap]:
    """The sound of spectra, `HOP` samples each, and the overlap after them."""
    pieces = np.fft.irfft(spectra, FRAME, axis=1) * WINDOW
    whole = np.zeros((len(pieces) + 1) * HOP)
    whole[:HOP] = overlap.ready
    for n, piece in enumerate(pieces):
        whole[n * HOP : n * HOP + FRAME] += piece
    made = whole.astype(np.float32)
    return made[:-HOP], Overlap(overlap.tail, made[-HOP:])
