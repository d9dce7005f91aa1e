"""Recordings of any kind become 16 kHz mono with exact times, and what is wrong with them is reported."""

import io
import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from typing_extensions import override

from earwitness.audio import decode as decoding
from earwitness.audio.decode import Report, decode, stream
from earwitness.errors import BadInput, EarwitnessError, EmptyAudio, NoSoundTrack, NotAudio
from earwitness.types import Samples
from support import sounds


# ── sounds and files ─────────────────────────────────────────────────────────────────────────────────────────────────
def murmur(seconds: float, rate: int = 16_000) -> Samples:
    """Noise between 200 and 3000 Hz, the same curve at any rate."""
    low, high = int(200 * seconds), int(3000 * seconds)
    spectrum = np.zeros(round(seconds * rate) // 2 + 1, np.complex128)
    spectrum[low:high] = np.exp(2j * np.pi * np.random.default_rng(3).random(high - low))
    curve = np.fft.irfft(spectrum, round(seconds * rate)) * rate
    return np.asarray(0.08 * seconds / np.sqrt(high - low) * curve, np.float32)


def likeness(found: Samples, wanted: Samples) -> tuple[int, float]:
    """By how many samples a sound lies later than another, and how much they then correlate."""
    size = 1 << (2 * max(len(found), len(wanted))).bit_length()
    product = np.fft.irfft(np.fft.rfft(found, size) * np.conj(np.fft.rfft(wanted, size)))
    at = int(np.argmax(product))
    strength = float(product[at] / np.sqrt((found**2).sum() * (wanted**2).sum()))
    return (at if at < size // 2 else at - size), strength


def feed(track: AudioStream, samples: Samples, rate: int, first: int = 0) -> "Iterator[Packet[AudioStream]]":
    """The packets of a sound, the same in all channels, whose first sample has the timestamp `first`."""
    planes = np.tile(samples, (track.codec_context.layout.nb_channels, 1))
    for low in range(0, len(samples), 800):
        part = np.ascontiguousarray(planes[:, low : low + 800])
        frame = AudioFrame.from_ndarray(part, format="fltp", layout=track.codec_context.layout.name)
        frame.sample_rate, frame.pts = rate, first + low
        yield from track.encode(frame)
    yield from track.encode(None)


def sound_track(file: OutputContainer, codec: str, rate: int, layout: str = "mono") -> AudioStream:
    """A track for a sound, of any codec."""
    track = file.add_stream(codec, rate=rate, options={"strict": "-2"})
    assert isinstance(track, AudioStream)
    track.layout, track.bit_rate = layout, 64_000
    return track


def film(
    container: str, codec: str | None, samples: Samples, *, seconds: float, sound_at_s: float = 0.0, rate: int = 44_100
) -> bytes:
    """A video of 64 by 64 points and, unless `codec` is None, its sound, which may begin later."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        pictures = file.add_stream("mpeg2video" if container == "mpegts" else "mpeg4", rate=25)
        assert isinstance(pictures, VideoStream)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 64, "yuv420p"
        track = sound_track(file, codec, rate) if codec else None
        for i in range(int(seconds * 25)):
            picture = VideoFrame.from_ndarray(np.full((64, 64, 3), i % 255, np.uint8), format="rgb24")
            picture.pts, picture.time_base = i, Fraction(1, 25)
            file.mux(list(pictures.encode(picture)))
        file.mux(list(pictures.encode(None)))
        if track:
            file.mux(list(feed(track, samples, rate, round(sound_at_s * rate))))
    return out.getvalue()


def interrupted(*jumps: tuple[float, float]) -> bytes:
    """Four seconds of a tone in a Matroska file whose timestamps jump ahead: pairs of (at second, by seconds)."""
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as file:
        for packet in feed(sound_track(file, "pcm_s16le", 16_000), sounds.tone(4), 16_000):
            assert packet.pts is not None
            at_s = float(packet.pts * packet.time_base)
            packet.pts += round(sum(by for at, by in jumps if at_s >= at) / packet.time_base)
            packet.dts = packet.pts
            file.mux(packet)
    return out.getvalue()


def clicks(rate: int, seconds: int, *at_s: float) -> bytes:
    """A WAV of silence with single loud samples at some times."""
    body = bytearray(2 * rate * seconds)
    for at in at_s:
        body[2 * round(at * rate) : 2 * round(at * rate) + 2] = (30_000).to_bytes(2, "little")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(body)
    return out.getvalue()


def codes(report: Report) -> list[str]:
    return [n.code for n in report.notices]


# ── any container and codec ──────────────────────────────────────────────────────────────────────────────────────────
RATES = (8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000)
EXACT = [
    *(("wav", "pcm_s16le", rate, 0.002) for rate in RATES),
    *(("flac", "flac", rate, 0.002) for rate in (16_000, 44_100, 96_000)),
    *(("wav", f"pcm_{kind}", 16_000, 0.002) for kind in ("s24le", "s32le", "s64le", "f32le", "f64le")),
    ("wav", "pcm_u8", 16_000, 0.01),
    ("wav", "pcm_alaw", 8000, 0.02),
    ("wav", "pcm_mulaw", 8000, 0.02),
    ("au", "pcm_mulaw", 8000, 0.02),
    ("au", "pcm_s16be", 44_100, 0.002),
    ("aiff", "pcm_s16be", 44_100, 0.002),
    ("aiff", "pcm_s8", 16_000, 0.01),
    ("caf", "pcm_s16be", 44_100, 0.002),
    ("w64", "pcm_s16le", 44_100, 0.002),
    ("ircam", "pcm_s16le", 44_100, 0.002),
    ("nut", "pcm_u16le", 16_000, 0.002),
    ("nut", "pcm_u32le", 16_000, 0.002),
    ("avi", "pcm_s16le", 44_100, 0.002),
    ("mov", "pcm_s16le", 44_100, 0.002),
    ("ipod", "alac", 44_100, 0.002),
    ("ogg", "flac", 44_100, 0.002),
    ("matroska", "flac", 44_100, 0.002),
    ("matroska", "pcm_s16le", 44_100, 0.002),
    ("tta", "tta", 44_100, 0.01),
    ("wv", "wavpack", 44_100, 0.01),
]


@pytest.mark.parametrize(("container", "codec", "rate", "off"), EXACT)
def test_a_lossless_recording_comes_out_sample_for_sample(container: str, codec: str, rate: int, off: float) -> None:
    report = Report()
    found = decode(sounds.encoded(murmur(2, rate), container, codec, rate), report)
    assert (found.start, len(found.samples), report.notices) == (0, 32_000, [])
    assert np.abs(found.samples - murmur(2))[200:-200].max() < off


DECLARED = [
    ("mp3", "libmp3lame", 44_100),
    ("ipod", "aac", 16_000),
    ("ipod", "aac", 44_100),
    ("mp4", "aac", 48_000),
    ("matroska", "aac", 44_100),
    ("matroska", "libopus", 48_000),
    ("webm", "libopus", 48_000),
    ("ogg", "libopus", 16_000),
    ("ogg", "libopus", 48_000),
]


@pytest.mark.parametrize(("container", "codec", "rate"), DECLARED)
def test_a_lossy_recording_lies_where_it_was_said(container: str, codec: str, rate: int) -> None:
    report = Report()
    found = decode(sounds.encoded(murmur(2, rate), container, codec, rate), report)
    late, strength = likeness(found.samples, murmur(2))
    assert abs(late) <= 1
    assert strength > 0.99
    assert 0 <= len(found.samples) - 32_000 <= 16_000 * 1024 / rate
    assert report.notices == []


PRIMED = [
    ("adts", "aac", 44_100, 24),
    ("mpegts", "aac", 44_100, 24),
    ("flv", "aac", 44_100, 24),
    ("mpegts", "mp2", 48_000, 11),
    ("mp2", "mp2", 48_000, 11),
    ("avi", "libmp3lame", 44_100, 26),
    ("ac3", "ac3", 48_000, 6),
    ("eac3", "eac3", 48_000, 6),
    ("wav", "g722", 16_000, 2),
    ("wav", "adpcm_ms", 22_050, 0),
]


@pytest.mark.parametrize(("container", "codec", "rate", "late_ms"), PRIMED)
def test_a_codec_that_declares_no_delay_is_late_by_that_and_no_more(
    container: str, codec: str, rate: int, late_ms: int
) -> None:
    found = decode(sounds.encoded(murmur(2, rate), container, codec, rate))
    late, strength = likeness(found.samples, murmur(2))
    assert 0 <= late <= 16 * late_ms
    assert strength > 0.9
    assert abs(len(found.samples) - 32_000) < 1600


@pytest.mark.parametrize(("container", "codec", "late_ms"), [("asf", "wmav2", 60), ("ogg", "vorbis", 0)])
def test_windows_media_and_vorbis_are_read(container: str, codec: str, late_ms: int) -> None:
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        file.mux(list(feed(sound_track(file, codec, 44_100, "stereo"), murmur(2, 44_100), 44_100)))
    found = decode(out.getvalue())
    late, strength = likeness(found.samples, murmur(2))
    assert 0 <= late <= late_ms * 16
    assert strength > 0.9
    assert found.duration_s == pytest.approx(2, abs=0.1)


def test_telephone_speech_is_read() -> None:
    found = decode(sounds.encoded(sounds.tone(2, 440, rate=8000), "amr", "libopencore_amrnb", 8000))
    assert abs(len(found.samples) - 32_000) <= 640
    assert np.argmax(np.abs(np.fft.rfft(found.samples[:32_000]))) == pytest.approx(880, abs=2)


# ── videos ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("mp4", "aac"),
        ("mov", "pcm_s16le"),
        ("matroska", "flac"),
        ("matroska", "aac"),
        ("mpegts", "mp2"),
        ("avi", "mp3"),
    ],
)
def test_a_video_is_its_sound_even_where_the_pictures_last_longer(container: str, codec: str) -> None:
    report = Report()
    found = decode(film(container, codec, murmur(2, 44_100), seconds=6), report)
    late, strength = likeness(found.samples, murmur(2))
    assert abs(late) <= 26 * 16
    assert strength > 0.9
    assert abs(len(found.samples) - 32_000) <= 1000
    assert report.notices == []


@pytest.mark.parametrize(("container", "codec"), [("mov", "pcm_s16le"), ("matroska", "flac"), ("mpegts", "mp2")])
def test_sound_that_begins_after_the_pictures_keeps_its_place(container: str, codec: str) -> None:
    report = Report()
    found = decode(film(container, codec, murmur(2, 44_100), seconds=4, sound_at_s=0.5), report)
    late, _ = likeness(found.samples, murmur(2))
    assert 8000 <= late + 1 <= 8000 + 25 * 16
    assert not found.samples[:7000].any()
    assert report.notices == []


@pytest.mark.parametrize("container", ["mp4", "matroska", "avi", "mpegts"])
def test_a_silent_film_has_no_sound_track(container: str) -> None:
    with pytest.raises(NoSoundTrack, match="no sound in it"):
        decode(film(container, None, murmur(1), seconds=1))


def test_the_main_one_of_several_tracks_is_taken_and_that_is_said() -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as file:
        tracks = [sound_track(file, "pcm_s16le", 16_000) for _ in range(2)]
        for track, samples in zip(tracks, (sounds.tone(1, 300), sounds.tone(1, 900)), strict=True):
            file.mux(list(feed(track, samples, 16_000)))
    report = Report()
    found = decode(out.getvalue(), report)
    assert np.argmax(np.abs(np.fft.rfft(found.samples))) == 300
    assert codes(report) == ["several_tracks"]


# ── exact times ──────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("rate", "seconds"), [(8000, 603), (44_100, 603), (22_050, 64), (48_000, 64), (96_000, 64)])
def test_a_click_keeps_its_sample_from_beginning_to_end(rate: int, seconds: int) -> None:
    times = (0.25, 1.0, seconds / 2 + 0.3, seconds - 0.877)
    found = decode(clicks(rate, seconds, *times)).samples
    assert len(found) == seconds * 16_000
    for at_s in times:
        wanted = round(at_s * 16_000)
        around = np.abs(found[wanted - 1000 : wanted + 1000])
        assert abs(int(np.argmax(around)) - 1000) <= 1
        assert around.max() > 0.1


RANGES = [(3.3, 3.7), (21.2345, 21.7), (25.00003, None)]
SOUGHT = [
    ("wav", "pcm_s16le", 44_100),
    ("wav", "pcm_mulaw", 8000),
    ("wav", "adpcm_ms", 22_050),
    ("w64", "pcm_s16le", 11_025),
    ("aiff", "pcm_s16be", 22_050),
    ("flac", "flac", 44_100),
    ("flac", "flac", 48_000),
    ("ipod", "alac", 44_100),
    ("ipod", "aac", 16_000),
    ("mp4", "aac", 44_100),
    ("matroska", "libopus", 48_000),
    ("matroska", "aac", 44_100),
    ("matroska", "flac", 44_100),
    ("mp3", "libmp3lame", 44_100),
    ("ogg", "libopus", 48_000),
    ("ogg", "flac", 44_100),
    ("adts", "aac", 44_100),
]


@pytest.mark.parametrize(("container", "codec", "rate"), SOUGHT)
def test_a_range_is_the_same_as_a_slice_of_the_whole(container: str, codec: str, rate: int) -> None:
    data = sounds.encoded(sounds.noise(27, rate), container, codec, rate)
    whole = decode(data)
    for from_s, to_s in RANGES:
        part = decode(data, from_s=from_s, to_s=to_s)
        start, end = round(from_s * 16_000), len(whole.samples) if to_s is None else round(to_s * 16_000)
        assert (part.start, part.end) == (start, end)
        # an AAC decoder fills empty bands with noise of its own
        assert np.abs(part.samples - whole.samples[start:end]).max() <= (0.001 if codec == "aac" else 0)


@pytest.mark.parametrize("sound_at_s", [0.0, 0.03, 0.5])
@pytest.mark.parametrize(("container", "codec"), [("mov", "pcm_s16le"), ("mp4", "aac"), ("matroska", "flac")])
def test_a_range_of_a_video_is_a_slice_too(container: str, codec: str, sound_at_s: float) -> None:
    data = film(container, codec, sounds.noise(23, 44_100), seconds=2, sound_at_s=sound_at_s)
    whole = decode(data)
    part = decode(data, from_s=21.3, to_s=22)
    assert (part.start, part.end) == (round(21.3 * 16_000), 22 * 16_000)
    assert np.abs(part.samples - whole.samples[part.start : part.end]).max() <= (0.001 if codec == "aac" else 0)


def test_a_late_range_of_a_long_file_is_sought_and_not_read_up_to() -> None:
    class Counted(io.BytesIO):
        taken = 0

        @override
        def read(self, size: int | None = -1) -> bytes:
            got = super().read(size)
            self.taken += len(got)
            return got

    source = Counted(clicks(16_000, 600, 590.5))
    found = decode(source, from_s=590, to_s=591)
    assert int(np.argmax(found.samples)) == 8000
    assert source.taken < len(source.getvalue()) / 10


@pytest.mark.parametrize(
    ("from_s", "to_s"),
    [
        (-1.0, None),
        (2.0, 1.0),
        (1.0, 1.0),
        (0.5, 0.500001),
        (float("nan"), None),
        (float("inf"), None),
        (0.0, float("nan")),
        (0.0, float("inf")),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(from_s: float, to_s: float | None) -> None:
    with pytest.raises(BadInput, match="holds nothing"):
        decode(sounds.wav(sounds.tone(3)), from_s=from_s, to_s=to_s)


@pytest.mark.parametrize("from_s", [3.0, 100.0, 1e30])
@pytest.mark.parametrize(("container", "codec"), [("wav", "pcm_s16le"), ("mp3", "libmp3lame"), ("ogg", "flac")])
def test_a_range_behind_the_end_is_refused(container: str, codec: str, from_s: float) -> None:
    with pytest.raises(BadInput, match=r"ends at 3\.00 s, before"):
        decode(sounds.encoded(sounds.tone(3), container, codec), from_s=from_s)


def test_a_range_behind_the_end_of_a_file_that_was_cut_off_is_refused() -> None:
    with pytest.raises(BadInput, match="ends before 50 s"):
        decode(sounds.wav(sounds.noise(60))[: 30 * 32_000], from_s=50)


def test_a_range_that_goes_beyond_the_end_ends_with_the_recording() -> None:
    report = Report()
    found = decode(sounds.wav(sounds.tone(3)), report, from_s=2.5, to_s=9)
    assert (found.start_s, found.end_s, report.notices) == (2.5, 3.0, [])


# ── blocks ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_blocks_touch_each_other_and_are_read_only() -> None:
    blocks = list(stream(sounds.wav(sounds.noise(1.3)), block=5000, from_s=0.1))
    assert [(b.start, len(b.samples)) for b in blocks] == [(1600, 5000), (6600, 5000), (11_600, 5000), (16_600, 4200)]
    assert not any(b.samples.flags.writeable for b in blocks)


@pytest.mark.parametrize("block", [0, -1])
def test_blocks_of_nothing_are_refused(block: int) -> None:
    with pytest.raises(BadInput, match="blocks"):
        list(stream(sounds.wav(sounds.tone(1)), block=block))


def test_a_long_recording_is_read_as_it_is_needed() -> None:
    source = io.BytesIO(clicks(16_000, 600, 1.0))
    blocks = stream(source, block=16_000)
    for seconds in range(1, 6):
        next(blocks)
        assert source.tell() < 32_000 * seconds + 200_000
    del blocks
    assert not source.closed


def test_the_report_knows_how_far_the_decoding_is() -> None:
    report = Report()
    seen = [report.decoded_s for _ in stream(sounds.wav(sounds.tone(100)), report, block=160_000)]
    assert len(seen) == 10
    assert seen == sorted(seen)
    assert report.decoded_s == 100.0


# ── gaps and broken clocks ───────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("gap_s", [0.2, 2.5, 100.0])
def test_a_gap_in_the_timestamps_becomes_silence_of_its_length(gap_s: float) -> None:
    report = Report()
    found = decode(interrupted((1.0, gap_s)), report)
    gap = round(gap_s * 16_000)
    joined = np.concatenate([found.samples[:16_000], found.samples[16_000 + gap :]])
    assert not found.samples[16_000 : 16_000 + gap].any()
    assert np.abs(joined - sounds.tone(4)).max() < 0.001
    assert [(n.code, n.message) for n in report.notices] == [
        ("gap", f"the recording has a gap of {gap_s:.2f} s at 00:00:01.000")
    ]


def test_rounded_timestamps_are_no_gap() -> None:
    report = Report()
    found = decode(interrupted((1.0, 0.02), (2.0, -0.015)), report)
    assert np.abs(found.samples - sounds.tone(4)).max() < 0.001
    assert report.notices == []


def test_a_clock_that_jumps_by_hours_is_reported_and_not_believed() -> None:
    report = Report()
    found = decode(interrupted((1.0, 3700.0)), report)
    assert np.abs(found.samples - sounds.tone(4)).max() < 0.001
    assert codes(report) == ["clock_jump"]


def test_a_clock_that_jumps_back_is_reported_and_nothing_is_lost() -> None:
    once = sounds.encoded(murmur(2, 48_000), "mpegts", "mp2", 48_000)
    report = Report()
    found = decode(once + once, report)
    assert abs(len(found.samples) - 2 * len(decode(once).samples)) <= 1
    assert codes(report) == ["clock_jump"]


def test_forged_timestamps_do_not_make_endless_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "ALL_GAPS_S", 5.0)
    report = Report()
    found = decode(interrupted(*((at / 4, 2.0) for at in range(1, 12))), report)
    assert found.duration_s == 4 + 2 * 2.0
    assert codes(report) == ["gap", "clock_jump"]


# ── a change in mid-stream ───────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("container", "codec"), [("adts", "aac"), ("mpegts", "aac"), ("mpegts", "mp2"), ("mp3", "mp3")]
)
def test_a_change_of_rate_and_channels_does_not_lose_the_rest(container: str, codec: str) -> None:
    stereo = np.stack([murmur(3, 48_000)] * 2, axis=1)
    first = sounds.encoded(murmur(2, 44_100), container, codec, 44_100)
    second = sounds.encoded(stereo, container, codec, 48_000, "stereo")
    found = decode(first + second)
    assert found.duration_s == pytest.approx(5.0, abs=0.1)
    late, strength = likeness(found.samples[int(1.9 * 16_000) :], murmur(3))
    assert 0 <= late <= 0.25 * 16_000
    assert strength > 0.9


def test_chained_ogg_files_are_one_recording() -> None:
    once = sounds.encoded(murmur(2, 48_000), "ogg", "libopus", 48_000)
    found = decode(once + once)
    assert len(found.samples) == 64_000
    assert likeness(found.samples[32_000:], murmur(2))[1] > 0.97


# ── damage ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("container", "codec", "wanted"),
    [
        ("wav", "pcm_s16le", {"truncated"}),
        ("aiff", "pcm_s16be", {"truncated"}),
        ("flac", "flac", {"truncated", "damaged"}),
        ("mp3", "libmp3lame", {"truncated"}),
        ("matroska", "aac", {"truncated"}),
        ("adts", "aac", {"damaged"}),
        ("ogg", "libopus", set()),  # an Ogg file carries no length
    ],
)
def test_of_a_file_cut_off_what_is_there_is_decoded(container: str, codec: str, wanted: set[str]) -> None:
    rate = 48_000
    data = sounds.encoded(sounds.noise(10, rate), container, codec, rate)
    report = Report()
    found = decode(data[: len(data) * 6 // 10], report)
    assert 4.9 < found.duration_s < 6.2
    assert set(codes(report)) == wanted


def test_a_wav_of_a_writer_that_knew_no_length_is_whole() -> None:
    data = bytearray(sounds.wav(sounds.tone(2)))
    for said in (b"\xff\xff\xff\xff", b"\0\xf0\xff\x7f"):
        data[4:8] = data[40:44] = said
        report = Report()
        assert decode(bytes(data), report).duration_s == 2.0
        assert report.notices == []


def test_a_movie_cut_off_before_its_index_is_an_error() -> None:
    data = sounds.encoded(sounds.noise(5, 44_100), "ipod", "aac", 44_100)
    with pytest.raises(NotAudio, match="damaged"):
        decode(data[: len(data) // 2])


def test_packets_of_which_none_can_be_decoded_are_an_error() -> None:
    data = sounds.encoded(sounds.noise(5, 44_100), "adts", "aac", 44_100)
    with pytest.raises(NotAudio, match="nothing in this file could be decoded"):
        decode(data[:200])


@pytest.mark.parametrize(
    ("container", "codec"), [("flac", "flac"), ("mp3", "mp3"), ("ipod", "aac"), ("ogg", "flac"), ("matroska", "aac")]
)
def test_damage_in_the_middle_is_reported_and_the_rest_is_decoded_in_its_place(container: str, codec: str) -> None:
    sound = murmur(10, 44_100)
    data = bytearray(sounds.encoded(sound, container, codec, 44_100))
    low = len(data) // 3
    data[low : low + 2000] = np.random.default_rng(5).bytes(2000)
    report = Report()
    found = decode(bytes(data), report)
    assert np.isfinite(found.samples).all()
    assert {"damaged", "gap"} & set(codes(report))
    late, strength = likeness(found.samples[-32_000:], murmur(10)[-32_000:])
    assert abs(late) <= 0.2 * 16_000
    assert strength > 0.5


def test_a_notice_of_one_kind_is_given_once() -> None:
    report = Report()
    decode(interrupted((1.0, 0.5), (2.0, 0.5), (3.0, 0.5)), report)
    assert codes(report) == ["gap"]


def test_every_error_of_the_decoder_says_what_to_do(tmp_path: Path) -> None:
    for source in (b"", b"x", tmp_path, sounds.wav(sounds.silence(0))):
        with pytest.raises(EarwitnessError) as caught:
            decode(source)
        assert caught.value.remedy.endswith(".")
        assert not isinstance(caught.value, EmptyAudio) or caught.value.code == "empty_audio"
