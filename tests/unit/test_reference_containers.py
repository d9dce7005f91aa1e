"""One speech in many encodings: each is decoded, and each lies where the lossless one lies."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earwitness.audio.decode import Report, decode
from earwitness.errors import EmptyAudio, NotAudio
from earwitness.types import Samples

if TYPE_CHECKING:
    from conftest import References

pytestmark = pytest.mark.shared

WHOLE = [
    *("jfk.aiff", "jfk.m4a", "jfk.mka", "jfk.mp3", "jfk.ogg", "jfk.opus", "jfk.webm", "jfk.wma", "jfk_alaw.wav"),
    *("jfk_u8.wav", "jfk_f32_48k.wav", "jfk_s24_44k_stereo.wav", "jfk_vbr8k.mp3", "jfk_video.mp4"),
]
BROKEN = ["truncated.mp3", "empty.wav", "not_audio.wav"]
SECONDS = {"jfk_f32_48k.wav": 4.0, "jfk_s24_44k_stereo.wav": 3.0}
PRIMED_MS = {"jfk.wma": 60}
"""What an encoder puts before the sound and does not declare."""


@pytest.fixture(scope="module")
def original(references: "References") -> Samples:
    (found,) = (r.path for r in references.of("read_en") if r.path.name == "jfk.flac")
    return decode(found).samples


def late_ms(found: Samples, wanted: Samples) -> tuple[float, float]:
    """By how many milliseconds a sound lies later than another, and how much they then correlate."""
    size = 1 << (2 * max(len(found), len(wanted))).bit_length()
    product = np.fft.irfft(np.fft.rfft(found, size) * np.conj(np.fft.rfft(wanted, size)))
    at = int(np.argmax(product))
    strength = float(product[at] / np.sqrt((found**2).sum() * (wanted**2).sum()))
    return (at if at < size // 2 else at - size) / 16, strength


def test_every_file_that_is_there_is_tested(references: "References") -> None:
    assert {r.path.name for r in references.of("containers")} == {*WHOLE, *BROKEN}


@pytest.mark.parametrize("name", WHOLE)
def test_the_speech_is_decoded_in_its_place(references: "References", original: Samples, name: str) -> None:
    path = references.root / "dev" / "containers" / name
    report = Report()
    found = decode(path, report)
    seconds = SECONDS.get(name, 11.0)
    late, strength = late_ms(found.samples, original[: round(seconds * 16_000)])
    assert abs(late) <= PRIMED_MS.get(name, 1)
    assert strength > (0.8 if "8k" in name else 0.95)
    assert found.duration_s == pytest.approx(seconds, abs=0.12)
    assert report.notices == []


def test_the_sound_of_a_file_cut_off_is_decoded_up_to_the_cut(references: "References", original: Samples) -> None:
    report = Report()
    found = decode(references.root / "dev" / "containers" / "truncated.mp3", report)
    late, strength = late_ms(found.samples, original[: len(found.samples)])
    assert abs(late) <= 1
    assert strength > 0.9
    assert 1 < found.duration_s < 10
    assert "truncated" in {n.code for n in report.notices}


@pytest.mark.parametrize(("name", "error"), [("empty.wav", EmptyAudio), ("not_audio.wav", NotAudio)])
def test_what_is_no_recording_is_refused(references: "References", name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        decode(references.root / "dev" / "containers" / name)
