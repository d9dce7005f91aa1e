"""Log-mel spectrograms, as Whisper models were trained on them.

Source: Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022 (arXiv 2212.04356), section
2.2; the filter bank is Slaney's ("Auditory Toolbox", 1998), normalised to equal area. Knows no model: the number of
bands is an argument.
"""

from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from earwitness.audio import timebase
from earwitness.types import Samples

WINDOW, HOP = 400, 160
HALF = WINDOW // 2
FLOOR = np.float32(1e-10)
"""The least power that counts."""
SMALL = 2**18
"""Multiplications in one matrix product: OpenBLAS shares greater ones among threads, which wait at full speed."""
KINK_HZ, KINK_MEL, LOG_STEP = 1000.0, 15.0, float(np.log(6.4)) / 27
"""Slaney's scale: 15 mels of equal width up to 1 kHz, then 27 to each factor of 6.4."""


def log_mel(samples: Samples, bands: int = 80, seconds: float = 30.0) -> NDArray[np.float32]:
    """The spectrogram of a clip that is padded with silence or cut to `seconds`: shape (bands, 100 * seconds)."""
    size = timebase.samples(seconds)
    sound = np.zeros(size, np.float32)
    sound[: len(samples)] = samples[:size]
    frames = sliding_window_view(np.pad(sound, HALF, mode="reflect"), WINDOW)[:-1:HOP]
    heard = min(len(frames), (len(samples) + HALF) // HOP + 1)  # frames after the sound hold zeros alone
    step = max(1, SMALL // (bands * (HALF + 1)))
    logs = np.full((bands, len(frames)), np.log10(FLOOR))
    for i in range(0, heard, step):
        power = np.abs(np.fft.rfft(frames[i : i + step] * hann(), axis=1)) ** 2
        logs[:, i : i + step] = np.log10(np.maximum(bank(bands) @ power.T, FLOOR))
    np.maximum(logs, logs.max() - 8.0, out=logs)
    logs += 4.0
    logs /= 4.0
    return logs


@lru_cache
def bank(bands: int) -> NDArray[np.float32]:
    """Triangular filters from 0 to 8 kHz, evenly spaced in mels: shape (bands, 201)."""
    edges = _hertz(np.linspace(0.0, float(_mels(timebase.RATE / 2)), bands + 2))
    bins = np.linspace(0.0, timebase.RATE / 2, HALF + 1)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    area = 2.0 / (edges[2:] - edges[:-2])
    made: NDArray[np.float32] = (np.maximum(0.0, np.minimum(rising, falling)) * area[:, None]).astype(np.float32)
    made.flags.writeable = False
    return made


@lru_cache
def hann() -> NDArray[np.float32]:
    """A Hann window of `WINDOW` samples, periodic."""
    window: NDArray[np.float32] = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    window.flags.writeable = False
    return window


def _mels(hertz: float) -> float:
    if hertz < KINK_HZ:
        return hertz * KINK_MEL / KINK_HZ
    return KINK_MEL + float(np.log(hertz / KINK_HZ)) / LOG_STEP


def _hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mels < KINK_MEL, mels * KINK_HZ / KINK_MEL, KINK_HZ * np.exp((mels - KINK_MEL) * LOG_STEP))
