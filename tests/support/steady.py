"""An engine whose words follow from the clip alone: for laws about what is around it."""

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from earwitness.errors import EngineFailed
from earwitness.types import Can, Clip, Segment


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
        return [self._one(clip) for clip in clips]

    def close(self) -> None:
        self.gate.set()

    def _one(self, clip: Clip) -> tuple[Segment, ...]:
        loud = clip.audio.samples.nonzero()[0]
        first, last = (int(loud[0]), int(loud[-1])) if len(loud) else (0, 0)
        if clip.audio.start + first in self.breaks:
            raise EngineFailed("this clip can't be done")
        dice = random.Random(f"{clip.audio.start + first} {last - first} {float(abs(clip.audio.samples).sum()):.3f}")
        words = [f"w{dice.randrange(1000)}" for _ in range(dice.randint(1, 5))]
        return (
            Segment(clip.audio.start_s, clip.audio.end_s, " ".join(words) + ".", confidence=0.95, avg_logprob=-0.1),
        )
