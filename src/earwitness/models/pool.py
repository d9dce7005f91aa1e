"""The pool: each model is loaded once, on its lane, when it is first wanted, and unloaded when nobody wants it.

Callers that come while a model loads wait for the one load. A load that failed is not remembered. Knows nothing of how
a model is chosen; that is in the Plan.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass

from earwitness.errors import Cancelled
from earwitness.models.lane import Lane
from earwitness.types import Plan


@dataclass(slots=True)
class _Place:
    lane: Future[Lane]
    users: int = 0
    idle_since: float = 0.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """One loaded model, for people who look: how many use it, and how long nobody has."""

    plan: Plan
    users: int
    idle_s: float
    waiting: int


class Pool:
    """Lanes by Plan. `load` opens one, and is called outside the pool's lock."""

    def __init__(
        self,
        load: Callable[[Plan], Lane],
        *,
        idle_s: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load, self._idle_s, self._clock = load, idle_s, clock
        self._lock = threading.Lock()
        self._places: dict[Plan, _Place] = {}
        self._closed = False

    @contextmanager
    def lease(self, plan: Plan) -> Iterator[Lane]:
        """The plan's lane, loaded if it is not yet, kept at least until the block ends.

        Raises what the load raises, and Cancelled on a closed pool.
        """
        place, mine = self._take(plan)
        try:
            if mine:
                self._fill(plan, place)
            yield place.lane.result()
        finally:
            with self._lock:
                place.users -= 1
                place.idle_since = self._clock()

    def loaded(self) -> tuple[Loaded, ...]:
        """What is loaded now."""
        with self._lock:
            places = [(plan, p) for plan, p in self._places.items() if p.lane.done() and not p.lane.exception()]
            now = self._clock()
            return tuple(
                Loaded(plan, p.users, 0.0 if p.users else now - p.idle_since, p.lane.result().waiting)
                for plan, p in places
            )

    def sweep(self) -> int:
        """Unload what nobody has used for `idle_s`; how many that were. Call it now and then."""
        with self._lock:
            due = [
                plan
                for plan, p in self._places.items()
                if not p.users and p.lane.done() and self._clock() - p.idle_since >= self._idle_s
            ]
            lanes = [self._places.pop(plan).lane.result() for plan in due]
        for lane in lanes:
            lane.close()
        return len(lanes)

    def close(self) -> None:
        """Unload everything; work that runs is finished, work that waits ends as Cancelled."""
        with self._lock:
            self._closed = True
            places, self._places = list(self._places.values()), {}
        for place in places:
            if not place.lane.exception():
                place.lane.result().close()

    def _take(self, plan: Plan) -> tuple[_Place, bool]:
        with self._lock:
            if self._closed:
                raise Cancelled("the server is stopping")
            place = self._places.get(plan)
            mine = place is None
            if place is None:
                place = self._places[plan] = _Place(Future())
            place.users += 1
            return place, mine

    def _fill(self, plan: Plan, place: _Place) -> None:
        try:
            place.lane.set_result(self._load(plan))
        except BaseException as error:
            with self._lock:
                self._places.pop(plan, None)
            place.lane.set_exception(error)
            raise
