"""What the models page is told and sends."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Form = Annotated[str, Field(pattern="^(base|ctranslate2|ggml|onnx|openvino|mlx)$")]


class WayTold(BaseModel):
    """A way to run a model here, and what was measured of it: `speed` in seconds of sound a second."""

    engine: str
    model: str
    device: str
    workers: int
    why: str
    speed: float | None = None
    first_s: float | None = None
    memory: int | None = None
    agreement: float | None = None
    sound: bool = True
    error: str = ""
    at: str = ""


class FormTold(BaseModel):
    """A model in one format on this machine."""

    name: str
    format: str
    precision: str
    size: int
    source: str
    revision: str


class LoadedTold(BaseModel):
    """A model in memory."""

    model: str
    engine: str
    device: str
    size: int
    users: int
    waiting: int
    idle_s: float


class ModelTold(BaseModel):
    """A model that is here in one or more formats; `many` languages where they are not told one by one.

    `package` is what it comes with where it is not in the model directory. `ways` are ordered, the one that is used
    first.
    """

    name: str
    aliases: list[str]
    languages: list[str]
    many: int
    licence: str
    parameters: Annotated[int | None, Field(description="In millions.")]
    about: str
    package: str
    forms: list[FormTold]
    ways: list[WayTold]
    why_not: list[str]
    loading: bool
    loaded: list[LoadedTold]


class KnownTold(BaseModel):
    """A model that can be fetched by name: `languages` how many, `size` in bytes, 0 where nobody looked."""

    name: str
    repository: str
    languages: int
    parameters: int
    size: int
    licence: str
    here: bool


class ErrandTold(BaseModel):
    """A model that is fetched (`pull`: bytes) or measured (`bench`: ways): `done` of `total`."""

    id: str
    what: str
    name: str
    to: str
    revision: str
    made_s: float
    state: str
    step: str
    done: int
    total: int
    began_s: float | None
    ended_s: float | None
    code: str
    error: str
    remedy: str


class Memory(BaseModel):
    """Bytes that the loaded models take, and may take."""

    used: int
    limit: int | None


class Models(BaseModel):
    """Everything about the models of an installation; `read_as` are the formats that an engine here reads."""

    default: str
    models: list[ModelTold]
    known: list[KnownTold]
    errands: list[ErrandTold]
    memory: Memory
    disk_free: int
    read_as: list[str]


class Named(BaseModel):
    """A model by its name or an alias."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)]


class Pulling(Named):
    """A model of the hub: its name, such as whisper-base, or OWNER/NAME; and the format into which it is brought."""

    to: Form | None = None
    revision: Annotated[str, Field(max_length=200)] = ""


class Unloaded(BaseModel):
    """How many there were in memory."""

    unloaded: int


class Gone(BaseModel):
    """Full names of what is gone, and bytes that are free for it."""

    removed: list[str]
    freed: int
