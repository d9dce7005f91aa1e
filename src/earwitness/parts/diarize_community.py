"""The embedded diarizer: pyannote's community-1 networks with a loop of our own, torch-free and token-free.

Overlap is heard, embeddings come from stretches with one voice, every moment is judged by four windows. Keeps activity
and embeddings of what was heard, never the sound: some 4 MB an hour. Knows nothing of words.

Source: see `voices/`; how it was chosen and what it reaches: `docs/accuracy.md` and `docs/decisions/0006`.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from earwitness.audio import timebase
from earwitness.errors import BadInput
from earwitness.parts import Crowd, Diarizer, Hearing
from earwitness.parts.voices import clusters, library, timeline
from earwitness.parts.voices.frames import BLOCK, Networks, Window
from earwitness.parts.voices.library import Floats
from earwitness.types import Audio, Diarization, Notice, Samples, Speaker, Turn

NAME = "community"
LEAST_VOICE_S = 1.0
SURE = 0.6
"""Difference of cosines, between a speaker's own voice and the next one, at which there is no doubt."""


@dataclass(slots=True, eq=False)
class Heard:
    """What was heard of one recording."""

    networks: Networks
    end_s: float | None = None
    """Of the sound so far; None before any."""
    pending: Samples = field(default_factory=lambda: np.zeros(0, np.float32))
    """Sound from the last block on whose windows are not done."""
    features: Floats | None = None
    """Of the first block of it, where they are known."""
    windows: list[Window] = field(default_factory=list)

    def hear(self, audio: Audio) -> None:
        """See `Hearing.hear`. Raises BadInput for sound that does not follow what came before."""
        if self.end_s is not None and abs(audio.start_s - self.end_s) > timebase.seconds(1):
            raise BadInput(f"sound at {audio.start_s:.3f} s does not follow what ended at {self.end_s:.3f} s")
        self.end_s = audio.end_s
        self.pending = np.concatenate([self.pending, audio.samples])
        while len(self.pending) >= 2 * BLOCK:
            found, self.features = self._block(self.pending, self.features)
            self.windows += found
            self.pending = self.pending[BLOCK:]

    def tell(self, crowd: Crowd) -> Diarization:
        """See `Hearing.tell`."""
        windows = [*self.windows, *self._rest()]
        stretches = [s for w in windows for s in w.stretches]
        voices = np.array([s.voice for s in stretches], np.float32).reshape(-1, 256)
        seconds = np.array([s.duration_s for s in stretches])
        found = clusters.speakers(voices, seconds, crowd, self.networks.pieces)
        active, leading = timeline.turns(windows, found, self.end_s or 0.0)
        names = _names([who for who, _ in active])
        sure = _sure(voices, seconds, found)
        heard_s = dict.fromkeys(names, 0.0)
        for who, turn in active:
            heard_s[who] += turn.end_s - turn.start_s
        speakers = [
            Speaker(name, round(heard_s[who], 3), sure.get(who), voice=tuple(clusters.unit(found[who]).tolist()))
            for who, name in names.items()
        ]
        return Diarization(
            turns=tuple(Turn(t.start_s, t.end_s, names[who]) for who, t in active),
            exclusive=tuple(Turn(t.start_s, t.end_s, names[who]) for who, t in leading if who in names),
            speakers=tuple(speakers),
            method=NAME,
            notices=_notices(crowd, len(speakers)),
        )

    def _block(self, left: Samples, features: Floats | None) -> tuple[list[Window], Floats]:
        """The windows that begin in the first block of what is left, and the second block's features."""
        sound, heard = np.zeros(2 * BLOCK, np.float32), min(len(left), 2 * BLOCK)
        sound[:heard] = left[:heard]
        now = features if features is not None else self.networks.features(sound[:BLOCK], min(heard, BLOCK))
        rest = heard - BLOCK
        after = self.networks.features(sound[BLOCK:], rest) if rest > 0 else np.zeros_like(now)
        at_s = (self.end_s or 0.0) - timebase.seconds(len(left))
        return list(self.networks.windows(sound, np.concatenate([now, after], axis=1), at_s, heard)), after

    def _rest(self) -> list[Window]:
        """The windows of the sound that is left, as if silence followed."""
        found, left, features = list[Window](), self.pending, self.features
        while len(left):
            fresh, features = self._block(left, features)
            found += fresh
            left = left[BLOCK:]
        return found


class Community:
    """The loaded diarizer."""

    embeds = "wespeaker-resnet34-community-1"

    def __init__(self, networks: Networks) -> None:
        self._networks = networks

    def begin(self) -> Hearing:
        """See `Diarizer.begin`."""
        return Heard(self._networks)

    def voice(self, audio: Audio) -> tuple[float, ...] | None:
        """See `Diarizer.voice`. Whoever else is heard in the clip becomes part of it."""
        heard = Heard(self._networks)
        heard.hear(audio)
        found = heard.tell(Crowd(count=1)).speakers
        return found[0].voice if found and found[0].speech_s >= LEAST_VOICE_S else None


def _names(order: list[int]) -> dict[int, str]:
    """Ids by speaker, in the order of first speaking."""
    return {who: f"S{n}" for n, who in enumerate(dict.fromkeys(order), 1)}


def _sure(voices: Floats, seconds: NDArray[np.float64], speakers: Floats) -> dict[int, float]:
    """How well each speaker's stretches stand apart from the other speakers, from 0 to 1; none where there is one."""
    if len(speakers) < 2:
        return {}
    near = clusters.alike(voices, speakers)
    whose, ranked = near.argmax(1), np.sort(near, axis=1)
    margin = np.clip((ranked[:, -1] - ranked[:, -2]) / SURE, 0.0, 1.0)
    found = {}
    for who in range(len(speakers)):
        mine = whose == who
        if mine.any():
            found[who] = round(float(np.average(margin[mine], weights=seconds[mine])), 3)
    return found


def _notices(crowd: Crowd, found: int) -> tuple[Notice, ...]:
    """What was wished for and could not be done."""
    wanted = crowd.count or crowd.least
    if wanted and found < wanted:
        said = f"{wanted} speakers were asked for, and {found} could be told apart in the recording"
        return (Notice("fewer_speakers", said),)
    return ()


class _Spec:
    name = NAME
    does = "diarizer"
    languages: tuple[str, ...] = ()

    def missing(self) -> str | None:
        return library.missing()

    def load(self) -> Diarizer:
        return Community(Networks(library.read()))


spec = _Spec()
