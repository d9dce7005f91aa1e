"""From the hours at which models were used to those that are likely wanted, and the file it is kept in."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.errors import StorageFailed
from earwitness.models import usage
from earwitness.models.usage import DAY_S, HOUR_S, WEEK_S, Use, Uses

MONDAY_S = 4 * DAY_S + 2_900 * WEEK_S
"""A Monday, 00:00 UTC, in 2025."""


def used(*when_s: float) -> Use:
    """The use of a model at these times after the Monday."""
    use = None
    for at_s in when_s:
        use = usage.noted(use, MONDAY_S + at_s)
    assert use is not None
    return use


def likely(use: Use, at_s: float) -> bool:
    """Whether it is expected at a time after the Monday."""
    return usage.likely({"m": use}, MONDAY_S + at_s) == ("m",)


def test_hours_are_counted_from_monday() -> None:
    assert usage.hour(MONDAY_S) == 0
    assert usage.hour(MONDAY_S - 1) == 167
    assert usage.hour(MONDAY_S + 2 * DAY_S + 9.5 * HOUR_S) == 57


def test_one_use_is_no_habit() -> None:
    use = used(9.5 * HOUR_S, 9.6 * HOUR_S, 9.7 * HOUR_S)
    assert not likely(use, 9.8 * HOUR_S)
    assert not likely(use, DAY_S + 9.5 * HOUR_S)


def test_two_mornings_are_one() -> None:
    use = used(9.5 * HOUR_S, DAY_S + 9.5 * HOUR_S)
    assert not likely(use, DAY_S + 9.6 * HOUR_S), "the use of this very hour tells nothing of it"
    assert likely(use, 2 * DAY_S + 9.1 * HOUR_S)
    assert likely(use, 2 * DAY_S + 8.8 * HOUR_S), "a quarter of an hour before"
    assert not likely(use, 2 * DAY_S + 8.5 * HOUR_S)
    assert not likely(use, 2 * DAY_S + 15 * HOUR_S)


def test_after_some_weeks_the_day_of_the_week_counts() -> None:
    use = used(*(week * WEEK_S + 9.5 * HOUR_S for week in range(5)))
    assert likely(use, 5 * WEEK_S + 9.5 * HOUR_S)
    assert not likely(use, 5 * WEEK_S + DAY_S + 9.5 * HOUR_S), "a Tuesday"


def test_habits_are_forgotten() -> None:
    use = used(*(day * DAY_S + 9.5 * HOUR_S for day in range(14)))
    assert likely(use, 14 * DAY_S + 9.5 * HOUR_S)
    assert not likely(use, 42 * DAY_S + 9.5 * HOUR_S)


def test_the_likeliest_come_first() -> None:
    always = used(*(day * DAY_S + 9.5 * HOUR_S for day in range(8)))
    mostly = used(*(day * DAY_S + 9.5 * HOUR_S for day in (0, 1, 2, 4, 5, 6, 7)))
    now_s = MONDAY_S + 8 * DAY_S + 9.5 * HOUR_S
    assert usage.likely({"mostly": mostly, "always": always, "never": used(0.0)}, now_s) == ("always", "mostly")


@given(st.lists(st.floats(0, 60 * DAY_S), min_size=1, max_size=60), st.floats(-DAY_S, 90 * DAY_S))
def test_a_likelihood_is_one_whatever_the_clock_did(times_s: list[float], now_s: float) -> None:
    use = used(*times_s)
    assert 0 <= usage.likelihood(use, MONDAY_S + now_s) <= 1
    assert len(use.hours) <= 168
    assert use.last_s == MONDAY_S + max(times_s)


def test_uses_are_kept_in_a_file_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "usage.json"
    uses = Uses(path)
    uses.save()
    assert not path.exists(), "nothing was used"
    for day in range(3):
        uses.note("m", MONDAY_S + day * DAY_S)
    uses.save()
    again = Uses(path)
    assert again.notice == ""
    assert again.likely(MONDAY_S + 3 * DAY_S) == uses.likely(MONDAY_S + 3 * DAY_S) == ("m",)
    assert [p.name for p in tmp_path.iterdir()] == ["usage.json"]
    assert set(json.loads(path.read_text())["uses"]["m"]) == {"first_s", "last_s", "hours"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"uses": 5}',
        '{"uses": {"m": 5}}',
        '{"uses": {"m": {"first_s": 9, "last_s": 5, "hours": {}}}}',
        '{"uses": {"m": {"first_s": 1, "last_s": Infinity, "hours": {}}}}',
        '{"uses": {"m": {"first_s": 1, "last_s": 5, "hours": {"x": 1}}}}',
        '{"uses": {"m": {"first_s": 1, "last_s": 5, "hours": [1]}}}',
        "\x00\x80",
    ],
)
def test_a_broken_file_is_begun_anew_and_that_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "usage.json"
    path.write_bytes(text.encode("latin-1"))
    uses = Uses(path)
    assert "usage.json can't be read and is begun anew" in uses.notice
    uses.note("m", MONDAY_S)
    uses.save()
    assert Uses(path).notice == ""


def test_a_file_that_can_not_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "usage.json").mkdir()
    uses = Uses(tmp_path / "usage.json")
    uses.note("m", MONDAY_S)
    with pytest.raises(StorageFailed, match=r"usage\.json can't be written"):
        uses.save()
    assert [p.name for p in tmp_path.iterdir()] == ["usage.json"]
    (tmp_path / "file").touch()
    gone = Uses(tmp_path / "file" / "usage.json")
    gone.note("m", MONDAY_S)
    with pytest.raises(StorageFailed):
        gone.save()
