"""`audio.decode` on gaps, broken clocks, changes in mid-stream and damage."""

from pathlib import Path

import numpy as np
import pytest

from earwitness.audio import decode as decoding
from earwitness.audio.decode import Report, decode
from earwitness.errors import EarwitnessError, EmptyAudio, NotAudio
from support import sounds
from support.recordings import codes, interrupted, likeness, murmur


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
