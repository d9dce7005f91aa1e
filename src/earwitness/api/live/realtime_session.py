"""What a client of OpenAI's Realtime API wishes for its session: read from both dialects, checked, and shown again.

Held as one value in the shape of the current dialect (GA); the older one (beta) is translated on its way in and out.
Source: openai-python (types/realtime, types/beta/realtime). Knows no socket.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from earwitness.api.house import House
from earwitness.engines import honour
from earwitness.errors import BadInput, UnknownModel, Unsupported
from earwitness.stages.recipe import Captioning, Diarizing, Recipe, language_code
from earwitness.stages.speech import Listening
from earwitness.types import Ask, Json

LOGPROBS = "item.input_audio_transcription.logprobs"
CONVERSATIONAL = re.compile(r"gpt-(4o-)?(mini-)?realtime", re.IGNORECASE)
"""Models that clients must name to connect at OpenAI, and that transcribe nothing themselves."""

DIARIZES = re.compile(r"-diarize$", re.IGNORECASE)
"""Names of models that tell who speaks."""

BETA = {
    "input_audio_format": "format",
    "input_audio_noise_reduction": "noise_reduction",
    "input_audio_transcription": "transcription",
    "turn_detection": "turn_detection",
}
"""The older names of what lies in `audio.input`."""

BETA_FORMATS = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
WIRES = {"audio/pcm": ("s16le", 24_000, 2), "audio/pcmu": ("mulaw", 8_000, 1), "audio/pcma": ("alaw", 8_000, 1)}
"""Encoding, samples a second and bytes of a sample, by format."""

OURS = Listening()


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pcm(_Strict):
    """16 bit, little-endian, mono."""

    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[24_000] = 24_000


class Mulaw(_Strict):
    """G.711, 8 kHz."""

    type: Literal["audio/pcmu"]


class Alaw(_Strict):
    """G.711, 8 kHz."""

    type: Literal["audio/pcma"]


Format: TypeAlias = Annotated[Pcm | Mulaw | Alaw, Field(discriminator="type")]


class Transcribing(_Strict):
    """With which model, and what it is told."""

    model: str = "default"
    language: str | None = None
    languages: tuple[str, ...] | None = None
    prompt: str | None = None
    keywords: tuple[str, ...] | None = None
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class ServerVad(_Strict):
    """Utterances end where the server hears silence."""

    type: Literal["server_vad"] = "server_vad"
    threshold: float = Field(default=OURS.threshold, gt=0, le=1)
    prefix_padding_ms: int = Field(default=300, ge=0, le=10_000)
    silence_duration_ms: int = Field(default=500, ge=100, le=10_000)
    create_response: bool | None = None
    interrupt_response: bool | None = None
    idle_timeout_ms: int | None = None


class NoiseReduction(_Strict):
    """Not done here."""

    type: Literal["near_field", "far_field"] | None = None
    strength: float | None = None


class Input(_Strict):
    """The sound that comes in."""

    format: Format = Pcm()
    noise_reduction: NoiseReduction | None = None
    transcription: Transcribing = Transcribing()
    turn_detection: ServerVad | None = ServerVad()


class Sound(_Strict):
    """There is only sound that comes in."""

    input: Input = Input()


class Wanted(_Strict):
    """A transcription session as its client wants it."""

    type: Literal["transcription"] = "transcription"
    audio: Sound = Sound()
    include: tuple[Literal["item.input_audio_transcription.logprobs"], ...] | None = None

    @property
    def vad(self) -> ServerVad | None:
        """How turns are found; None where the client ends them by commits."""
        return self.audio.input.turn_detection

    @property
    def logprobs(self) -> bool:
        """Whether the client wants log-probabilities."""
        return LOGPROBS in (self.include or ())

    @property
    def wire(self) -> tuple[str, int, int]:
        """Encoding, samples a second and bytes of a sample."""
        return WIRES[self.audio.input.format.type]


@dataclass(frozen=True, slots=True)
class Terms:
    """A session's wishes, and the names of those without effect."""

    wanted: Wanted = field(default_factory=Wanted)
    not_honoured: tuple[str, ...] = ()

    @property
    def recipe(self) -> Recipe:
        """How it is heard. Without turn detection utterances are cut as in recordings. Raises BadInput."""
        how, vad = self.wanted.audio.input.transcription, self.wanted.vad
        ask = Ask(
            language=language_code(how.language),
            languages=tuple(str(language_code(each)) for each in how.languages or ()),
            prompt=how.prompt or None,
            hotwords=how.keywords or (),
            logprobs=self.wanted.logprobs,
        )
        plain = Recipe(how.model, ask, diarizing=Diarizing() if DIARIZES.search(how.model) else None)
        if vad is None:
            return replace(plain, captioning=Captioning(OURS.join_s, drafts=False))
        listening = replace(
            OURS,
            threshold=vad.threshold,
            peak=max(OURS.peak, vad.threshold),
            margin_s=max(OURS.margin_s, vad.prefix_padding_ms / 1000),
        )
        return replace(plain, listening=listening, captioning=Captioning(vad.silence_duration_ms / 1000, drafts=False))


def updated(wanted: Wanted, given: object, *, beta: bool) -> Terms:
    """The wishes after an update, which leaves as they are those it doesn't name; hints nobody follows are not checked.

    Raises BadInput, naming the field.
    """
    if not isinstance(given, dict):
        raise BadInput("an update has a session, which is an object", param="session")
    unheeded = tuple(name for name in ("modalities", "client_secret") if beta and name in given)
    changes = _translated(given, unheeded) if beta else given
    if changes.get("type", "") != "transcription":
        raise BadInput(
            "this server transcribes and does nothing else",
            remedy='Say "type": "transcription" in the session.',
            param="session.type",
        )
    try:
        found = Wanted.model_validate(_merged(wanted.model_dump(exclude_none=False), changes))
    except ValidationError as error:
        first = error.errors()[0]
        name = _named(first["loc"], beta=beta)
        unknown = first["type"] == "extra_forbidden"
        raise BadInput(f"{name} is not known here" if unknown else f"{name}: {first['msg']}", param=name) from None
    return Terms(found, unheeded)


async def agreed(home: House, terms: Terms) -> Terms:
    """The terms with all the wishes that have no effect, once the model is known; what is without effect is taken out.

    Raises UnknownModel, Unsupported for what the model can't do, Busy while it loads, and BadInput.
    """
    wanted, recipe = terms.wanted, terms.recipe
    try:
        hints = honour(recipe.ask, await home.can(recipe.model))[1]
    except Unsupported as error:
        error.param = {"hotwords": "keywords", "logprobs": "include"}.get(error.param or "", error.param)
        raise
    names = {"keywords" if hint == "hotwords" else hint for hint in hints}
    given, vad = wanted.audio.input, wanted.vad
    heard: dict[str, Any] = given.transcription.model_dump() | dict.fromkeys(
        names & {"prompt", "keywords", "languages"}
    )
    names |= {name for name, value in (("delay", heard.pop("delay")),) if value}
    if given.noise_reduction is not None:
        names.add("noise_reduction")
    if vad is not None:
        told = vad.model_dump(include={"create_response", "interrupt_response", "idle_timeout_ms"})
        names |= {name for name, value in told.items() if value}
        padding = round(min(recipe.listening.margin_s * 1000, vad.silence_duration_ms))
        vad = vad.model_copy(update=dict.fromkeys(told) | {"prefix_padding_ms": padding})
    changes = {"noise_reduction": None, "transcription": Transcribing(**heard), "turn_detection": vad}
    sound = Sound(input=given.model_copy(update=changes))
    return Terms(wanted.model_copy(update={"audio": sound}), (*terms.not_honoured, *sorted(names)))


def asked_for(home: House, wanted: Wanted, query: Mapping[str, str]) -> Terms:
    """The wishes with those in the address. Raises UnknownModel, and BadInput for another kind of session."""
    if query.get("intent", "transcription") != "transcription":
        raise BadInput("this server transcribes and does nothing else", param="intent", remedy="intent=transcription")
    unheeded = tuple(sorted(query.keys() - {"intent", "model"}))
    model = query.get("model")
    if model is None:
        return Terms(wanted, unheeded)
    try:
        home.kit.catalog.find(model)
    except UnknownModel:
        if CONVERSATIONAL.match(model) is None:
            raise
        return Terms(wanted, (*unheeded, "model"))
    update = {"type": "transcription", "audio": {"input": {"transcription": {"model": model}}}}
    return Terms(updated(wanted, update, beta=False).wanted, unheeded)


def shown(terms: Terms, ident: str, expires_at: int, *, beta: bool, notices: tuple[Json, ...] = ()) -> dict[str, Json]:
    """The session as its client is told of it: what holds, and in `not_honoured` what was asked for in vain."""
    wanted = terms.wanted
    found = wanted.audio.input.model_dump(mode="json")
    for name in ("transcription", "turn_detection"):
        found[name] = found[name] and {k: v for k, v in found[name].items() if v is not None}
    whole: dict[str, Any] = {"id": ident, "object": "realtime.transcription_session", "expires_at": expires_at}
    if beta:
        formats = {ga: old for old, ga in BETA_FORMATS.items()}
        whole |= {old: found[name] for old, name in BETA.items()}
        whole["input_audio_format"] = formats[found["format"]["type"]]
    else:
        whole |= {"type": "transcription", "audio": {"input": found}}
    whole |= {"include": list(wanted.include or ()), "not_honoured": list(terms.not_honoured)}
    return whole | ({"notices": list(notices)} if notices else {})


def _translated(given: Mapping[str, Any], unheeded: tuple[str, ...]) -> dict[str, Any]:
    """An update in the older shape in the newer one. Raises BadInput."""
    if unknown := next((n for n in given if n not in {*BETA, *unheeded, "include"}), None):
        raise BadInput(f"session.{unknown[:80]} is not known here", param=f"session.{unknown[:80]}")
    sound = {name: given[old] for old, name in BETA.items() if old in given}
    if "format" in sound:
        if sound["format"] not in BETA_FORMATS:
            known = ", ".join(BETA_FORMATS)
            raise BadInput(f"session.input_audio_format is one of {known}", param="session.input_audio_format")
        sound["format"] = {"type": BETA_FORMATS[sound["format"]]}
    changes: dict[str, Any] = {"type": "transcription", "audio": {"input": sound}}
    return changes | ({"include": given["include"]} if "include" in given else {})


def _merged(now: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Values with changes laid over them; a format is taken whole."""
    found = dict(now)
    for name, value in given.items():
        before = found.get(name)
        both = isinstance(before, dict) and isinstance(value, dict) and name != "format"
        found[name] = _merged(before, value) if both and before is not None else value
    return found


def _named(place: tuple[int | str, ...], *, beta: bool) -> str:
    """The name of a field for whom made it, in the dialect it was sent in."""
    parts = [str(p) for p in place if p not in WIRES]
    if beta and parts[:2] == ["audio", "input"]:
        old = {ga: name for name, ga in BETA.items()}
        parts = [old.get(p, p) if n == 0 else p for n, p in enumerate(parts[2:])]
    return ".".join(("session", *parts))[:200]
