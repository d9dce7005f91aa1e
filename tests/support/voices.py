"""A diarizer for tests: it tells speakers apart by the pitch of made tones, or as a script says; and a kit with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from typing_extensions import override

from earwitness.audio import timebase
from earwitness.config import Settings
from earwitness.errors import BadInput
from earwitness.kit import Kit
from earwitness.parts import Arrays, Crowd, Diarizer, Hearing
from earwitness.types import Audio, Diarization, Notice, Samples, Speaker, Turn
from support.loudness import Loudness

FRAME = timebase.RATE // 10
NOBODY = 0
LEAST_S = 0.5
"""Less sound than this has no voice."""


def pitch(frame: Samples) -> int:
    """The pitch of a tenth of a second in steps of 100 Hz, 0 where it is silent."""
    if float(np.abs(frame).max(initial=0.0)) < 0.01:
        return NOBODY
    crossings = int(np.count_nonzero(np.diff(np.signbit(frame))))
    return round(crossings * timebase.RATE / len(frame) / 2 / 100)


def embedding(step: int) -> tuple[float, ...]:
    """A direction of its own for each pitch."""
    return tuple(1.0 if i == step else 0.0 for i in range(40))


@dataclass
class Listening:
    """One recording on its way through the double. `heard` are the blocks that came."""

    script: Sequence[Turn] | None = None
    heard: list[tuple[float, float]] = field(default_factory=list)
    crowds: list[Crowd] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=list)

    def hear(self, audio: Audio) -> None:
        self.heard.append((audio.start_s, audio.end_s))
        for low in range(0, len(audio.samples), FRAME):
            self.steps.append((audio.start + low, pitch(audio.samples[low : low + FRAME])))

    def tell(self, crowd: Crowd) -> Diarization:
        self.crowds.append(crowd)
        turns = tuple(self.script) if self.script is not None else self._turns()
        ids = tuple(dict.fromkeys(t.speaker for t in turns))
        voices = {f"S{n}": embedding(step) for n, step in enumerate(self._pitches(), 1)}
        speakers = tuple(
            Speaker(i, sum(t.end_s - t.start_s for t in turns if t.speaker == i), 0.9, voice=voices.get(i, ()))
            for i in ids
        )
        return Diarization(turns, turns, speakers, "double", (Notice("double", "this is a test"),))

    def _pitches(self) -> list[int]:
        return list(dict.fromkeys(step for _, step in self.steps if step))

    def _turns(self) -> tuple[Turn, ...]:
        ids = {step: f"S{n}" for n, step in enumerate(self._pitches(), 1)}
        found: list[Turn] = []
        for at, step in self.steps:
            if step == NOBODY:
                continue
            start_s, end_s, who = timebase.seconds(at), timebase.seconds(at + FRAME), ids[step]
            if found and found[-1].speaker == who and start_s - found[-1].end_s < 0.5:
                found[-1] = Turn(found[-1].start_s, end_s, who)
            else:
                found.append(Turn(start_s, end_s, who))
        return tuple(found)


@dataclass
class Remembering(Listening):
    """One that can be put down and taken up again."""

    rest: Samples = field(default_factory=lambda: np.zeros(0, np.float32))
    end: int = 0
    kept: int = 0

    @override
    def hear(self, audio: Audio) -> None:
        if self.heard and audio.start != self.end:
            raise BadInput("this does not follow")
        whole = np.concatenate([self.rest, audio.samples])
        size = len(whole) // FRAME * FRAME
        super().hear(Audio(whole[:size], audio.start - len(self.rest)))
        self.rest, self.end = whole[size:], audio.end

    @override
    def tell(self, crowd: Crowd) -> Diarization:
        if len(self.rest):
            super().hear(Audio(self.rest, self.wants))
            self.rest = self.rest[:0]
        return super().tell(crowd)

    @property
    def wants(self) -> int:
        return self.end - len(self.rest)

    def keep(self) -> Arrays:
        fresh, self.kept = self.steps[self.kept :], len(self.steps)
        return {"steps": np.array(fresh, np.int64).reshape(-1, 2)}

    def take(self, kept: Arrays) -> None:
        self.steps += [(int(at), int(step)) for at, step in kept["steps"].tolist()]
        self.kept = len(self.steps)


@dataclass
class Double:
    """The diarizer. `begun` are the recordings it was given."""

    embeds = "pitches"

    script: Sequence[Turn] | None = None
    begun: list[Listening] = field(default_factory=list)
    remembers: bool = False

    def begin(self) -> Hearing:
        self.begun.append(Remembering(self.script) if self.remembers else Listening(self.script))
        return self.begun[-1]

    def voice(self, audio: Audio) -> tuple[float, ...] | None:
        steps = [pitch(audio.samples[low : low + FRAME]) for low in range(0, len(audio.samples), FRAME)]
        sounding = [step for step in steps if step]
        if len(sounding) * timebase.seconds(FRAME) < LEAST_S:
            return None
        return embedding(max(set(sounding), key=sounding.count))


class Hearer(Kit):
    """A kit whose diarizer is the double, whatever its name."""

    double: Double

    @override
    def diarizer(self, name: str = "auto") -> Diarizer:
        return self.double


def hearer(settings: Settings) -> Hearer:
    """A kit with the double, in which loud sound is speech."""
    kit = Hearer(settings)
    kit.vad, kit.double = Loudness(), Double()
    return kit
