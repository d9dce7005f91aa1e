"""The forms that clients send, as documents for OpenAPI and as the rules their fields are read by.

Every field a client may send stands here; what does not stand here is named back to the client as not honoured.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from earwitness.hardware.power import Power
from earwitness.parts import MOST_SPEAKERS
from earwitness.types import Device, DeviceReading, Note, Plan, Readings, Task

SPEAKERS = "Our own: `channels` takes each channel for one speaker, `auto` tells them apart by their voices."
SWITCH = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,80}$"
"""`on`, `off`, or the name of a part."""

FILE = {"type": "string", "format": "binary"}


class EnhancingForm(BaseModel):
    """What may be done to the sound before it is heard, and to the text after it; the installation says what is on."""

    separate: Annotated[str | None, Field(pattern=SWITCH, description="Our own: voices without music.")] = None
    denoise: Annotated[str | None, Field(pattern=SWITCH, description="Our own: less noise.")] = None
    gain: Annotated[str | None, Field(pattern=SWITCH, description="Our own: speech of one loudness.")] = None
    punctuate: Annotated[
        str | None, Field(pattern=SWITCH, description="Our own: punctuation and capitals for text without.")
    ] = None


class RecordingQuery(EnhancingForm):
    """What `POST /transcribe` takes in its address."""

    language: Annotated[str | None, Field(description="ISO 639-1 code of the speech")] = None


class SpeakersForm(BaseModel):
    """How speakers are told apart, wherever they are."""

    model_config = ConfigDict(extra="forbid")

    speakers: Annotated[Literal["auto", "channels", "off"], Field(description=SPEAKERS)] = "auto"
    diarizer: Annotated[str, Field(description="Our own: what tells them apart; several with commas vote.")] = "auto"
    num_speakers: Annotated[int | None, Field(ge=0, le=MOST_SPEAKERS, description="Our own: how many there are.")] = (
        None
    )
    min_speakers: Annotated[int | None, Field(ge=0, le=MOST_SPEAKERS)] = None
    max_speakers: Annotated[int | None, Field(ge=0, le=MOST_SPEAKERS)] = None
    known_speaker_names: Annotated[
        list[str] | None,
        Field(alias="known_speaker_names[]", description="Names of speakers by their references.", max_length=16),
    ] = None
    known_speaker_references: Annotated[
        list[str] | None,
        Field(
            alias="known_speaker_references[]",
            description="Data URLs, each with 2 to 10 s of one speaker alone.",
            max_length=16,
        ),
    ] = None


class RecordingForm(EnhancingForm):
    """What both forms of OpenAI's door have."""

    model_config = ConfigDict(extra="forbid")

    file: Annotated[
        str,
        Field(json_schema_extra=FILE, description="The recording, in any container and codec FFmpeg reads."),
    ]
    model: Annotated[
        str,
        Field(description="Name or alias of a model; `GET /v1/models` lists them.", examples=["whisper-1"]),
    ]
    prompt: Annotated[str | None, Field(description="A hint at style or names; not every engine heeds it.")] = None
    temperature: Annotated[float, Field(ge=0, le=1, description="Sampling; above 0 a hint.")] = 0.0
    language_gate: Annotated[
        Literal["on", "off"],
        Field(description="Our own: `off` gives out what a single-language model makes of any speech."),
    ] = "on"


class TranslationForm(RecordingForm):
    """`POST /v1/audio/translations`: speech in any language the model knows becomes English text."""

    response_format: Annotated[
        Literal["json", "text", "srt", "verbose_json", "vtt"], Field(description="The shape of the answer.")
    ] = "json"


class TranscriptionForm(RecordingForm, SpeakersForm):
    """`POST /v1/audio/transcriptions`: speech becomes text in its own language."""

    language: Annotated[str | None, Field(description="ISO 639-1 code of the speech.", examples=["en"])] = None
    languages: Annotated[
        list[str] | None,
        Field(alias="languages[]", description="Languages the speech may be in.", max_length=100),
    ] = None
    keywords: Annotated[
        list[str] | None,
        Field(alias="keywords[]", description="Words to listen for; a hint.", max_length=1000),
    ] = None
    timestamp_granularities: Annotated[
        list[Literal["word", "segment"]] | None,
        Field(alias="timestamp_granularities[]", description="Which times `verbose_json` holds."),
    ] = None
    include: Annotated[
        list[Literal["logprobs"]] | None,
        Field(alias="include[]", description="`logprobs` adds the decoder's steps to `json`."),
    ] = None
    chunking_strategy: Annotated[
        str | None,
        Field(
            description="`auto`, or an object in brackets: `chunking_strategy[type]=server_vad` with `[threshold]`, "
            "`[prefix_padding_ms]` and `[silence_duration_ms]`."
        ),
    ] = None
    stream: Annotated[bool, Field(description="Send the text as it comes, as server-sent events.")] = False
    response_format: Annotated[
        Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"],
        Field(description="The shape of the answer; `diarized_json` tells speakers apart."),
    ] = "json"


class DiarizedForm(SpeakersForm, EnhancingForm):
    """`POST /transcribe/diarized` and `/transcribe/enhanced`: a form, or the recording with these in the address."""

    file: Annotated[str, Field(json_schema_extra=FILE, description="The recording.")]
    model: Annotated[str, Field(description="Name or alias of a model.")] = "default"
    language: Annotated[str | None, Field(description="ISO 639-1 code of the speech.")] = None
    response_format: Annotated[
        Literal["json", "txt", "srt", "vtt", "verbose_json", "tsv", "rttm", "diarized_json"],
        Field(description="The format of the answer; `json` is our own."),
    ] = "json"


class DiarizationForm(SpeakersForm):
    """`POST /v1/audio/diarization`."""

    file: Annotated[str, Field(json_schema_extra=FILE, description="The recording.")]
    response_format: Annotated[Literal["json", "rttm"], Field(description="The shape of the answer.")] = "json"


class InferenceForm(EnhancingForm):
    """whisper.cpp's `POST /inference`."""

    file: Annotated[str, Field(json_schema_extra=FILE, description="The recording.")]
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = "json"
    language: Annotated[str, Field(description="ISO 639-1 code, or `auto`.")] = "auto"
    translate: Annotated[bool, Field(description="Into English.")] = False
    temperature: Annotated[float, Field(ge=0, le=1)] = 0.0
    prompt: str | None = None
    offset_t: Annotated[int, Field(ge=0, description="Start at this millisecond.")] = 0
    duration: Annotated[int, Field(ge=0, description="Take this many milliseconds; 0 takes all.")] = 0
    vad_threshold: Annotated[float | None, Field(gt=0, lt=1)] = None
    diarize: Annotated[bool, Field(description="Tell speakers apart, by their voices.")] = False
    tinydiarize: Annotated[bool, Field(description="The same.")] = False
    max_len: Annotated[int, Field(ge=0, description="Characters of a subtitle line; 0 for the usual 42.")] = 0


class ModelCard(BaseModel):
    """One model, as OpenAI's API lists it."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class ModelList(BaseModel):
    """All models."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class ModelDetail(BaseModel):
    """One model with what it can do; `size` is in bytes, `loading_s` says for how long it has been loading."""

    name: str
    aliases: list[str]
    languages: list[str]
    format: str
    size: int
    licence: str
    about: str
    loaded: bool
    loading_s: float | None


class ModelCan(BaseModel):
    """What a loaded model can do; `languages` is null for any."""

    languages: list[str] | None
    tasks: list[Task]
    word_times: bool
    logprobs: bool
    prompt: bool
    hotwords: bool
    temperature: bool
    detects_language: bool


class ModelAbilities(ModelDetail):
    """One model, loaded, and what it can do."""

    can: ModelCan


class ModelDetails(BaseModel):
    """All models, and which one `default` is."""

    models: list[ModelDetail]
    default: str


class EngineState(BaseModel):
    """One engine, and why it can't be used here if it can't."""

    name: str
    usable: bool
    why_not: str | None


class LoadedModel(BaseModel):
    """One model in memory, who uses it, and why it runs the way it does; `size` is the memory it takes, in bytes."""

    model: str
    engine: str
    device: str
    workers: int
    why: str
    users: int
    waiting: int
    idle_s: float
    size: int
    load_s: float


class LoadingModel(BaseModel):
    """One model that is being loaded; `expected_s` is what its last load took."""

    model: str
    engine: str
    elapsed_s: float
    expected_s: float | None


class Choice(BaseModel):
    """How a model runs here: the ways in which it can, the preferred one first, and why others can't."""

    model: str
    plans: list[Plan]
    why_not: list[str]


class DeviceInfo(BaseModel):
    """This machine and what runs on it; `memory`, and what models may take of it, in bytes. Unknown is 0 or null."""

    version: str
    system: str
    processor: str
    architecture: str
    features: list[str]
    cores: int
    logical: int
    physical: int
    fast: int
    memory: int
    model_memory: int | None
    devices: list[Device]
    notes: list[Note]
    readings: Readings
    device_readings: list[DeviceReading]
    power: Power
    engines: list[EngineState]
    choices: list[Choice]
    loaded: list[LoadedModel]
    loading: list[LoadingModel]


class TurnOf(BaseModel):
    """One turn; times in seconds."""

    start: float
    end: float
    speaker: str


class SpeakerOf(BaseModel):
    """One speaker: `speaker` is the name, or the id where there is none."""

    id: str
    speaker: str
    speech_s: float
    confidence: float | None


class NoticeOf(BaseModel):
    """Something the reader should know."""

    code: str
    message: str


class TurnList(BaseModel):
    """Who spoke when. `segments` overlap where people do; of `exclusive` there is one at any time."""

    task: Literal["diarize"] = "diarize"
    duration: float
    num_speakers: int
    segments: list[TurnOf]
    exclusive: list[TurnOf]
    speakers: list[SpeakerOf]
    method: str
    notices: list[NoticeOf]


class ErrorDetail(BaseModel):
    """What went wrong and what to do."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorBody(BaseModel):
    """An error of a `/v1` route."""

    error: ErrorDetail


class PlainError(BaseModel):
    """An error of the other routes."""

    error: str
    code: str


class DeepgramError(BaseModel):
    """An error of `/v1/listen`."""

    err_code: str
    err_msg: str
    request_id: str
    code: str


def form_document(form: type[BaseModel]) -> dict[str, JsonValue]:
    """The OpenAPI request body of a multipart form."""
    schema = form.model_json_schema(by_alias=True)
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
