"""Laws of the decoder: neither blocks nor ranges nor the way in change a sample."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.audio import timebase
from earwitness.audio.decode import decode, stream
from earwitness.errors import BadInput
from support import sounds

LENGTH = 48_000
FILES = {
    "wav": sounds.wav(sounds.noise(3)),
    "wav at 44.1 kHz": sounds.wav(sounds.noise(3, 44_100), 44_100),
    "flac": sounds.encoded(sounds.noise(3, 44_100), "flac", "flac", 44_100),
    "mp3": sounds.encoded(sounds.noise(3, 44_100), "mp3", "libmp3lame", 44_100),
}
WHOLE = {name: decode(data).samples for name, data in FILES.items()}
NAMES = st.sampled_from(sorted(FILES))
POSITIONS = st.integers(0, LENGTH)


@settings(max_examples=40, deadline=None)
@given(NAMES, st.one_of(st.integers(100, 60_000), st.just(2**40)))
def test_blocks_of_any_size_touch_and_make_up_the_whole(name: str, block: int) -> None:
    blocks = list(stream(FILES[name], block=block))
    assert [b.start for b in blocks] == list(range(0, LENGTH, block))
    assert all(len(b.samples) == block for b in blocks[:-1])
    assert np.array_equal(np.concatenate([b.samples for b in blocks]), WHOLE[name])


@settings(max_examples=60, deadline=None)
@given(NAMES, POSITIONS, POSITIONS, st.integers(100, 60_000))
def test_any_range_in_any_blocks_is_a_slice_of_the_whole(name: str, one: int, other: int, block: int) -> None:
    start, end = sorted((one, other))
    made = stream(FILES[name], from_s=timebase.seconds(start), to_s=timebase.seconds(end), block=block)
    if start == end:
        with pytest.raises(BadInput):
            list(made)
        return
    blocks = list(made)
    assert blocks[0].start == start
    assert blocks[-1].end == end
    assert np.array_equal(np.concatenate([b.samples for b in blocks]), WHOLE[name][start:end])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4000), st.sampled_from([8000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000]))
def test_a_recording_of_any_length_keeps_it(count: int, rate: int) -> None:
    data = sounds.wav(sounds.noise(1, rate)[:count], rate)
    wanted = timebase.rescale(count, rate)
    if wanted == 0:
        with pytest.raises(BadInput):
            decode(data)
    else:
        assert decode(data).span.end == wanted


@pytest.mark.parametrize("name", sorted(FILES))
def test_decoding_is_the_same_every_time_and_by_every_way(name: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(FILES[name])
    for source in (FILES[name], io.BytesIO(FILES[name]), tmp_path / "a"):
        assert np.array_equal(decode(source).samples, WHOLE[name])
