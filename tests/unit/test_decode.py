"""Recordings of any kind become 16 kHz mono with exact times, and what is wrong with them is reported."""

import io

import av
import numpy as np
import pytest
from typing_extensions import override

from earwitness.audio.decode import Report, decode, stream
from earwitness.errors import BadInput, NoSoundTrack
from support import sounds
from support.recordings import clicks, codes, feed, film, likeness, murmur, sound_track

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
