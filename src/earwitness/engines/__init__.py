"""Engines: the Protocols they follow. Each runtime is one file beside this one, at most 150 lines.

An engine takes a batch of clips and returns segments for each, in order, with absolute times. It is blocking, keeps
nothing of one call for the next, and never resamples, downloads, formats or cuts: longer clips than `can.max_clip_s`
are the recognise stage's business. Its entry point in the group `earwitness.engines` names a Spec, and importing that
imports nothing heavy.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from pydantic import BaseModel

from earwitness.errors import Unsupported
from earwitness.types import Ask, Audio, Can, Clip, Device, Machine, ModelFiles, Segment


class Engine(Protocol):
    """A loaded recogniser, shared by everybody and used only from its lane."""

    @property
    def can(self) -> Can:
        """What it can do, as data."""
        ...

    def transcribe(self, clips: Sequence[Clip]) -> Sequence[tuple[Segment, ...]]:
        """Segments of each clip, in the order of the clips, times absolute.

        Raises:
            Unsupported: an Ask has a wish outside `can` that is not marked optional.
            EngineFailed: the runtime broke.
        """
        ...

    def close(self) -> None:
        """Give back memory and devices; calling it twice is fine."""
        ...


class Stream(Protocol):
    """One live recognition, an utterance at a time. Belongs to one session, and is called by one thread at a time."""

    def hear(self, audio: Audio) -> tuple[Segment, ...]:
        """Go on by some sound, which follows what came before; the text of the utterance so far, which may change."""
        ...

    def end(self) -> tuple[Segment, ...]:
        """The utterance is over: what `transcribe` gives for a clip of all its sound, however that was cut.

        The sound that comes next begins another one. Raises EngineFailed, as `hear` does.
        """
        ...

    def close(self) -> None:
        """Give back what it holds, also in the middle of an utterance; the engine is still there."""
        ...


@runtime_checkable
class Streaming(Engine, Protocol):
    """An engine that recognises while one speaks, rather than the whole utterance again and again: `can.streams`.

    Where `can.parallel` is true, its streams may be used beside each other and beside `transcribe`.
    """

    def open(self, ask: Ask) -> Stream:
        """A stream of its own for a session, cheap enough to be opened for each. Raises what `transcribe` raises."""
        ...


class Spec(Protocol):
    """What an entry point of the group `earwitness.engines` names."""

    name: str
    formats: tuple[str, ...]
    libraries: tuple[str, ...]
    """Packages whose version decides how fast it is."""
    Options: type[BaseModel]

    def missing(self) -> str | None:
        """Why it can't be used here, with the command that mends it, or None; found out without importing it."""
        ...

    def devices(self, machine: Machine) -> tuple[Device, ...]:
        """The devices of this machine it runs on, best first."""
        ...

    def load(self, files: ModelFiles, device: Device, options: BaseModel) -> Engine:
        """A loaded engine. Raises Missing, NotFound or EngineFailed."""
        ...


@runtime_checkable
class External(Protocol):
    """A Spec whose engine is a program that somebody named, and may replace."""

    def program(self) -> Path | None:
        """Where it is; None where none is named."""
        ...


def honour(ask: Ask, can: Can) -> tuple[Ask, tuple[str, ...]]:
    """The Ask without the hints an engine lacks, and their names.

    Raises Unsupported for a wish outside `can` that is not optional, and for languages of which the engine knows none:
    text in another one would be no answer.
    """
    dropped: list[str] = []

    def check(name: str, asked: bool, possible: bool, what: str) -> None:
        if not asked or possible:
            return
        if name not in ask.optional:
            raise Unsupported(f"this model cannot give {what}", param=name)
        dropped.append(name)

    if ask.language is not None and can.languages is not None and ask.language not in can.languages:
        known = ", ".join(can.languages)
        if "language" not in ask.optional:
            raise Unsupported(
                f"this model does not know the language {ask.language!r}, only: {known}", param="language"
            )
        dropped.append("language")
    if ask.languages and can.languages is not None and not set(ask.languages) & set(can.languages):
        known = ", ".join(can.languages)
        raise Unsupported(f"this model knows none of the languages given, only: {known}", param="languages")
    check("languages", ask.languages not in {(), can.languages}, can.detects_language, "a choice of languages")
    check("task", ask.task not in can.tasks, False, f"the task {ask.task!r}")
    check("word_times", ask.word_times, can.word_times, "times of single words")
    check("logprobs", ask.logprobs, can.logprobs, "log-probabilities")
    check("prompt", bool(ask.prompt), can.prompt, "heed to a prompt")
    check("hotwords", bool(ask.hotwords), can.hotwords, "heed to hotwords")
    check("temperature", ask.temperature > 0, can.temperature, "sampling with a temperature")
    plain = Ask()
    changes = {name: getattr(plain, name) for name in dropped}
    return (replace(ask, **changes) if dropped else ask), tuple(dropped)
