"""`/api/speakers`: the people whose voices are known. Embeddings never leave through this door."""

from dataclasses import asdict, replace
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from earwitness import reference
from earwitness.api import house
from earwitness.api.bridge import in_thread
from earwitness.api.house import House
from earwitness.api.schemas import FILE, PlainError, form_document
from earwitness.api.uploads import Upload
from earwitness.api.viewing import viewer
from earwitness.api.wishes import Form
from earwitness.archive import likeness, person
from earwitness.archive import suggested as suggesting
from earwitness.archive.editing import Who
from earwitness.archive.person import Person, Voiceprint
from earwitness.archive.viewer import Viewer
from earwitness.errors import BadInput, NotFound
from earwitness.parts import MOST_SPEAKERS, Crowd
from earwitness.stages.recipe import Recipe

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": PlainError, "description": "An error"} for status in (400, 401, 404, 503, 507)
}
HEARING = ERRORS | {status: {"model": PlainError, "description": "An error"} for status in (413, 500, 501)}

Name = Annotated[str, Field(min_length=1, max_length=100, description="Printable characters.", examples=["Anna"])]
Ident = Annotated[
    str, Field(description="Id of a person, or of one merged into them.", examples=["p_0123456789abcdef"])
]


class _Told(BaseModel):
    """What a client sends; an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


class ClipForm(_Told):
    """A recording in which one person speaks, or a `speaker` of one: 10 to 30 s of speech are best, 2 s the least."""

    file: Annotated[str, Field(json_schema_extra=FILE, description="The recording, in any container and codec.")]
    speaker: Annotated[
        str | None,
        Field(
            description="Several speak, and this is the one, by the id that a diarized transcript has.", examples=["S2"]
        ),
    ] = None
    num_speakers: Annotated[int, Field(ge=0, le=MOST_SPEAKERS, description="How many speak; 0 is unknown.")] = 0


class EnrolForm(ClipForm):
    """A person and a clip of their voice."""

    name: Name
    another: Annotated[bool, Field(description="This is another person of a name that is known.")] = False


class Renaming(_Told):
    """A new name."""

    name: Name


class Merging(_Told):
    """Two people who are one: the second keeps id and name."""

    id: Ident
    into: Ident


class Splitting(_Told):
    """Some of a person's voices that are a new person's."""

    id: Ident
    voices: Annotated[list[str], Field(min_length=1, max_length=1000, description="Ids of voices.")]
    name: Name


class Hearing(_Told):
    """Somebody who speaks in a recording of the archive: a new person of that `name`, or the one of an `id`."""

    recording: Annotated[str, Field(max_length=40, examples=["r_0123456789abcdef"])]
    speaker: Annotated[str, Field(max_length=10, examples=["S2"])]
    name: Name | None = None
    id: Ident | None = None
    another: Annotated[bool, Field(description="This is another person of a name that is known.")] = False


class VoiceCard(BaseModel):
    """One voice of a person: the model of its embedding, and the speech it was made from."""

    id: str
    model: str
    speech_s: float
    origin: str
    created: str


class PersonCard(BaseModel):
    """One person; `merged` are the ids that lead here."""

    id: str
    name: str
    created: str
    voices: list[VoiceCard]
    merged: list[str]


class PersonCards(BaseModel):
    """Everybody who is known, by name."""

    people: list[PersonCard]


class Forgotten(BaseModel):
    """Who was forgotten; `erased` is false until another program lets go of the bytes in the log."""

    id: str
    erased: bool


class CandidateCard(BaseModel):
    """A person whose voice was compared; `score` is the cosine."""

    id: str
    name: str
    score: float


class IdentityCard(BaseModel):
    """Whose voice it is: certain (`auto`), perhaps (`suggest`), or `unknown`; `margin` is how far the second one is."""

    tier: Literal["auto", "suggest", "unknown"]
    id: str | None
    name: str | None
    score: float | None
    margin: float | None
    candidates: list[CandidateCard]


class SuggestedCard(BaseModel):
    """A speaker of a recording whom nobody has named, and the person they may be by their voice."""

    recording: str
    title: str
    began_s: float
    speaker: str
    speech_s: float
    person: str


class SuggestedCards(BaseModel):
    """The newest recordings first."""

    suggested: list[SuggestedCard]


router = APIRouter(tags=["People"])


@router.get("/api/speakers", summary="Everybody who is known", responses=ERRORS)
def everybody(request: Request) -> PersonCards:
    """All people with their voices, by name."""
    return PersonCards(people=[card(found) for found in house.of(request).people.all()])


@router.post(
    "/api/speakers",
    status_code=201,
    summary="Learn a person's voice",
    openapi_extra=form_document(EnrolForm),
    responses=HEARING,
)
async def enrol(request: Request) -> PersonCard:
    """Make a person from a name and a clip. More clips go to `/api/speakers/{id}/voices`."""
    home = house.of(request)
    async with home.form(request) as upload:
        form = Form(upload.fields)
        name, another = form.one("name"), form.flag("another")
        if name is None:
            raise BadInput("the form has no field 'name'", param="name")
        voice = await _voiceprint(request, home, upload, form)
        return card(await in_thread(partial(home.people.enrol, name, [voice], another=another)))


@router.post(
    "/api/speakers/identify",
    summary="Who speaks in a clip",
    openapi_extra=form_document(ClipForm),
    responses=HEARING,
)
async def identify(request: Request) -> IdentityCard:
    """Compare the voice in a clip with everybody's. Nothing is kept."""
    home = house.of(request)
    async with home.form(request) as upload:
        voice = await _voiceprint(request, home, upload, Form(upload.fields))
    everyone = await in_thread(home.people.all)
    found = likeness.identify(voice.embedding, voice.model, everyone)
    return IdentityCard.model_validate(likeness.described(found))


@router.post("/api/speakers/merge", summary="Two people are one", responses=ERRORS)
def merge(request: Request, told: Merging) -> PersonCard:
    """The voices of `id` go to `into`, and the id leads there from now on. Splitting takes it back."""
    return card(house.of(request).people.merge(told.id, told.into))


@router.post("/api/speakers/split", status_code=201, summary="One person is two", responses=ERRORS)
def split(request: Request, told: Splitting) -> PersonCard:
    """Some voices go to a new person, who is answered."""
    return card(house.of(request).people.split(told.id, told.voices, told.name))


@router.post(
    "/api/speakers/heard", status_code=201, summary="Learn the voice of a speaker of a recording", responses=HEARING
)
async def heard(request: Request, told: Hearing) -> PersonCard:
    """Take the voice out of the sound that the archive has. From then on the speaker is that person there."""
    if (told.name is None) == (told.id is None):
        raise BadInput("give a name, or the id of a person", param="name")
    learn = partial(_learnt, house.of(request), viewer(request), told)
    return card(await house.while_there(request, in_thread(learn)))


@router.get("/api/speakers/suggested", summary="Who unnamed speakers may be", responses=ERRORS)
def suggested(request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 20) -> SuggestedCards:
    """What was told of the newest recordings (`speaker_suggested`), as far as it is still open.

    Who was told to be nobody, by `PATCH /api/recordings/{ident}`, is suggested no more.
    """
    home = house.of(request)
    found = suggesting.suggested(home.archive.database, viewer(request), home.people.all(), limit)
    return SuggestedCards(suggested=[SuggestedCard.model_validate(asdict(one)) for one in found])


@router.get("/api/speakers/{ident}", summary="One person", responses=ERRORS)
def one(request: Request, ident: str) -> PersonCard:
    """One person by id, or by an id that was merged into theirs."""
    return card(house.of(request).people.one(ident))


@router.patch("/api/speakers/{ident}", summary="Call a person something else", responses=ERRORS)
def rename(request: Request, ident: str, told: Renaming) -> PersonCard:
    """The id stays, so the new name reaches old transcripts."""
    return card(house.of(request).people.rename(ident, told.name))


@router.delete("/api/speakers/{ident}", summary="Forget a person for good", responses=ERRORS)
def forget(request: Request, ident: str) -> Forgotten:
    """Name, voices and ids are erased from the database's files. This can't be undone."""
    return Forgotten(id=ident, erased=house.of(request).people.forget(ident))


@router.post(
    "/api/speakers/{ident}/voices",
    status_code=201,
    summary="Another clip of a person",
    openapi_extra=form_document(ClipForm),
    responses=HEARING,
)
async def add(request: Request, ident: str) -> PersonCard:
    """Add the voice in a clip to a person."""
    home = house.of(request)
    await in_thread(partial(home.people.one, ident))
    async with home.form(request) as upload:
        voice = await _voiceprint(request, home, upload, Form(upload.fields))
        return card(await in_thread(partial(home.people.add, ident, [voice])))


async def _voiceprint(request: Request, home: House, upload: Upload, form: Form) -> Voiceprint:
    """The voice in an upload, whose other fields were read. Raises BadInput for others, and what `reference` raises."""
    speaker, count = form.one("speaker"), form.whole("num_speakers", 0, MOST_SPEAKERS) or None
    form.all_known()
    if speaker is None:
        if count is not None:
            raise BadInput("num_speakers goes with speaker", param="num_speakers")
        heard = partial(reference.voiceprint, upload.recording(), home.kit, "upload")
        return await house.while_there(request, in_thread(heard))
    recipe = Recipe(diarizing=replace(reference.TOLD_APART, crowd=Crowd(count)))
    found = await house.transcript(request, home.begin(upload, recipe, house.caller(request), words=False))
    diarizer = await in_thread(home.kit.diarizer)
    return reference.of_speaker(found, speaker, diarizer.embeds, f"upload, {speaker}")


def _learnt(home: House, who: Viewer, told: Hearing) -> Person:
    """A person with one voice more, or a new one, who is a speaker of a recording. Raises what `reference` raises."""
    archive, ident = home.archive, told.recording
    archive.recordings.files(ident, who, "edit")
    files = [f for f in archive.recordings.files(ident, who) if f.kind in {"audio", "upload"}]
    said = [s for s in archive.recordings.transcript(ident, who).segments if s.speaker == told.speaker]
    if not said:
        raise NotFound(f"nobody in this recording is {told.speaker!r}", remedy="GET /api/recordings/ID names them.")
    known = home.people.one(told.id) if told.id is not None else None
    held = [(p, f.start_s, f.end_s) for f in files if (p := archive.folder / f.path).is_file()]
    voice = reference.out_of([(s.start_s, s.end_s) for s in said], held, home.kit, f"{ident}, {told.speaker}")
    if known:
        found = home.people.add(known.id, [voice])
    else:
        found = home.people.enrol(told.name or "", [voice], another=told.another)
    archive.editing.describe(ident, who, speakers={told.speaker: Who(person=found.id)})
    return found


def card(found: Person) -> PersonCard:
    """A person as clients see them."""
    return PersonCard.model_validate(person.described(found))
