"""How Whisper engines go through clips: what a model can, calls of clips that are alike, and a clip's language."""

import json
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from earwitness.engines import honour
from earwitness.engines.whisper import WINDOW_S
from earwitness.errors import EarwitnessError, EngineFailed
from earwitness.types import Ask, Can, Clip, Segment

Language = tuple[str, float | None]
"""ISO 639-1 code, and its probability where it was found out."""


class Plain(BaseModel):
    """Options of engines that can be told nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Cores(Plain):
    """What Whisper engines on processors can be told: `workers` calls run at once, each with `threads` cores."""

    workers: int = Field(default=1, ge=1)
    threads: int = Field(default=1, ge=1)


class Options(Cores):
    """`beam_size` above 1 searches for the likeliest text instead of taking the likeliest token at each step."""

    beam_size: int = Field(default=1, ge=1, le=10)


class Model(Protocol):
    """What a loaded model knows of itself."""

    @property
    def multilingual(self) -> bool:
        """Whether it knows other languages than English."""
        ...

    @property
    def languages(self) -> Collection[str]:
        """Codes in the model's order; none for one that knows English alone."""
        ...


def missing(extra: str, *packages: str) -> str | None:
    """Which package is not there, with the command that installs the extra, or None."""
    for package in packages:
        if not find_spec(package):
            return f"{package.strip('_')} is not installed: pip install 'earwitness[{extra}]'"
    return None


@dataclass(frozen=True, slots=True)
class Told:
    """What a model's folder tells: the size of its vocabulary, and what transformers' two files say."""

    size: int
    config: Mapping[str, Any]
    generation: Mapping[str, Any]

    @property
    def suppressed(self) -> list[int]:
        """The tokens the model never writes."""
        return [int(i) for i in self.generation.get("suppress_tokens") or ()]


def told(folder: Path, size: str = "vocab_size") -> Told:
    """What a folder tells; `size` is the name config.json has for it. Raises OSError, ValueError or KeyError."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    beside = folder / "generation_config.json"
    generation = json.loads(beside.read_text("utf-8")) if beside.is_file() else {}
    return Told(int(config[size]), config, generation)


def can(words: Model, *, batch: int, parallel: bool, max_clip_s: float = WINDOW_S) -> Can:
    """What an engine with a token loop can do with a model of that vocabulary."""
    return Can(
        languages=tuple(words.languages) or ("en",),
        tasks=("transcribe", "translate") if words.multilingual else ("transcribe",),
        word_times=True,
        logprobs=True,
        prompt=True,
        hotwords=True,
        temperature=True,
        detects_language=words.multilingual,
        max_clip_s=max_clip_s,
        batch=batch,
        parallel=parallel,
    )


def in_calls(
    clips: Sequence[Clip],
    able: Can,
    alike: Callable[[Ask], Hashable],
    call: Callable[[Sequence[Clip], Sequence[Ask]], Sequence[tuple[Segment, ...]]],
) -> list[tuple[Segment, ...]]:
    """The results of all clips in order, from calls of clips whose Asks are alike, twice the best batch at most.

    Raises Unsupported for a wish outside `able`, EngineFailed when a call breaks.
    """
    asks = [honour(clip.ask, able)[0] for clip in clips]
    groups: dict[Hashable, list[int]] = {}
    for i, ask in enumerate(asks):
        groups.setdefault(alike(ask), []).append(i)
    found: list[tuple[Segment, ...]] = [()] * len(clips)
    most = 2 * able.batch
    for part in (group[i : i + most] for group in groups.values() for i in range(0, len(group), most)):
        try:
            results = call([clips[i] for i in part], [asks[i] for i in part])
        except EarwitnessError:
            raise
        except Exception as error:
            raise EngineFailed(f"the engine failed on {len(part)} clip(s): {error}") from error
        for i, result in zip(part, results, strict=True):
            found[i] = result
    return found


def language(ask: Ask, probs: Iterable[tuple[str, float]]) -> Language:
    """The language to go on with: the one that was told, or the likeliest of those that were named, or of all."""
    if ask.language:
        return ask.language, None
    among = [(code, float(p)) for code, p in probs if not ask.languages or code in ask.languages]
    return max(among, key=lambda pair: pair[1]) if among else (ask.languages[0], None)
