"""Whatever bytes come in: sound that is finite and in order, or an error of our own; never anything else."""

import io
from contextlib import suppress
from functools import cache
from itertools import pairwise

import av
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.audio.decode import Report, stream
from earwitness.errors import EarwitnessError
from earwitness.types import Audio
from support import sounds

ENOUGH_S = 60.0
KINDS = {
    "wav": ("wav", "pcm_s16le", 16_000),
    "float wav": ("wav", "pcm_f32le", 44_100),
    "adpcm wav": ("wav", "adpcm_ms", 22_050),
    "w64": ("w64", "pcm_s16le", 16_000),
    "aiff": ("aiff", "pcm_s16be", 22_050),
    "caf": ("caf", "pcm_s16be", 16_000),
    "au": ("au", "pcm_mulaw", 8000),
    "flac": ("flac", "flac", 16_000),
    "mp3": ("mp3", "libmp3lame", 16_000),
    "m4a": ("ipod", "aac", 16_000),
    "alac": ("ipod", "alac", 16_000),
    "mov": ("mov", "pcm_s16le", 16_000),
    "mka": ("matroska", "aac", 16_000),
    "webm": ("webm", "libopus", 16_000),
    "opus": ("ogg", "libopus", 16_000),
    "ogg flac": ("ogg", "flac", 16_000),
    "adts": ("adts", "aac", 16_000),
    "mpegts": ("mpegts", "mp2", 32_000),
    "avi": ("avi", "libmp3lame", 16_000),
    "flv": ("flv", "aac", 44_100),
    "ac3": ("ac3", "ac3", 48_000),
    "amr": ("amr", "libopencore_amrnb", 8000),
    "tta": ("tta", "tta", 16_000),
    "wv": ("wv", "wavpack", 16_000),
    "nut": ("nut", "pcm_s16le", 16_000),
}
KIND = st.sampled_from(sorted(KINDS))


@cache
def valid(kind: str) -> bytes:
    """A third of a second in one of the containers."""
    container, codec, rate = KINDS[kind]
    return sounds.encoded(sounds.noise(0.3, rate), container, codec, rate)


def survives(data: bytes, *, channel: int | None = None, from_s: float = 0.0) -> bool:
    """Decode up to a minute, hold it to its promises, and say whether there was sound."""
    report = Report()
    blocks: list[Audio] = []
    with suppress(EarwitnessError):
        blocks.extend(stream(data, report, channel=channel, from_s=from_s, to_s=from_s + ENOUGH_S, block=16_000))
    assert all(one.end == two.start for one, two in pairwise(blocks))
    assert all(np.isfinite(b.samples).all() for b in blocks)
    assert not blocks or blocks[0].start >= from_s * 16_000
    assert report.info is not None or not blocks
    return bool(blocks)


def mutated(data: bytes, at: float, change: str, junk: bytes) -> bytes:
    """The bytes with one thing done to them at a place between 0 and 1."""
    low = int(at * len(data))
    match change:
        case "overwrite":
            return data[:low] + junk + data[low + len(junk) :]
        case "insert":
            return data[:low] + junk + data[low:]
        case "remove":
            return data[:low] + data[low + 16 * len(junk) :]
        case "cut":
            return data[:low]
        case _:
            return data[:low] + bytes(byte ^ 1 << len(junk) % 8 for byte in data[low : low + 1]) + data[low + 1 :]


CHANGES = st.lists(
    st.tuples(
        st.one_of(st.floats(0, 1), st.floats(0, 0.05)),
        st.sampled_from(["flip", "flip", "overwrite", "overwrite", "insert", "remove", "cut"]),
        st.one_of(st.binary(min_size=1, max_size=12), st.sampled_from([b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0" * 8])),
    ),
    min_size=1,
    max_size=5,
)


def test_the_valid_files_are_decoded() -> None:
    assert [kind for kind in KINDS if not survives(valid(kind))] == []


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.binary(max_size=600))
def test_any_bytes(data: bytes) -> None:
    survives(data)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(KIND, st.integers(4, 200), st.binary(max_size=400))
def test_the_beginning_of_a_file_and_then_any_bytes(kind: str, kept: int, rest: bytes) -> None:
    survives(valid(kind)[:kept] + rest)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(KIND, CHANGES)
def test_damaged_files(kind: str, changes: list[tuple[float, str, bytes]]) -> None:
    data = valid(kind)
    for at, change, junk in changes:
        data = mutated(data, at, change, junk)
    survives(data)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(KIND, CHANGES, st.sampled_from([0, 1]), st.sampled_from([0.0, 0.1, 25.0]))
def test_damaged_files_by_channel_and_range(
    kind: str, changes: list[tuple[float, str, bytes]], channel: int, from_s: float
) -> None:
    data = valid(kind)
    for at, change, junk in changes:
        data = mutated(data, at, change, junk)
    survives(data, channel=channel, from_s=from_s)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(KIND, KIND, st.floats(0, 1), st.floats(0, 1))
def test_files_spliced_together(one: str, other: str, until: float, since: float) -> None:
    head, tail = valid(one), valid(other)
    survives(head[: int(until * len(head))] + tail[int(since * len(tail)) :])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(-(2**33), 2**33), min_size=2, max_size=12, unique=True),
    st.sampled_from(["matroska", "mpegts"]),
)
def test_any_timestamps(stamps: list[int], container: str) -> None:
    out = io.BytesIO()
    codec, rate = ("mp2", 32_000) if container == "mpegts" else ("pcm_s16le", 16_000)
    original = io.BytesIO(sounds.encoded(sounds.noise(1, rate), container, codec, rate))
    with av.open(original, "r") as source, av.open(out, "w", format=container) as file:
        track = file.add_stream_from_template(source.streams.audio[0])
        for packet, stamp in zip(source.demux(audio=0), sorted(stamps), strict=False):
            if packet.size:
                packet.pts = packet.dts = stamp
                packet.stream = track
                file.mux(packet)
    survives(out.getvalue())
