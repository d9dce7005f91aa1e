"""Deepgram's door for recordings: `POST /v1/listen` with the recording as the body, as its own clients send it.

Addresses of recordings are refused: this server fetches nothing for others. With `multichannel` each channel is heard
for itself, one after the other. Source: the types of deepgram-sdk 7.17 (ListenV1Response).
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from earwitness.api import house
from earwitness.api.bridge import in_thread
from earwitness.api.deepgram import (
    CONTAINER,
    Asked,
    Message,
    alternative,
    confidence,
    model_info,
    recorded,
    speaker,
    warnings,
    word,
)
from earwitness.api.errors import DEEPGRAM
from earwitness.api.house import House
from earwitness.api.schemas import DeepgramError
from earwitness.api.uploads import Upload
from earwitness.audio.container import opened
from earwitness.audio.pcm import MOST_CHANNELS, Wire
from earwitness.errors import BadInput, ForeignSpeech, Unsupported
from earwitness.spread import timed_words
from earwitness.types import Json, Segment, Transcript, Word

router = APIRouter(tags=["Deepgram"])

PAUSE_S = 1.5
MOST_SENTENCES = 5
"""A paragraph ends at a pause, where the speaker changes, and after so many sentences."""

STATUSES = (400, 401, 404, 413, 500, 501, 503, 507)
FIELDS: list[Json] = [
    {"name": name, "in": "query", "required": False, "schema": {"type": kind}, "description": told}
    for name, kind, told in (
        ("model", "string", "Name or alias of a model; those of Deepgram's own mean the default."),
        ("language", "string", "ISO 639-1 code of the speech, or `multi`."),
        ("detect_language", "string", "`true`, or the codes it may be."),
        ("diarize", "boolean", "A speaker for each word."),
        ("multichannel", "boolean", "Each channel for itself."),
        ("utterances", "boolean", "The text once more, cut at pauses."),
        ("utt_split", "number", "The length of these pauses in seconds."),
        ("paragraphs", "boolean", "The text once more, in paragraphs."),
        ("smart_format", "boolean", "Likewise."),
        ("keyterm", "string", "Words the speech may hold."),
        ("encoding", "string", "Of raw sound: `linear16`, `linear32`, `mulaw` or `alaw`."),
        ("sample_rate", "integer", "Of raw sound."),
        ("channels", "integer", "Of raw sound."),
    )
]
BODY: dict[str, Json] = {
    "required": True,
    "content": {
        kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("application/octet-stream", "audio/wav")
    },
}


@router.post(
    DEEPGRAM,
    openapi_extra={"parameters": FIELDS, "requestBody": BODY},
    response_class=Response,
    summary="Speech to text, as Deepgram answers",
    responses={s: {"model": DeepgramError, "description": "An error"} for s in STATUSES},
)
async def listen(request: Request) -> Response:
    """Turn a recording into text, words and, where they are wanted, speakers, utterances and paragraphs."""
    home, query = house.of(request), request.query_params
    asked = recorded({name: query.getlist(name) for name in query}, home.kit.catalog)
    _no_address(request)
    await home.can(asked.recipe.model)
    head = b"" if asked.encoding == CONTAINER else Wire(asked.encoding, asked.rate, asked.channels or 1).head()
    async with home.body(request, head) as upload:
        digest, upload.digest = upload.digest, upload.digest + head.hex()
        found, further = await _transcripts(request, home, upload, asked)
    ident = str(uuid.uuid4())
    body = answered(found, replace(asked, warnings=asked.warnings + further), digest, ident)
    names = dict.fromkeys(name for name, _ in (*asked.warnings, *further))
    return JSONResponse(body, headers=house.not_honoured([*names]) | {"dg-request-id": ident})


def _no_address(request: Request) -> None:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
        raise Unsupported(
            "recordings are not fetched from addresses here",
            remedy="Fetch it yourself and send its bytes as the body: listen.v1.media.transcribe_file.",
            param="url",
        )


async def _transcripts(
    request: Request, home: House, upload: Upload, asked: Asked
) -> tuple[list[Transcript | None], tuple[tuple[str, str], ...]]:
    """What is said on each channel, None where it is no speech the model knows, and what was not honoured."""
    caller, recipe = house.caller(request), asked.recipe
    count = await in_thread(lambda: _channels(upload.recording())) if asked.multichannel else 1
    found, foreign = list[Transcript | None](), list[ForeignSpeech]()
    for number in range(count):
        own = replace(recipe, channel=number) if count > 1 else recipe
        try:
            part = await in_thread(upload.again) if count > 1 else upload
            found.append(await house.transcript(request, home.begin(part, own, caller)))
        except ForeignSpeech as error:
            foreign.append(error)
            found.append(None)
    if not any(t is not None and t.segments for t in found) and foreign:
        raise foreign[0]
    noted = [(n.code, n.message) for t in found if t is not None for n in t.provenance.notices]
    lacking = [(name, "this model can't do it") for t in found if t for name in t.provenance.not_honoured]
    return found, tuple(dict.fromkeys((*lacking, *noted, *((e.code, e.message) for e in foreign))))


def _channels(path: Path) -> int:
    """How many there are. Raises what `opened` raises, and BadInput for too many."""
    with opened(path) as (_, _, info):
        count = info.channels
    if count > MOST_CHANNELS:
        raise BadInput(f"{count} channels are not heard each for itself", remedy=f"Send 1 to {MOST_CHANNELS}.")
    return max(1, count)


def answered(found: Sequence[Transcript | None], asked: Asked, digest: str, ident: str) -> Message:
    """The body of the answer, as Deepgram has it; `digest` is that of the recording, `ident` of the request."""
    first = next(t for t in found if t is not None)
    model, info = model_info(first.provenance.model, first.provenance.engine)
    metadata: Message = {
        "transaction_key": "deprecated",
        "request_id": ident,
        "sha256": digest,
        "created": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "duration": round(first.duration_s, 3),
        "channels": len(found),
        "models": [model],
        "model_info": {model: info},
    }
    further: dict[str, list[Json]] = {
        "warnings": warnings(asked.warnings), "tags": [*asked.tags], "extra": [*asked.extra],
    }  # fmt: skip
    results: Message = {"channels": [_channel(t, asked) for t in found]}
    if asked.utterances:
        each = [u for n, t in enumerate(found) if t for u in utterances(t.segments, n, asked)]
        results["utterances"] = [body for _, body in sorted(each, key=itemgetter(0))]
    return {"metadata": metadata | {name: v for name, v in further.items() if v}, "results": results}


def _channel(found: Transcript | None, asked: Asked) -> Json:
    segments = found.segments if found else ()
    text = alternative(segments, speakers=asked.diarize, languages=asked.languages)
    if asked.paragraphs:
        text["paragraphs"] = paragraphs(segments, asked)
    told: Message = {"alternatives": [text]}
    if asked.languages and found and found.language:
        told["detected_language"] = found.language
        known = [s.language_prob for s in segments if s.language_prob is not None and s.language == found.language]
        if known:
            told["language_confidence"] = round(sum(known) / len(known), 4)
    return told


def utterances(segments: Sequence[Segment], channel: int, asked: Asked) -> Iterator[tuple[float, Message]]:
    """The words between two pauses, or two speakers, each with when it begins."""
    run = list[tuple[Word, Segment]]()
    for each in ((w, s) for s in segments for w in timed_words(s)):
        if run and (each[0].start_s - run[-1][0].end_s >= asked.utt_split_s or _who(*each) != _who(*run[-1])):
            yield run[0][0].start_s, _utterance(run, channel, asked)
            run = []
        run.append(each)
    if run:
        yield run[0][0].start_s, _utterance(run, channel, asked)


def _who(said: Word, within: Segment) -> str | None:
    return said.speaker or within.speaker


def _utterance(run: Sequence[tuple[Word, Segment]], channel: int, asked: Asked) -> Message:
    found: Message = {
        "start": round(run[0][0].start_s, 3),
        "end": round(run[-1][0].end_s, 3),
        "confidence": confidence(run),
        "channel": channel,
        "transcript": " ".join(w.text for w, _ in run),
        "words": [word(*each, speakers=asked.diarize, languages=asked.languages) for each in run],
        "id": str(uuid.uuid4()),
    }
    number = speaker(_who(*run[0]))
    return found | ({"speaker": number} if asked.diarize and number is not None else {})


def paragraphs(segments: Sequence[Segment], asked: Asked) -> Message:
    """The text in paragraphs of sentences, with who says them where that is wanted."""
    groups = list[list[Segment]]()
    for s in segments:
        last = groups[-1] if groups else []
        near = last and s.start_s - last[-1].end_s < PAUSE_S and len(last) < MOST_SENTENCES
        if near and s.speaker == last[-1].speaker:
            last.append(s)
        else:
            groups.append([s])
    told, shown = list[str](), list[Json]()
    for group in groups:
        number = speaker(group[0].speaker) if asked.diarize else None
        text = " ".join(s.text for s in group)
        told.append(text if number is None else f"Speaker {number}: {text}")
        sentences: list[Json] = [
            {"text": s.text, "start": round(s.start_s, 3), "end": round(s.end_s, 3)} for s in group
        ]
        times: Message = {"start": round(group[0].start_s, 3), "end": round(group[-1].end_s, 3)}
        count = sum(len(s.text.split()) for s in group)
        shown.append(
            {"sentences": sentences, "num_words": count, **times, **({} if number is None else {"speaker": number})}
        )
    return {"transcript": "".join(f"\n{text}\n" for text in told), "paragraphs": shown}
