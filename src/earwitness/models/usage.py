"""Which models are wanted at which hours, so that they are loaded before they are asked for.

Kept are, for each model, in how many weeks it was used in each hour of the week, older weeks counting less, and when it
was first and last used. Nothing else: not how often, by whom, or for what. Hours are UTC, counted from Monday.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from earwitness import files

HOUR_S, DAY_S, WEEK_S = 3600.0, 86_400.0, 604_800.0
MONDAY = 72
"""Hours of its week that had passed when the clock of Unix began, on a Thursday."""

HALF_LIFE_S = 4 * WEEK_S
"""After so long a use counts half."""

KNOWN_WEEKS = 4
"""After so many weeks a model's days of the week can be told apart."""

AHEAD_S = 900.0
"""How far ahead is looked."""

LIKELY = 0.6
"""Models at least this likely are loaded: two days in a row are enough, four weeks for a day of the week."""


@dataclass(frozen=True, slots=True)
class Use:
    """The use of one model: the weight of each hour of the week as of `last_s`, times in seconds of the Unix clock."""

    first_s: float
    last_s: float
    hours: Mapping[int, float] = field(default_factory=dict)


def hour(when_s: float) -> int:
    """The hour of the week, 0 to 167."""
    return int(when_s // HOUR_S + MONDAY) % 168


def noted(use: Use | None, when_s: float) -> Use:
    """A model's use with one more. Several in one hour count once."""
    if use is None:
        return Use(when_s, when_s, {hour(when_s): 1.0})
    if when_s // HOUR_S <= use.last_s // HOUR_S:
        return replace(use, last_s=max(when_s, use.last_s))
    faded = _faded(when_s - use.last_s)
    hours = {h: round(w * faded, 4) for h, w in use.hours.items() if w * faded >= 0.01}
    hours[hour(when_s)] = hours.get(hour(when_s), 0.0) + 1.0
    return Use(use.first_s, when_s, hours)


def likelihood(use: Use, now_s: float) -> float:
    """How likely the model is wanted in the hour that `now_s` is in, 0 to 1, by the time before that hour.

    The share of weeks with a use in this hour of the week, once `KNOWN_WEEKS` have passed; before that, the share of
    days with a use in this hour of the day. One more without a use is added, so that a single use is no habit. Half as
    likely for each four weeks in which the model was not used at all.
    """
    slot, faded = hour(now_s), _faded(now_s - use.last_s)
    by_week = now_s // WEEK_S - use.first_s // WEEK_S >= KNOWN_WEEKS
    span_s = WEEK_S if by_week else DAY_S
    weight = sum(w for h, w in use.hours.items() if h == slot or (not by_week and h % 24 == slot % 24))
    if now_s // HOUR_S == use.last_s // HOUR_S:
        weight -= 1.0
    step, passed = _faded(span_s), max(0.0, now_s // span_s - use.first_s // span_s)
    possible = step * (1 - step**passed) / (1 - step)
    return float(max(0.0, min(1.0, weight * faded / (possible + 1))) * faded)


def likely(uses: Mapping[str, Use], now_s: float) -> tuple[str, ...]:
    """The models that are likely wanted within the next `AHEAD_S`, the likeliest first, of equals the latest used."""
    scores = {name: max(likelihood(use, now_s), likelihood(use, now_s + AHEAD_S)) for name, use in uses.items()}
    chosen = [name for name, score in scores.items() if score >= LIKELY]
    return tuple(sorted(chosen, key=lambda name: (-scores[name], -uses[name].last_s, name)))


class Uses:
    """The uses of all models, shared between threads and kept in a file. `notice` says what was wrong with that."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._uses, self.notice = _read(path)
        self._changed = False

    def note(self, model: str, when_s: float) -> None:
        """A model was used."""
        with self._lock:
            self._uses = self._uses | {model: noted(self._uses.get(model), when_s)}
            self._changed = True

    def likely(self, now_s: float) -> tuple[str, ...]:
        """As the function of that name."""
        return likely(self._uses, now_s)

    def save(self) -> None:
        """Write the file if something changed, whole or not at all. Raises StorageFailed."""
        with self._lock:
            if not self._changed:
                return
            told = {name: asdict(use) for name, use in self._uses.items()}
            files.write_whole(self._path, json.dumps({"uses": told}, separators=(",", ":")).encode())
            self._changed = False


def _faded(age_s: float) -> float:
    return float(2.0 ** (-max(0.0, age_s) / HALF_LIFE_S))


def _read(path: Path) -> tuple[dict[str, Use], str]:
    """What the file holds; nothing, and why, where it can't be read."""
    try:
        told = json.loads(path.read_text("utf-8"))["uses"]
        return {str(name): _use(given) for name, given in told.items()}, ""
    except FileNotFoundError:
        return {}, ""
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        return {}, f"{path.name} can't be read and is begun anew: {error}"


def _use(given: Mapping[str, object]) -> Use:
    hours = given["hours"]
    first_s, last_s = float(str(given["first_s"])), float(str(given["last_s"]))
    if not isinstance(hours, dict) or not 0 <= first_s <= last_s < float("inf"):
        raise ValueError("its times are no times")
    return Use(first_s, last_s, {int(h) % 168: min(float(w), 1e3) for h, w in hours.items()})
