"""whisper.cpp's door: `POST /inference`, as its server's clients send it.

Its `diarize` compares the loudness of two channels; here it tells speakers apart by their voices, in any recording.

Its decoder's knobs (beams, thresholds, context sizes) have no meaning here and are named in
`x-earwitness-not-honoured`. Errors are `{"error": "…"}` with a true status. Source: whisper.cpp, examples/server.
"""

from collections.abc import Mapping
from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from earwitness import export
from earwitness.api import house
from earwitness.api.schemas import InferenceForm, PlainError, form_document
from earwitness.api.wishes import SHAPES, Form, Wishes, enhancing
from earwitness.engines import honour
from earwitness.export import labels, verbose
from earwitness.export.layout import Layout
from earwitness.stages import align
from earwitness.stages.recipe import Diarizing, Recipe, language_code
from earwitness.stages.speech import Listening
from earwitness.types import Ask, Json, Segment, Transcript

router = APIRouter(tags=["whisper.cpp"])


@router.post(
    "/inference",
    openapi_extra=form_document(InferenceForm),
    response_class=Response,
    summary="Speech to text, as whisper.cpp's server answers",
    responses={s: {"model": PlainError, "description": "An error"} for s in (400, 401, 413, 500, 501, 503, 507)},
)
async def inference(request: Request) -> Response:
    """Turn a recording into text."""
    home = house.of(request)
    async with home.form(request) as upload:
        wanted, layout = wishes(upload.fields)
        can = await home.can(wanted.recipe.model)
        hints = honour(align.asked(wanted.recipe, can, home.kit.aligners()), can)[1]
        found = await house.transcript(request, home.begin(upload, wanted.recipe, house.caller(request)))
    names = (*hints, *wanted.unknown)
    return _shaped(found, wanted, layout, house.not_honoured(names))


def wishes(fields: Mapping[str, list[str]]) -> tuple[Wishes, Layout]:
    """The wishes of the form. Raises BadInput."""
    form = Form(fields)
    shape = form.choice("response_format", SHAPES, "json")
    language = form.one("language")
    apart = [form.flag(name) for name in ("diarize", "tinydiarize")]
    words = form.flag("token_timestamps")
    ask = Ask(
        language=None if language in {None, "auto"} else language_code(language),
        task="translate" if form.flag("translate") else "transcribe",
        prompt=form.one("prompt"),
        temperature=form.number("temperature", 0.0, 1.0) or 0.0,
        word_times=words,
        optional=Ask().optional | {"word_times"},
    )
    start_ms, length_ms = form.number("offset_t", 0, 1e12) or 0.0, form.number("duration", 0, 1e12) or 0.0
    threshold = form.number("vad_threshold", 0.01, 0.99)
    width = int(form.number("max_len", 0, 1000) or 0)
    recipe = Recipe(
        ask=ask,
        aligner="auto" if words else None,
        from_s=start_ms / 1000,
        to_s=(start_ms + length_ms) / 1000 if length_ms else None,
        listening=replace(Listening(), threshold=threshold) if threshold else Listening(),
        diarizing=Diarizing() if any(apart) else None,
        enhancing=enhancing(form),
    )
    form.flag("no_timestamps")  # times are always found; json and text do not show them
    layout = Layout(line_chars=width) if width else Layout()
    return Wishes(recipe, shape, words=words, unknown=form.left_over()), layout


def _shaped(found: Transcript, wanted: Wishes, layout: Layout, headers: dict[str, str]) -> Response:
    if wanted.shape == "json":
        return JSONResponse({"text": _lines(found)}, headers=headers)
    if wanted.shape == "text":
        return Response(_lines(found), headers=headers, media_type="text/html; charset=utf-8")
    if wanted.shape == "verbose_json":
        return JSONResponse(_verbose(found), headers=headers)
    form = export.find(wanted.shape)
    return Response(export.render(found, form.name, layout), headers=headers, media_type=form.media_type)


def _lines(found: Transcript) -> str:
    """The text, with speakers where they were told apart."""
    return export.render(found, "txt") if labels.told_apart(found) else "".join(f"{s.text}\n" for s in found.segments)


def _verbose(found: Transcript) -> dict[str, Json]:
    name = verbose.language_name(found)
    return {
        "task": found.task,
        "language": name,
        "duration": round(found.duration_s, 3),
        "text": _lines(found),
        "detected_language": name,
        "segments": [_segment(i, s, labels.names(found)) for i, s in enumerate(found.segments)],
    }


def _segment(number: int, given: Segment, names: Mapping[str, str]) -> dict[str, Json]:
    kept = ("id", "text", "start", "end", "tokens", "temperature", "avg_logprob", "no_speech_prob")
    whole = verbose.segment(number, given)
    words: list[Json] = [
        {"word": w.text, "start": round(w.start_s, 3), "end": round(w.end_s, 3), "probability": w.confidence}
        for w in given.words
    ]
    who: dict[str, Json] = {"speaker": names.get(given.speaker or "", "?")} if names else {}
    return {k: whole[k] for k in kept} | {"words": words} | who
