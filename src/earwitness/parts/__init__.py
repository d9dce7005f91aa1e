"""Parts: model-backed helpers of the stages. Here stand their Protocols; each part is one file beside this one.

A part is blocking and synchronous, keeps no state between calls (state travels in and out), and knows `types` and
`errors` only. Its entry point in the group `earwitness.parts` names a Spec, and importing that imports nothing heavy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from earwitness.errors import BadInput
from earwitness.types import Audio, Diarization, Samples, Word

Probabilities = NDArray[np.float32]
Arrays = Mapping[str, NDArray[np.generic]]
"""Arrays of plain numbers by name."""

MARKS = ("", ",", ".", "?", "!", ":", ";")
"""What may stand after a word."""

MOST_SPEAKERS = 100
"""More than these are not told apart."""

KINDS = ("diarization", "alignment", "vad", "enhancement", "punctuation", "language")
"""Folders of the model directory in which parts find their models."""


def parts_folder(root: Path, kind: str) -> Path:
    """Where the model directory at `root` keeps the models of parts, one of `KINDS`; each in a folder of its name."""
    assert kind in KINDS
    return root / "phenome" / kind


@dataclass(frozen=True, slots=True, eq=False)
class VadState:
    """What a voice activity detector remembers of the sound before: the last samples and its memory cells."""

    tail: Samples
    memory: tuple[NDArray[np.float32], ...]


class Vad(Protocol):
    """Voice activity detection: how likely each frame holds speech. Safe to share between threads."""

    frame: int
    """Samples of one frame at 16 kHz."""

    def begin(self) -> VadState:
        """The state before any sound."""
        ...

    def probabilities(self, samples: Samples, state: VadState) -> tuple[Probabilities, VadState]:
        """Probability of speech for each frame, shape (len(samples) // frame,), and the state after them.

        `samples` holds whole frames. Any split of a recording into calls gives the same values.
        """
        ...


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many speakers there are, as far as the caller knows; None is unknown. Raises BadInput for what can't be."""

    count: int | None = None
    least: int | None = None
    most: int | None = None

    def __post_init__(self) -> None:
        for value in (self.count, self.least, self.most):
            if value is not None and not 1 <= value <= MOST_SPEAKERS:
                raise BadInput(f"{value} speakers can't be told apart", remedy=f"Give 1 to {MOST_SPEAKERS}.")
        if self.count is not None and (self.least or self.most):
            raise BadInput("the number of speakers is given exactly and as a range", remedy="Give one of them.")
        if self.least and self.most and self.least > self.most:
            raise BadInput(f"at least {self.least} speakers and at most {self.most} contradict each other")


class Hearing(Protocol):
    """One recording on its way through a diarizer. It keeps embeddings and activity, never the sound; not shared."""

    def hear(self, audio: Audio) -> None:
        """Go on by some sound, which follows what came before."""
        ...

    def tell(self, crowd: Crowd) -> Diarization:
        """Who spoke when in what was heard so far. May be called again after more was heard."""
        ...


@runtime_checkable
class Keeping(Hearing, Protocol):
    """A hearing that can be put down and taken up by another process. Others hear a recording from its start again."""

    @property
    def wants(self) -> int:
        """Position of the first sample that one which took all that was kept must hear again; asked after `hear`."""
        ...

    def keep(self) -> Arrays:
        """What was learnt since the last call; no sound."""
        ...

    def take(self, kept: Arrays) -> None:
        """Learn what another kept, call by call in its order, before anything is heard.

        Raises BadInput for what was never kept by such a part.
        """
        ...


class Diarizer(Protocol):
    """Tells speakers apart. Safe to share between threads."""

    @property
    def embeds(self) -> str:
        """The model that makes its embeddings, empty where it makes none; those of other models do not compare."""
        ...

    def begin(self) -> Hearing:
        """A recording that was not heard yet."""
        ...

    def voice(self, audio: Audio) -> tuple[float, ...] | None:
        """The embedding of the one voice in a clip, of length one; None where too little speech is in it.

        Raises Unsupported where it makes none.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Voiced:
    """The embedding of the voice that says most of an utterance, as long as the model makes it, and its seconds."""

    voice: NDArray[np.float32]
    speech_s: float


@runtime_checkable
class Ear(Protocol):
    """What a diarizer offers besides where it can follow a live session. Safe to share between threads."""

    embeds: str
    """See `Diarizer.embeds`."""

    def utterance(self, audio: Audio) -> Voiced | None:
        """The voice of an utterance, resting on what it says alone; None where nobody speaks alone."""
        ...

    def sorted(self, voices: NDArray[np.float32], seconds: NDArray[np.float64], crowd: Crowd) -> NDArray[np.int64]:
        """Which speaker each of some voices is, from 0 and in no order: shape (n,) for voices of shape (n, size)."""
        ...


class Aligner(Protocol):
    """Finds when each word of a given text is said. Safe to share between threads."""

    languages: tuple[str, ...]
    """ISO 639-1 codes."""

    def align(self, audio: Audio, words: Sequence[str]) -> tuple[Word, ...]:
        """The words, as they are printed, with their times: one Word each, in order, inside `audio`, not overlapping.

        `aligned` is False where a time was interpolated.
        """
        ...


S = TypeVar("S")


class Enhancer(Protocol[S]):
    """Changes sound, so that speech in it is understood better, and leaves it as long as it was. Safe to share."""

    unit: int
    """Samples of one step at 16 kHz."""
    delay: int
    """By how many samples what comes out is late."""

    def begin(self) -> S:
        """The state before any sound."""
        ...

    def step(self, sound: Samples, state: S) -> tuple[Samples, S]:
        """The next `unit` samples, late by `delay`, and the state after them. The state that is given stays as it is.

        Raises EngineFailed where a model breaks.
        """
        ...


class Punctuator(Protocol):
    """Says what stands after each word of a text without punctuation; it has no hand in the words. Safe to share."""

    languages: tuple[str, ...]
    """ISO 639-1 codes of those it knows; empty for all that part words by spaces."""

    def marks(self, words: Sequence[str], pauses_s: Sequence[float], language: str | None) -> tuple[str, ...]:
        """One of `MARKS` for each word. `pauses_s` are the seconds of silence after each, 0 where that is not known."""
        ...


P_co = TypeVar("P_co", covariant=True)


class PartSpec(Protocol[P_co]):
    """What an entry point of the group `earwitness.parts` names."""

    name: str
    does: str
    """The job: `vad`, `diarizer`, `aligner`, `denoiser`, `separator`, `leveller`, `punctuator`, `embedder`."""
    languages: tuple[str, ...]
    """ISO 639-1 codes of those it can be used for; empty where languages do not matter to it."""

    def missing(self) -> str | None:
        """Why it can't be used here, with the command that mends it, or None."""
        ...

    def load(self) -> P_co:
        """The loaded part. Raises Missing or EngineFailed."""
        ...


@runtime_checkable
class Licensed(Protocol):
    """A spec whose part comes with weights of others, in a package."""

    licence: str
    """Of the weights, and whose they are."""


@runtime_checkable
class Foldered(Protocol[P_co]):
    """A spec that finds further parts in the model directory."""

    def inside(self, models: Path) -> tuple[PartSpec[P_co], ...]:
        """One part for each model there."""
        ...
