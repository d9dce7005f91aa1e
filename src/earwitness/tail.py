"""The last lines of the log, in memory, for whoever looks at the server from a browser. Secrets never come in.

Lines hold what the log holds: identifiers and numbers, never speech. Of an exception the places are kept and not its
message, which may quote what was being worked on.
"""

import re
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from earwitness.types import Json

KEPT = 2000
"""Lines in memory."""

LEVELS = ("debug", "info", "warning", "error")

SECRET = re.compile(r"secret|token|password|authorization|cookie|setup_code|(^|_)key$", re.IGNORECASE)
"""Names of what is kept from the lines."""

LOGIN = re.compile(r"(://)[^/@\s]+@")
HIDDEN = "(hidden)"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `event` says what happened; numbers count up as long as the process lives."""

    number: int
    at_s: float
    level: str
    event: str
    request: str
    facts: dict[str, Json] = field(default_factory=dict)


class Tail:
    """The newest lines. A processor of structlog; safe to share between threads."""

    def __init__(self, kept: int = KEPT, clock: Callable[[], float] = time.time) -> None:
        self._lines = deque[Line](maxlen=kept)
        self._lock, self._clock, self._number = threading.Lock(), clock, 0

    def __call__(self, _: object, level: str, told: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Keep a copy of a line on its way out."""
        facts = {name: clean(name, value) for name, value in told.items() if name not in {"event", "level", "request"}}
        if error := told.get("exc_info"):
            facts["exc_info"] = places(error)
        request, event = str(told.get("request", "")), str(told.get("event", ""))
        with self._lock:
            self._number += 1
            self._lines.append(Line(self._number, self._clock(), level, event, request, facts))
        return told

    @property
    def newest(self) -> int:
        """The number of the newest line; 0 before the first."""
        return self._number

    def lines(self, *, level: str = "debug", after: int = 0, most: int = KEPT) -> tuple[Line, ...]:
        """The newest lines of a level or above that come after a number, oldest first."""
        wanted = LEVELS[LEVELS.index(level) :]
        with self._lock:
            found = [line for line in self._lines if line.number > after and line.level in (*wanted, "critical")]
        return tuple(found[-most:])


def clean(name: str, value: object) -> Json:
    """A value as it may be shown: plain, without what is secret by its name or is a login in an address."""
    if value is None:
        return None
    if SECRET.search(name):
        return HIDDEN
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(key): clean(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(name, inner) for inner in value]
    return LOGIN.sub(rf"\1{HIDDEN}@", str(value))


def places(error: object) -> list[Json]:
    """Where an exception went through, without what it says."""
    if not isinstance(error, BaseException):
        return []
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
