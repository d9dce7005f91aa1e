"""When to ask a server again, and when to let it rest. Pure over a clock; knows nothing of HTTP.

Source: the circuit breaker of Nygard, "Release It!", chapter 5; the retry budget of gRPC (proposal A6, throttling).
"""

import threading
import time
from collections.abc import Callable
from typing import Literal

State = Literal["closed", "open", "half-open"]


class Budget:
    """Tokens for second tries: each takes one, and so many answers that come well bring one back.

    So a server that fails gets at most a tenth more requests than it would without second tries, after the first few.
    """

    def __init__(self, most: int = 10, answers: int = 10) -> None:
        self._most, self._price, self._left = most * answers, answers, most * answers
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Whether there is a token for a second try; it is spent."""
        with self._lock:
            if self._left < self._price:
                return False
            self._left -= self._price
            return True

    def earn(self) -> None:
        """An answer came well."""
        with self._lock:
            self._left = min(self._most, self._left + 1)


class Breaker:
    """Closed, all may pass. After `most` failures in a row it is open, and nobody passes for `rest_s`.

    Then it is half-open: one passes, and what comes of that closes or opens it again. Another goes ahead after a rest
    more where nothing came of it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, most: int = 5, rest_s: float = 30.0) -> None:
        self._clock, self._most, self.rest_s = clock, most, rest_s
        self._failures, self._until = 0, 0.0
        self._lock = threading.Lock()

    @property
    def state(self) -> State:
        """What it is now."""
        with self._lock:
            if self._failures < self._most:
                return "closed"
            return "open" if self._clock() < self._until else "half-open"

    def admit(self) -> float:
        """0.0 for whoever may pass, else the seconds until somebody may."""
        with self._lock:
            now = self._clock()
            if self._failures < self._most:
                return 0.0
            if now < self._until:
                return self._until - now
            self._until = now + self.rest_s
            return 0.0

    def told(self, *, well: bool) -> None:
        """What came of one that passed."""
        with self._lock:
            self._failures = 0 if well else self._failures + 1
            if self._failures >= self._most:
                self._until = self._clock() + self.rest_s
