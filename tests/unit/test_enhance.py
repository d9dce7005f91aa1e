"""Noise goes, speech comes to one loudness, and what breaks says so."""

from typing import Any

import numpy as np
import pytest

from earwitness.errors import EngineFailed
from earwitness.parts.denoise_spectral import FLOOR, Spectral
from earwitness.parts.loudness import CEILING, TARGET, Loudness
from earwitness.stages import enhance
from earwitness.types import Audio, Samples
from support import sounds


def _through(sound: Samples, part: Any) -> Samples:
    return np.concatenate([a.samples for a in enhance.through([Audio(sound)], [part])])


def _power(sound: Samples) -> float:
    return 10 * float(np.log10(np.mean(np.square(sound)) + 1e-12))


def _talking(seconds: float, peak: float) -> Samples:
    """A tone that comes and goes three times a second, as syllables do."""
    t = np.arange(round(seconds * sounds.RATE)) / sounds.RATE
    return (sounds.tone(seconds, 700, peak=peak) * (np.sin(2 * np.pi * 1.5 * t) > 0)).astype(np.float32)


def test_steady_noise_is_taken_out_and_speech_stays() -> None:
    hiss, voice = sounds.noise(8, peak=0.05), np.concatenate([sounds.silence(4), _talking(4, 0.3)])
    clean = _through(hiss + voice, Spectral())
    assert _power(clean[16_000:60_000]) < _power(hiss) - 8
    assert _power(clean[64_000:]) == pytest.approx(_power(voice[64_000:]), abs=1)


def test_nothing_is_weakened_beyond_the_floor() -> None:
    hiss = sounds.noise(6, peak=0.05)
    assert _power(_through(hiss, Spectral())) > _power(hiss) + 20 * np.log10(FLOOR) - 0.5


@pytest.mark.parametrize("sound", [sounds.silence(1), sounds.tone(0.001)], ids=len)
@pytest.mark.parametrize("part", [Spectral(), Loudness()])
def test_silence_and_next_to_nothing_pass(sound: Samples, part: Any) -> None:
    assert len(_through(sound, part)) == len(sound)


def test_silence_stays_silence() -> None:
    assert not _through(sounds.silence(2), Loudness()).any()


@pytest.mark.parametrize("peak", [0.007, 0.05, 0.9])
def test_speech_comes_to_one_loudness(peak: float) -> None:
    given = _talking(6, peak)
    loud = _through(given, Loudness())
    assert _power(loud[32_000:]) == pytest.approx(TARGET, abs=3)
    assert np.abs(loud).max() <= CEILING


def test_what_is_too_loud_is_bent_not_cut() -> None:
    loud = _through(_talking(3, 8.0), Loudness())
    assert np.abs(loud).max() <= CEILING
    assert np.mean(np.abs(loud) > CEILING - 1e-4) < 0.01


def test_pauses_are_not_turned_up() -> None:
    murmur = sounds.noise(2, peak=0.001)
    given = np.concatenate([_talking(4, 0.01), murmur, _talking(2, 0.01)])
    gained = _through(given, Loudness())
    pause, speech = slice(66_000, 94_000), slice(32_000, 62_000)
    assert _power(gained[pause]) - _power(given[pause]) < _power(gained[speech]) - _power(given[speech]) + 3


def test_a_far_quieter_voice_is_heard_in_the_end() -> None:
    gained = _through(np.concatenate([_talking(4, 0.5), _talking(40, 0.02)]), Loudness())
    assert _power(gained[-48_000:]) == pytest.approx(TARGET, abs=4)


class _Broken:
    unit, delay = 100, 0

    def __init__(self, gives: Samples) -> None:
        self.gives = gives

    def begin(self) -> None:
        return None

    def step(self, sound: Samples, state: None) -> tuple[Samples, None]:
        return self.gives, state


@pytest.mark.parametrize("gives", [np.full(100, np.nan, np.float32), np.zeros(99, np.float32)], ids=["nan", "short"])
def test_an_enhancer_that_gives_no_sound_is_found_out(gives: Samples) -> None:
    with pytest.raises(EngineFailed, match="made no sound"):
        _through(sounds.tone(1), _Broken(gives))


def test_what_is_given_is_left_as_it_is() -> None:
    sound = sounds.tone(1)
    kept, first = sound.copy(), enhance.begin(Spectral())
    state, _ = enhance.enhance(first, Audio(sound), Spectral())
    again, _ = enhance.enhance(first, Audio(sound), Spectral())
    assert np.array_equal(sound, kept)
    assert (state.end, state.given, state.late) == (again.end, again.given, again.late)
    rest = enhance.finish(state, Spectral())
    assert rest.samples == pytest.approx(enhance.finish(again, Spectral()).samples)
    assert rest.end == len(sound)
