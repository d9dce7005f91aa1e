"""Patience with a server: a breaker and a budget, on a clock that the test turns."""

from concurrent.futures import ThreadPoolExecutor

from earwitness.engines.wire.patience import Breaker, Budget


class Clock:
    """Time as the test has it."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock, most: int = 3) -> Breaker:
    """A breaker that has just opened, to rest for 10 s."""
    made = Breaker(clock, most=most, rest_s=10.0)
    for _ in range(most):
        assert made.admit() == 0.0
        made.told(well=False)
    return made


def test_failures_in_a_row_open_it_and_it_tells_how_long() -> None:
    clock = Clock()
    made = opened(clock)
    assert (made.state, made.admit()) == ("open", 10.0)
    clock.now += 4
    assert (made.state, made.admit()) == ("open", 6.0)


def test_failures_between_successes_do_not_open_it() -> None:
    made = Breaker(Clock(), most=3)
    for well in (False, False, True) * 5:
        made.told(well=well)
    assert (made.state, made.admit()) == ("closed", 0.0)


def test_after_the_rest_one_passes_and_the_others_wait_for_it() -> None:
    clock = Clock()
    made = opened(clock)
    clock.now += 10
    assert made.state == "half-open"
    assert made.admit() == 0.0
    assert made.admit() == 10.0


def test_one_that_comes_back_well_closes_it() -> None:
    clock = Clock()
    made = opened(clock)
    clock.now += 10
    made.admit()
    made.told(well=True)
    assert made.state == "closed"
    made.told(well=False)
    assert made.state == "closed"


def test_one_that_fails_opens_it_for_another_rest() -> None:
    clock = Clock()
    made = opened(clock)
    clock.now += 10
    made.admit()
    clock.now += 3
    made.told(well=False)
    assert made.admit() == 10.0


def test_one_that_never_comes_back_does_not_keep_it_shut() -> None:
    clock = Clock()
    made = opened(clock)
    clock.now += 10
    assert made.admit() == 0.0
    clock.now += 10
    assert made.admit() == 0.0


def test_of_many_threads_one_passes_when_it_is_half_open() -> None:
    clock = Clock()
    made = opened(clock)
    clock.now += 10
    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(lambda _: made.admit(), range(8))) == [0.0, *[10.0] * 7]


def test_second_tries_end_when_the_budget_is_spent_and_come_back_with_good_answers() -> None:
    made = Budget(most=3)
    assert [made.take() for _ in range(5)] == [True, True, True, False, False]
    for _ in range(9):
        made.earn()
    assert not made.take()
    made.earn()
    assert made.take()
    assert not made.take()


def test_good_answers_save_up_no_more_than_the_most() -> None:
    made = Budget(most=2)
    for _ in range(1000):
        made.earn()
    assert [made.take() for _ in range(3)] == [True, True, False]
