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
from earwitness.parts import Arrays, Crowd, Diarizer, Hearing, Voiced
from earwitness.parts.voices import clusters, keep, library, timeline
from earwitness.parts.voices.frames import BLOCK, FRAME_S, HOP, JUDGED, Activity, Networks, Stretch, Window, runs
from earwitness.parts.voices.library import Floats
from earwitness.parts.voices.told import told
from earwitness.types import Audio, Diarization, Samples

NAME = "community"
BLOCK_S = timebase.seconds(BLOCK)
EDGE_S = 0.1
"""What is seen in the last moments of a recording may be its end."""
LEAST_VOICE_S = 1.0
SAME_UTTERED = 0.4
"""Cosine at which two voices in one utterance are taken for the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What a window shows that begins `at_s` after its block: activity, and where one voice speaks alone."""

    at_s: float
    active: Activity
    runs: tuple[tuple[int, int, int], ...]

    @property
    def spans(self) -> list[tuple[float, float]]:
        """The runs in seconds of the block."""
        return [(self.at_s + first * FRAME_S, self.at_s + last * FRAME_S) for _, first, last in self.runs]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What is known of a block before the next one is: its windows reach into that."""

    start_s: float
    looks: tuple[Look, ...]
    features: Floats | None
    """None where its windows are done already, by an earlier run."""


@dataclass(slots=True, eq=False)
class Heard:
    """What was heard of one recording."""

    networks: Networks
    end_s: float | None = None
    """Of the sound so far; None before any."""
    pending: Samples = field(default_factory=lambda: np.zeros(0, np.float32))
    """Sound from the first block on that was not looked at."""
    before: "Seen | None" = None
    """The block before it."""
    windows: list[Window] = field(default_factory=list)
    """Those that are done, up to the ones that begin in the block before."""
    kept: int = 0
    """How many of the windows were kept."""

    @property
    def wants(self) -> int:
        """See `Keeping.wants`: from the block before on, whose features are not kept."""
        return timebase.samples(self.end_s or 0.0) - len(self.pending) - (BLOCK if self.before else 0)

    def keep(self) -> Arrays:
        """See `Keeping.keep`."""
        fresh, self.kept = self.windows[self.kept :], len(self.windows)
        return keep.arrays(fresh)

    def take(self, kept: Arrays) -> None:
        """See `Keeping.take`. What the last windows show of the block to come decides which of it is encoded."""
        self.windows += keep.windows(kept)
        self.kept = len(self.windows)
        last = self.windows[-JUDGED:]
        if last:
            looks = (Look(timebase.seconds(n * HOP), w.active, tuple(runs(w.active))) for n, w in enumerate(last))
            self.before = Seen(last[0].start_s, tuple(looks), None)

    def hear(self, audio: Audio) -> None:
        """See `Hearing.hear`. Raises BadInput for sound that does not follow what came before."""
        if self.end_s is not None and abs(audio.start_s - self.end_s) > timebase.seconds(1):
            raise BadInput(f"sound at {audio.start_s:.3f} s does not follow what ended at {self.end_s:.3f} s")
        self.end_s = audio.end_s
        self.pending = np.concatenate([self.pending, audio.samples])
        while len(self.pending) >= 2 * BLOCK:
            done, self.before = self._block(self.pending, self.before)
            self.windows += done
            self.pending = self.pending[BLOCK:]

    def tell(self, crowd: Crowd) -> Diarization:
        """See `Hearing.tell`."""
        windows = [*self.windows, *self._rest()]
        stretches = [s for w in windows for s in w.stretches]
        voices = np.array([s.voice for s in stretches], np.float16).reshape(-1, 256)
        seconds = np.array([s.duration_s for s in stretches])
        found = clusters.speakers(voices, seconds, crowd, self.networks.pieces)
        active, leading = timeline.turns(windows, found, self.end_s or 0.0)
        return told(active, leading, found, (voices, seconds), crowd, NAME)

    def _block(self, left: Samples, before: "Seen | None") -> tuple[list[Window], "Seen"]:
        """The windows of the block before, which are done now, and what is seen of the first block that is left."""
        sound, heard = np.zeros(2 * BLOCK, np.float32), min(len(left), 2 * BLOCK)
        sound[:heard] = left[:heard]
        at_s, room_s = (self.end_s or 0.0) - timebase.seconds(len(left)), timebase.seconds(heard) - EDGE_S
        looks = tuple(
            Look(timebase.seconds(n * HOP), active, _runs(active, room_s - timebase.seconds(n * HOP)))
            for n, active in enumerate(self.networks.active(sound, heard))
        )
        wanted = [span for look in looks for span in look.spans]
        wanted += [(a - BLOCK_S, b - BLOCK_S) for look in (before.looks if before else ()) for a, b in look.spans]
        inside = [(max(0.0, a), min(BLOCK_S, b)) for a, b in wanted if b > 0 and a < BLOCK_S]
        features = self.networks.features(sound[:BLOCK], min(heard, BLOCK), inside)
        return self._done(before, features), Seen(at_s, looks, features)

    def _done(self, seen: "Seen | None", after: Floats | None) -> list[Window]:
        """The windows that begin in a block, with the embeddings of their stretches."""
        if seen is None or seen.features is None:
            return []
        features = np.concatenate([seen.features, np.zeros_like(seen.features) if after is None else after], axis=1)
        spans = [span for look in seen.looks for span in look.spans]
        voices = iter(self.networks.voices(features, spans))
        return [
            Window(
                seen.start_s + look.at_s,
                np.packbits(look.active).tobytes(),
                tuple(
                    Stretch(*run, voice.astype(np.float16)) for run in look.runs if (voice := next(voices)) is not None
                ),
            )
            for look in seen.looks
        ]

    def _rest(self) -> list[Window]:
        """The windows that are not done, as if silence followed."""
        found, left, before = list[Window](), self.pending, self.before
        while len(left):
            done, before = self._block(left, before)
            found += done
            left = left[BLOCK:]
        return found + self._done(before, None)


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

    def utterance(self, audio: Audio) -> Voiced | None:
        """See `Ear.utterance`. Each 10 s are looked at once; it is whose voice says most alone in one of them."""
        found = list[Voiced]()
        for first in range(0, len(audio.samples), BLOCK):
            sound, left = np.zeros(2 * BLOCK, np.float32), audio.samples[first : first + BLOCK]
            sound[: len(left)] = left
            (active,) = self._networks.active(sound, len(left), BLOCK)
            look = Look(0.0, active, _runs(active, timebase.seconds(len(left)) + EDGE_S))
            features = self._networks.features(sound[:BLOCK], len(left), look.spans)
            stretches = list(zip(look.runs, self._networks.voices(features, look.spans), strict=True))
            for local in range(active.shape[1]):
                mine = [((b - a) * FRAME_S, v) for (who, a, b), v in stretches if who == local and v is not None]
                if mine:
                    found.append(_mean(mine))
        if not found:
            return None
        most = max(found, key=lambda f: f.speech_s)
        near = [f for f in found if float(clusters.alike(most.voice[None], f.voice[None])[0, 0]) >= SAME_UTTERED]
        return _mean([(f.speech_s, f.voice) for f in near])

    def sorted(self, voices: Floats, seconds: NDArray[np.float64], crowd: Crowd) -> NDArray[np.int64]:
        """See `Ear.sorted`."""
        found = clusters.speakers(voices, seconds, crowd, self._networks.pieces, judged=1)
        whose: NDArray[np.int64] = clusters.alike(voices, found).argmax(1)
        return whose


def _runs(active: Activity, room_s: float) -> tuple[tuple[int, int, int], ...]:
    """Where one voice speaks alone, before the recording ends."""
    return tuple(run for run in runs(active) if run[2] * FRAME_S < room_s)


def _mean(voices: list[tuple[float, Floats]]) -> Voiced:
    """Some embeddings as one, by how many seconds each rests on."""
    speech_s = sum(s for s, _ in voices)
    return Voiced((np.array([s * v for s, v in voices]).sum(0) / speech_s).astype(np.float32), speech_s)


class _Spec:
    name = NAME
    does = "diarizer"
    languages: tuple[str, ...] = ()
    licence = library.LICENCE

    def missing(self) -> str | None:
        return library.missing()

    def load(self) -> Diarizer:
        return Community(Networks(library.read()))


spec = _Spec()
