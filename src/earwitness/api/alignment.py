"""The alignment door: `POST /alignment/word-level` tells when each word of a given text is said in a recording."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from earwitness import given
from earwitness.api import house
from earwitness.api.bridge import Run
from earwitness.api.house import House
from earwitness.api.schemas import FILE, PlainError, form_document
from earwitness.api.uploads import Upload
from earwitness.api.wishes import Form
from earwitness.errors import BadInput
from earwitness.stages.recipe import Recipe, language_code
from earwitness.types import Ask, Transcript

router = APIRouter(tags=["Earwitness"])


class AlignmentForm(BaseModel):
    """`POST /alignment/word-level`: a text is laid over a recording of it."""

    model_config = ConfigDict(extra="forbid")

    file: Annotated[str, Field(json_schema_extra=FILE, description="The recording, up to four hours.")]
    text: Annotated[str, Field(description="What is said in it.")]
    language: Annotated[str, Field(description="ISO 639-1 code of the text.")] = "en"
    model: Annotated[str, Field(description="The model that listens to recordings over half a minute.")] = "default"
    aligner: Annotated[str, Field(description="`auto`, or an aligner's name.")] = "auto"


class TimedWord(BaseModel):
    """One word of the text; `aligned` is false where the time is interpolated, and `confidence` null."""

    word: str
    start: float
    end: float
    confidence: float | None
    aligned: bool


class Alignment(BaseModel):
    """The words of the text with their times in seconds."""

    method: str
    language: str
    duration: float
    text: str
    matches: Annotated[bool, Field(description="False where the text is not what is said.")]
    share_found: Annotated[float, Field(description="The share of words that were surely found, 0 to 1.")]
    words: list[TimedWord]
    notices: list[str]


@router.post(
    "/alignment/word-level",
    openapi_extra=form_document(AlignmentForm),
    summary="When each word of a given text is said",
    responses={s: {"model": PlainError, "description": "An error"} for s in (400, 401, 404, 413, 500, 503, 507)},
)
async def word_level(request: Request) -> Alignment:
    """Lay a text over a recording of it."""
    home = house.of(request)
    async with home.form(request) as upload:
        text, recipe = wishes(upload)
        key = ("fit", upload.digest, house.caller(request), text, repr(recipe))
        return _told(await house.transcript(request, home.start(upload, key, _run(home, upload, text, recipe))))


def wishes(upload: Upload) -> tuple[str, Recipe]:
    """The text and how it is aligned. Raises BadInput."""
    form = Form(upload.fields)
    text = form.one("text")
    if text is None or not text.strip():
        raise BadInput("the form has no field 'text' with words in it", param="text")
    ask = Ask(language=language_code(form.one("language")) or "en")
    recipe = Recipe(model=form.one("model") or "default", ask=ask, aligner=form.one("aligner") or "auto")
    form.all_known()
    return text, recipe


def _run(home: House, upload: Upload, text: str, recipe: Recipe) -> Run:
    path = upload.recording()
    return lambda _, note, stop: given.fit(path, text, home.kit, recipe, on_progress=note, stop=stop)


def _told(found: Transcript) -> Alignment:
    words = [w for s in found.segments for w in s.words]
    share = given.share(words)
    return Alignment(
        method=found.provenance.methods["words"],
        language=found.language or "",
        duration=round(found.duration_s, 3),
        text=found.text,
        matches=share >= given.MATCHING,
        share_found=round(share, 3),
        words=[
            TimedWord(
                word=w.text,
                start=round(w.start_s, 3),
                end=round(w.end_s, 3),
                confidence=w.confidence,
                aligned=w.aligned,
            )
            for w in words
        ],
        notices=[n.message for n in found.provenance.notices],
    )
