"""Raw sound of every encoding becomes the same samples, however it is cut."""

import numpy as np
import pytest

from earwitness.audio.pcm import WIDTHS, Pcm, Wire
from earwitness.errors import BadInput

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


@pytest.mark.parametrize("encoding", sorted(set(WIDTHS) - {"mulaw", "alaw"}))
@pytest.mark.parametrize("piece", [1, 5, 4096])
def test_samples_are_those_that_were_written(encoding: str, piece: int) -> None:
    data, pcm = written(encoding), Pcm(Wire(encoding))
    found = np.concatenate([pcm.take(data[low : low + piece]) for low in range(0, len(data), piece)])
    assert found.dtype == np.float32
    assert np.abs(found - WAVE).max() < (0.005 if encoding == "u8" else 1e-4)


def test_the_ends_of_the_scale_do_not_wrap() -> None:
    assert Pcm(Wire("u8")).take(b"\0\xff").tolist() == [-1.0, 127 / 128]
    assert Pcm(Wire("s24le")).take(b"\0\0\x80\xff\xff\x7f") == pytest.approx([-1.0, 1.0], abs=1e-6)


def test_what_is_not_read_is_named() -> None:
    with pytest.raises(BadInput, match="opus"):
        Wire("opus")
