"""Every domain value of the package: frozen, with slots, made of tuples and plain numbers.

Times called `*_s` are float seconds from the start of the recording. Sample positions (`start`, `end` of `Span`,
`Audio` and `Clip`) are ints at 16 kHz from the same start. This module knows no engine, file, format or wire.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from earwitness.audio import timebase
from earwitness.errors import BadInput

Samples = NDArray[np.float32]
Task = Literal["transcribe", "translate"]
Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None


# ── sound ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a recording, in sample positions; `end` is not part of it."""

    start: int
    end: int

    @property
    def start_s(self) -> float:
        return timebase.seconds(self.start)

    @property
    def end_s(self) -> float:
        return timebase.seconds(self.end)

    @property
    def duration_s(self) -> float:
        return timebase.seconds(self.end - self.start)


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """Sound: `samples` are 16 kHz mono float32, shape (n,), nominally within ±1, read-only; `start` is their position.

    Raises BadInput for any other dtype or shape.
    """

    samples: Samples
    start: int = 0

    def __post_init__(self) -> None:
        if self.samples.dtype != np.float32 or self.samples.ndim != 1:
            raise BadInput(f"Audio wants float32 of shape (n,), got {self.samples.dtype} {self.samples.shape}")
        view = self.samples.view()
        view.flags.writeable = False
        object.__setattr__(self, "samples", view)

    @property
    def end(self) -> int:
        return self.start + len(self.samples)

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)

    @property
    def start_s(self) -> float:
        return timebase.seconds(self.start)

    @property
    def end_s(self) -> float:
        return timebase.seconds(self.end)

    @property
    def duration_s(self) -> float:
        return timebase.seconds(len(self.samples))


@dataclass(frozen=True, slots=True)
class Ask:
    """What the caller wants. Fields named in `optional` are hints: an engine that lacks them goes on without."""

    language: str | None = None
    """ISO 639-1 code of the speech; None lets the engine find out."""
    languages: tuple[str, ...] = ()
    """Codes the speech may be in, for engines that find out."""
    task: Task = "transcribe"
    prompt: str | None = None
    hotwords: tuple[str, ...] = ()
    temperature: float = 0.0
    word_times: bool = False
    logprobs: bool = False
    optional: frozenset[str] = frozenset({"prompt", "hotwords", "temperature", "languages"})


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A span of Audio plus an Ask: the unit that an engine recognises."""

    audio: Audio
    ask: Ask = Ask()


# ── text ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Token:
    """One step of a decoder: `raw` are its bytes (part of a character, at times), `logprob` is natural."""

    id: int
    raw: bytes
    logprob: float

    @property
    def text(self) -> str:
        return self.raw.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Word:
    """A printed word and when it was said; `aligned` is False where the time was interpolated."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None
    aligned: bool = True
    speaker: str | None = None
    """Id of a Speaker; None where nobody was told apart, or it can't be said."""


def compression_ratio(text: str) -> float:
    """Bytes of the UTF-8 text over bytes of it compressed by zlib; 0 for no text, and over 2.4 for loops.

    Source: Radford et al., 2022 (arXiv 2212.04356), section 4.5.
    """
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of text with its times. `marks` are short codes for what happened to it, such as `loop_cut`."""

    start_s: float
    end_s: float
    text: str
    language: str | None = None
    words: tuple[Word, ...] = ()
    tokens: tuple[Token, ...] = ()
    """The decoder's steps, where an engine has them; a transcript keeps them only when asked for `logprobs`."""
    token_ids: tuple[int, ...] = ()
    avg_logprob: float | None = None
    """Mean natural log-probability of the tokens, the end mark included."""
    confidence: float | None = None
    """0 to 1; how likely the words are right, on the engine's own scale."""
    no_speech_prob: float | None = None
    """How likely nobody speaks: the model's own value where it gives one, else what the detector of speech says."""
    language_prob: float | None = None
    """How likely the language is, where the engine found it out."""
    temperature: float = 0.0
    marks: tuple[str, ...] = ()
    speaker: str | None = None

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s

    @property
    def compression_ratio(self) -> float:
        """That of the text; see the function of the same name."""
        return compression_ratio(self.text)


# ── who ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Turn:
    """One speaker's uninterrupted stretch; `speaker` is the id of a Speaker."""

    start_s: float
    end_s: float
    speaker: str


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice within one recording. Ids are `S1`, `S2` … in the order of first speaking, and never change."""

    id: str
    speech_s: float = 0.0
    confidence: float | None = None
    """0 to 1; how well this voice stands apart from the others of the recording."""
    name: str | None = None
    person: str | None = None
    """Id of the Person it was recognised as."""
    voice: tuple[float, ...] = ()
    """Its embedding, of length one; a transcript keeps it only when asked."""


@dataclass(frozen=True, slots=True)
class Diarization:
    """Who spoke when. `turns` may overlap where people do; in `exclusive` there is one speaker at any time."""

    turns: tuple[Turn, ...] = ()
    exclusive: tuple[Turn, ...] = ()
    speakers: tuple[Speaker, ...] = ()
    method: str = ""
    notices: tuple["Notice", ...] = ()


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A stretch whose text was held back, the reason as a code, and the words that were not given out."""

    start_s: float
    end_s: float
    reason: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the reader of a result should know: a stable code and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a recording turned out to be. `duration_s` is what its header says, or None."""

    container: str
    codec: str
    rate: int
    channels: int
    duration_s: float | None = None
    tracks: int = 1


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a transcript came about, enough to make it again."""

    earwitness: str
    engine: str
    model: str
    device: str
    recipe: Mapping[str, Json]
    source: SourceInfo | None = None
    not_honoured: tuple[str, ...] = ()
    """Names of hints in the Ask that the engine could not follow."""
    notices: tuple[Notice, ...] = ()
    methods: Mapping[str, str] = field(default_factory=dict)
    """Parts by what they did."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said, and when. `complete` is False when the work was stopped before the end of the recording."""

    segments: tuple[Segment, ...]
    duration_s: float
    language: str | None
    task: Task
    provenance: Provenance
    suppressed: tuple[Suppressed, ...] = ()
    complete: bool = True
    turns: tuple[Turn, ...] = ()
    speakers: tuple[Speaker, ...] = ()

    @property
    def text(self) -> str:
        """The segments' text joined by single spaces."""
        return " ".join(s.text for s in self.segments)


# ── engines, models and machines ─────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Can:
    """What a loaded engine can do, as data."""

    languages: tuple[str, ...] | None
    """ISO 639-1 codes, or None for any."""
    tasks: tuple[Task, ...] = ("transcribe",)
    word_times: bool = False
    logprobs: bool = False
    prompt: bool = False
    hotwords: bool = False
    temperature: bool = False
    detects_language: bool = False
    max_clip_s: float = 30.0
    batch: int = 1
    """Clips a call where speed stops to grow; more are accepted."""
    parallel: bool = False
    """True when `transcribe` may run in several threads at once."""
    streams: bool = False
    """True for one that recognises an utterance while it is said: it has streams of its own, see `Streaming`."""


@dataclass(frozen=True, slots=True)
class Device:
    """One thing that computes: `kind` is cpu, gpu or npu. What changes while it works stands in a `DeviceReading`."""

    kind: Literal["cpu", "gpu", "npu"]
    name: str
    index: int = 0
    """Among those of its kind and vendor, as their runtime counts."""
    vendor: str = ""
    """`nvidia`, `amd`, `intel`, `apple`; empty for processors."""
    memory: int = 0
    """Bytes of its own; 0 where it shares the machine's or nothing tells."""
    arch: str = ""
    """Compute capability (`9.0`), target (`gfx1100`), chip (`M2 Pro`) or architecture (`x86_64`)."""
    driver: str = ""
    apis: tuple[str, ...] = ()
    """What reaches it: `cuda`, `rocm`, `openvino`, `metal`, `coreml`."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something about the machine that a person should know, and what to do about it."""

    about: str
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the probe found: `cores` this process may really use, memory in bytes. Unknown is 0 or empty."""

    system: str
    processor: str
    cores: int
    memory: int
    devices: tuple[Device, ...]
    architecture: str = ""
    features: tuple[str, ...] = ()
    """Instructions of the processor that matter to runtimes, such as `avx2` and `dotprod`."""
    logical: int = 0
    """Processors that the system shows, whoever may use them."""
    physical: int = 0
    """Cores behind the processors this process may use."""
    fast: int = 0
    """How many of the processors are of the fast kind, where there are two."""
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Readings:
    """What changes while the machine runs; None is unknown. Memory in bytes, `charge` from 0 to 1, heat in °C."""

    available: int | None = None
    on_battery: bool | None = None
    charge: float | None = None
    temperature_c: float | None = None
    critical_c: float | None = None
    """Where the system stops itself."""
    throttled: bool | None = None


@dataclass(frozen=True, slots=True)
class DeviceReading:
    """What changes on a device, named by kind, vendor and index; None is unknown."""

    kind: Literal["cpu", "gpu", "npu"]
    vendor: str
    index: int
    free: int | None = None
    temperature_c: float | None = None
    power_limit_w: float | None = None


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on disk: its name, its format, and its files by role."""

    name: str
    format: str
    files: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """The engine, model, device and workers chosen for the work, and why in words.

    Workers follow the power profile, so Plans that differ in them alone are equal: the loaded model serves both.
    """

    engine: str
    model: str
    device: Device
    workers: int = field(compare=False)
    why: str = field(compare=False)
    fell_from: tuple[str, ...] = ()
    """What stood before it and could not be loaded, each with its reason."""
