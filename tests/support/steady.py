"""An engine whose words follow from the clip alone: for laws about what is around it."""

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from earwitness.errors import EngineFailed
from earwitness.types import Ask, Audio, Can, Clip, Segment


@dataclass
class Steady:
    """Says one to five words for each clip, always the same for the same sound; `breaks` names clips it can't do.

    Shut `gate` to let clips wait.
    """

    can: Can = field(default_factory=lambda: Can(languages=("en",), max_clip_s=30.0, batch=3, parallel=True))
    breaks: tuple[int, ...] = ()
    """First samples of clips, without the silence before them."""
    heard: list[Clip] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()

    def transcribe(self, clips: Sequence[Clip]) -> list[tuple[Segment, ...]]:
        self.gate.wait(20.0)
        self.heard += clips
        return [self.said(clip) for clip in clips]

    def close(self) -> None:
        self.gate.set()

    def said(self, clip: Clip) -> tuple[Segment, ...]:
        loud = clip.audio.samples.nonzero()[0]
        first, last = (int(loud[0]), int(loud[-1])) if len(loud) else (0, 0)
        if clip.audio.start + first in self.breaks:
            raise EngineFailed("this clip can't be done")
        dice = random.Random(f"{clip.audio.start + first} {last - first} {float(abs(clip.audio.samples).sum()):.3f}")
        words = [f"w{dice.randrange(1000)}" for _ in range(dice.randint(1, 5))]
        return (
            Segment(clip.audio.start_s, clip.audio.end_s, " ".join(words) + ".", confidence=0.95, avg_logprob=-0.1),
        )


@dataclass
class Flowing(Steady):
    """One that recognises while one speaks, by streams that say the same; they know when they are used wrongly."""

    can: Can = field(
        default_factory=lambda: Can(languages=("en",), max_clip_s=30.0, batch=3, parallel=True, streams=True)
    )
    streams: "list[Flow]" = field(default_factory=list)

    def open(self, ask: Ask) -> "Flow":
        self.streams.append(Flow(self))
        return self.streams[-1]


@dataclass
class Flow:
    """A stream of a `Flowing`, and how often it was asked for what."""

    engine: Flowing
    sound: list[Audio] = field(default_factory=list)
    heard: int = 0
    ended: int = 0
    closed: bool = False

    def __post_init__(self) -> None:
        self._busy = threading.Lock()

    def hear(self, audio: Audio) -> tuple[Segment, ...]:
        with self._alone():
            self.engine.gate.wait(20.0)
            assert not self.sound or audio.start == self.sound[-1].end
            self.heard += 1
            self.sound.append(audio)
            return self._said()

    def end(self) -> tuple[Segment, ...]:
        with self._alone():
            self.ended += 1
            found = self._said()
            self.sound.clear()
            return found

    def close(self) -> None:
        with self._alone():
            self.closed = True

    def _said(self) -> tuple[Segment, ...]:
        whole = np.concatenate([a.samples for a in self.sound])
        return self.engine.said(Clip(Audio(whole, self.sound[0].start)))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        assert not self.closed
        assert self._busy.acquire(blocking=False), "one thread at a time"
        try:
            yield
        finally:
            self._busy.release()
