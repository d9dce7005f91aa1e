"""The test double that ships with the package: an engine without a model, for tests of everything around engines.

It writes one word for each tenth of a second that is not silent, named after the loudness, so that equal sound gives
equal text and every cut shows. It can be told to be slow, to fail on silence, and what it claims to be able to do.
"""

import time
from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from earwitness.audio import timebase
from earwitness.engines import Engine, honour
from earwitness.errors import EngineFailed
from earwitness.types import Can, Clip, Device, Machine, ModelFiles, Segment, Token, Word

STEP = timebase.RATE // 10
NAMES = ("hush", "low", "mid", "high", "loud")


class Options(BaseModel):
    """How the double behaves. `fail_above`: clips whose peak is over it break; `delay_s`: time of a call."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    delay_s: float = 0.0
    fail_above: float | None = None
    languages: tuple[str, ...] | None = ("en", "de")
    max_clip_s: float = 30.0
    batch: int = 4


class Fake:
    """The double. `calls` counts the clips of each call, for tests of batching."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.calls: list[int] = []
        self.closed = False
        self.can = Can(
            languages=options.languages,
            tasks=("transcribe", "translate"),
            word_times=True,
            logprobs=True,
            prompt=True,
            hotwords=True,
            temperature=True,
            detects_language=True,
            max_clip_s=options.max_clip_s,
            batch=options.batch,
            parallel=True,
        )

    def transcribe(self, clips: Sequence[Clip]) -> list[tuple[Segment, ...]]:
        """One segment a clip that is not silent. See `Engine.transcribe`."""
        self.calls.append(len(clips))
        time.sleep(self._options.delay_s)
        return [self._one(clip) for clip in clips]

    def close(self) -> None:
        """Remembers that it was closed."""
        self.closed = True

    def _one(self, clip: Clip) -> tuple[Segment, ...]:
        ask = honour(clip.ask, self.can)[0]
        sound = clip.audio.samples
        limit = self._options.fail_above
        if limit is not None and len(sound) and float(np.abs(sound).max()) > limit:
            raise EngineFailed("the double was told to fail on loud clips")
        words = []
        for low in range(0, len(sound), STEP):
            loudness = float(np.abs(sound[low : low + STEP]).max())
            if loudness >= 0.001:
                start = timebase.seconds(clip.audio.start + low)
                end = timebase.seconds(min(clip.audio.end, clip.audio.start + low + STEP))
                words.append(Word(NAMES[min(4, int(loudness * 5))], start, end, 0.9))
        if not words:
            return ()
        tokens = tuple(Token(i, f" {w.text}".encode(), -0.1) for i, w in enumerate(words))
        return (
            Segment(
                words[0].start_s,
                words[-1].end_s,
                " ".join(w.text for w in words),
                language=ask.language or "en",
                words=tuple(words) if ask.word_times else (),
                tokens=tokens,
                token_ids=tuple(t.id for t in tokens),
                avg_logprob=-0.1,
                confidence=0.9,
                temperature=ask.temperature,
            ),
        )


class _Spec:
    name = "fake"
    formats: tuple[str, ...] = ("fake",)
    libraries: tuple[str, ...] = ()
    Options: type[BaseModel] = Options

    def missing(self) -> str | None:
        return None

    def devices(self, machine: Machine) -> tuple[Device, ...]:
        return tuple(d for d in machine.devices if d.kind == "cpu")

    def load(self, files: ModelFiles, device: Device, options: BaseModel) -> Engine:
        return Fake(options if isinstance(options, Options) else Options())


spec = _Spec()
