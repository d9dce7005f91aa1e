"""What goes between an isolated engine and us arrives as it was sent."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np

from earwitness import errors
from earwitness.errors import Busy, EarwitnessError, EngineFailed
from earwitness.models.isolated import wire
from earwitness.types import Ask, Audio, Can, Clip, Segment, Token, Word
from support import sounds


def test_all_values_come_through_the_wire_as_they_were(tmp_path: Path) -> None:
    segment = Segment(
        1.25, 2.5, "a “b”", "de", (Word("a", 1.3, 1.4, 0.5, aligned=False),), (Token(3, b"\xff\x00", -0.25),),
        (3,), -0.1, 0.5, np.float32(0.1).item(), 0.9, 0.2, ("loop_cut",),
    )  # fmt: skip
    asks = [Ask(), Ask("de", ("de", "en"), "translate", "p", ("h",), 0.5, True, True, frozenset({"prompt"}))]
    clips = [Clip(Audio(sounds.tone(0.1), 5 * n), ask) for n, ask in enumerate(asks)]
    path = tmp_path / "frames"
    with path.open("wb") as made:
        wire.write(made, *wire.clips_out(clips))
        wire.write(made, wire.results_out([(segment,), ()]))
        wire.write(made, wire.results_out([(Segment(np.float32(0.5), 1.0, "x"),)]))  # type: ignore[arg-type]
    with path.open("rb") as made:
        frames = [wire.read(made) for _ in range(4)]
    assert frames[0] is not None
    assert frames[1] is not None
    assert frames[2] is not None
    assert frames[3] is None
    back = wire.clips_in(*frames[0])
    assert [c.ask for c in back] == asks
    assert [c.audio.start for c in back] == [0, 5]
    assert all(np.array_equal(a.audio.samples, b.audio.samples) for a, b in zip(back, clips, strict=True))
    assert wire.results_in(frames[1][0]) == [(segment,), ()]
    assert wire.results_in(frames[2][0])[0][0].start_s == 0.5


def test_what_is_cut_short_or_no_frame_is_the_end(tmp_path: Path) -> None:
    path = tmp_path / "frames"
    with path.open("wb") as made:
        wire.write(made, *wire.clips_out([Clip(Audio(sounds.tone(0.1)))]))
    whole = path.read_bytes()
    for broken in (b"", whole[:5], whole[:-1], b"noise" * 100):
        path.write_bytes(broken)
        with path.open("rb") as made:
            assert wire.read(made) is None


def test_every_error_comes_back_as_its_own_class() -> None:
    def kinds(kind: type[EarwitnessError]) -> Iterator[type[EarwitnessError]]:
        yield kind
        for sub in kind.__subclasses__():
            yield from kinds(sub)

    for kind in kinds(EarwitnessError):
        if kind.__module__ == errors.__name__:
            error = kind("m", retry_after_s=2.0) if issubclass(kind, Busy) else kind("m", remedy="Do.", param="p")
            back = wire.error_in(wire.error_out(error))
            assert type(back) is kind
            assert (back.message, back.remedy, back.param) == (error.message, error.remedy, error.param)
    strange = {"kind": "TypeVar", "message": "m", "remedy": "r", "param": None}
    assert type(wire.error_in({"error": strange})) is EngineFailed


def test_everything_an_engine_can_comes_through() -> None:
    can = Can(("en",), ("translate",), True, True, True, True, True, True, 7.5, 9, True, True)
    assert len(fields(Can)) == 12, "a new field wants a value here"
    assert wire.CAN.validate_python(wire.CAN.dump_python(can, mode="json")) == can
