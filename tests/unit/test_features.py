"""Log-mel spectrograms: the bank's shape, and sums that can be told beforehand."""

import numpy as np
import pytest

from earwitness.audio import features
from support import sounds


@pytest.mark.parametrize("bands", [80, 128])
def test_the_filters_are_triangles_of_equal_area(bands: int) -> None:
    bank = features.bank(bands)
    assert bank.shape == (bands, 201)
    assert (bank >= 0).all()
    assert (np.diff(bank.argmax(axis=1)) >= 0).all()
    wide = bank[bands // 2 :].sum(axis=1) * 40.0  # Hz from one bin to the next; narrow ones fall between bins
    assert wide == pytest.approx(np.ones(len(wide)), rel=0.1)


def test_the_bank_begins_as_the_published_one_does() -> None:
    """The first filter of mel_filters.npz in openai-whisper has one value."""
    assert features.bank(80)[0, :3] == pytest.approx([0.0, 0.02486259, 0.0], abs=1e-7)


@pytest.mark.parametrize(("seconds", "frames"), [(30.0, 3000), (5.0, 500)])
def test_a_clip_is_padded_to_the_window(seconds: float, frames: int) -> None:
    found = features.log_mel(sounds.tone(2.0), 80, seconds)
    assert found.shape == (80, frames)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous


def test_only_what_is_louder_than_80_db_below_the_peak_counts() -> None:
    found = features.log_mel(sounds.tone(2.0))
    assert found.max() - found.min() == pytest.approx(2.0, abs=1e-5)
    assert (found[:, 250:] == found.min()).all()


def test_silence_is_flat_and_nothing_is_no_error() -> None:
    for samples in (sounds.silence(3.0), sounds.silence(0)):
        assert (features.log_mel(samples) == features.log_mel(samples)[0, 0]).all()


def test_skipping_the_padding_changes_nothing() -> None:
    short = sounds.noise(1.3)
    whole = np.concatenate([short, np.zeros(30 * 16_000 - len(short), np.float32)])
    assert np.array_equal(features.log_mel(short), features.log_mel(whole))


def test_a_tone_lies_in_its_band() -> None:
    t = np.arange(32_000, dtype=np.float32) / 16_000
    found = features.log_mel(np.sin(2 * np.pi * 1000 * t))[:, 10:180].mean(axis=1)
    centre = features.bank(80)[int(found.argmax())].argmax() * 40
    assert centre == pytest.approx(1000, abs=40)
