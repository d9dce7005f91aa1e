"""The pool: one load for all, none for failures, and unloading by a clock that the test turns."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from earwitness.engines.fake import Fake, Options
from earwitness.errors import Cancelled, EngineFailed
from earwitness.models.lane import Lane
from earwitness.models.pool import Loaded, Pool
from earwitness.types import Device, Plan

WAIT_S = 20.0


def _plan(model: str = "fake") -> Plan:
    return Plan("fake", model, Device("cpu", "test"), 1, "because")


class Shop:
    """Opens lanes, counts them, and may be told to fail or to take its time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.engines: list[Fake] = []
        self.failures: list[Exception] = []
        self.go = threading.Event()
        self.go.set()
        self.pool = Pool(self._load, idle_s=60.0, clock=lambda: self.now)

    def _load(self, plan: Plan) -> Lane:
        assert self.go.wait(WAIT_S)
        if self.failures:
            raise self.failures.pop()
        self.engines.append(Fake(Options()))
        return Lane(self.engines[-1])


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A pool over a shop, closed at the end."""
    made = Shop()
    yield made
    made.go.set()
    made.pool.close()


def test_many_threads_share_one_load(shop: Shop) -> None:
    shop.go.clear()
    entered = threading.Barrier(9)

    def use() -> Lane:
        entered.wait(WAIT_S)
        with shop.pool.lease(_plan()) as lane:
            return lane

    with ThreadPoolExecutor(8) as threads:
        futures = [threads.submit(use) for _ in range(8)]
        entered.wait(WAIT_S)
        shop.go.set()
        lanes = {id(f.result(WAIT_S)) for f in futures}
    assert len(lanes) == len(shop.engines) == 1


def test_unlike_plans_have_lanes_of_their_own(shop: Shop) -> None:
    with shop.pool.lease(_plan()) as one, shop.pool.lease(_plan("other")) as other:
        assert one is not other
    with shop.pool.lease(_plan()) as again:
        assert again is one


def test_a_failed_load_reaches_all_who_wait_and_is_not_remembered(shop: Shop) -> None:
    shop.go.clear()
    shop.failures.append(EngineFailed("no memory"))

    def use() -> str:
        try:
            with shop.pool.lease(_plan()):
                return "served"
        except EngineFailed as error:
            return error.message

    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(use) for _ in range(4)]
        shop.go.set()
        told = [f.result(WAIT_S) for f in futures]
    assert "no memory" in told
    assert set(told) <= {"no memory", "served"}, "who came after the failure had a load of their own"
    assert use() == "served"


def test_sweeping_unloads_what_nobody_has_used_for_long(shop: Shop) -> None:
    with shop.pool.lease(_plan()):
        shop.now = 1_000.0
        assert shop.pool.sweep() == 0, "it is in use"
    shop.now = 1_059.0
    assert shop.pool.sweep() == 0
    shop.now = 1_060.0
    assert shop.pool.sweep() == 1
    assert shop.engines[0].closed
    assert shop.pool.loaded() == ()
    with shop.pool.lease(_plan()):
        assert len(shop.engines) == 2


def test_what_is_loaded_can_be_looked_at(shop: Shop) -> None:
    plan = _plan()
    with shop.pool.lease(plan), shop.pool.lease(plan):
        assert shop.pool.loaded() == (Loaded(plan, users=2, idle_s=0.0, waiting=0),)
    shop.now = 7.5
    assert shop.pool.loaded() == (Loaded(plan, users=0, idle_s=7.5, waiting=0),)


def test_a_load_in_work_is_not_yet_loaded(shop: Shop) -> None:
    shop.go.clear()
    done = threading.Event()

    def use() -> None:
        with shop.pool.lease(_plan()):
            done.set()

    thread = threading.Thread(target=use)
    thread.start()
    assert shop.pool.loaded() == ()
    assert shop.pool.sweep() == 0
    shop.go.set()
    assert done.wait(WAIT_S)
    thread.join(WAIT_S)


def test_a_closed_pool_unloads_all_and_gives_nothing(shop: Shop) -> None:
    with shop.pool.lease(_plan()), shop.pool.lease(_plan("other")):
        pass
    shop.pool.close()
    assert [e.closed for e in shop.engines] == [True, True]
    with pytest.raises(Cancelled), shop.pool.lease(_plan()):
        pass
    shop.pool.close()


def test_a_failure_inside_the_lease_gives_the_lane_back(shop: Shop) -> None:
    with pytest.raises(ZeroDivisionError), shop.pool.lease(_plan()):
        raise ZeroDivisionError
    assert shop.pool.loaded()[0].users == 0
