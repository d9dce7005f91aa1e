"""How the server fared: the last quarter of an hour by five seconds, the last day by minutes, in memory."""

import os
import time
from collections import deque
from dataclasses import dataclass, fields

EACH_S = 5.0
RECENT, MINUTES, TO_A_MINUTE = 180, 1440, 12


@dataclass(frozen=True, slots=True)
class Moment:
    """What was seen at one time; of a minute, the highest of each number."""

    at_s: float = 0.0
    cpu: float = 0.0
    """Cores that this process, and those of its own that have ended, kept busy."""
    memory_bytes: int = 0
    recordings: int = 0
    sessions: int = 0
    waiting_clips: int = 0
    lag_s: float = 0.0
    """Seconds that the oldest utterance of a live session without text has waited."""
    event_lag_s: float = 0.0
    waiting_writes: int = 0
    database_bytes: int = 0
    streams: int = 0


class History:
    """Moments, oldest first."""

    def __init__(self) -> None:
        self.recent = deque[Moment](maxlen=RECENT)
        self.minutes = deque[Moment](maxlen=MINUTES)
        self._minute = list[Moment]()
        self._before: tuple[float, float] | None = None

    @property
    def last(self) -> Moment:
        """The newest moment; noughts before the first."""
        return self.recent[-1] if self.recent else Moment()

    def note(self, moment: Moment) -> None:
        """Add a moment."""
        self.recent.append(moment)
        self._minute.append(moment)
        if len(self._minute) == TO_A_MINUTE:
            highest = (max(getattr(m, f.name) for m in self._minute) for f in fields(Moment))
            self.minutes.append(Moment(*highest))
            self._minute.clear()

    def cores(self) -> float:
        """Cores kept busy since this was last asked; 0 the first time."""
        used, now = sum(os.times()[:4]), time.monotonic()
        before, self._before = self._before, (used, now)
        if before is None or now <= before[1]:
            return 0.0
        return round((used - before[0]) / (now - before[1]), 3)
