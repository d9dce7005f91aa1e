"""The small doors: health, models, the machine, metrics, and `/transcribe` with the recording as its body."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from earwitness.__about__ import __version__
from earwitness.api import house
from earwitness.api.house import House
from earwitness.api.schemas import (
    Choice,
    DeviceInfo,
    EngineState,
    LoadedModel,
    LoadingModel,
    ModelAbilities,
    ModelCan,
    ModelDetail,
    ModelDetails,
    PlainError,
    RecordingQuery,
)
from earwitness.api.wishes import ENHANCING_FIELDS
from earwitness.errors import BadInput, EarwitnessError
from earwitness.export import full
from earwitness.hardware import probe
from earwitness.kit import Kit
from earwitness.models import catalog
from earwitness.models.pool import Loaded, Loading
from earwitness.stages.recipe import Enhancing, Recipe, language_code, switch
from earwitness.types import Ask

AUDIO = {"requestBody": {"required": True, "content": {t: {"schema": {"type": "string", "format": "binary"}} for t in (
    "application/octet-stream", "audio/wav", "audio/mpeg", "audio/flac", "audio/ogg")}}}  # fmt: skip

NO_MODEL: dict[int | str, dict[str, Any]] = {
    status: {"model": PlainError, "description": "An error"} for status in (401, 404, 500, 501)
}

ANSWERS_S = 2.0
"""How long the archive has to answer."""

router = APIRouter(tags=["Earwitness"])


@router.get("/livez", summary="Is the process alive")
async def livez() -> dict[str, str]:
    """Yes, whenever it can answer at all."""
    return {"status": "ok"}


@router.get("/readyz", summary="Can it take work", responses={503: {"description": "Not yet"}})
async def readyz(request: Request) -> Response:
    """Whether the models that are loaded at the start are there, and the archive, if there is one, can be written."""
    home = house.of(request)
    why = await _archive(home) if home.ready else home.why_not_ready or "the models of the start are being loaded"
    body = {"status": "not ready", "why": why} if why else {"status": "ok"}
    return JSONResponse(body, 503 if why else 200, {"retry-after": "2"} if why else {})


async def _archive(home: House) -> str:
    """Why nothing can be written into the archive; empty where it can be, and where nothing was written yet.

    Strangers read this: it names no place.
    """
    if not home.archive.database.there:
        return ""
    try:
        told = home.archive.writer.submit(lambda _: None)
        await asyncio.wait_for(asyncio.wrap_future(told), ANSWERS_S)
    except TimeoutError:
        return "the archive does not answer"
    except EarwitnessError as error:
        return f"the archive can't be written: {error.code}"
    return ""


@router.get("/health", summary="whisper.cpp's health", responses={503: {"description": "Still loading"}})
async def health(request: Request) -> Response:
    """Like `/readyz`, in the words of whisper.cpp's server."""
    ready = house.of(request).ready
    return JSONResponse({"status": "ok" if ready else "loading model"}, 200 if ready else 503)


@router.get("/models", summary="Models with what they can do")
async def models(request: Request) -> ModelDetails:
    """Every model, whether it is loaded or how long it has been loading, and its licence."""
    home = house.of(request)
    loaded = {place.plan.model for place in home.kit.pool.loaded()}
    loading = {load.plan.model: round(load.elapsed_s, 1) for load in home.kit.pool.loading()}
    listed = [
        _detail(entry, loaded=entry.name in loaded, loading_s=loading.get(entry.name))
        for entry in home.kit.catalog.shown()
    ]
    return ModelDetails(models=listed, default=home.kit.catalog.find(catalog.USUAL).name)


@router.get("/models/{name:path}", summary="One model, loaded if need be", responses=NO_MODEL)
async def model(request: Request, name: str) -> ModelAbilities:
    """One model by its name or an alias, with what it can do."""
    home = house.of(request)
    entry, can = home.kit.catalog.find(name), await home.can(name)
    detail = _detail(entry, loaded=True, loading_s=None).model_dump()
    return ModelAbilities(**detail, can=ModelCan.model_validate(can, from_attributes=True))


@router.get("/api/device-info", summary="The machine and what runs on it")
def device_info(request: Request) -> DeviceInfo:
    """The machine and its readings, the engines and why not, and the loaded models with the reason for their plan."""
    home = house.of(request)  # in a thread of its own: drivers answer in their own time
    machine = home.kit.machine
    return DeviceInfo(
        version=__version__,
        **asdict(machine),
        model_memory=home.kit.pool.limits.size,
        readings=probe.readings(),
        device_readings=list(probe.device_readings()),
        power=home.kit.power.now(),
        engines=[EngineState(name=e.name, usable=e.why_not is None, why_not=e.why_not) for e in home.kit.engines],
        choices=[_choice(home.kit, name) for name in home.kit.names()],
        loaded=[_loaded(place) for place in home.kit.pool.loaded()],
        loading=[_loading(load) for load in home.kit.pool.loading()],
    )


@router.get(
    "/api/sample",
    summary="A recording to try",
    response_class=FileResponse,
    responses={200: {"content": {"audio/wav": {}}, "description": "A conversation of half a minute"}},
)
def sample() -> FileResponse:
    """The sample conversation, in English: two voices, half a minute."""
    return FileResponse(catalog.sample(), media_type="audio/wav", filename="sample conversation.wav")


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """All metrics of this process."""
    return Response(house.of(request).metrics.text(), media_type=CONTENT_TYPE_LATEST)


@router.post(
    "/transcribe",
    openapi_extra=AUDIO,
    summary="Speech to text, the recording being the body",
    responses={s: {"model": PlainError, "description": "An error"} for s in (400, 401, 404, 413, 500, 501, 503, 507)},
)
async def transcribe(
    request: Request,
    wanted: Annotated[RecordingQuery, Query()],
) -> Response:
    """Turn a recording into our own JSON, whose `text` is the whole text. A form with a field `file` is taken too."""
    return await _transcribe(request, catalog.USUAL, wanted)


@router.post(
    "/transcribe/{model:path}",
    openapi_extra=AUDIO,
    summary="The same with a model by name",
    responses={s: {"model": PlainError, "description": "An error"} for s in (400, 401, 404, 413, 500, 501, 503, 507)},
)
async def transcribe_with(
    request: Request,
    model: str,
    wanted: Annotated[RecordingQuery, Query()],
) -> Response:
    """Turn a recording into our own JSON, with that model."""
    return await _transcribe(request, model, wanted)


async def _transcribe(request: Request, model: str, wanted: RecordingQuery) -> Response:
    home = house.of(request)
    how = Enhancing(**{name: switch(getattr(wanted, name), name) for name in ENHANCING_FIELDS})
    recipe = Recipe(model=model, ask=Ask(language=language_code(wanted.language)), enhancing=how)
    form = request.headers.get("content-type", "").startswith("multipart/form-data")
    await home.can(model)
    async with home.form(request) if form else home.body(request) as upload:
        if upload.fields:
            raise BadInput(f"this form takes a recording and nothing else, not {min(upload.fields)[:64]!r}")
        found = await house.transcript(request, home.begin(upload, recipe, house.caller(request)))
    return Response(full.dumps(found), media_type="application/json")


def _detail(entry: catalog.Entry, *, loaded: bool, loading_s: float | None) -> ModelDetail:
    return ModelDetail(
        name=entry.name,
        aliases=list(entry.aliases),
        languages=list(entry.languages),
        format=entry.format,
        size=entry.size,
        licence=entry.licence,
        about=entry.about,
        loaded=loaded,
        loading_s=loading_s,
    )


def _choice(kit: Kit, name: str) -> Choice:
    try:
        return Choice(model=name, plans=list(kit.plans(name)), why_not=kit.candidates(name)[1])
    except EarwitnessError as error:
        return Choice(model=name, plans=[], why_not=[error.message])


def _loaded(place: Loaded) -> LoadedModel:
    return LoadedModel(
        model=place.plan.model,
        engine=place.plan.engine,
        device=place.plan.device.name,
        workers=place.plan.workers,
        why=place.plan.why,
        users=place.users,
        waiting=place.waiting,
        idle_s=round(place.idle_s, 1),
        size=place.size,
        load_s=round(place.load_s, 2),
    )


def _loading(load: Loading) -> LoadingModel:
    return LoadingModel(
        model=load.plan.model,
        engine=load.plan.engine,
        elapsed_s=round(load.elapsed_s, 1),
        expected_s=None if load.expected_s is None else round(load.expected_s, 1),
    )
