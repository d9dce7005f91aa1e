"""The one clock: seconds, positions and how a time is printed."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.audio import timebase

POSITIONS = st.integers(0, 2**52 - 1)


@given(POSITIONS)
def test_a_position_survives_the_way_through_seconds(position: int) -> None:
    assert timebase.samples(timebase.seconds(position)) == position


@pytest.mark.parametrize(
    ("seconds", "position"),
    [(0.0, 0), (1.0, 16_000), (0.5 / 16_000, 0), (1.5 / 16_000, 2), (0.00004, 1), (-1.0, -16_000)],
)
def test_a_time_becomes_the_nearest_position(seconds: float, position: int) -> None:
    assert timebase.samples(seconds) == position


@given(POSITIONS, st.integers(1, 1_536_000))
def test_rescaling_is_exact_to_half_a_sample(position: int, rate: int) -> None:
    exact = Fraction(position * timebase.RATE, rate)
    assert abs(timebase.rescale(position, rate) - exact) <= Fraction(1, 2)


@given(POSITIONS)
def test_rescaling_from_the_own_rate_changes_nothing(position: int) -> None:
    assert timebase.rescale(position, timebase.RATE) == position


@given(st.integers(0, 2**40), st.integers(0, 2**40), st.sampled_from([8000, 11025, 22050, 44100, 48000, 96000]))
def test_rescaling_keeps_the_order(one: int, other: int, rate: int) -> None:
    low, high = sorted((one, other))
    assert timebase.rescale(low, rate) <= timebase.rescale(high, rate)


@pytest.mark.parametrize(
    ("seconds", "printed"),
    [
        (0.0, "00:00:00.000"),
        (0.0004, "00:00:00.000"),
        (0.0006, "00:00:00.001"),
        (59.9994, "00:00:59.999"),
        (59.9996, "00:01:00.000"),
        (3599.9996, "01:00:00.000"),
        (3661.5, "01:01:01.500"),
        (360_000.0, "100:00:00.000"),
    ],
)
def test_a_clock_time_is_rounded_to_the_millisecond(seconds: float, printed: str) -> None:
    assert timebase.clock(seconds) == printed


def test_the_mark_before_the_milliseconds_can_be_chosen() -> None:
    assert timebase.clock(1.25, mark=",") == "00:00:01,250"


@pytest.mark.parametrize(
    ("seconds", "printed"), [(59.9996, "01:00.000"), (3599.9, "59:59.900"), (3600, "01:00:00.000")]
)
def test_hours_can_be_left_out_while_there_are_none(seconds: float, printed: str) -> None:
    assert timebase.clock(seconds, hours=False) == printed


def test_there_is_no_clock_time_before_the_start() -> None:
    with pytest.raises(ValueError, match="before the start"):
        timebase.clock(-0.001)
