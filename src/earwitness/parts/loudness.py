"""Brings speech to one loudness: slowly, looking ahead, and never into clipping. No model, no weights.

Loudness is measured as in broadcasting: K-weighted, over 400 ms, every 100 ms, and only what stands near the loudness
of the last seconds counts, so that pauses are not turned up. Peaks are bent down before they come.

Source: ITU-R BS.1770-5 (weighting, gates); its filters at any rate: De Man, 2018, as in pyloudnorm.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d
from scipy.signal import sosfilt

from earwitness.audio import timebase
from earwitness.parts import Enhancer
from earwitness.types import Samples

TARGET, SILENT = -23.0, -65.0
"""LUFS: where speech is brought to, and below which nothing is measured."""

NEAR = 10.0
"""What is quieter than the loudness so far by more LU is a pause."""

MOST, LEAST = 30.0, -20.0
"""Decibels by which sound is turned up or down at most."""

LAST_S = 3.0
"""What is older counts less and less."""

SINKING = 1.0
"""LU a second by which the loudness so far sinks in a pause, so that a far quieter voice is heard at last."""

CEILING = 10 ** (-1 / 20)
HOP = timebase.samples(0.1)
AHEAD = 3
"""Steps that are heard before one goes out."""
BEND = timebase.samples(0.0025)
"""Samples on each side of a peak over which it is looked for, and again over which it is bent down."""

ROUND = np.hanning(2 * BEND + 3)[1:-1] / np.hanning(2 * BEND + 3).sum()


def _weighting(rate: int) -> NDArray[np.float64]:
    """The K-weighting as two second-order sections: a shelf for the head, and a high-pass."""
    sections = []
    for gain, quality, centre in ((3.999843853973347, 0.7071752369554196, 1681.9744509555319),
                                  (0.0, 0.5003270373238773, 38.13547087602444)):  # fmt: skip
        k = math.tan(math.pi * centre / rate)
        whole = 1 + k / quality + k * k
        if gain:
            high = 10 ** (gain / 20)
            middle = high**0.4996667741545416
            b = (high + middle * k / quality + k * k, 2 * (k * k - high), high - middle * k / quality + k * k)
        else:
            b = (whole, -2 * whole, whole)
        sections.append([*(x / whole for x in b), 1.0, 2 * (k * k - 1) / whole, (1 - k / quality + k * k) / whole])
    return np.array(sections)


WEIGHTING = _weighting(timebase.RATE)


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """What is remembered of the sound before."""

    waiting: Samples = field(default_factory=lambda: np.zeros(AHEAD * HOP, np.float32))
    memory: NDArray[np.float64] = field(default_factory=lambda: np.zeros((2, 2)))
    """Of the weighting."""
    powers: tuple[float, ...] = ()
    """Of the last steps, weighted; no more than make 400 ms."""
    loudness: float | None = None
    """LUFS of the last seconds of speech; None before any."""
    counted: int = 0
    gain: float = 0.0
    """Decibels at the end of the last step."""
    loud: NDArray[np.float64] = field(default_factory=lambda: np.zeros(4 * BEND))
    """The last samples, turned up and not bent yet."""


class Loudness:
    """The levelling; its methods are those of `Enhancer`."""

    unit = HOP
    delay = AHEAD * HOP + 2 * BEND

    def begin(self) -> Level:
        return Level()

    def step(self, sound: Samples, state: Level) -> tuple[Samples, Level]:
        weighted, memory = sosfilt(WEIGHTING, sound, zi=state.memory)
        powers = (*state.powers, float(np.mean(np.square(weighted))))[-AHEAD - 1 :]
        loudness, counted = heard(state, powers)
        gain = state.gain if loudness is None else min(max(TARGET - loudness, LEAST), MOST)
        first = gain if not state.counted else state.gain
        waiting = np.concatenate([state.waiting, sound])
        slope = np.linspace(first, gain, HOP + 1)[1:]
        loud = np.concatenate([state.loud, waiting[:HOP] * 10 ** (slope / 20)])
        return bent(loud), Level(waiting[HOP:], memory, powers, loudness, counted, gain, loud[-4 * BEND :])


def heard(state: Level, powers: tuple[float, ...]) -> tuple[float | None, int]:
    """The loudness of the speech so far, and how many steps count in it, after a step with these powers."""
    now = -0.691 + 10 * math.log10(max(sum(powers) / len(powers), 1e-12))
    before = state.loudness
    if now < SILENT:
        return before, state.counted
    if before is not None and now < before - NEAR:
        return before - SINKING * timebase.seconds(HOP), state.counted
    counted = state.counted + 1
    share = max(1 / counted, timebase.seconds(HOP) / LAST_S)
    power = (1 - share) * 10 ** ((before or 0.0) / 10) + share * 10 ** (now / 10)
    return 10 * math.log10(power), counted


def bent(louder: NDArray[np.float64]) -> Samples:
    """The middle of it, all but `2 * BEND` samples on each side, with its peaks under `CEILING`.

    Each sample is weakened by a mean of factors of which none is more than it needs.
    """
    factors = CEILING / np.maximum(np.abs(louder), CEILING)
    lowest = minimum_filter1d(factors, 2 * BEND + 1)[BEND:-BEND]
    smooth = np.convolve(lowest, ROUND, "valid")
    return np.clip(louder[2 * BEND : -2 * BEND] * smooth, -CEILING, CEILING).astype(np.float32)


class _Spec:
    name = "loudness"
    does = "leveller"
    languages: tuple[str, ...] = ()

    def missing(self) -> str | None:
        return None

    def load(self) -> Enhancer[Level]:
        return Loudness()


spec = _Spec()
