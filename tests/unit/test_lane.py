"""The lane: whose clip comes next, what shares a batch, and what happens when something breaks."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from earwitness.errors import BadInput, Busy, Cancelled, EngineFailed
from earwitness.hardware.power import POWER_SAVER
from earwitness.models.lane import STRAIN_S, Lane, Seat, Segments, Urgency
from earwitness.types import Ask, Audio, Can, Clip, Segment

WAIT_S = 20.0


@dataclass
class Gate:
    """An engine that stands still until it is let go, and remembers the clips of each call by their prompt."""

    can: Can = field(default_factory=lambda: Can(languages=None, prompt=True, batch=4, parallel=True))
    calls: list[list[str]] = field(default_factory=list)
    closed: int = 0
    wrong: Callable[[], object] | None = None
    """Called in each call with more than one clip, or with the clip named `bad`."""

    def __post_init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Semaphore(0)

    def transcribe(self, clips: Sequence[Clip]) -> list[tuple[Segment, ...]]:
        names = [clip.ask.prompt or "" for clip in clips]
        self.calls.append(names)
        self.entered.release()
        assert self.open.wait(WAIT_S)
        if self.wrong and (len(names) > 1 or "bad" in names):
            found = self.wrong()
            assert isinstance(found, list)
            return found
        return [(Segment(0, 1, name),) for name in names]

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def gate() -> Gate:
    """A shut gate."""
    return Gate()


@pytest.fixture
def lane(gate: Gate) -> Iterator[Lane]:
    """A lane of one worker behind the gate, its clock standing still."""
    made = Lane(gate, seats=3, window=24, clock=lambda: 0.0)
    yield made
    gate.open.set()
    made.close()


def _clip(name: str, seconds: float = 1.0) -> Clip:
    return Clip(Audio(np.zeros(round(seconds * 16_000), np.float32)), Ask(prompt=name))


def _block(lane: Lane, gate: Gate) -> Future[Segments]:
    """Occupy the one worker, so that everything after it has to wait."""
    future = lane.seat(urgency=Urgency.BATCH).submit(_clip("first"))
    assert gate.entered.acquire(timeout=WAIT_S)
    return future


def _text(future: Future[Segments]) -> str:
    return future.result(WAIT_S)[0].text


# ── batching and order ──
def test_an_idle_lane_starts_at_once_and_a_busy_one_collects(lane: Lane, gate: Gate) -> None:
    first = _block(lane, gate)
    with lane.seat() as one, lane.seat() as other:
        futures = [seat.submit(_clip(name)) for seat, name in ((one, "a"), (other, "b"), (one, "c"))]
        gate.open.set()
        assert [_text(f) for f in [first, *futures]] == ["first", "a", "b", "c"]
    assert gate.calls[0] == ["first"]
    assert sorted(gate.calls[1]) == ["a", "b", "c"], "clips of two callers share a batch"


def test_a_batch_is_no_larger_than_the_engine_likes(lane: Lane, gate: Gate) -> None:
    _block(lane, gate)
    with lane.seat() as seat:
        futures = [seat.submit(_clip(str(n))) for n in range(10)]
        gate.open.set()
        assert [_text(f) for f in futures] == [str(n) for n in range(10)]
    assert [len(call) for call in gate.calls] == [1, 4, 4, 2]


def test_clips_of_like_length_go_together(lane: Lane, gate: Gate) -> None:
    _block(lane, gate)
    with lane.seat() as seat:
        futures = [seat.submit(_clip(f"{s}-{n}", s)) for n in range(4) for s in (1, 9)]
        gate.open.set()
        for future in futures:
            future.result(WAIT_S)
    assert [{name[0] for name in call} for call in gate.calls[1:]] == [{"1"}, {"9"}]


def test_the_earliest_deadline_goes_first(lane: Lane, gate: Gate) -> None:
    gate.can = Can(languages=None, batch=1)
    _block(lane, gate)
    with lane.seat(urgency=Urgency.INTERACTIVE) as seat:
        seats = [Seat(lane, u, 24) for u in (Urgency.BATCH, Urgency.LIVE_PARTIAL, Urgency.LIVE_FINAL)]
        futures = [s.submit(_clip(s.urgency.name)) for s in [seat, *seats]]
        gate.open.set()
        for future in futures:
            future.result(WAIT_S)
    assert [c[0] for c in gate.calls[1:]] == ["LIVE_FINAL", "LIVE_PARTIAL", "INTERACTIVE", "BATCH"]


def test_drafts_wait_until_no_final_text_is_waited_for(lane: Lane, gate: Gate) -> None:
    gate.can = Can(languages=None, batch=2)
    _block(lane, gate)
    with lane.seat(urgency=Urgency.LIVE_FINAL) as one, lane.seat(urgency=Urgency.LIVE_PARTIAL) as other:
        futures = [other.submit(_clip(f"draft-{n}")) for n in range(2)]
        futures += [one.submit(_clip(f"final-{n}", 5.0)) for n in range(3)]  # the last has the latest deadline
        gate.open.set()
        for future in futures:
            future.result(WAIT_S)
    assert [sorted(call) for call in gate.calls[1:]] == [["final-0", "final-1"], ["final-2"], ["draft-0", "draft-1"]]


def test_strain_is_the_time_that_final_live_text_took_of_late(gate: Gate) -> None:
    now = 100.0
    gate.open.set()
    lane = Lane(gate, workers=2, clock=lambda: now)

    def took(seconds: float, urgency: Urgency) -> None:
        nonlocal now

        def step(_: object) -> Segments:
            nonlocal now
            now += seconds
            return ()

        with lane.seat() as seat:
            seat.step(_clip("step"), step, urgency).result(WAIT_S)

    try:
        took(4.0, Urgency.LIVE_FINAL)
        for urgency in (Urgency.LIVE_PARTIAL, Urgency.INTERACTIVE, Urgency.BATCH):
            took(1.0, urgency)
        assert lane.strain == pytest.approx(4.0 / STRAIN_S / 2)
        now += STRAIN_S
        assert lane.strain == 0
    finally:
        lane.close()


def test_two_callers_of_one_class_take_turns(lane: Lane, gate: Gate) -> None:
    gate.can = Can(languages=None, batch=1)
    _block(lane, gate)
    with lane.seat() as many, lane.seat() as few:
        futures = [many.submit(_clip(f"many-{n}")) for n in range(4)]
        futures += [few.submit(_clip(f"few-{n}")) for n in range(2)]
        gate.open.set()
        for future in futures:
            future.result(WAIT_S)
    order = [c[0] for c in gate.calls[1:]]
    assert order.index("few-0") < order.index("many-1")
    assert order.index("few-1") < order.index("many-2")


def test_idle_workers_share_what_waits(gate: Gate) -> None:
    lane = Lane(gate, workers=2)
    with lane.seat() as seat:
        futures = [seat.submit(_clip(str(n))) for n in range(2)]
        assert gate.entered.acquire(timeout=WAIT_S)
        assert gate.entered.acquire(timeout=WAIT_S), "the second worker stood idle"
        gate.open.set()
        assert [_text(f) for f in futures] == ["0", "1"]
    lane.close()


def test_an_engine_for_one_thread_gets_one() -> None:
    gate = Gate(can=Can(languages=None, parallel=False, batch=1))
    lane = Lane(gate, workers=4)
    with lane.seat() as seat:
        futures = [seat.submit(_clip(str(n))) for n in range(3)]
        assert gate.entered.acquire(timeout=WAIT_S)
        assert not gate.entered.acquire(timeout=0.2)
        gate.open.set()
        for future in futures:
            future.result(WAIT_S)
    lane.close()


# ── power ──
def test_saving_power_makes_batches_smaller(gate: Gate) -> None:
    lane = Lane(gate, clock=lambda: 0.0, power=lambda: replace(POWER_SAVER, batch=2))
    _block(lane, gate)
    with lane.seat() as seat:
        futures = [seat.submit(_clip(str(n))) for n in range(5)]
        gate.open.set()
        assert [_text(f) for f in futures] == [str(n) for n in range(5)]
    assert [len(call) for call in gate.calls] == [1, 2, 2, 1]
    lane.close()


def test_a_hot_lane_rests_between_batches_and_closes_all_the_same(gate: Gate) -> None:
    gate.open.set()
    power = replace(POWER_SAVER, cool_down_s=WAIT_S * 10)
    lane = Lane(gate, power=lambda: power)
    with lane.seat() as seat:
        assert _text(seat.submit(_clip("a"))) == "a"
        waiting = seat.submit(_clip("b"))
        with pytest.raises(TimeoutError):
            waiting.result(0.3)
        lane.close()
        with pytest.raises(Cancelled):
            waiting.result(WAIT_S)
    assert gate.calls == [["a"]]


def test_a_lane_goes_on_when_it_has_rested(gate: Gate) -> None:
    gate.open.set()
    lane = Lane(gate, power=lambda: replace(POWER_SAVER, cool_down_s=0.01))
    with lane.seat() as seat:
        futures = [seat.submit(_clip(str(n))) for n in range(9)]
        assert [_text(f) for f in futures] == [str(n) for n in range(9)]
    lane.close()


# ── bounds ──
def test_a_full_lane_says_when_to_come_back(lane: Lane) -> None:
    seats = [lane.seat() for _ in range(3)]
    assert lane.seated == 3
    with pytest.raises(Busy, match="all 3 places are taken") as failure:
        lane.seat()
    assert 1 <= failure.value.retry_after_s <= 60
    with seats[0]:
        pass
    assert lane.seated == 2
    lane.seat()


def test_a_caller_waits_while_its_window_is_full(gate: Gate) -> None:
    lane = Lane(gate, window=2)
    submitted = threading.Semaphore(0)
    futures: list[Future[Segments]] = []

    def feed() -> None:
        with lane.seat() as seat:
            for n in range(3):
                futures.append(seat.submit(_clip(str(n))))
                submitted.release()
            for future in futures:
                future.result(WAIT_S)

    caller = threading.Thread(target=feed)
    caller.start()
    assert submitted.acquire(timeout=WAIT_S)
    assert submitted.acquire(timeout=WAIT_S)
    assert not submitted.acquire(timeout=0.2), "a third clip got into a window of two"
    gate.open.set()
    assert submitted.acquire(timeout=WAIT_S)
    caller.join(WAIT_S)
    assert [_text(f) for f in futures] == ["0", "1", "2"]
    lane.close()


def test_leaving_drops_what_waits_and_only_that(lane: Lane, gate: Gate) -> None:
    first = _block(lane, gate)
    with lane.seat() as staying:
        with lane.seat() as leaving:
            dropped = leaving.submit(_clip("dropped"))
            kept = staying.submit(_clip("kept"))
            assert lane.waiting == 2
        assert lane.waiting == 1
        assert dropped.cancelled()
        gate.open.set()
        assert (_text(first), _text(kept)) == ("first", "kept")
    assert ["dropped"] not in gate.calls


# ── failures ──
def test_a_batch_that_fails_is_run_again_one_by_one(lane: Lane, gate: Gate) -> None:
    def wrong() -> object:
        raise EngineFailed("a bad clip")

    _block(lane, gate)
    gate.wrong = wrong
    with lane.seat() as seat:
        futures = [seat.submit(_clip(name)) for name in ("a", "bad", "c")]
        gate.open.set()
        with pytest.raises(EngineFailed, match="a bad clip"):
            futures[1].result(WAIT_S)
        assert (_text(futures[0]), _text(futures[2])) == ("a", "c")
    assert sorted(gate.calls[1]) == ["a", "bad", "c"]
    assert sorted(gate.calls[2:]) == [["a"], ["bad"], ["c"]]


def test_an_engine_is_failing_that_broke_over_clip_after_clip_and_not_one_that_goes_on(lane: Lane, gate: Gate) -> None:
    def broken() -> object:
        raise RuntimeError("no card")

    def asked() -> object:
        raise BadInput("not this")

    gate.open.set()
    seat, told = lane.seat(), list[str | None]()
    for wrong, name in [(broken, "bad")] * 2 + [(asked, "bad"), (broken, "good")] + [(broken, "bad")] * 3:
        gate.wrong = wrong
        seat.submit(_clip(name)).exception(WAIT_S)
        told.append(lane.failing)
    assert told == [None] * 6 + ["the engine broke: RuntimeError: no card"]
    lane.forgive()
    assert lane.failing is None


@pytest.mark.parametrize(
    ("error", "kind"), [(ZeroDivisionError("by zero"), EngineFailed), (BadInput("too odd"), BadInput)]
)
def test_an_unknown_error_becomes_an_engine_failure_with_its_cause(
    lane: Lane, gate: Gate, error: Exception, kind: type[Exception]
) -> None:
    def wrong() -> object:
        raise error

    gate.wrong = wrong
    gate.open.set()
    with lane.seat() as seat:
        with pytest.raises(kind) as failure:
            seat.submit(_clip("bad")).result(WAIT_S)
        assert str(error) in str(failure.value)
        if kind is EngineFailed:
            assert failure.value.__cause__ is error
        assert _text(seat.submit(_clip("next"))) == "next", "the worker lives on"


def test_an_engine_that_loses_results_is_found_out(lane: Lane, gate: Gate) -> None:
    _block(lane, gate)
    gate.wrong = lambda: [()]
    with lane.seat() as seat:
        futures = [seat.submit(_clip(n)) for n in ("a", "b")]
        gate.open.set()
        assert [_text(f) for f in futures] == ["a", "b"], "one by one it gave the right number"
        gate.wrong = list
        with pytest.raises(EngineFailed, match="0 results for 1 clips"):
            seat.submit(_clip("bad")).result(WAIT_S)


# ── the end ──
def test_closing_finishes_what_runs_and_cancels_what_waits(lane: Lane, gate: Gate) -> None:
    first = _block(lane, gate)
    seat = lane.seat()
    waiting = seat.submit(_clip("waiting"))
    closer = threading.Thread(target=lane.close)
    closer.start()
    with pytest.raises(Cancelled):
        waiting.result(WAIT_S)
    gate.open.set()
    closer.join(WAIT_S)
    assert _text(first) == "first"
    assert gate.closed == 1
    with pytest.raises(Cancelled):
        seat.submit(_clip("late"))
    with pytest.raises(Cancelled):
        lane.seat()


def test_a_caller_that_waits_for_room_is_let_go_by_closing(gate: Gate) -> None:
    lane = Lane(gate, window=2)
    full, outcome = threading.Event(), list[str]()

    def feed() -> None:
        with lane.seat() as seat:
            seat.submit(_clip("runs"))
            assert gate.entered.acquire(timeout=WAIT_S)
            seat.submit(_clip("waits"))
            full.set()
            try:
                seat.submit(_clip("finds no room"))
            except Cancelled:
                outcome.append("let go")

    caller = threading.Thread(target=feed)
    caller.start()
    assert full.wait(WAIT_S)
    closer = threading.Thread(target=lane.close)
    closer.start()
    caller.join(WAIT_S)
    assert outcome == ["let go"]
    gate.open.set()
    closer.join(WAIT_S)
    assert not closer.is_alive()


def test_the_lane_tells_what_its_engine_can(lane: Lane, gate: Gate) -> None:
    assert lane.can is gate.can
    assert lane.seat().can is gate.can
