"""Raw sound from wires: the same samples however it is cut, the tables of telephony, and wires that are none."""

import io
import wave

import av
import numpy as np
import pytest
from av.audio.codeccontext import AudioCodecContext
from av.packet import Packet
from hypothesis import given
from hypothesis import strategies as st

from earwitness.audio import decode, pcm
from earwitness.audio.pcm import Pcm, Wire
from earwitness.errors import BadInput
from earwitness.types import Samples
from support import sounds

ENCODINGS = sorted(pcm.WIDTHS)


def whole(wire: Wire, data: bytes, channel: int | None = None) -> Samples:
    """All of a stream, taken at once."""
    found = Pcm(wire, channel)
    return np.concatenate([found.take(data), found.end()])


def bytes_of(wire: Wire, seconds: float = 0.2) -> bytes:
    """Some sound on a wire, any bytes; floats within ±1."""
    dice = np.random.default_rng(7)
    frames = round(seconds * wire.rate)
    if wire.encoding == "f32le":
        return dice.uniform(-1, 1, frames * wire.channels).astype("<f4").tobytes()
    return dice.integers(0, 256, frames * wire.frame, np.uint8).tobytes()


@pytest.mark.parametrize(("codec", "table"), [("pcm_mulaw", pcm.mulaw()), ("pcm_alaw", pcm.alaw())])
def test_every_code_of_telephony_has_the_value_that_ffmpeg_gives_it(codec: str, table: Samples) -> None:
    context = av.CodecContext.create(codec, "r")
    assert isinstance(context, AudioCodecContext)
    context.sample_rate, context.layout = 8_000, "mono"
    (frame,) = context.decode(Packet(bytes(range(256))))
    assert np.array_equal(table, frame.to_ndarray().reshape(-1) / 2.0**15)


@given(
    encoding=st.sampled_from(ENCODINGS),
    rate=st.sampled_from([8_000, 16_000, 24_000, 44_100]),
    channels=st.integers(1, 3),
    edges=st.lists(st.integers(0, 10**6), max_size=8),
)
def test_any_cutting_gives_the_same_samples(encoding: str, rate: int, channels: int, edges: list[int]) -> None:
    wire = Wire(encoding, rate, channels)
    data = bytes_of(wire)
    cuts = sorted(e % (len(data) + 1) for e in edges)
    found = Pcm(wire)
    pieces = [found.take(data[a:b]) for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert np.array_equal(np.concatenate([*pieces, found.end()]), whole(wire, data))
    assert found.rest == 0


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_wire_gives_what_a_file_of_the_same_sound_gives(rate: int, channels: int) -> None:
    file = sounds.wav(np.stack([sounds.tone(0.5, 440.0 * (n + 1), rate) for n in range(channels)], axis=1), rate)
    with wave.open(io.BytesIO(file)) as read:
        data = read.readframes(read.getnframes())
    found = whole(Wire("s16le", rate, channels), data)
    wanted = decode.decode(file).samples
    assert len(found) == len(wanted) == 8_000
    assert np.allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("encoding", ["s16le", "s32le", "f32le"])
def test_encodings_agree_on_what_a_sample_is(encoding: str) -> None:
    tone = sounds.tone(0.1)
    raw = {"s16le": (tone * 2**15).astype("<i2"), "s32le": (tone * 2.0**31).astype("<i4"), "f32le": tone}[encoding]
    assert np.allclose(whole(Wire(encoding), raw.tobytes()), tone, atol=1e-4)


def test_one_channel_is_picked_or_all_are_mixed() -> None:
    left, right = sounds.tone(0.1, 300.0), sounds.tone(0.1, 900.0)
    data = np.stack([left, right], axis=1).astype("<f4").tobytes()
    assert np.array_equal(whole(Wire("f32le", channels=2), data, 0), left)
    assert np.array_equal(whole(Wire("f32le", channels=2), data, 1), right)
    assert np.allclose(whole(Wire("f32le", channels=2), data), (left + right) / 2, atol=1e-6)


@pytest.mark.parametrize("channel", [-1, 2, 9])
def test_a_channel_that_is_not_there_is_refused(channel: int) -> None:
    with pytest.raises(BadInput, match="no channel"):
        Pcm(Wire(channels=2), channel)


@pytest.mark.parametrize("count", range(1, pcm.MOST_CHANNELS + 1))
def test_as_many_channels_as_are_read(count: int) -> None:
    same = np.repeat(sounds.tone(0.1)[:, None], count, axis=1).astype("<f4").tobytes()
    assert np.allclose(whole(Wire("f32le", channels=count), same), sounds.tone(0.1), atol=1e-6)


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        (("opus",), "encoding"),
        (("s16le" * 1000,), "encoding"),
        (("",), "encoding"),
        (("s16le", 0), "samples a second"),
        (("s16le", -16_000), "samples a second"),
        (("s16le", 3_999), "samples a second"),
        (("s16le", 192_001), "samples a second"),
        (("s16le", 16_000, 0), "channels"),
        (("s16le", 16_000, -1), "channels"),
        (("s16le", 16_000, 10**9), "channels"),
    ],
)
def test_a_wire_that_is_none_is_refused_and_says_why(wire: tuple[str, int, int], says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        Wire(*wire)
    assert len(str(caught.value)) < 200


def test_half_a_sample_waits_for_its_other_half_and_is_not_heard_alone() -> None:
    found = Pcm(Wire("s16le", channels=2))
    assert len(found.take(b"\1\2\3")) == 0
    assert found.rest == 3
    assert len(found.take(b"\4\5")) == 1
    assert len(found.end()) == 0
    assert found.rest == 1


def test_what_is_no_number_is_silence_and_counted() -> None:
    data = np.array([0.5, np.nan, np.inf, -np.inf, 0.25], "<f4").tobytes()
    found = Pcm(Wire("f32le"))
    assert found.take(data).tolist() == [0.5, 0, 0, 0, 0.25]
    assert found.non_finite == 3


def test_nothing_gives_nothing() -> None:
    assert len(whole(Wire("s16le", 44_100), b"")) == 0


def test_a_rate_that_is_told_in_the_middle_is_counted_exactly() -> None:
    found = Pcm(Wire("s16le", 44_100))
    given = b"\0\0" * 441
    assert sum(len(found.take(given)) for _ in range(100)) + len(found.end()) == 16_000
    assert len(found.take(given)) + len(found.end()) == 160


WAVE = np.sin(np.arange(1600) / 10).astype(np.float64) * 0.9


def written(encoding: str) -> bytes:
    """The wave as bytes of an encoding."""
    if encoding == "f32le":
        return WAVE.astype("<f4").tobytes()
    if encoding == "u8":
        return np.round(WAVE * 128 + 128).clip(0, 255).astype(np.uint8).tobytes()
    width = {"s16le": 2, "s24le": 3, "s32le": 4}[encoding]
    whole = np.round(WAVE * (2.0 ** (8 * width - 1) - 1)).astype(np.int64)
    return b"".join(int(v).to_bytes(width, "little", signed=True) for v in whole)


@pytest.mark.parametrize("encoding", sorted(set(pcm.WIDTHS) - {"mulaw", "alaw"}))
@pytest.mark.parametrize("piece", [1, 5, 4096])
def test_samples_are_those_that_were_written(encoding: str, piece: int) -> None:
    data, taking = written(encoding), Pcm(Wire(encoding))
    found = np.concatenate([taking.take(data[low : low + piece]) for low in range(0, len(data), piece)])
    assert found.dtype == np.float32
    assert np.abs(found - WAVE).max() < (0.005 if encoding == "u8" else 1e-4)


def test_the_ends_of_the_scale_do_not_wrap() -> None:
    assert Pcm(Wire("u8")).take(b"\0\xff").tolist() == [-1.0, 127 / 128]
    assert Pcm(Wire("s24le")).take(b"\0\0\x80\xff\xff\x7f") == pytest.approx([-1.0, 1.0], abs=1e-6)
