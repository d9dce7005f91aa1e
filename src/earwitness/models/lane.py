"""A lane: one loaded engine, its workers, its bounded queue and its batching. This is where the speed is.

Everybody's clips meet here. A worker takes the clip with the earliest deadline and fills a batch with clips of like
length that wait beside it; it starts at once when idle, so batches form only while the engine is busy. A caller first
takes a seat (`Busy` when all are taken), which bounds the queue: a seat has at most `window` clips in the lane, and
`submit` waits for room. A batch that fails is run again one by one, so one bad clip harms nobody else. The power
profile in force may make batches smaller and give workers a rest. Knows nothing of recordings.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

import numpy as np

from earwitness import traces
from earwitness.audio import timebase
from earwitness.engines import Engine
from earwitness.errors import Busy, Cancelled, EarwitnessError, EngineFailed
from earwitness.hardware.power import PERFORMANCE, Power
from earwitness.types import Audio, Can, Clip, Segment

Segments = tuple[Segment, ...]
Step = Callable[[Engine], Segments]
"""What else than a clip's recognition is done with the engine: see `Seat.step`."""

STRAIN_S = 20.0
"""The share of time that live text takes is that of the last so many seconds."""

FAILING = 3
"""Clips in a row over which an engine broke, until it is called failing."""

RELIEF_S = 5.0
"""When to come back to a full lane: a seat is given back about so often."""


@runtime_checkable
class Elsewhere(Protocol):
    """An engine whose model lies in the memory of another process."""

    @property
    def resident(self) -> int:
        """Bytes that process holds now."""
        ...


class Urgency(Enum):
    """Deadline classes: seconds from submission until the text is wanted."""

    LIVE_FINAL = 0.5
    LIVE_PARTIAL = 1.0
    INTERACTIVE = 10.0
    BATCH = 600.0


@dataclass(slots=True, eq=False)
class _Item:
    clip: Clip
    deadline: float
    seat: "Seat"
    urgency: Urgency
    step: Step | None = None
    future: Future[Segments] = field(default_factory=Future)


class Lane:
    """Shares one engine among callers. Threads are started here and end with `close`."""

    def __init__(
        self,
        engine: Engine,
        *,
        workers: int = 1,
        seats: int = 64,
        window: int = 24,
        clock: Callable[[], float] = time.monotonic,
        power: Callable[[], Power] = lambda: PERFORMANCE,
    ) -> None:
        self._engine, self._clock, self._power = engine, clock, power
        self._seat_limit, self._window = seats, window
        self._lock = threading.Condition()
        self._waiting: list[_Item] = []
        self._seats: set[Seat] = set()
        self._closed = False
        self._ended = threading.Event()
        self._live = deque[tuple[float, float]]()
        """When a batch was through, and how long the workers were at its final live text."""
        self._broke = deque[str](maxlen=FAILING)
        """Of what the engine broke, since the last clip that it recognised."""
        self._threads = [
            threading.Thread(target=self._work, name=f"lane-{n}", daemon=True)
            for n in range(workers if engine.can.parallel else 1)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def can(self) -> Can:
        """What the engine can do."""
        return self._engine.can

    @property
    def waiting(self) -> int:
        """Clips in the queue."""
        return len(self._waiting)

    @property
    def waiting_s(self) -> float:
        """Seconds of sound in the queue."""
        return sum(item.clip.audio.duration_s for item in tuple(self._waiting))

    @property
    def workers(self) -> int:
        """Clips, or batches of them, that are worked on at once."""
        return len(self._threads)

    @property
    def strain(self) -> float:
        """Share of the workers' time that final live text took of late, 0 to 1."""
        since = self._clock() - STRAIN_S
        return min(1.0, sum(took for at, took in tuple(self._live) if at >= since) / STRAIN_S / self.workers)

    @property
    def slower(self) -> float:
        """How many times as rarely as in full performance live text should be drafted."""
        return self._power().slower

    @property
    def seated(self) -> int:
        """Callers that hold a seat."""
        return len(self._seats)

    @property
    def elsewhere(self) -> int:
        """Bytes that the engine holds in another process."""
        return self._engine.resident if isinstance(self._engine, Elsewhere) else 0

    @property
    def failing(self) -> str | None:
        """Of what the engine broke last, where it did so over `FAILING` clips in a row."""
        return self._broke[-1] if len(self._broke) == FAILING else None

    def forgive(self) -> None:
        """Count its failures from now on."""
        self._broke.clear()

    def warm(self) -> float:
        """Recognise a second of sound on each worker, so that the first caller waits no longer than the tenth.

        Returns the seconds it took. Raises what the engine raises.
        """
        began = self._clock()
        with self.seat() as seat:
            for future in [seat.submit(trial()) for _ in self._threads]:
                future.result()
        return self._clock() - began

    def seat(self, *, urgency: Urgency = Urgency.INTERACTIVE) -> "Seat":
        """A place in the lane for one recording or session; use it as a context manager.

        Raises Busy when all seats are taken, Cancelled when the lane is closed.
        """
        with self._lock:
            if self._closed:
                raise Cancelled("the model is being unloaded")
            if len(self._seats) >= self._seat_limit:
                raise Busy(f"all {self._seat_limit} places are taken", retry_after_s=RELIEF_S)
            seat = Seat(self, urgency, self._window)
            self._seats.add(seat)
            return seat

    def close(self) -> None:
        """End the workers; clips that still wait end as Cancelled, running batches are finished."""
        with self._lock:
            self._closed = True
            self._ended.set()
            dropped, self._waiting = self._waiting, []
            self._lock.notify_all()
        for item in dropped:
            _fail(item, Cancelled("the model was unloaded"))
        for thread in self._threads:
            thread.join()
        self._engine.close()

    # ── called by seats ──
    def add(self, seat: "Seat", clip: Clip, urgency: Urgency, step: Step | None = None) -> Future[Segments]:
        """Queue a clip. The more sound of its seat waits already, the later its deadline: so clients share fairly."""
        with self._lock:
            if self._closed:
                raise Cancelled("the model is being unloaded")
            ahead = sum(i.clip.audio.duration_s for i in self._waiting if i.seat is seat)
            item = _Item(clip, self._clock() + urgency.value + ahead, seat, urgency, step)
            self._waiting.append(item)
            self._lock.notify()
            return item.future

    def leave(self, seat: "Seat") -> None:
        """Give a seat back and drop what it still has in the queue."""
        with self._lock:
            self._seats.discard(seat)
            dropped = [i for i in self._waiting if i.seat is seat]
            self._waiting = [i for i in self._waiting if i.seat is not seat]
        for item in dropped:
            item.future.cancel()

    # ── the workers ──
    def _work(self) -> None:
        power = self._power()
        while True:
            with self._lock:
                while not self._waiting and not self._closed:
                    self._lock.wait()
                if self._closed:
                    return
                batch = self._pick(power.batch)
            self._run(batch)
            power = self._power()
            self._ended.wait(power.cool_down_s)

    def _pick(self, limit: int | None) -> list[_Item]:
        """The most urgent clip and those of like length beside it; each worker gets its share, those at work too.

        Drafts of live text wait until no final text is waited for.
        """
        self._waiting = [i for i in self._waiting if not i.future.cancelled()]
        final = any(i.urgency is Urgency.LIVE_FINAL for i in self._waiting)
        waiting = [i for i in self._waiting if not (final and i.urgency is Urgency.LIVE_PARTIAL)]
        queue = sorted(waiting, key=lambda i: i.deadline)
        if not queue:
            return []
        size = min(self._engine.can.batch, limit or len(queue), -(-len(queue) // len(self._threads)))
        head, near = queue[0], [i for i in queue[1 : 4 * self._engine.can.batch] if i.step is None]
        near.sort(key=lambda i: abs(len(i.clip.audio.samples) - len(head.clip.audio.samples)))
        batch = [head, *near[: size - 1 if head.step is None else 0]]
        taken = set(map(id, batch))
        self._waiting = [i for i in self._waiting if id(i) not in taken]
        return [i for i in batch if i.future.set_running_or_notify_cancel()]

    def _run(self, batch: list[_Item]) -> None:
        began = self._clock()
        try:
            results = self._recognised(batch)
            if len(results) != len(batch):
                raise EngineFailed(f"the engine gave {len(results)} results for {len(batch)} clips")
        except Exception as error:  # noqa: BLE001 - the lane is one of the three places that may: nothing may kill a worker
            if len(batch) == 1:
                failure = _ours(error)
                if isinstance(failure, EngineFailed):
                    self._broke.append(failure.message)
                _fail(batch[0], failure)
                return
            for item in batch:
                self._run([item])
            return
        if batch:
            self._broke.clear()
        if live := sum(i.urgency is Urgency.LIVE_FINAL for i in batch):
            now = self._clock()
            self._live.append((now, (now - began) * live / len(batch)))
            while self._live[0][0] < now - STRAIN_S:
                self._live.popleft()
        for item, segments in zip(batch, results, strict=True):
            item.future.set_result(tuple(segments))

    def _recognised(self, batch: list[_Item]) -> Sequence[Segments]:
        if batch and (step := batch[0].step):
            return [step(self._engine)]
        return self._engine.transcribe([i.clip for i in batch]) if batch else []


class Seat:
    """One caller's place in a lane; leaving it drops what still waits."""

    def __init__(self, lane: Lane, urgency: Urgency, window: int) -> None:
        self.urgency = urgency
        self._lane, self._room = lane, threading.Semaphore(window)

    @property
    def can(self) -> Can:
        """What the engine can do."""
        return self._lane.can

    @property
    def strain(self) -> float:
        """See `Lane.strain`."""
        return self._lane.strain

    @property
    def slower(self) -> float:
        """See `Lane.slower`."""
        return self._lane.slower

    @property
    def pressed(self) -> bool:
        """Whether more clips wait in the lane than its workers can take at once."""
        return self._lane.waiting > self._lane.workers

    def submit(self, clip: Clip, urgency: Urgency | None = None) -> Future[Segments]:
        """Queue a clip; waits while the seat has its full window in the lane. Raises Cancelled on a closed lane.

        `urgency` is that of the seat unless told. A future that is cancelled before its turn costs nothing.
        """
        return self._queued(clip, urgency or self.urgency)

    def step(self, clip: Clip, step: Step, urgency: Urgency) -> Future[Segments]:
        """Queue something else that is done with the engine, such as the next step of a stream of its own.

        It takes its turn as the clip would. Raises what `submit` raises.
        """
        return self._queued(clip, urgency, step)

    def _queued(self, clip: Clip, urgency: Urgency, step: Step | None = None) -> Future[Segments]:
        self._room.acquire()
        try:
            added = self._lane.add(self, clip, urgency, step)
            future = traces.followed("clip", added, seconds=clip.audio.duration_s, urgency=urgency.name.lower())
        except Cancelled:
            self._room.release()
            raise
        future.add_done_callback(lambda _: self._room.release())
        return future

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lane.leave(self)


def trial() -> Clip:
    """A second of a hummed syllable: a decoder takes some steps over it, whatever it makes of it."""
    at_s = np.arange(timebase.RATE) / timebase.RATE
    tones = sum(np.sin(2 * np.pi * 140 * n * at_s) / n for n in range(1, 12))
    return Clip(Audio((0.1 * tones * np.sin(np.pi * 4 * at_s) ** 2).astype(np.float32)))


def _ours(error: Exception) -> EarwitnessError:
    if isinstance(error, EarwitnessError):
        return error
    failure = EngineFailed(f"the engine broke: {type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure


def _fail(item: _Item, failure: EarwitnessError) -> None:
    if not item.future.done():
        item.future.set_exception(failure)
