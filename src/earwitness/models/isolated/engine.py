"""Our side of an isolated engine: calls go to its process, which is started again when it ended.

A call that its process died of is tried once more, alone, so that it harms no other and no other harms it; a call of
several clips is left to the lane, which tries them one by one. Where a clip ends the process twice, and sound that
harms no one does not, it is the clip's fault: it is refused from then on without a try. Where that sound ends it too,
or one load after the other, it rests for a while. Parallel calls share the process and its one copy of the model.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from earwitness.errors import Cancelled, EarwitnessError, EngineFailed
from earwitness.models.isolated import wire
from earwitness.models.isolated.process import Died, Process
from earwitness.models.lane import trial
from earwitness.types import Can, Clip, Segment

MOST_LOADS = 3
"""Loads in a row that end the process, after which it rests."""

REST_S = 60.0

REFUSED_S, MOST_REFUSED = 600.0, 256
"""How long a clip is refused that ended the process twice, and how many of them are remembered."""

POISON = "Try another engine or model with it, and please report it with the recording if you can."


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a load may take, and a call: `base_s`, and `times` its sound. After that it counts as hung.

    A clip counts as at least `least_s`, because some models take all clips to be that long.
    """

    load_s: float = 600.0
    base_s: float = 120.0
    times: float = 10.0
    least_s: float = 30.0

    def of(self, clips: Sequence[Clip]) -> float:
        """Seconds for these clips."""
        return self.base_s + self.times * sum(max(self.least_s, c.audio.duration_s) for c in clips)


class Isolated:
    """An engine in a process of its own. `died` is told of each process that ended, and how.

    Raises what the load raises there, and EngineFailed where the process ended over it.
    """

    def __init__(
        self,
        order: wire.Told,
        patience: Patience,
        died: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._order, self._patience, self._died, self._clock = order, patience, died, clock
        self._starting, self._turns = threading.Lock(), _Turns()
        self._failed_loads, self._rests_until = 0, 0.0
        self._refused = OrderedDict[bytes, float]()
        """What may not be tried, and until when."""
        self._closed = False
        self._process = Process(order, died)
        can: Can = wire.CAN.validate_python(self._loaded(self._process)["can"])
        self.can = replace(can, streams=False)  # only whole clips go through the pipe

    @property
    def resident(self) -> int:
        """Bytes of memory its process holds."""
        return self._process.resident

    def transcribe(self, clips: Sequence[Clip]) -> list[tuple[Segment, ...]]:
        """As the engine in the process does. See `Engine.transcribe`.

        Raises what that raises, and EngineFailed where the process ended over it, now or a little while ago.
        """
        self._admit(clips)
        try:
            with self._turns.together():
                return self._call(clips)
        except Died as died:
            if len(clips) != 1:
                raise EngineFailed(f"{self._name} ended over {len(clips)} clips: {died}") from died
        with self._turns.alone():
            self._admit(clips)  # it may have been tried meanwhile
            try:
                return self._call(clips)
            except Died as died:
                self._refuse(clips[0])
                raise EngineFailed(f"{self._name} ended twice over the same clip: {died}", remedy=POISON) from died

    def _refuse(self, clip: Clip) -> None:
        """Remember a clip that ended the process, unless sound that harms no one ends it too: then it rests."""
        try:
            self._call([trial()])
        except Died:
            self._rest()
            return
        except EarwitnessError:  # it can't be loaded, or answers with an error: that says nothing of the clip
            return
        self._refused[_mark(clip)] = self._clock() + REFUSED_S
        while len(self._refused) > MOST_REFUSED:
            self._refused.popitem(last=False)

    def _admit(self, clips: Sequence[Clip]) -> None:
        """Raise EngineFailed for a clip that is refused."""
        now = self._clock()
        if self._refused and any(self._refused.get(_mark(clip), now) > now for clip in clips):
            raise EngineFailed(
                f"{self._name} ended over this clip a little while ago, so it is not tried", remedy=POISON
            )

    def close(self) -> None:
        """End the process."""
        with self._starting:
            self._closed = True
            self._process.close()

    @property
    def _name(self) -> str:
        return f"the process of {self._order['engine']}"

    def _call(self, clips: Sequence[Clip]) -> list[tuple[Segment, ...]]:
        told = self._running().ask(*wire.clips_out(clips), self._patience.of(clips))
        return wire.results_in(told)

    def _running(self) -> Process:
        """The process, started again if it ended. Raises EngineFailed while it rests, and what the load raises."""
        with self._starting:
            if self._closed:
                raise Cancelled("the model was unloaded")
            if self._process.over:
                rest_s = self._rests_until - self._clock()
                if rest_s > 0:
                    raise EngineFailed(f"{self._name} ended again and again and rests for {rest_s:.0f} s")
                self._process = Process(self._order, self._died)
                self._loaded(self._process)
            return self._process

    def _loaded(self, process: Process) -> wire.Told:
        try:
            told = process.loaded(self._patience.load_s)
        except Died as died:
            self._failed_loads += 1
            if self._failed_loads >= MOST_LOADS:
                self._rest()
            raise EngineFailed(f"{self._name} ended while it loaded the model: {died}") from died
        except BaseException:
            process.close()
            raise
        self._failed_loads = 0
        return told

    def _rest(self) -> None:
        self._rests_until, self._failed_loads = self._clock() + REST_S, 0


def _mark(clip: Clip) -> bytes:
    """The same for the same sound and wishes, wherever it stands."""
    return hashlib.blake2b(clip.audio.samples.tobytes() + repr(clip.ask).encode(), digest_size=16).digest()


class _Turns:
    """Many together, or one alone; who wants to be alone goes first."""

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._together = self._want_alone = 0
        self._alone = False

    @contextmanager
    def together(self) -> Iterator[None]:
        """Beside others."""
        with self._change:
            self._change.wait_for(lambda: not (self._alone or self._want_alone))
            self._together += 1
        try:
            yield
        finally:
            with self._change:
                self._together -= 1
                self._change.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """With nobody else."""
        with self._change:
            self._want_alone += 1
            self._change.wait_for(lambda: not (self._alone or self._together))
            self._want_alone -= 1
            self._alone = True
        try:
            yield
        finally:
            with self._change:
                self._alone = False
                self._change.notify_all()
