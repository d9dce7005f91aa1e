"""Speech is found and cut, on scripted probabilities, where every frame can be counted."""

from dataclasses import replace

import numpy as np
import pytest

from earwitness.stages.speech import Listening, Stretch, begin, finish, listen
from earwitness.types import Audio, Samples
from support.loudness import FRAME, Loudness

HOW = Listening(pause_s=3 * 0.032, join_s=20 * 0.032, margin_s=4 * 0.032, longest_s=100 * 0.032, shortest_s=30 * 0.032)
"""Three frames end a span, twenty end a stretch; margins of four frames; a hundred frames at most."""


def _sound(*parts: tuple[int, float]) -> Samples:
    """Frames of a probability each, given as (count, probability)."""
    return np.concatenate([np.full(n * FRAME, p, np.float32) for n, p in parts])


def _heard(sound: Samples, how: Listening = HOW, *, origin: int = 0, chunk: int = 7_001) -> list[Stretch]:
    vad = Loudness()
    state, found = begin(vad, origin), list[Stretch]()
    for low in range(0, len(sound), chunk):
        state, some = listen(state, Audio(sound[low : low + chunk], origin + low), vad, how)
        found += some
    return [*found, *finish(state, vad, how)]


def _frames(stretch: Stretch, origin: int = 0) -> list[tuple[float, float]]:
    return [((s.start - origin) / FRAME, (s.end - origin) / FRAME) for s in stretch.spans]


def test_speech_stands_between_its_margins() -> None:
    (found,) = _heard(_sound((50, 0), (10, 0.9), (50, 0)))
    assert _frames(found) == [(50, 60)]
    assert (found.audio.start, found.audio.end) == (46 * FRAME, 64 * FRAME)
    assert found.voice == found.peak == pytest.approx(0.9)
    assert not found.forced


def test_short_pauses_stay_inside_a_stretch_and_long_ones_part_it() -> None:
    found = _heard(_sound((10, 0.9), (10, 0), (10, 0.8), (25, 0), (10, 0.9), (5, 0)))
    assert [_frames(s) for s in found] == [[(0, 10), (20, 30)], [(55, 65)]]
    assert found[0].voice == pytest.approx(0.85)


def test_a_dip_too_short_for_a_pause_is_part_of_the_span() -> None:
    (found,) = _heard(_sound((10, 0.9), (2, 0), (10, 0.9), (30, 0)))
    assert _frames(found) == [(0, 22)]


def test_speech_begins_at_the_threshold_and_ends_at_half_of_it() -> None:
    (found,) = _heard(_sound((20, 0.2), (5, 0.6), (20, 0.2), (30, 0.1)))
    assert _frames(found) == [(20, 45)]


def test_sound_that_never_reaches_the_peak_is_no_speech() -> None:
    assert _heard(_sound((20, 0.45), (50, 0))) == []
    assert len(_heard(_sound((20, 0.45), (1, 0.5), (50, 0)))) == 1


def test_silence_and_nothing_give_nothing() -> None:
    assert _heard(_sound((500, 0.1))) == []
    assert _heard(np.zeros(0, np.float32)) == []


def test_the_end_of_the_recording_gives_what_is_open_up_to_the_last_sample() -> None:
    sound = np.concatenate([_sound((50, 0), (10, 0.9)), np.full(100, 0.9, np.float32)])
    (found,) = _heard(sound)
    assert found.span.end == found.audio.end == len(sound)


def test_nothing_reaches_past_the_end_even_if_the_last_frame_closes_a_stretch() -> None:
    how = replace(HOW, join_s=HOW.pause_s, margin_s=30 * 0.032)
    sound = np.concatenate([_sound((10, 0.9), (2, 0)), np.zeros(100, np.float32)])
    (found,) = _heard(sound, how)
    assert found.audio.end == len(sound)


def test_positions_are_those_of_the_recording() -> None:
    (found,) = _heard(_sound((50, 0), (10, 0.9), (50, 0)), origin=1_000_000)
    assert _frames(found, 1_000_000) == [(50, 60)]
    assert found.audio.start == 1_000_000 + 46 * FRAME


def test_a_margin_never_reaches_into_sound_that_was_given_out() -> None:
    how = replace(HOW, margin_s=30 * 0.032)
    first, second = _heard(_sound((10, 0.9), (22, 0), (10, 0.9), (40, 0)), how)
    assert first.audio.end == 30 * FRAME
    assert second.audio.start == 30 * FRAME


def test_a_long_stretch_is_cut_at_its_longest_pause_with_room_before_it() -> None:
    found = _heard(_sound((10, 0.9), (12, 0), (25, 0.9), (8, 0), (20, 0.9), (5, 0), (40, 0.9), (40, 0)))
    assert [_frames(s) for s in found] == [[(0, 10), (22, 47)], [(55, 75), (80, 120)]]
    assert found[0].audio.end == found[1].audio.start == 51 * FRAME
    assert not any(s.forced for s in found)


def test_without_room_before_any_pause_the_longest_pause_is_taken() -> None:
    found = _heard(_sound((10, 0.9), (8, 0), (120, 0.9), (40, 0)))
    assert _frames(found[0]) == [(0, 10)]


def test_speech_without_a_pause_is_cut_where_it_is_least_like_speech_and_marked() -> None:
    found = _heard(_sound((70, 0.9), (1, 0.4), (60, 0.9), (40, 0)))
    assert [_frames(s) for s in found] == [[(0, 70)], [(70, 131)]]
    assert [s.forced for s in found] == [True, False]
    assert found[0].audio.end == found[1].audio.start == 70 * FRAME


def test_a_forced_cut_lies_inside_speech_however_long_a_pause_must_be() -> None:
    how = replace(HOW, pause_s=16 * 0.032)
    found = _heard(_sound((90, 0.9), (60, 0)), how)
    assert _frames(found[-1])[-1][1] == 90
    assert all(s.start < s.end for stretch in found for s in stretch.spans)


def test_unbroken_speech_is_given_in_pieces_without_a_gap() -> None:
    rng = np.random.default_rng(3)
    sound = np.repeat(rng.uniform(0.5, 1.0, 1_000).astype(np.float32), FRAME)
    found = _heard(sound)
    assert all(s.forced for s in found[:-1])
    assert np.array_equal(np.concatenate([s.audio.samples for s in found]), sound)


@pytest.mark.parametrize("chunk", [100, 511, 512, 513, 100_000])
def test_memory_does_not_grow_with_the_recording(chunk: int) -> None:
    vad, state, whole = Loudness(), begin(Loudness()), _sound(*[(30, 0.9), (40, 0.0)] * 12)
    for low in range(0, len(whole), chunk):
        state, _ = listen(state, Audio(whole[low : low + chunk], low), vad, HOW)
        assert len(state.kept) <= 130 * FRAME + chunk
    assert len(state.kept) <= 10 * FRAME
