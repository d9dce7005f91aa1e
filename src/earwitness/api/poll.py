"""The door of several diarizers: `POST /diarization/multi-model` lets them vote, and tells what each of them said."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from earwitness import batch
from earwitness.api import house
from earwitness.api.bridge import Run, in_thread
from earwitness.api.house import House
from earwitness.api.schemas import FILE, PlainError, form_document
from earwitness.api.uploads import Upload
from earwitness.api.wishes import Form
from earwitness.diarizers import EVERY
from earwitness.errors import BadInput, EarwitnessError
from earwitness.parts import MOST_SPEAKERS, Crowd
from earwitness.stages.ensemble import Ensemble, Poll, Said, Together
from earwitness.stages.recipe import Diarizing, Recipe
from earwitness.types import Diarization, Transcript, Turn

router = APIRouter(tags=["Speakers"])


class PollForm(BaseModel):
    """`POST /diarization/multi-model`."""

    model_config = ConfigDict(extra="forbid")

    file: Annotated[str, Field(json_schema_extra=FILE, description="The recording.")]
    diarizers: Annotated[
        list[str] | None,
        Field(alias="diarizers[]", description="Who votes, by name; all that can be used if left out."),
    ] = None
    num_speakers: Annotated[int | None, Field(ge=0, le=MOST_SPEAKERS)] = None
    min_speakers: Annotated[int | None, Field(ge=0, le=MOST_SPEAKERS)] = None
    max_speakers: Annotated[int | None, Field(ge=0, le=MOST_SPEAKERS)] = None


class PollTurn(BaseModel):
    """One stretch of one speaker, in seconds."""

    start: float
    end: float
    speaker: str


class PollNotice(BaseModel):
    """Something that is to be known of the answer."""

    code: str
    message: str


class PollSpeaker(BaseModel):
    """One speaker of the vote."""

    id: str
    speech_s: float
    confidence: float | None


class PollVoter(BaseModel):
    """What one diarizer said, with its own names of speakers; `same_as` are the vote's, for those the vote kept."""

    name: str
    weight: Annotated[float, Field(description="What it counted; the sum over all is 1.")]
    error: Annotated[float | None, Field(description="Its diarization error rate, the vote being taken for the truth.")]
    num_speakers: int
    same_as: dict[str, str]
    segments: list[PollTurn]
    notices: list[PollNotice]


class PollFailure(BaseModel):
    """A diarizer that had no vote, and why."""

    name: str
    code: str
    message: str
    remedy: str


class PollAnswer(BaseModel):
    """The vote: `segments` overlap where people do, in `exclusive` there is one speaker at any time."""

    task: Literal["diarize"] = "diarize"
    duration: float
    num_speakers: int
    segments: list[PollTurn]
    exclusive: list[PollTurn]
    speakers: list[PollSpeaker]
    method: str
    diarizers: list[PollVoter]
    failed: list[PollFailure]
    notices: list[PollNotice]


@router.post(
    "/diarization/multi-model",
    openapi_extra=form_document(PollForm),
    summary="Who spoke when, by the vote of several diarizers",
    responses={s: {"model": PlainError, "description": "An error"} for s in (400, 401, 413, 500, 501, 503, 507)},
)
async def multi_model(request: Request) -> PollAnswer:
    """Let several diarizers hear a recording, and tell the vote and what each of them said."""
    home = house.of(request)
    async with home.form(request) as upload:
        names, crowd = wishes(upload)
        hearing = (await in_thread(lambda: chosen(home, names))).begin()
        run = _run(home, upload, Recipe(diarizing=Diarizing(EVERY, crowd, people=False)), hearing)
        found = await house.transcript(request, home.start(upload, object(), run))
    assert hearing.poll is not None
    return told(found, hearing.poll)


def wishes(upload: Upload) -> tuple[tuple[str, ...], Crowd]:
    """Who votes and how many speakers there are. Raises BadInput."""
    form = Form(upload.fields)
    names = tuple(n.strip() for value in form.many("diarizers") for n in value.split(","))
    numbers = (form.whole(name, 0, MOST_SPEAKERS) or None for name in ("num_speakers", "min_speakers", "max_speakers"))
    crowd = Crowd(*numbers)
    form.all_known()
    return names, crowd


def chosen(home: House, names: tuple[str, ...]) -> Ensemble:
    """Those of some names that load, or all that can be used. Raises BadInput, and what the first one raises."""
    if not names:
        return home.kit.diarizers.every()
    if len(set(names)) < len(names):
        raise BadInput("a diarizer is named twice", param="diarizers")
    members, failed = {}, dict[str, EarwitnessError]()
    for name in names:
        try:
            members[name] = home.kit.diarizer(name)
        except EarwitnessError as error:
            failed[name] = error
    if not members:
        raise next(iter(failed.values()))
    return Ensemble(members, failed)


def _run(home: House, upload: Upload, recipe: Recipe, hearing: Together) -> Run:
    path = upload.recording()
    return lambda _, note, stop: batch.speakers(path, recipe, home.kit, on_progress=note, stop=stop, hearing=hearing)


def told(found: Transcript, poll: Poll) -> PollAnswer:
    """The answer."""
    return PollAnswer(
        duration=round(found.duration_s, 3),
        num_speakers=len(poll.found.speakers),
        segments=[_turn(t) for t in poll.found.turns],
        exclusive=[_turn(t) for t in poll.found.exclusive],
        speakers=[PollSpeaker(id=s.id, speech_s=s.speech_s, confidence=s.confidence) for s in poll.found.speakers],
        method=poll.found.method,
        diarizers=[_voter(said) for said in poll.said],
        failed=[
            PollFailure(name=name, code=e.code, message=e.message, remedy=e.remedy) for name, e in poll.failed.items()
        ],
        notices=[PollNotice(code=n.code, message=n.message) for n in found.provenance.notices],
    )


def _voter(said: Said) -> PollVoter:
    return PollVoter(
        name=said.name,
        weight=said.weight,
        error=None if said.error is None else round(said.error, 4),
        num_speakers=len(said.found.speakers),
        same_as=dict(said.names),
        segments=[_turn(t) for t in said.found.turns],
        notices=_noticed(said.found),
    )


def _noticed(found: Diarization) -> list[PollNotice]:
    return [PollNotice(code=n.code, message=n.message) for n in found.notices]


def _turn(turn: Turn) -> PollTurn:
    return PollTurn(start=round(turn.start_s, 3), end=round(turn.end_s, 3), speaker=turn.speaker)
