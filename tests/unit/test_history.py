"""How the server fared: what is remembered of it, and for how long."""

from earwitness.api.history import MINUTES, RECENT, TO_A_MINUTE, History, Moment
from earwitness.api.system import columns


def test_before_anything_was_seen_there_are_noughts() -> None:
    history = History()
    assert history.last == Moment()
    assert history.cores() == 0.0
    assert columns(history.recent)["cpu"] == []


def test_a_minute_has_the_highest_of_each_number() -> None:
    history = History()
    for number in range(TO_A_MINUTE):
        assert not history.minutes
        history.note(Moment(at_s=number, cpu=number % 5, sessions=TO_A_MINUTE - number))
    assert history.minutes[0] == Moment(at_s=TO_A_MINUTE - 1, cpu=4, sessions=TO_A_MINUTE)
    assert history.last.at_s == TO_A_MINUTE - 1


def test_no_more_than_a_quarter_of_an_hour_and_a_day_are_kept() -> None:
    history = History()
    for number in range((MINUTES + 2) * TO_A_MINUTE):
        history.note(Moment(at_s=number))
    assert (len(history.recent), len(history.minutes)) == (RECENT, MINUTES)
    assert columns(history.recent)["at_s"][-1] == history.last.at_s
    assert history.minutes[0].at_s == 3 * TO_A_MINUTE - 1


def test_work_shows_as_busy_cores() -> None:
    history = History()
    history.cores()
    total = 0
    while not (busy := history.cores()):
        total += sum(range(100_000))
    assert busy > 0
