"""The doors of who spoke: `/transcribe/diarized`, `/transcribe/enhanced`, and `/v1/audio/diarization` without words.

Where a route has a peer (LocalAI, speaches), fields and answer are theirs: turns stand under `segments`, with overlap.
"""

from collections.abc import Mapping
from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from earwitness import export
from earwitness.api import house
from earwitness.api.schemas import (
    DiarizationForm,
    DiarizedForm,
    ErrorBody,
    PlainError,
    TurnList,
    form_document,
)
from earwitness.api.wishes import Form, Reference, enhancing, with_speakers
from earwitness.engines import honour
from earwitness.errors import BadInput
from earwitness.export import labels
from earwitness.models import catalog
from earwitness.stages.recipe import Recipe, language_code
from earwitness.types import Ask, Json, Transcript, Turn

STATUSES = (400, 401, 404, 413, 500, 501, 503, 507)

router = APIRouter(tags=["Speakers"])


@router.post(
    "/transcribe/diarized",
    openapi_extra=form_document(DiarizedForm),
    response_class=Response,
    summary="Speech to text with speakers",
    responses={s: {"model": PlainError, "description": "An error"} for s in STATUSES},
)
async def diarized(request: Request) -> Response:
    """Turn a recording into text of which it is known who said it. The body may be the recording itself, too."""
    return await _answer(request, words=False)


@router.post(
    "/transcribe/enhanced",
    openapi_extra=form_document(DiarizedForm),
    response_class=Response,
    summary="Speech to text with speakers, and times and confidence of words",
    responses={s: {"model": PlainError, "description": "An error"} for s in STATUSES},
)
async def enhanced(request: Request) -> Response:
    """Like `/transcribe/diarized`, with the times of words where the model or an aligner can tell them."""
    return await _answer(request, words=True)


@router.post(
    "/v1/audio/diarization",
    openapi_extra=form_document(DiarizationForm),
    summary="Who spoke when",
    response_model=TurnList,
    responses={s: {"model": ErrorBody, "description": "An error"} for s in STATUSES},
)
async def diarization(request: Request) -> Response:
    """Tell who spoke when in a recording, without the words."""
    home = house.of(request)
    async with home.form(request) as upload:
        form = Form(upload.fields)
        shape = form.choice("response_format", ("json", "rttm"), "json")
        recipe, references = with_speakers(Recipe(), form)
        headers = house.not_honoured(form.left_over())
        recipe = await home.acquainted(recipe, references)
        found = await house.transcript(request, home.begin(upload, recipe, house.caller(request), words=False))
    if shape == "rttm":
        return Response(export.render(found, "rttm"), headers=headers, media_type="text/plain; charset=utf-8")
    return JSONResponse(_turns(found), headers=headers)


async def _answer(request: Request, *, words: bool) -> Response:
    home = house.of(request)
    sent = request.headers.get("content-type", "").startswith("multipart/form-data")
    async with home.form(request) if sent else home.body(request) as upload:
        fields = {**{k: request.query_params.getlist(k) for k in request.query_params}, **upload.fields}
        recipe, references, shape = _wishes(fields, words=words)
        hints = honour(recipe.ask, await home.can(recipe.model))[1]
        recipe = await home.acquainted(recipe, references)
        found = await house.transcript(request, home.begin(upload, recipe, house.caller(request)))
    form = export.find(shape)
    told = () if any(s.words for s in found.segments) else hints
    return Response(export.render(found, shape), headers=house.not_honoured(told), media_type=form.media_type)


def _wishes(fields: Mapping[str, list[str]], *, words: bool) -> tuple[Recipe, tuple[Reference, ...], str]:
    """The recipe, the known speakers and the shape of the answer. Raises BadInput for what nobody knows, too."""
    form = Form(fields)
    shape = form.choice("response_format", tuple(export.FORMATS), "json")
    ask = Ask(language=language_code(form.one("language")), word_times=words)
    ask = replace(ask, optional=ask.optional | {"word_times"})
    recipe = Recipe(model=form.one("model") or catalog.USUAL, ask=ask, enhancing=enhancing(form))
    recipe, references = with_speakers(recipe, form)
    if left := form.left_over():
        raise BadInput(f"there is no field {left[0]!r} here", param=left[0])
    return recipe, references, shape


def _turns(found: Transcript) -> dict[str, Json]:
    names = labels.names(found)
    exclusive = [Turn(s.start_s, s.end_s, s.speaker) for s in found.segments if s.speaker is not None]
    return {
        "task": "diarize",
        "duration": round(found.duration_s, 3),
        "num_speakers": len(found.speakers),
        "segments": [_turn(t, names) for t in found.turns],
        "exclusive": [_turn(t, names) for t in exclusive],
        "speakers": [
            {"id": s.id, "speaker": names[s.id], "speech_s": round(s.speech_s, 3), "confidence": s.confidence}
            for s in found.speakers
        ],
        "method": found.provenance.methods.get("speakers", ""),
        "notices": [{"code": n.code, "message": n.message} for n in found.provenance.notices],
    }


def _turn(turn: Turn, names: Mapping[str, str]) -> Json:
    return {"start": round(turn.start_s, 3), "end": round(turn.end_s, 3), "speaker": names[turn.speaker]}
