"""Takes steady noise out of sound, by what each band of frequencies holds while nobody speaks. No model, no weights.

Each frame of 32 ms is weighted in the spectrum by how far it stands above the noise, which is followed all the time by
how likely each band holds speech. Nothing is weakened beyond `FLOOR`: recognisers like some noise better than holes.

Source: Ephraim and Malah, 1985 (log-spectral amplitude, decision-directed); Gerkmann and Hendriks, 2012 (noise tracking
by speech presence probability with fixed priors).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import exp1

from earwitness.parts import Enhancer
from earwitness.parts.stft import FRAME, HOP, Overlap, frames, overlapped
from earwitness.types import Samples

FRAMES = 5
"""Frames of a step: 80 ms."""

FLOOR = 10 ** (-12 / 20)
SMOOTH = 0.98
"""How much of the last frame is in what a band is believed to stand above the noise."""

PRESENT = 10 ** (15 / 10)
"""How far speech stands above the noise where there is any."""

FOLLOW, CERTAIN = 0.8, 0.99
LEAST, FURTHEST = 10 ** (-25 / 10), 1e4
QUIET = 1e-9

Band = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """What is remembered of the sound before; the bands are None before any."""

    overlap: Overlap
    power: Band | None = None
    """Of the noise."""
    clean: Band | None = None
    """Of the last frame as it came out, over that of the noise."""
    sure: Band | None = None
    """How likely there was speech lately."""


class Spectral:
    """The noise reduction; its methods are those of `Enhancer`."""

    unit = FRAMES * HOP
    delay = FRAME - HOP

    def begin(self) -> Noise:
        return Noise(Overlap())

    def step(self, sound: Samples, state: Noise) -> tuple[Samples, Noise]:
        spectra, overlap = frames(sound, state.overlap)
        powers = np.abs(spectra) ** 2
        noise, clean, sure = state.power, state.clean, state.sure
        if noise is None or clean is None or sure is None:
            noise = np.maximum(powers.mean(0), QUIET)
            clean, sure = np.ones_like(noise), np.full_like(noise, 0.5)
        gains = np.empty_like(powers)
        for n, power in enumerate(powers):
            noise, sure = followed(noise, sure, power)
            above = np.clip(power / noise, 1e-3, FURTHEST)
            prior = np.maximum(SMOOTH * clean + (1 - SMOOTH) * np.maximum(above - 1, 0), LEAST)
            part = prior / (1 + prior)
            gain = np.minimum(part * np.exp(0.5 * exp1(part * above)), 1.0)
            clean = gain**2 * above
            gains[n] = np.maximum(gain, FLOOR)
        out, overlap = overlapped(spectra * gains, overlap)
        return out, Noise(overlap, noise, clean, sure)


def followed(noise: Band, sure: Band, power: Band) -> tuple[Band, Band]:
    """The power of the noise after a frame, and how likely there was speech lately."""
    above = np.minimum(power / noise, FURTHEST)
    speech = 1 / (1 + (1 + PRESENT) * np.exp(-above * PRESENT / (1 + PRESENT)))
    sure = 0.9 * sure + 0.1 * speech
    speech = np.where(sure > CERTAIN, np.minimum(speech, CERTAIN), speech)
    heard = speech * noise + (1 - speech) * power
    return np.maximum(FOLLOW * noise + (1 - FOLLOW) * heard, QUIET), sure


class _Spec:
    name = "spectral"
    does = "denoiser"
    languages: tuple[str, ...] = ()

    def missing(self) -> str | None:
        return None

    def load(self) -> Enhancer[Noise]:
        return Spectral()


spec = _Spec()
