"""What the doors of the queue take and tell, as documents for OpenAPI."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from earwitness.api.schemas import FILE, EnhancingForm, SpeakersForm
from earwitness.archive.hooks import GRACE_S, LONGEST_GRACE_S
from earwitness.archive.job import LONGEST_NAME, PRIORITIES, USUAL


class Work(SpeakersForm, EnhancingForm):
    """What is wanted of a recording, and how soon."""

    model: Annotated[str, Field(description="Name or alias of a model.")] = "default"
    language: Annotated[str | None, Field(description="ISO 639-1 code of the speech.")] = None
    translate: Annotated[bool, Field(description="Into English.")] = False
    prompt: Annotated[str | None, Field(description="A hint at style or names.")] = None
    words: Annotated[bool, Field(description="With the times of words.")] = False
    language_gate: Annotated[Literal["on", "off"], Field(description="`off` believes every text.")] = "on"
    priority: Annotated[int, Field(ge=0, le=PRIORITIES[-1], description="The lower the sooner.")] = USUAL


class Wanted(Work):
    """Likewise of one that is brought."""

    keep_audio: Annotated[bool, Field(description="Keep the recording itself with its transcript.")] = False
    fresh: Annotated[bool, Field(description="Do it again, though the same was done before.")] = False
    name: Annotated[str | None, Field(max_length=LONGEST_NAME, description="Its title; the file's name else.")] = None


class JobForm(Wanted):
    """`POST /api/jobs` as a form."""

    file: Annotated[str, Field(json_schema_extra=FILE, description="The recording.")]


class JobBody(Wanted):
    """`POST /api/jobs` as JSON: where the recording is to be fetched, or an upload that has come."""

    url: Annotated[str | None, Field(max_length=2000, description="Where it is to be fetched.")] = None
    upload: Annotated[str | None, Field(description="Id of an upload that is complete.")] = None


class BatchForm(Wanted):
    """`POST /batch/process` as a form."""

    file: Annotated[list[str], Field(description="The recordings, as many fields as there are.", min_length=1)]


class BatchBody(Wanted):
    """`POST /batch/process` as JSON."""

    urls: Annotated[list[str] | None, Field(description="Where they are to be fetched.", max_length=10_000)] = None
    uploads: Annotated[list[str] | None, Field(description="Ids of uploads.", max_length=10_000)] = None


class AgainBody(Work):
    """`POST /api/recordings/{ident}/transcribe`: how, and from where to where in seconds; all of it, if left out."""

    from_s: Annotated[float, Field(ge=0)] = 0.0
    to_s: Annotated[float | None, Field(gt=0)] = None


class JobTold(BaseModel):
    """A job. Times are seconds of the recording, or of the Unix clock where they are named after it: made, began."""

    model_config = ConfigDict(extra="forbid")

    id: str
    kind: Literal["file", "url", "tail", "again"]
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    name: str
    batch: str | None
    priority: int
    recording: Annotated[str | None, Field(description="Id of the recording that came of it, or that it is about.")]
    answered_by: Annotated[str | None, Field(description="The job that had done the same before.")]
    url: str | None
    model: str | None
    done_s: float
    total_s: float | None
    speed: Annotated[float | None, Field(description="Seconds of sound a second.")]
    eta_s: float | None
    tries: int
    not_before_s: Annotated[float, Field(description="When it is tried at the earliest.")]
    stopping: bool
    code: Annotated[str | None, Field(description="Of the error that it failed with, or waits because of.")]
    error: str | None
    made_s: float
    began_s: float | None
    ended_s: float | None


class JobPage(BaseModel):
    """Jobs, newest first; `next` is what `after` has to be for those that follow."""

    jobs: list[JobTold]
    next: str | None
    states: Annotated[dict[str, int], Field(description="How many there are in all, by state.")]


class BatchMade(BaseModel):
    """A batch that was just made."""

    batch: str
    jobs: list[JobTold]


class BatchTold(BaseModel):
    """Jobs that were given together."""

    id: str
    states: dict[str, int]
    total: int
    over: bool
    done_s: float
    total_s: Annotated[float | None, Field(description="None while the length of one is not known.")]
    made_s: float


class HookWanted(BaseModel):
    """An address that is to be told what happens."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(max_length=2000)]
    topics: Annotated[list[str], Field(description="All, if left out.", max_length=20)] = []
    name: Annotated[str, Field(max_length=200)] = ""


class HookChange(BaseModel):
    """What of a hook is to be otherwise."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str | None, Field(max_length=2000)] = None
    topics: Annotated[list[str] | None, Field(max_length=20)] = None
    name: Annotated[str | None, Field(max_length=200)] = None
    enabled: bool | None = None


class SecretWanted(BaseModel):
    """How long the secret before still signs."""

    model_config = ConfigDict(extra="forbid")

    grace_s: Annotated[float, Field(ge=0, le=LONGEST_GRACE_S, description="0 where it is known to others.")] = GRACE_S


class HookTold(BaseModel):
    """A hook. `secret` is told once, when it is made."""

    id: str
    name: str
    url: str
    topics: list[str]
    enabled: bool
    why: Annotated[str | None, Field(description="Why it was switched off.")]
    made_s: float
    earlier_until_s: Annotated[float | None, Field(description="Until when an earlier secret signs, too.")] = None
    secret: str | None = None


class DeliveryTold(BaseModel):
    """One message to a hook."""

    id: str
    topic: str
    state: Literal["waiting", "sent", "given_up"]
    tries: int
    status: Annotated[int | None, Field(description="What the other side answered last.")]
    error: str | None
    not_before_s: float
    made_s: float
    ended_s: float | None
