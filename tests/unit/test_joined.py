"""The sound of several files as one, and the files that sound is written into."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from earwitness.audio import decode
from earwitness.audio.encode import FLAC, OPUS, WAV, Encoder, Form
from earwitness.audio.joined import Part, covered, stream
from earwitness.errors import StorageFailed
from earwitness.types import Samples
from support import sounds

TALK = sounds.noise(3.0)


def written(path: Path, samples: Samples, form: Form = FLAC) -> Path:
    file = Encoder(path, form)
    for low in range(0, len(samples), 5_000):
        file.write(samples[low : low + 5_000])
    file.close()
    return path


@pytest.fixture
def parts(tmp_path: Path) -> list[Part]:
    """A second, one of silence, a second; the last file goes on where the one before ends, and says not how long."""
    return [
        Part(written(tmp_path / "b", TALK[32_000:40_000]), 32_000, 40_000),
        Part(written(tmp_path / "a", TALK[:16_000]), 0, 16_000),
        Part(written(tmp_path / "c", TALK[36_000:]), 36_000, None),
    ]


@pytest.mark.parametrize(("start", "end"), [(0, 48_000), (7, 15_999), (20_000, 30_000), (15_990, 41_003), (0, 50_000)])
def test_any_stretch_is_what_it_is_in_the_whole(parts: list[Part], start: int, end: int) -> None:
    whole = np.zeros(50_000, np.float32)
    whole[:48_000] = TALK
    whole[16_000:32_000] = 0.0
    blocks = list(stream(parts, start, end))
    assert blocks[0].start == start
    assert all(one.end == after.start for one, after in pairwise(blocks))
    np.testing.assert_allclose(np.concatenate([b.samples for b in blocks]), whole[start:end], atol=1e-4)


def test_of_what_there_is_sound(parts: list[Part]) -> None:
    assert covered(parts, 0, 48_000) == [(0, 16_000), (32_000, 48_000)]
    assert covered(parts, 8_000, 33_000) == [(8_000, 16_000), (32_000, 33_000)]
    assert covered(parts, 17_000, 20_000) == []
    assert covered([], 0, 48_000) == []


@pytest.mark.parametrize("form", [OPUS, FLAC, WAV], ids=lambda f: f.codec)
def test_a_file_has_the_samples_that_were_written_and_is_the_same_each_time(form: Form, tmp_path: Path) -> None:
    samples = TALK[:33_333]
    one, two = written(tmp_path / "one", samples, form), written(tmp_path / "two", samples, form)
    assert one.read_bytes() == two.read_bytes()
    heard = decode.decode(one).samples
    assert len(heard) == len(samples)
    if form.whole:
        np.testing.assert_allclose(heard, samples, atol=1e-4)


def test_a_place_that_takes_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed):
        Encoder(tmp_path / "file" / "x.ogg")
