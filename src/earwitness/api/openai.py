"""OpenAI's door: transcriptions, translations and models, as the official clients speak it.

Source: openai-python (resources/audio, types/audio) and OpenAI's API reference. What differs on purpose: every format
goes with every model, streaming works with all of them, and hints without effect are named in
`x-earwitness-not-honoured`.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from earwitness import export
from earwitness.api import house, wishes
from earwitness.api.bridge import Work
from earwitness.api.errors import openai_body
from earwitness.api.schemas import (
    ErrorBody,
    ModelCard,
    ModelList,
    TranscriptionForm,
    TranslationForm,
    form_document,
)
from earwitness.api.wishes import Wishes
from earwitness.engines import honour
from earwitness.errors import EarwitnessError, Unsupported
from earwitness.export import diarized, verbose
from earwitness.models import catalog
from earwitness.stages import align
from earwitness.stages.align import Languages
from earwitness.types import Can, Json, Segment, Token, Transcript

FIELD_OF = {"hotwords": "keywords", "word_times": "timestamp_granularities", "logprobs": "include"}
"""The form's name for an Ask's field, where they differ."""

ALIVE_S = 15.0
"""A stream on which nothing comes for so long sends a comment. Proxies cut lines that are still for a minute."""

OWNER = "local"
"""Who owns a model whose maker is not known."""

router = APIRouter(
    prefix="/v1",
    tags=["OpenAI"],
    responses={s: {"model": ErrorBody, "description": "An error"} for s in (400, 401, 404, 413, 500, 501, 503, 507)},
)


@router.post(
    "/audio/transcriptions",
    openapi_extra=form_document(TranscriptionForm),
    response_class=Response,
    summary="Speech to text",
    responses={200: {"content": {t: {} for t in ("application/json", "text/plain", "text/vtt", "text/event-stream")}}},
)
async def transcriptions(request: Request) -> Response:
    """Turn a recording into text, in the language that is spoken."""
    return await _answer(request, wishes.transcription)


@router.post(
    "/audio/translations",
    openapi_extra=form_document(TranslationForm),
    response_class=Response,
    summary="Speech to English text",
    responses={200: {"content": {t: {} for t in ("application/json", "text/plain", "text/vtt")}}},
)
async def translations(request: Request) -> Response:
    """Turn a recording into English text."""
    return await _answer(request, wishes.translation)


@router.get("/models", summary="All models")
async def models(request: Request) -> ModelList:
    """The models and their aliases."""
    return ModelList(data=[card for entry in house.of(request).kit.catalog.shown() for card in _cards(request, entry)])


@router.get("/models/{name:path}", summary="One model")
async def model(request: Request, name: str) -> ModelCard:
    """One model by its name or an alias."""
    entry = house.of(request).kit.catalog.find(name)
    return ModelCard(id=name, created=int(house.of(request).started), owned_by=entry.author or OWNER)


@router.delete("/models/{name:path}", summary="Remove a model")
async def remove(request: Request, name: str) -> Response:
    """Models are removed on the machine itself, by `earwitness models rm`; those inside packages with the package."""
    entry = house.of(request).kit.catalog.find(name)
    inside = (
        f"Uninstall {entry.package} if it is not wanted." if entry.package else f"earwitness models rm {entry.name}"
    )
    raise Unsupported(f"{entry.name} can't be removed from here", remedy=inside, param="model")


async def _answer(request: Request, parse: Callable[[Mapping[str, list[str]]], Wishes]) -> Response:
    """The way of a request: receive, read the wishes, do the work, shape the answer."""
    home = house.of(request)
    async with home.form(request) as upload:
        wanted = parse(upload.fields)
        headers = _told(wanted, await home.can(wanted.recipe.model), home.kit.aligners())
        recipe = await home.acquainted(wanted.recipe, wanted.references)
        work = home.begin(upload, recipe, house.caller(request))
        if not wanted.stream:
            return _shaped(await house.transcript(request, work), wanted, headers)
        events = _alive(_said(work) if wanted.shape == wishes.DIARIZED else _events(work, wanted), work)
        first = await house.while_there(
            request, anext(events)
        )  # what fails before the first word has a status of its own
    headers |= {"cache-control": "no-cache", "x-accel-buffering": "no"}
    return StreamingResponse(_after(first, events), media_type="text/event-stream", headers=headers)


def _told(wanted: Wishes, can: Can, aligners: Languages) -> dict[str, str]:
    """The header that names what has no effect. Raises Unsupported, early and with the form's own names."""
    try:
        hints = honour(align.asked(wanted.recipe, can, aligners), can)[1]
    except Unsupported as error:
        error.param = FIELD_OF.get(error.param or "", error.param)
        raise
    names = (*(FIELD_OF.get(h, h) for h in hints), *wanted.unknown)
    return house.not_honoured(names)


def _shaped(found: Transcript, wanted: Wishes, headers: dict[str, str]) -> Response:
    """The answer in the format asked for."""
    if wanted.shape == "verbose_json":
        return JSONResponse(verbose.body(found, words=wanted.words, segments=wanted.segments), headers=headers)
    if wanted.shape == wishes.DIARIZED:
        return JSONResponse(diarized.body(found), headers=headers)
    if wanted.shape == "json":
        return JSONResponse(_json(found, wanted), headers=headers)
    if wanted.shape == "text":
        return Response(f"{found.text}\n", headers=headers, media_type="text/plain; charset=utf-8")
    form = export.find(wanted.shape)
    return Response(export.render(found, form.name), headers=headers, media_type=form.media_type)


def _json(found: Transcript, wanted: Wishes) -> dict[str, Json]:
    body: dict[str, Json] = {
        "text": found.text,
        "languages": _languages(found.segments),
        "usage": {"type": "duration", "seconds": round(found.duration_s)},
    }
    if wanted.recipe.ask.logprobs:
        body["logprobs"] = [_logprob(t) for s in found.segments for t in s.tokens]
    return body


def _languages(segments: Iterable[Segment]) -> list[Json]:
    return [{"code": code} for code in dict.fromkeys(s.language for s in segments) if code]


def _logprob(token: Token) -> Json:
    return {"token": token.text, "bytes": list(token.raw), "logprob": round(token.logprob, 6)}


async def _events(work: Work, wanted: Wishes) -> AsyncGenerator[str, None]:
    """The text as server-sent events: deltas that only ever append, then the whole. Raises the run's error."""
    text, steps, given = "", list[Json](), list[Segment]()
    with work.watched():
        async for segment in work.segments():
            delta = f" {segment.text}" if text else segment.text
            text += delta
            given.append(segment)
            steps += [_logprob(t) for t in segment.tokens]
            yield _event(_delta(delta, segment, wanted))
    done: dict[str, Json] = {"type": "transcript.text.done", "text": text, "languages": _languages(given)}
    yield _event(done | ({"logprobs": steps} if wanted.recipe.ask.logprobs else {}))


async def _said(work: Work) -> AsyncGenerator[str, None]:
    """Who said what as server-sent events: each segment as a delta and as a whole, then the text.

    They come together, when the recording is finished: who speaks is only known then. Raises the run's error.
    """
    with work.watched():
        found = await work.transcript()
    for number, segment in enumerate(diarized.segments(found)):
        delta = f" {segment['text']}" if number else segment["text"]
        yield _event({"type": "transcript.text.delta", "delta": delta, "segment_id": segment["id"]})
        yield _event(segment)
    yield _event({"type": "transcript.text.done", "text": found.text, "languages": _languages(found.segments)})


async def _alive(events: AsyncGenerator[str, None], work: Work) -> AsyncGenerator[str, None]:
    """The events, and while none comes a comment now and then, so that nobody on the way takes the line for dead.

    The run's error ends them as an event, or is raised where nothing was given out yet.
    """
    begun = False
    async with contextlib.aclosing(events):
        coming = asyncio.ensure_future(anext(events))
        try:
            while True:
                await asyncio.wait({coming}, timeout=ALIVE_S)
                yield coming.result() if coming.done() else _comment(work)
                begun = True
                coming = asyncio.ensure_future(anext(events)) if coming.done() else coming
        except StopAsyncIteration:
            return
        except EarwitnessError as error:
            if not begun:
                raise
            yield f"data: {json.dumps(openai_body(error))}\n\n"
        finally:
            coming.cancel()
            await asyncio.wait({coming})


def _comment(work: Work) -> str:
    """How far the work is, as a line that clients of server-sent events pass over."""
    now = work.progress
    total = f" of {now.total_s:.0f}" if now and now.total_s else ""
    return f": {now.done_s if now else 0:.0f}{total} s are heard\n\n"


async def _after(first: str, rest: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    async with contextlib.aclosing(rest):
        yield first
        async for event in rest:
            yield event


def _delta(delta: str, segment: Segment, wanted: Wishes) -> dict[str, Json]:
    found: dict[str, Json] = {"type": "transcript.text.delta", "delta": delta}
    if wanted.recipe.ask.logprobs:
        found["logprobs"] = [_logprob(t) for t in segment.tokens]
    return found


def _event(body: Mapping[str, Json]) -> str:
    return f"event: {body['type']}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n"


def _cards(request: Request, entry: catalog.Entry) -> list[ModelCard]:
    since = int(house.of(request).started)
    return [ModelCard(id=name, created=since, owned_by=entry.author or OWNER) for name in (entry.name, *entry.aliases)]
