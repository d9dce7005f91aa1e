"""Power profiles: how much of the machine the work may take, from mains, charge and heat.

`choose` is pure; `Watch` asks it with fresh readings. Knows nothing of engines: the kit sets workers by it when a model
is loaded, the lane limits batches and rests by it at once, and live text is drafted the rarer by it.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from earwitness.types import Readings

Name = Literal["performance", "balanced", "power_saver"]
Profile = Literal["auto", "performance", "balanced", "power_saver"]

HOT, COOL = 0.90, 0.80
"""Shares of the critical temperature where the processor counts as hot, and as cool again."""

LOW, ENOUGH = 0.30, 0.35
"""Charge below which a battery counts as low, and from which no longer."""

EVERY_S = 15.0
"""How old readings may be."""


@dataclass(frozen=True, slots=True)
class Power:
    """A profile in force, and why."""

    name: Name
    share: float
    """Of the cores, how many get a worker."""
    batch: int | None
    """Clips a call at most; None leaves it to the engine."""
    partial_every_s: float
    """How often live text is drafted."""
    cool_down_s: float = 0.0
    """Rest of a worker after each batch; above 0 only while saving power on a hot processor."""
    why: str = ""

    @property
    def slower(self) -> float:
        """How many times as rarely as in full performance live text is drafted."""
        return self.partial_every_s / PERFORMANCE.partial_every_s

    def workers(self, cores: int) -> int:
        """Workers for that many cores, at least one."""
        return max(1, math.ceil(cores * self.share))


PERFORMANCE = Power("performance", 1.0, None, 0.4)
BALANCED = Power("balanced", 0.5, 8, 0.8)
POWER_SAVER = Power("power_saver", 0.25, 4, 1.6)

COOL_DOWN_S = 1.0


def choose(profile: Profile, now: Readings, before: Power | None = None) -> Power:
    """The profile for these readings; what was chosen `before` makes small changes change nothing.

    Unknown readings count as mains, and as cool.
    """
    was_hot = before is not None and before.cool_down_s > 0
    hot = _hot(now, COOL if was_hot else HOT)
    cool_down_s = COOL_DOWN_S if hot else 0.0
    if profile != "auto":
        asked = next(p for p in (PERFORMANCE, BALANCED, POWER_SAVER) if p.name == profile)
        return replace(asked, cool_down_s=cool_down_s if asked is POWER_SAVER else 0.0, why="EARWITNESS_POWER says so")
    if hot:
        return replace(POWER_SAVER, cool_down_s=cool_down_s, why=f"hot: {heat(now)}")
    if not now.on_battery:
        return replace(PERFORMANCE, why="no battery in use" if now.on_battery is None else "on mains")
    saving = before is not None and before.name == "power_saver"
    left = "on battery" if now.charge is None else f"on battery at {now.charge:.0%}"
    if now.charge is not None and now.charge < (ENOUGH if saving else LOW):
        return replace(POWER_SAVER, why=left)
    return replace(BALANCED, why=left)


def heat(now: Readings) -> str:
    """The processor's heat in words."""
    if now.throttled:
        return "the system holds the processor back because of heat"
    if now.temperature_c is None:
        return "temperature unknown"
    end = "" if now.critical_c is None else f" of {now.critical_c:.0f}"
    return f"{now.temperature_c:.0f}{end} °C"


def _hot(now: Readings, share: float) -> bool:
    if now.temperature_c is None or not now.critical_c:
        return bool(now.throttled)
    return bool(now.throttled) or now.temperature_c >= share * now.critical_c


class Watch:
    """The profile in force now. Reads when the last reading is older than `EVERY_S`; one caller does, none waits."""

    def __init__(
        self, profile: Profile, read: Callable[[], Readings], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._profile, self._read, self._clock = profile, read, clock
        self._reading = threading.Lock()
        self._power = choose(profile, read())
        self._due = clock() + EVERY_S

    def now(self) -> Power:
        """The profile by readings of at most that age."""
        if self._clock() >= self._due and self._reading.acquire(blocking=False):
            try:
                self._due = self._clock() + EVERY_S
                self._power = choose(self._profile, self._read(), self._power)
            finally:
                self._reading.release()
        return self._power
