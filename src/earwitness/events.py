"""What a live session tells: one frozen value for each kind of event, numbered in the order of telling.

The promise: the text and times of a `Final` never change. What is learned later (who spoke, a translation) comes as
`Revised`, with the id of the segment. Nothing that was said is left out in silence: of every utterance there is a
`Settled`, which tells what was held back and why, and sound that was not listened to is a `Gap`. Knows no wire.
"""

from dataclasses import dataclass
from typing import TypeAlias

from earwitness.types import Notice, Segment, Speaker, Suppressed


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak. `utterance` counts from 1; `at_s` is where the speech begins."""

    utterance: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Partial:
    """What the open utterance says so far, until the next one. `stable` has been heard twice, `draft` once."""

    utterance: int
    stable: str
    draft: str
    start_s: float
    end_s: float

    @property
    def text(self) -> str:
        return f"{self.stable} {self.draft}".strip()


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """An utterance is over; `forced` where it goes on, and was cut because it grew too long for the model."""

    utterance: int
    at_s: float
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Final:
    """A segment that will not change any more. `id` counts from 1."""

    id: int
    utterance: int
    segment: Segment


@dataclass(frozen=True, slots=True)
class Settled:
    """All there is of an utterance has been told; `suppressed` is what was held back of it. None of it may be text."""

    utterance: int
    start_s: float
    end_s: float
    suppressed: tuple[Suppressed, ...] = ()
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Revised:
    """Something was learned about a segment told before: `what` is the field that changed, never the text."""

    id: int
    revision: int
    what: str
    segment: Segment


@dataclass(frozen=True, slots=True)
class Named:
    """Who a speaker of the session is: a name laid over its id, or none any more. It never carries the voice."""

    speaker: Speaker


@dataclass(frozen=True, slots=True)
class Spotted:
    """A phrase that is watched for was said, in the segment of that id."""

    id: int
    phrase: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Noted:
    """Something to know of the session that costs nothing: what was not honoured, what fell back, what is not known."""

    notice: Notice


@dataclass(frozen=True, slots=True)
class Gap:
    """Sound that was not listened to, and why: `overload`, `engine_failed`, `lost`, `disk_full`."""

    start_s: float
    end_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Flushed:
    """All that was said before the flush of that id has been told."""

    id: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Something went wrong; a `Gap` tells which sound it cost, and the session goes on unless it is `fatal`."""

    code: str
    message: str
    remedy: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over; everything was told."""

    duration_s: float


Event: TypeAlias = (
    SpeechStarted
    | Partial
    | SpeechEnded
    | Final
    | Settled
    | Revised
    | Named
    | Spotted
    | Noted
    | Gap
    | Flushed
    | Failed
    | Ended
)


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event and its number in the session, from 1, without holes but for partials, which are not kept."""

    seq: int
    event: Event
