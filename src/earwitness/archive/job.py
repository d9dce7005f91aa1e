"""A job as its users see it: a recording that is to be transcribed, and how far that is."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from earwitness.errors import BadInput
from earwitness.types import Json

State = Literal["waiting", "running", "done", "failed", "cancelled"]
STATES: tuple[str, ...] = get_args(State)
OVER = ("done", "failed", "cancelled")
PRIORITIES = range(10)
USUAL = 5
"""Where nothing else is wanted; 0 comes first."""

TAIL, AGAIN = "tail", "again"
"""Jobs about a recording that is there: what was heard of it and has no text yet, or what is to be transcribed again.

`about` tells from where to where, in seconds: `from_s`, `to_s`.
"""

LONGEST_NAME = 300


def job_id() -> str:
    """A new job's id."""
    return f"j_{secrets.token_hex(8)}"


def batch_id() -> str:
    """A new batch's id."""
    return f"b_{secrets.token_hex(8)}"


@dataclass(frozen=True, slots=True)
class Order:
    """A job that is to be added. Its id is there before it: files are named by it."""

    name: str
    recipe: Mapping[str, Json]
    id: str = field(default_factory=job_id)
    kind: str = "file"
    """`file`, `url` where the recording has still to be fetched from `about["url"]`, `TAIL` or `AGAIN`."""
    recording: str | None = None
    """The recording that it is about, where that is there before it."""
    batch: str | None = None
    priority: int = USUAL
    about: Mapping[str, Json] = field(default_factory=dict)
    result: str | None = None
    """Hash of the content and the recipe, where the content is known."""
    size: int = 0
    """Bytes of the recording."""

    def __post_init__(self) -> None:
        if self.priority not in PRIORITIES:
            raise BadInput(f"the priority is 0 to {PRIORITIES[-1]}, and 0 comes first", param="priority")


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is now. Times `*_s` of the clock are seconds of the Unix clock."""

    id: str
    kind: str
    state: State
    name: str
    batch: str | None
    priority: int
    recipe: Mapping[str, Json]
    about: Mapping[str, Json]
    owner: str | None
    recording: str | None
    """Id of the recording that came of it."""
    result: str | None
    done_s: float
    total_s: float | None
    """Seconds of the recording, and of them what is finished."""
    speed: float | None
    """Seconds of sound a second."""
    tries: int
    not_before_s: float
    worker: str | None
    stop: bool
    code: str | None
    error: str | None
    made_s: float
    began_s: float | None
    ended_s: float | None

    @property
    def eta_s(self) -> float | None:
        """Seconds until the end of a running job, where that can be told."""
        if self.state != "running" or self.total_s is None or not self.speed:
            return None
        return max(0.0, self.total_s - self.done_s) / self.speed

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in OVER

    def told(self) -> dict[str, Json]:
        """What is told of it to whoever asks: neither the owner, nor the worker, nor the hash."""
        return {
            "id": self.id,
            "kind": self.kind,
            "state": self.state,
            "name": self.name,
            "batch": self.batch,
            "priority": self.priority,
            "recording": self.recording,
            "answered_by": self.about.get("answered_by"),
            "url": self.about.get("url"),
            "model": self.recipe.get("model"),
            "done_s": round(self.done_s, 2),
            "total_s": None if self.total_s is None else round(self.total_s, 2),
            "speed": None if self.speed is None else round(self.speed, 2),
            "eta_s": None if self.eta_s is None else round(self.eta_s, 1),
            "tries": self.tries,
            "not_before_s": self.not_before_s,
            "stopping": self.stop and not self.over,
            "code": self.code,
            "error": self.error,
            "made_s": self.made_s,
            "began_s": self.began_s,
            "ended_s": self.ended_s,
        }


@dataclass(frozen=True, slots=True)
class Batch:
    """Jobs that were given together, by state."""

    id: str
    states: Mapping[str, int]
    done_s: float
    total_s: float | None
    """Seconds of all its recordings; None while one of them is not known."""
    made_s: float

    @property
    def over(self) -> bool:
        """Whether all of its jobs have ended."""
        return not any(n for state, n in self.states.items() if state not in OVER)
