"""Measurements: what is written down, and what becomes of the file."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest

from earwitness.errors import BadInput, EngineFailed, StorageFailed
from earwitness.hardware import measure
from earwitness.hardware.measure import Measured, Submit
from earwitness.types import Audio, Clip, Segment
from support import sounds

FOUND = Measured("onnx", "m/onnx-int8", "cpu x", 2, measure.now(), speed=12.5, agreement=0.98)


def _clips() -> list[Clip]:
    return [Clip(Audio(sounds.silence(seconds))) for seconds in (10, 3, 1)]


def test_a_candidate_is_opened_warmed_timed_and_closed() -> None:
    seen, closed = list[float](), list[bool]()

    @contextmanager
    def opened() -> Iterator[tuple[Submit, Sequence[Clip]]]:
        def submit(clip: Clip) -> Future[tuple[Segment, ...]]:
            seen.append(clip.audio.duration_s)
            done: Future[tuple[Segment, ...]] = Future()
            done.set_result((Segment(0.0, 1.0, f"{clip.audio.duration_s:.0f}"),))
            return done

        yield submit, _clips()
        closed.append(True)

    numbers, text = measure.run(opened)
    assert seen == [3.0] * 4 + [10.0, 3.0, 1.0]
    assert text == "10 3 1"
    assert closed == [True]
    assert set(numbers) == {"speed", "first_s", "load_s", "memory", "cpu_share"}
    assert numbers["speed"] > 0
    assert numbers["memory"] >= 0


def test_a_recording_without_speech_measures_nothing() -> None:
    @contextmanager
    def opened() -> Iterator[tuple[Submit, Sequence[Clip]]]:
        yield (lambda _: Future()), []

    with pytest.raises(BadInput, match="no speech"):
        measure.run(opened)


def test_what_a_candidate_raises_is_raised() -> None:
    @contextmanager
    def opened() -> Iterator[tuple[Submit, Sequence[Clip]]]:
        if not closed:
            raise EngineFailed("it does not load")
        yield (lambda _: Future()), _clips()

    closed = list[bool]()
    with pytest.raises(EngineFailed, match="does not load"):
        measure.run(opened)


def test_measurements_are_kept_beside_older_ones(tmp_path: Path) -> None:
    path = tmp_path / "new" / "measured.json"
    measure.write(path, {"a": FOUND})
    measure.write(path, {"b": FOUND})
    assert measure.read(path) == {"a": FOUND, "b": FOUND}
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": {"engine": 1}}', b"\xff\xfe"])
def test_a_broken_file_counts_as_none_and_is_written_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "measured.json"
    path.write_bytes(content)
    assert measure.read(path) == {}
    measure.write(path, {"a": FOUND})
    assert measure.read(path) == {"a": FOUND}


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match=r"measured\.json"):
        measure.write(tmp_path / "file" / "measured.json", {"a": FOUND})
