"""The pool: one load for all, none for failures, and unloading by a clock that the test turns."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from earwitness.engines.fake import Fake, Options
from earwitness.errors import Busy, Cancelled, Conflict, EngineFailed, TooLittleMemory
from earwitness.models.lane import Lane
from earwitness.models.pool import Loaded, Loading, Pool
from earwitness.models.room import Limits
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
        self.options = Options()
        self.go = threading.Event()
        self.go.set()
        self.held: int | None = None
        self.grows = 0
        self.takes_s = 0.0
        self.changes: list[tuple[str, str]] = []
        self.limit()

    def limit(self, size: int | None = None, count: int | None = None, pinned: str = "", *, warm: bool = False) -> None:
        """Open a pool anew, with these limits. A model named a100 has files of 100 bytes."""
        self.pool = Pool(
            self._load,
            files=lambda plan: int(plan.model[1:]) if plan.model[1:].isdigit() else 0,
            limits=Limits(size, count),
            pinned=pinned.split(),
            warm=warm,
            idle_s=60.0,
            clock=lambda: self.now,
            resident=lambda: self.held,
        )
        self.pool.watch(lambda change: self.changes.append((change.what, change.plan.model)))

    def use(self, *models: str) -> None:
        """Use these for a second each, one after the other."""
        for model in models:
            with self.pool.lease(_plan(model)):
                self.now += 1.0

    @property
    def there(self) -> set[str]:
        """What is loaded."""
        return {place.plan.model for place in self.pool.loaded()}

    def _load(self, plan: Plan) -> Lane:
        assert self.go.wait(WAIT_S)
        if self.failures:
            raise self.failures.pop()
        self.engines.append(Fake(self.options))
        self.now += self.takes_s
        if self.held is not None:
            self.held += self.grows
        return Lane(self.engines[-1], workers=2)


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
        assert shop.pool.loaded() == (Loaded(plan, users=2, idle_s=0.0, waiting=0, size=0, load_s=0.0),)
    shop.now = 7.5
    assert shop.pool.loaded() == (Loaded(plan, users=0, idle_s=7.5, waiting=0, size=0, load_s=0.0),)


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


# ── room ──
def test_the_longest_idle_make_room(shop: Shop) -> None:
    shop.limit(size=610)
    shop.use("a100", "b100", "c100", "a100")
    assert shop.there == {"a100", "b100", "c100"}
    shop.use("d110")
    assert shop.there == {"a100", "d110"}, "b and c have been idle longest, and one of them was too little"
    assert shop.changes[-3:] == [("evicted", "b100"), ("evicted", "c100"), ("loaded", "d110")]
    assert [e.closed for e in shop.engines] == [False, True, True, False]


def test_a_count_is_a_limit_too(shop: Shop) -> None:
    shop.limit(count=2)
    shop.use("a", "b", "c")
    assert shop.there == {"b", "c"}


def test_what_is_in_use_stays_and_others_are_told_to_come_back(shop: Shop) -> None:
    shop.limit(size=300)
    with shop.pool.lease(_plan("a100")), pytest.raises(Busy) as full, shop.pool.lease(_plan("b100")):
        pass
    assert full.value.retry_after_s > 0
    assert shop.there == {"a100"}
    shop.use("b100")
    assert shop.there == {"b100"}


def test_what_is_loading_counts_as_in_use(shop: Shop) -> None:
    shop.limit(size=300)
    shop.go.clear()
    with ThreadPoolExecutor(1) as threads:
        loading = threads.submit(shop.use, "a100")
        while not shop.pool.loading():
            pass
        with pytest.raises(Busy), shop.pool.lease(_plan("b100")):
            pass
        shop.go.set()
        loading.result(WAIT_S)
    assert shop.there == {"a100"}


def test_pinned_models_stay(shop: Shop) -> None:
    shop.limit(size=500, pinned="a100")
    shop.use("a100", "b100", "c100")
    assert shop.there == {"a100", "c100"}
    with pytest.raises(TooLittleMemory, match="c200 does not fit beside the pinned"), shop.pool.lease(_plan("c200")):
        pass
    shop.now += 1_000.0
    assert shop.pool.sweep() == 1
    assert shop.there == {"a100"}


def test_what_never_fits_is_told_before_it_is_loaded(shop: Shop) -> None:
    shop.limit(size=10_000_000)
    shop.use("a100")
    with pytest.raises(TooLittleMemory, match="takes about 12 MB of memory, and all models together may take 10") as no:
        shop.use("b6000000")
    assert no.value.param == "model"
    assert len(shop.engines) == 1
    assert shop.there == {"a100"}


def test_a_guess_moves_nobody(shop: Shop) -> None:
    shop.limit(size=300)
    shop.use("a100")
    with pytest.raises(Busy), shop.pool.lease(_plan("b100"), guess=True):
        pass
    with shop.pool.lease(_plan("c10"), guess=True):
        assert shop.there == {"a100", "c10"}


def test_sweeping_leaves_what_is_to_be_kept(shop: Shop) -> None:
    shop.use("a", "b")
    shop.now += 1_000.0
    assert shop.pool.sweep(keep=("a",)) == 1
    assert shop.there == {"a"}
    assert shop.changes[-1] == ("idle", "b")


def test_memory_is_measured_where_it_can_be(shop: Shop) -> None:
    shop.limit(size=2_000)
    shop.held, shop.grows = 5_000, 700
    shop.use("a100", "b100")
    assert [place.size for place in shop.pool.loaded()] == [700, 700]
    shop.use("c400")
    assert shop.there == {"b100", "c400"}, "by its files it takes 800, and a has been idle longest"
    shop.grows = 10
    shop.use("d100")
    assert {place.plan.model: place.size for place in shop.pool.loaded()}["d100"] == 100, "no less than its files"


def test_a_model_that_comes_out_larger_than_thought_moves_others_afterwards(shop: Shop) -> None:
    shop.limit(size=1_000)
    shop.held, shop.grows = 0, 300
    shop.use("a100")
    shop.grows = 900
    shop.use("b100")
    assert shop.there == {"b100"}
    shop.use("a100", "b100")
    assert shop.there == {"b100"}, "what was measured counts the next time"


def test_a_model_measured_larger_than_the_limit_is_loaded_again_alone(shop: Shop) -> None:
    shop.limit(size=1_000)
    shop.held, shop.grows = 0, 3_000
    shop.use("b100", "a10", "b100")
    assert shop.there == {"b100"}


def test_two_loads_at_once_measure_nothing(shop: Shop) -> None:
    shop.held, shop.grows = 0, 5_000
    shop.go.clear()
    with ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(shop.use, model) for model in ("a100", "b100")]
        while len(shop.pool.loading()) < 2:
            pass
        shop.go.set()
        for future in futures:
            future.result(WAIT_S)
    assert [place.size for place in shop.pool.loaded()] == [200, 200]


# ── loading ──
def test_a_load_tells_how_long_it_takes_and_what_the_last_one_took(shop: Shop) -> None:
    shop.takes_s = 4.0
    shop.use("a")
    assert shop.pool.loaded()[0].load_s == 4.0
    shop.now += 1_000.0
    shop.pool.sweep()
    shop.go.clear()
    with ThreadPoolExecutor(1) as threads:
        loading = threads.submit(shop.use, "a")
        while not shop.pool.loading():
            pass
        shop.now += 3.0
        assert shop.pool.loading() == (Loading(_plan("a"), 3.0, 4.0),)
        shop.go.set()
        loading.result(WAIT_S)
    assert shop.pool.loading() == ()


def test_a_warm_model_has_recognised_something_on_each_worker(shop: Shop) -> None:
    shop.limit(warm=True)
    shop.use("a")
    assert sum(shop.engines[0].calls) == 2


def test_a_model_that_loads_and_recognises_nothing_is_not_loaded(shop: Shop) -> None:
    shop.limit(warm=True)
    shop.options = Options(fail_above=0.0)
    with pytest.raises(EngineFailed, match="told to fail"):
        shop.use("a")
    assert shop.engines[0].closed
    assert shop.there == set()
    assert shop.changes == [("failed", "a")]


def test_a_model_that_is_wanted_out_goes_unless_it_is_in_use(shop: Shop) -> None:
    shop.limit(pinned="a")
    shop.use("a", "b")
    with shop.pool.lease(_plan("b")), pytest.raises(Conflict, match="b is in use"):
        shop.pool.unload({"a", "b"})
    assert shop.there == {"a", "b"}, "none goes where one may not"
    assert shop.pool.unload({"a", "c"}) == 1
    assert shop.there == {"b"}
    assert shop.changes[-1] == ("asked", "a")
