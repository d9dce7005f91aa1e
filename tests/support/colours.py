"""Voices made up from numbers, and a diarizer that tells sounds apart by their colour."""

from itertools import pairwise

import numpy as np
from typing_extensions import override

from earwitness.archive.person import Voiceprint
from earwitness.audio import decode
from earwitness.config import Settings
from earwitness.kit import Kit
from earwitness.parts import Crowd, Diarizer, Hearing
from earwitness.types import Audio, Diarization, Speaker
from support import sounds, whisper

MODEL = "colours"


def heard(seed: int, *, speech_s: float = 10.0, origin: str = "clip", size: int = 16, model: str = MODEL) -> Voiceprint:
    """A voice, the same for the same seed; those of different seeds have little in common."""
    values = np.random.default_rng(seed).normal(size=size)
    values = (values / np.linalg.norm(values)).astype(np.float32)
    return Voiceprint(tuple(values.tolist()), model, speech_s, origin)


def near(voice: Voiceprint, cosine: float, seed: int = 99) -> tuple[float, ...]:
    """An embedding at a given cosine from a voice."""
    own = np.array(voice.embedding)
    other = np.random.default_rng(seed).normal(size=len(own))
    other -= (other @ own) * own
    other /= np.linalg.norm(other)
    return tuple((cosine * own + np.sqrt(1 - cosine**2) * other).tolist())


class Colours:
    """A diarizer for tests: the embedding is the share of each band of frequencies. It hears `crowd` speakers."""

    embeds = MODEL

    def __init__(self, crowd: int = 1) -> None:
        self.crowd = crowd

    def begin(self) -> Hearing:
        """A recording that was not heard yet."""
        return _Heard(self.crowd)

    def voice(self, audio: Audio) -> tuple[float, ...] | None:
        """The embedding; None for sound that is hardly there."""
        power = np.abs(np.fft.rfft(audio.samples, 1 << 20)) ** 2
        edges = np.geomspace(80, 7000, 25) / 8000 * len(power)
        bands = np.log(np.array([power[int(a) : int(b)].mean() for a, b in pairwise(edges)]) + 1e-9)
        steps = np.diff(bands)
        bands = np.sign(steps) * steps**2  # the sharp edges are what voices differ in
        length = float(np.linalg.norm(bands))
        return tuple((bands / length).tolist()) if length > 1e-3 else None


class KitOfColours(Kit):
    """A kit whose diarizer goes by colours."""

    def __init__(self, settings: Settings, crowd: int = 1) -> None:
        super().__init__(settings)
        self.crowd = crowd

    @override
    def diarizer(self, name: str = "auto") -> Diarizer:
        """The same for any name."""
        return Colours(self.crowd)


def spoken(reader: str, first: int, count: int = 3) -> bytes:
    """Some sentences of one of the voices among the test recordings, `espeak` (1 to 5) or `flite` (6 to 9)."""
    clips = [whisper.RECORDINGS / f"{n:02}_en_{reader}.wav" for n in range(first, first + count)]
    return sounds.wav(np.concatenate([decode.decode(clip).samples for clip in clips]))


class _Heard:
    """Tells as many speakers as it was told, each with an equal share; several have made up voices."""

    def __init__(self, crowd: int) -> None:
        self.crowd, self.seconds = crowd, 0.0

    def hear(self, audio: Audio) -> None:
        """Count the seconds."""
        self.seconds += audio.duration_s

    def tell(self, crowd: Crowd) -> Diarization:
        """The speakers."""
        share = self.seconds / max(self.crowd, 1)
        voices = [heard(i, size=24).embedding if self.crowd > 1 else () for i in range(self.crowd)]
        return Diarization(speakers=tuple(Speaker(f"S{i + 1}", share, voice=v) for i, v in enumerate(voices)))
