"""Channels, sample formats and rates become 16 kHz mono, counted exactly."""

import io
import struct

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from earwitness.audio import timebase
from earwitness.audio.decode import Report, decode
from earwitness.audio.mono import Mono
from earwitness.errors import BadInput
from earwitness.types import Samples
from support import sounds


def pitches(channels: int, *, step: int = 200) -> sounds.Samples:
    """One second with a tone of its own for each channel: 300 Hz, 500 Hz, ..., shape (n, channels)."""
    return np.stack([sounds.tone(1, 300 + step * i) for i in range(channels)], axis=1)


def heard(samples: Samples, channels: int, *, step: int = 200) -> list[float]:
    """How strong each of those tones is in one second of sound; 1.0 is as strong as it went in."""
    spectrum = np.abs(np.fft.rfft(samples)) / 4000
    return [round(float(spectrum[300 + step * i]), 2) for i in range(channels)]


def frame(samples: sounds.Samples, rate: int = 16_000) -> AudioFrame:
    """A mono frame."""
    made = AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="mono")
    made.sample_rate = rate
    return made


@pytest.mark.parametrize("channels", [1, 2, 4, 7, 20])
def test_the_mean_of_all_channels_is_taken(channels: int) -> None:
    found = decode(sounds.wav(pitches(channels)))
    assert heard(found.samples, channels) == pytest.approx([1 / channels] * channels, abs=0.01)


@pytest.mark.parametrize(
    ("container", "codec", "layout", "channels"),
    [("matroska", "aac", "7.1", 8), ("matroska", "wavpack", "16 channels", 16)],
)
def test_eight_planes_and_more_are_read(container: str, codec: str, layout: str, channels: int) -> None:
    kinds = {"aac": "flt", "wavpack": "s16"}
    sound = pitches(channels) if kinds[codec] == "flt" else (pitches(channels) * 32767).astype(np.int16)
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        track = file.add_stream(codec, rate=16_000)
        assert isinstance(track, AudioStream)
        track.layout = layout
        packed = AudioFrame.from_ndarray(sound.reshape(1, -1), format=kinds[codec], layout=layout)
        packed.sample_rate = 16_000
        for packet in [*track.encode(packed), *track.encode(None)]:
            file.mux(packet)
    found = heard(decode(out.getvalue()).samples[:16_000], channels)
    wanted = [0.0 if n == 3 else 1 / (channels - 1) for n in range(channels)]  # the fourth is the low-frequency one
    assert found == pytest.approx(wanted, abs=0.05)


@pytest.mark.parametrize(("layout", "low"), [("2.1", 2), ("5.1", 3), ("5.1(side)", 3), ("6.1", 3)])
@pytest.mark.parametrize(("container", "codec"), [("wav", "pcm_s16le"), ("flac", "flac")])
def test_the_low_frequency_channel_carries_no_voice_and_is_left_out(
    layout: str, low: int, container: str, codec: str
) -> None:
    channels = {"2.1": 3, "6.1": 7}.get(layout, 6)
    found = decode(sounds.encoded(pitches(channels), container, codec, layout=layout))
    wanted = [0.0 if i == low else 1 / (channels - 1) for i in range(channels)]
    assert heard(found.samples, channels) == pytest.approx(wanted, abs=0.01)


@pytest.mark.parametrize(
    ("container", "codec", "layout", "channels"),
    [
        ("wav", "pcm_s16le", "stereo", 2),
        ("wav", "pcm_f64le", "stereo", 2),
        ("flac", "flac", "stereo", 2),
        ("ipod", "alac", "stereo", 2),
        ("matroska", "pcm_s16le", "quad", 4),
        ("wav", "pcm_s16le", "5.1", 6),
        ("flac", "flac", "6.1", 7),
    ],
)
def test_one_channel_can_be_chosen(container: str, codec: str, layout: str, channels: int) -> None:
    data = sounds.encoded(pitches(channels), container, codec, layout=layout)
    for chosen in range(channels):
        wanted = [1.0 if i == chosen else 0.0 for i in range(channels)]
        assert heard(decode(data, channel=chosen).samples, channels) == pytest.approx(wanted, abs=0.01)


@pytest.mark.parametrize(("channels", "chosen"), [(1, 1), (2, 2), (2, -1)])
def test_a_channel_that_is_not_there_is_refused_with_the_ones_that_are(channels: int, chosen: int) -> None:
    with pytest.raises(BadInput, match=f"no channel {chosen} in a recording of {channels}") as caught:
        decode(sounds.wav(pitches(channels)), channel=chosen)
    assert caught.value.remedy == f"Channels count from 0 to {channels - 1}."


@pytest.mark.parametrize("codec", "pcm_u8 pcm_s16le pcm_s24le pcm_s32le pcm_s64le pcm_f32le pcm_f64le".split())
@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_every_sample_format_keeps_its_scale(codec: str, layout: str) -> None:
    wanted = sounds.tone(0.25, peak=0.9)
    both = wanted if layout == "mono" else np.stack([wanted, wanted], axis=1)
    found = decode(sounds.encoded(both, "wav", codec, layout=layout))
    assert found.samples == pytest.approx(wanted, abs=0.01 if codec == "pcm_u8" else 0.0001)


@pytest.mark.parametrize(("codec", "pack"), [("pcm_f32le", "<f"), ("pcm_f64le", "<d")])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_counts_as_silence_and_is_reported(codec: str, pack: str, value: float) -> None:
    data = bytearray(sounds.encoded(sounds.tone(0.5), "wav", codec))
    one = struct.pack(pack, value)
    at = data.index(b"data") + 8 + 1000 * len(one)
    data[at : at + 3 * len(one)] = 3 * one
    report = Report()
    found = decode(bytes(data), report)
    assert not found.samples[1000:1003].any()
    assert found.samples[1003:] == pytest.approx(sounds.tone(0.5)[1003:], abs=0.0001)
    assert [(n.code, n.message[:2]) for n in report.notices] == [("not_finite", "3 ")]


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_not_a_number_does_not_spread_through_the_resampler(rate: int) -> None:
    sound = sounds.tone(0.5, rate=rate)
    sound[100:110] = np.nan
    report = Report()
    found = decode(sounds.encoded(sound, "wav", "pcm_f32le", rate), report)
    assert np.isfinite(found.samples).all()
    assert report.non_finite == 10


def test_numbers_too_big_to_be_added_count_as_silence() -> None:
    sound = np.stack([sounds.tone(0.1), sounds.tone(0.1)], axis=1)
    sound[500] = 3e38
    report = Report()
    found = decode(sounds.encoded(sound, "wav", "pcm_f32le", layout="stereo"), report)
    assert found.samples[500] == 0.0
    assert report.non_finite == 1


@pytest.mark.parametrize("rate", [1, 999, 1_536_001, 2_000_000_000])
def test_a_rate_that_no_recording_has_is_refused(rate: int) -> None:
    data = bytearray(sounds.wav(sounds.tone(0.1)))
    data[24:28] = struct.pack("<I", rate)
    with pytest.raises(BadInput, match=f"{rate} Hz is outside"):
        decode(bytes(data))


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("count", [3, 20, 70, 1000, 44_100])
def test_as_much_comes_out_as_went_in_however_short(rate: int, count: int) -> None:
    mono = Mono(None, Report())
    parts = [mono.push(frame(sounds.noise(6, rate)[:count], rate)), mono.flush()]
    assert sum(len(p) for p in parts if p is not None) == timebase.rescale(count, rate)
    assert mono.end == mono.position == timebase.rescale(count, rate)


@pytest.mark.parametrize("rate", [11_025, 22_050, 44_100, 48_000])
def test_resuming_in_the_middle_gives_the_samples_of_an_unbroken_run(rate: int) -> None:
    sound = sounds.noise(3, rate)
    whole, part = Mono(None, Report()), Mono(None, Report())
    whole.place(500)
    part.resume(500, 12_345, rate)
    first = [whole.push(frame(sound, rate)), whole.flush()]
    second = [part.push(frame(sound[12_345:12_350], rate)), part.push(frame(sound[12_350:], rate)), part.flush()]
    unbroken = np.concatenate([p for p in first if p is not None])
    resumed = np.concatenate([p for p in second if p is not None])
    assert part.end == whole.end
    assert np.array_equal(resumed[1000:], unbroken[-len(resumed) :][1000:])
