"""Reads the fields of OpenAI's forms into a Recipe and the shape of the answer. Parsing only; nothing is run here.

A field that is not understood is an error; one that nobody knows is reported as not honoured. Source: the types of
openai-python (TranscriptionCreateParams, TranslationCreateParams).
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args
from urllib.parse import unquote_to_bytes

from earwitness.errors import BadInput
from earwitness.parts import MOST_SPEAKERS, Crowd
from earwitness.stages.guard import Guarding
from earwitness.stages.recipe import CHANNELS, OFF, Diarizing, Enhancing, Recipe, language_code, switch
from earwitness.stages.speech import Listening
from earwitness.types import Ask, Task

Shape = Literal["json", "text", "srt", "verbose_json", "vtt"]
SHAPES: tuple[str, ...] = get_args(Shape)
DIARIZED = "diarized_json"
STREAMED = ("json", "text", DIARIZED)
WITHOUT_SPEAKERS = ("json", "text")
"""Shapes in which speakers do not show."""

SPEAKER_FIELDS = (
    "speakers", "diarizer", "num_speakers", "min_speakers", "max_speakers", "known_speaker_names",
    "known_speaker_references",
)  # fmt: skip
ENHANCING_FIELDS = ("separate", "denoise", "gain", "punctuate")
MOST_KNOWN, LONGEST_REFERENCE_S = 16, 10.0
TRUE, FALSE = ("true", "1", "yes", "y", "on"), ("false", "0", "no", "n", "off")


@dataclass(frozen=True, slots=True)
class Reference:
    """A speaker that the client knows: a name, and a recording of their voice as it came."""

    name: str
    clip: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a client wants: the work, and the shape of the answer."""

    recipe: Recipe
    shape: str
    stream: bool = False
    words: bool = False
    segments: bool = True
    unknown: tuple[str, ...] = ()
    """Fields and values that have no effect here; told to the client."""
    references: tuple[Reference, ...] = ()


class Form:
    """The fields of a form, read by name; brackets of arrays aside. What was never read is left over."""

    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, values in fields.items():
            kept = [v for v in values if v != ""]
            if kept:
                self._fields.setdefault(name.removesuffix("[]"), []).extend(kept)

    def one(self, name: str) -> str | None:
        """A field's only value, or None. Raises BadInput when it comes more than once."""
        values = self._fields.pop(name, [])
        if len(values) > 1:
            raise BadInput(f"the field {name} came {len(values)} times", param=name)
        return values[0] if values else None

    def many(self, name: str) -> tuple[str, ...]:
        """All values of a field; one that is a JSON list counts as its elements."""
        found: list[str] = []
        for value in self._fields.pop(name, []):
            found += _json_list(value) or [value]
        return tuple(found)

    def flag(self, name: str) -> bool:
        """A yes or no; absent is no. Raises BadInput for anything else."""
        value = (self.one(name) or "false").lower()
        if value not in TRUE + FALSE:
            raise BadInput(f"{name} is {value!r}, and true or false is expected", param=name)
        return value in TRUE

    def number(self, name: str, low: float, high: float) -> float | None:
        """A number within limits, or None. Raises BadInput for anything else."""
        value = self.one(name)
        if value is None:
            return None
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            raise BadInput(f"{name} is {value[:40]!r}, and a number from {low:g} to {high:g} is expected", param=name)
        return number

    def whole(self, name: str, low: int, high: int) -> int | None:
        """A whole number within limits, or None. Raises BadInput for anything else."""
        number = self.number(name, low, high)
        if number is not None and not number.is_integer():
            raise BadInput(f"{name} is {number:g}, and a whole number is expected", param=name)
        return None if number is None else int(number)

    def has(self, names: Iterable[str]) -> bool:
        """Whether any of these fields is still to be read."""
        return any(name in self._fields for name in names)

    def choice(self, name: str, options: tuple[str, ...], default: str) -> str:
        """One of some words. Raises BadInput for another."""
        value = self.one(name) or default
        if value not in options:
            raise BadInput(f"{name} is {value[:40]!r}, and it can be: {', '.join(options)}", param=name)
        return value

    def group(self, name: str) -> dict[str, str]:
        """The fields `name[key]`, by key."""
        inside = re.compile(rf"{re.escape(name)}\[(\w+)\]")
        keys = {m.group(1): m.group(0) for m in map(inside.fullmatch, list(self._fields)) if m}
        return {key: self.one(field) or "" for key, field in keys.items()}

    def left_over(self) -> tuple[str, ...]:
        """Names of the fields nobody asked for."""
        return tuple(sorted(re.sub(r"[^\x21-\x7e]", "?", name)[:64] for name in self._fields))

    def all_known(self) -> None:
        """Raise BadInput where there is a field that nobody asked for."""
        if left := self.left_over():
            raise BadInput(f"this form has no field {left[0]!r}", param=left[0])


def transcription(fields: Mapping[str, list[str]]) -> Wishes:
    """The wishes of `POST /v1/audio/transcriptions`. Raises BadInput."""
    form = Form(fields)
    wishes = _common(form, "transcribe", (*SHAPES, DIARIZED))
    grains = form.many("timestamp_granularities")
    include = form.many("include")
    stream = form.flag("stream")
    if wrong := set(grains) - {"word", "segment"}:
        raise BadInput(
            f"timestamp_granularities can be word and segment, not {min(wrong)!r}",
            param="timestamp_granularities",
        )
    if grains and wishes.shape != "verbose_json":
        raise BadInput(
            "timestamp_granularities goes with response_format=verbose_json", param="timestamp_granularities"
        )
    if wrong := set(include) - {"logprobs"}:
        raise BadInput(f"include can be logprobs, not {min(wrong)!r}", param="include")
    if include and wishes.shape != "json":
        raise BadInput("include[]=logprobs goes with response_format=json", param="include")
    if stream and wishes.shape not in STREAMED:
        raise BadInput(f"stream goes with response_format {' or '.join(STREAMED)}", param="stream")
    ask = replace(
        wishes.recipe.ask,
        language=language_code(form.one("language")),
        languages=_languages(form),
        hotwords=form.many("keywords"),
        word_times="word" in grains,
        logprobs="logprobs" in include,
    )
    recipe = replace(wishes.recipe, ask=ask, listening=_chunking(form), aligner="auto" if ask.word_times else None)
    references: tuple[Reference, ...] = ()
    if wishes.shape == DIARIZED or (wishes.shape not in WITHOUT_SPEAKERS and form.has(SPEAKER_FIELDS)):
        recipe, references = with_speakers(recipe, form)
    if wishes.shape == DIARIZED and recipe.diarizing == Diarizing(OFF):
        raise BadInput("diarized_json tells speakers apart, and they are switched off", param="speakers")
    return replace(
        wishes,
        recipe=recipe,
        stream=stream,
        words="word" in grains,
        segments=not grains or "segment" in grains,
        unknown=form.left_over(),
        references=references,
    )


def with_speakers(recipe: Recipe, form: Form) -> tuple[Recipe, tuple[Reference, ...]]:
    """The recipe with speakers told apart as the form wants it, and the known ones, whose voices are still to be taken.

    Raises BadInput.
    """
    part, diarizer = form.choice("speakers", ("auto", CHANNELS, OFF), "auto"), form.one("diarizer")
    if part == OFF:
        if diarizer or form.has(SPEAKER_FIELDS):
            raise BadInput("speakers are switched off, and more is asked about them", param="speakers")
        return replace(recipe, diarizing=Diarizing(OFF)), ()
    if diarizer and part == CHANNELS:
        raise BadInput("speakers=channels asks no diarizer", param="diarizer")
    numbers = (form.whole(name, 0, MOST_SPEAKERS) or None for name in ("num_speakers", "min_speakers", "max_speakers"))
    try:
        crowd = Crowd(*numbers)
    except BadInput as error:
        error.param = "num_speakers"
        raise
    references = _references(form)
    return replace(recipe, diarizing=Diarizing(diarizer or part, crowd), aligner="auto"), references


def enhancing(form: Form) -> Enhancing:
    """What the form wants done to the sound and the text. Raises BadInput."""
    return Enhancing(**{name: switch(form.one(name), name) for name in ENHANCING_FIELDS})


def _references(form: Form) -> tuple[Reference, ...]:
    names, clips = form.many("known_speaker_names"), form.many("known_speaker_references")
    if len(names) != len(clips):
        raise BadInput(
            f"there are {len(names)} known_speaker_names and {len(clips)} known_speaker_references",
            remedy="Give a reference for each name, in the same order.",
            param="known_speaker_references",
        )
    if len(names) > MOST_KNOWN:
        raise BadInput(
            f"{len(names)} known speakers are over the {MOST_KNOWN} of a request", param="known_speaker_names"
        )
    if len(set(names)) < len(names) or any(not n.strip() or len(n) > 100 for n in names):
        raise BadInput("known_speaker_names must differ, and have 1 to 100 characters", param="known_speaker_names")
    return tuple(Reference(name, _data(clip, name)) for name, clip in zip(names, clips, strict=True))


def _data(url: str, name: str) -> bytes:
    """What a data URL holds. Source: RFC 2397."""
    head, comma, body = url.partition(",")
    if not comma or not re.match(r"data:", head, re.IGNORECASE):
        raise BadInput(
            f"the reference of {name} is no data URL",
            remedy="Send data:audio/wav;base64,… with the recording.",
            param="known_speaker_references",
        )
    raw = unquote_to_bytes(body)
    if not head.lower().endswith(";base64"):
        return raw
    try:
        return base64.b64decode(b"".join(raw.split()), validate=True)
    except binascii.Error as error:
        raise BadInput(f"the reference of {name} is no base64: {error}", param="known_speaker_references") from error


def translation(fields: Mapping[str, list[str]]) -> Wishes:
    """The wishes of `POST /v1/audio/translations`. Raises BadInput."""
    form = Form(fields)
    wishes = _common(form, "translate", SHAPES)
    return replace(wishes, unknown=form.left_over())


def _common(form: Form, task: Task, shapes: tuple[str, ...]) -> Wishes:
    model = form.one("model")
    if model is None:
        raise BadInput(
            "the form has no field 'model'",
            remedy="Add model=whisper-1, or another of GET /v1/models.",
            param="model",
        )
    shape = form.choice("response_format", shapes, "json")
    temperature = form.number("temperature", 0.0, 1.0) or 0.0
    gate = form.choice("language_gate", ("on", "off"), "on") == "on"
    ask = Ask(task=task, prompt=form.one("prompt"), temperature=temperature)
    unseen = Diarizing(OFF) if shape in WITHOUT_SPEAKERS else None
    guarding = Guarding(language_gate=gate)
    recipe = Recipe(model=model, ask=ask, guarding=guarding, diarizing=unseen, enhancing=enhancing(form))
    return Wishes(recipe, shape)


def _languages(form: Form) -> tuple[str, ...]:
    return tuple(code for code in map(language_code, form.many("languages")) if code is not None)


def _chunking(form: Form) -> Listening:
    """How speech is cut: `auto`, or `server_vad` with its numbers."""
    plain, inside = form.one("chunking_strategy"), form.group("chunking_strategy")
    if plain is not None and plain != "auto":
        inside = _json_object(plain)
    if not inside:
        return Listening()
    named = Form({k: [v] for k, v in inside.items()})
    if named.one("type") != "server_vad":
        raise BadInput("chunking_strategy is auto, or an object of type server_vad", param="chunking_strategy")
    plain_how = Listening()
    threshold = named.number("threshold", 0.01, 0.99)
    padding_ms, silence_ms = (
        named.number("prefix_padding_ms", 0, 2_000),
        named.number("silence_duration_ms", 100, 10_000),
    )
    if left := named.left_over():
        raise BadInput(f"chunking_strategy has no {left[0]!r}", param="chunking_strategy")
    return replace(
        plain_how,
        threshold=plain_how.threshold if threshold is None else threshold,
        peak=plain_how.peak if threshold is None else max(threshold, plain_how.peak),
        margin_s=plain_how.margin_s if padding_ms is None else padding_ms / 1000,
        join_s=plain_how.join_s if silence_ms is None else silence_ms / 1000,
    )


def _json_list(value: str) -> list[str] | None:
    if not value.startswith("["):
        return None
    try:
        found = json.loads(value)
    except ValueError:
        return None
    return [v for v in found if isinstance(v, str)] if isinstance(found, list) else None


def _json_object(value: str) -> dict[str, str]:
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not found:
        raise BadInput("chunking_strategy is auto, or an object of type server_vad", param="chunking_strategy")
    return {str(k): str(v) for k, v in found.items()}
