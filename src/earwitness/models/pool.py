"""The pool: each model is loaded once, on its lane, when it is first wanted, and unloaded when nobody wants it.

Callers that come while a model loads wait for the one load. A load that failed is not remembered. All models together
stay inside `Limits`: those that have been idle longest make room for another. Knows nothing of how a model is chosen;
that is in the Plan.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from earwitness.errors import Busy, Cancelled, Conflict, TooLittleMemory
from earwitness.hardware.probe import limits as memory
from earwitness.models import room
from earwitness.models.lane import RELIEF_S, Lane
from earwitness.models.room import SPREAD, Held, Lack, Limits
from earwitness.types import Plan


@dataclass(slots=True, eq=False)
class _Place:
    """A model's place in the pool. `turn` is that of the pool when its load began; None where another one was on."""

    plan: Plan
    files: int
    size: int
    began: float
    turn: int | None
    lane: Future[Lane] = field(default_factory=Future)
    users: int = 0
    idle_since: float = 0.0
    load_s: float = 0.0

    @property
    def loaded(self) -> bool:
        return self.lane.done() and not self.lane.exception()


@dataclass(frozen=True, slots=True)
class Loaded:
    """One loaded model, for people who look: how many use it, how long nobody has, and its memory in bytes."""

    plan: Plan
    users: int
    idle_s: float
    waiting: int
    size: int
    load_s: float
    waiting_s: float = 0.0
    """Seconds of sound that wait."""


@dataclass(frozen=True, slots=True)
class Loading:
    """One load in work; `expected_s` is what the last one of this model took, where there was one."""

    plan: Plan
    elapsed_s: float
    expected_s: float | None


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to a model: `took_s` is the load's, `warm_s` the part of it that was the trial.

    `asked` is that somebody wanted it unloaded, `crashed` the end of an engine's own process, `how` it ended.
    """

    what: Literal["loaded", "failed", "idle", "evicted", "asked", "crashed"]
    plan: Plan
    size: int = 0
    took_s: float = 0.0
    warm_s: float = 0.0
    how: str = ""


class Pool:
    """Lanes by Plan. `load` opens one, and is called outside the pool's lock.

    `files` tells the bytes of a model's files, from which its memory is judged before it is loaded. Models named in
    `pinned` stay once they are loaded. With `warm` a model counts as loaded once it has recognised something.
    """

    def __init__(
        self,
        load: Callable[[Plan], Lane],
        *,
        files: Callable[[Plan], int] = lambda _: 0,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        pinned: Collection[str] = (),
        warm: bool = False,
        idle_s: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
        resident: Callable[[], int | None] = memory.resident,
    ) -> None:
        self.limits = limits
        self._load, self._files, self._pinned, self._warm = load, files, frozenset(pinned), warm
        self._idle_s, self._clock, self._resident = idle_s, clock, resident
        self._tell: Callable[[Change], None] = lambda _: None
        self._lock = threading.Lock()
        self._places: dict[Plan, _Place] = {}
        self._known: dict[Plan, tuple[int, float]] = {}
        self._turn = 0
        self._closed = False

    def watch(self, listener: Callable[[Change], None]) -> None:
        """Have a listener told of every change from now on, in the thread that makes it."""
        self._tell = listener

    def crashed(self, plan: Plan, how: str) -> None:
        """Tell the listener that a model's own process ended, and how."""
        self._tell(Change("crashed", plan, how=how))

    @contextmanager
    def lease(self, plan: Plan, *, guess: bool = False) -> Iterator[Lane]:
        """The plan's lane, loaded if it is not yet, kept at least until the block ends.

        A `guess` takes what room there is and moves nobody.

        Raises:
            TooLittleMemory: it would never fit.
            Busy: it does not fit beside those in use, or without moving others for a guess.
            Cancelled: the pool is closed.
            EarwitnessError: whatever the load raises.
        """
        place, mine, moved = self._take(plan, guess=guess)
        try:
            if mine:
                self._fill(place, moved)
            yield place.lane.result()
        finally:
            with self._lock:
                place.users -= 1
                place.idle_since = self._clock()

    def loaded(self) -> tuple[Loaded, ...]:
        """What is loaded now."""
        with self._lock:
            now = self._clock()
            return tuple(_shown(p, now) for p in self._places.values() if p.loaded)

    def loading(self) -> tuple[Loading, ...]:
        """What is being loaded now."""
        with self._lock:
            return tuple(
                Loading(p.plan, self._clock() - p.began, self._known[p.plan][1] if p.plan in self._known else None)
                for p in self._places.values()
                if not p.lane.done()
            )

    def sweep(self, keep: Collection[str] = ()) -> int:
        """Unload what nobody has used for `idle_s`; how many that were. Call it now and then.

        Pinned models stay, and those named in `keep`.
        """
        with self._lock:
            now = self._clock()
            due = [
                place
                for place in self._places.values()
                if not place.users
                and place.loaded
                and now - place.idle_since >= self._idle_s
                and place.plan.model not in self._pinned
                and place.plan.model not in keep
            ]
            for place in due:
                self._drop(place)
        for place in due:
            place.lane.result().close()
            self._tell(Change("idle", place.plan, place.size))
        return len(due)

    def unload(self, models: Collection[str]) -> int:
        """Unload models by their full names, pinned ones too; how many there were. Raises Conflict for one in use."""
        with self._lock:
            due = [place for place in self._places.values() if place.plan.model in models]
            if used := next((place for place in due if place.users or not place.lane.done()), None):
                raise Conflict(
                    f"{used.plan.model} is in use",
                    remedy="Try again when its recordings and live sessions are through.",
                )
            for place in due:
                self._drop(place)
        for place in due:
            place.lane.result().close()
            self._tell(Change("asked", place.plan, place.size))
        return len(due)

    def close(self) -> None:
        """Unload everything; work that runs is finished, work that waits ends as Cancelled."""
        with self._lock:
            self._closed = True
            places, self._places = list(self._places.values()), {}
        for place in places:
            if not place.lane.exception():
                place.lane.result().close()

    def _take(self, plan: Plan, *, guess: bool) -> tuple[_Place, bool, list[_Place]]:
        """The plan's place, whether the caller has to fill it, and who was moved out for it."""
        with self._lock:
            known = plan in self._places
        files = 0 if known else self._files(plan)  # looks at the disk, so not under the lock
        with self._lock:
            if self._closed:
                raise Cancelled("the server is stopping")
            place = self._places.get(plan)
            moved = list[_Place]()
            mine = place is None
            if place is None:
                size = self._need(plan, files)
                moved = self._make_room(plan, size, guess=guess)
                self._turn += 1
                alone = all(other.lane.done() for other in self._places.values())
                place = _Place(plan, files, size, self._clock(), self._turn if alone else None)
                self._places[plan] = place
            place.users += 1
            return place, mine, moved

    def _need(self, plan: Plan, files: int) -> int:
        """Bytes to set aside: what it took the last time, or by its files. Only its files can make it too large."""
        need = int(SPREAD * files)
        most = self.limits.size
        if plan in self._known and (most is None or need <= most):
            need = self._known[plan][0] if most is None else min(most, self._known[plan][0])
        return need

    def _make_room(self, plan: Plan, need: int, *, guess: bool) -> list[_Place]:
        """Take out of the pool what has to go; the caller closes it. Called under the lock."""
        gone = room.make(self._held(), need, self.limits)
        if gone is Lack.IN_USE or (guess and gone):
            raise Busy(f"there is no room for {plan.model} now: the other models are in use", retry_after_s=RELIEF_S)
        if isinstance(gone, Lack):
            size, most = need / 1e6, (self.limits.size or 0) / 1e6
            why = "does not fit beside the pinned models"
            if gone is Lack.SIZE:
                why = f"takes about {size:.0f} MB of memory, and all models together may take {most:.0f}"
            raise TooLittleMemory(f"{plan.model} {why}", param="model")
        moved = [self._places[key] for key in gone if isinstance(key, Plan)]
        for place in moved:
            self._drop(place)
        return moved

    def _held(self) -> list[Held]:
        now = self._clock()
        return [
            Held(
                plan,
                place.size,
                None if place.users or not place.lane.done() else now - place.idle_since,
                plan.model in self._pinned,
            )
            for plan, place in self._places.items()
        ]

    def _drop(self, place: _Place) -> None:
        if self._places.get(place.plan) is place:
            del self._places[place.plan]
        self._turn += 1

    def _fill(self, place: _Place, moved: list[_Place]) -> None:
        try:
            self._close(moved)
            before = self._resident()
            lane = self._load(place.plan)
            warm_s = self._tried(lane) if self._warm else 0.0
        except BaseException as error:
            with self._lock:
                self._drop(place)
            place.lane.set_exception(error)
            self._tell(Change("failed", place.plan, took_s=self._clock() - place.began))
            raise
        with self._lock:
            place.load_s = self._clock() - place.began
            self._measure(place, before, lane)
            self._known[place.plan] = place.size, place.load_s
            over = room.make(self._held(), 0, Limits(self.limits.size))  # it may have come out larger than expected
            moved = [self._places[key] for key in over if isinstance(key, Plan)] if isinstance(over, tuple) else []
            for other in moved:
                self._drop(other)
            self._turn += 1
        place.lane.set_result(lane)
        self._tell(Change("loaded", place.plan, place.size, place.load_s, warm_s))
        self._close(moved)

    def _tried(self, lane: Lane) -> float:
        try:
            return lane.warm()
        except BaseException:
            lane.close()
            raise

    def _measure(self, place: _Place, before: int | None, lane: Lane) -> None:
        """Set the place's size to what memory grew by, where nothing else came or went meanwhile.

        Less than the files is no measure: memory that another model left behind was used again.
        """
        after = self._resident()
        if before is not None and after is not None and self._turn == place.turn:
            place.size = max(place.files, after - before + lane.elsewhere)

    def _close(self, moved: list[_Place]) -> None:
        for place in moved:
            place.lane.result().close()
            self._tell(Change("evicted", place.plan, place.size))


def _shown(place: _Place, now: float) -> Loaded:
    lane, idle_s = place.lane.result(), 0.0 if place.users else now - place.idle_since
    return Loaded(place.plan, place.users, idle_s, lane.waiting, place.size, place.load_s, lane.waiting_s)
