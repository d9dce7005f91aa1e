"""Telling voices apart by any model that makes an embedding of a stretch of sound: for parts without a segmentation.

Speech is found by the detector of the base install, windows slide over it, their embeddings are sorted into speakers by
average linkage, and each frame of speech belongs to the window around it. Overlap is not heard. Keeps embeddings and
the marks of speech of what was heard, never the sound.

Source: as Resemblyzer's own demonstration, with the clustering of `clusters`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from earwitness.audio import timebase
from earwitness.errors import BadInput
from earwitness.parts import Crowd, Hearing, Vad, VadState
from earwitness.parts.voices import clusters
from earwitness.parts.voices.frames import spells
from earwitness.parts.voices.library import Floats
from earwitness.parts.voices.told import told
from earwitness.types import Audio, Diarization, Samples, Turn

SPEECH = 0.5
"""Probability from which on a frame is speech."""
CLOSE_S, LEAST_S, EDGE_S = 0.3, 0.1, 0.06
"""Pauses up to the first are speech, speech under the second is none, and all of it is longer by the third."""
BATCH = 32
"""Windows embedded at once."""
TIGHT = 0.1
"""Distance at which a block's embeddings stay in small groups."""
RARE, RARE_S = 0.05, 4.0
"""Who has less than this share of the speech, and less than these seconds, is no speaker but a part of the nearest."""
GAP_S = 0.5
"""A pause of one speaker up to this stays inside a turn."""
LEAST_VOICE_S = 1.0


class Embedder(Protocol):
    """A model that makes embeddings. Safe to share between threads."""

    width: int
    """Samples of a window."""
    step: int
    """Samples from one window to the next."""
    apart: float
    """Average distance of cosines at which two groups of its embeddings are two speakers."""

    def embed(self, windows: Samples) -> Floats:
        """The embeddings of windows of shape (n, width): shape (n, d)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Windowed:
    """A diarizer made of an embedder and a detector of speech."""

    name: str
    embeds: str
    embedder: Embedder
    vad: Vad
    middle: Floats | None = None
    """What all voices have in common, taken off those that are given out, so that their cosines spread."""

    def begin(self) -> Hearing:
        """See `Diarizer.begin`."""
        return Heard(self, self.vad.begin())

    def voice(self, audio: Audio) -> tuple[float, ...] | None:
        """See `Diarizer.voice`. Whoever else is heard in the clip becomes part of it."""
        heard = Heard(self, self.vad.begin())
        heard.hear(audio)
        found = heard.tell(Crowd(count=1)).speakers
        return found[0].voice if found and found[0].speech_s >= LEAST_VOICE_S else None


@dataclass(slots=True, eq=False)
class Heard:
    """What was heard of one recording."""

    by: Windowed
    state: VadState
    start: int | None = None
    """Where it begins; None before any sound."""
    sound: Samples = field(default_factory=lambda: np.zeros(0, np.float32))
    """From the next window on."""
    next: int = 0
    """The next window."""
    judged: int = 0
    """Samples the detector has heard."""
    speech: list[NDArray[np.bool_]] = field(default_factory=list)
    voices: list[NDArray[np.float16]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    """The number of each embedding's window."""

    @property
    def step(self) -> int:
        return self.by.embedder.step

    @property
    def end(self) -> int:
        """Samples heard."""
        return self.next * self.step + len(self.sound)

    def hear(self, audio: Audio) -> None:
        """See `Hearing.hear`. Raises BadInput for sound that does not follow what came before."""
        self.start = audio.start if self.start is None else self.start
        if audio.start != self.start + self.end:
            late_s, end_s = audio.start_s, timebase.seconds(self.start + self.end)
            raise BadInput(f"sound at {late_s:.3f} s does not follow what ended at {end_s:.3f} s")
        self.sound = np.concatenate([self.sound, audio.samples])
        frame = self.by.vad.frame
        fresh = self.sound[self.judged - self.next * self.step :]
        whole = len(fresh) // frame * frame
        if whole:
            found, self.state = self.by.vad.probabilities(fresh[:whole], self.state)
            self.speech.append(found >= SPEECH)
            self.judged += whole
        size = self.by.embedder.width + (BATCH - 1) * self.step
        while len(self.sound) >= size + frame:  # what lies in the middle of the windows is judged by then
            places, voices = self._embedded(self.sound[:size], np.concatenate(self.speech))
            self.places += places
            self.voices += voices
            self.sound, self.next = self.sound[BATCH * self.step :], self.next + BATCH

    def tell(self, crowd: Crowd) -> Diarization:
        """See `Hearing.tell`."""
        speech = self._speech()
        places, voices = list(self.places), list(self.voices)
        if len(self.sound):
            rest = np.concatenate([self.sound, np.zeros(self.by.embedder.width, np.float32)])
            more, theirs = self._embedded(rest, speech)
            places, voices = places + more, voices + theirs
        if not places:
            return Diarization(method=self.by.name)
        rows = clusters.unit(np.concatenate(voices).astype(np.float32))
        speakers, whose = sorted_out(rows, crowd, self.by.embedder)
        turns = self._turns(speech, np.array(places), whose)
        seconds = np.full(len(rows), timebase.seconds(self.step))
        if self.by.middle is not None:
            rows, speakers = rows - self.by.middle, speakers - self.by.middle
        return told(turns, turns, speakers, (rows, seconds), crowd, self.by.name)

    def _speech(self) -> NDArray[np.bool_]:
        """Which frames are speech, to the end."""
        frame = self.by.vad.frame
        left = self.sound[self.judged - self.next * self.step :]
        padded = np.concatenate([left, np.zeros(-len(left) % frame, np.float32)])
        found, _ = self.by.vad.probabilities(padded, self.state)
        return np.concatenate([*self.speech, found >= SPEECH])

    def _embedded(self, sound: Samples, speech: NDArray[np.bool_]) -> tuple[list[int], list[NDArray[np.float16]]]:
        """The windows in some sound, from the next one on, in whose middle there is speech, and their embeddings."""
        width, frame = self.by.embedder.width, self.by.vad.frame
        windows = sliding_window_view(sound, width)[:: self.step]
        middles = ((self.next + np.arange(len(windows))) * self.step + width // 2) // frame
        near = [bool(speech[max(0, m - 3) : m + 4].any()) for m in middles.tolist()]
        kept = np.flatnonzero(np.array(near, bool))
        voices = [
            self.by.embedder.embed(np.ascontiguousarray(windows[kept[n : n + BATCH]])).astype(np.float16)
            for n in range(0, len(kept), BATCH)
        ]
        return [self.next + int(n) for n in kept], voices

    def _turns(
        self, speech: NDArray[np.bool_], places: NDArray[np.int64], whose: NDArray[np.int64]
    ) -> list[tuple[int, Turn]]:
        """Each frame of speech is of the window whose middle is nearest; frames of one speaker in a row are a turn."""
        frame_s = timebase.seconds(self.by.vad.frame)
        middles = timebase.seconds(self.step) * places + timebase.seconds(self.by.embedder.width) / 2
        edges, begin_s, end_s = (middles[1:] + middles[:-1]) / 2, timebase.seconds(self.start or 0), self.end
        found = list[tuple[int, Turn]]()
        for first, last in _stretches(speech, frame_s):
            owners = whose[np.searchsorted(edges, (np.arange(first, last) + 0.5) * frame_s)]
            cuts = [0, *(np.nonzero(np.diff(owners))[0] + 1).tolist(), last - first]
            for low, high in pairwise(cuts):
                start_s = max(0.0, (first + low) * frame_s - (EDGE_S if not low else 0.0))
                stop_s = min(
                    timebase.seconds(end_s), (first + high) * frame_s + (EDGE_S if first + high == last else 0)
                )
                who, turn = int(owners[low]), Turn(begin_s + start_s, begin_s + stop_s, "")
                if found and found[-1][0] == who and turn.start_s - found[-1][1].end_s < GAP_S:
                    turn = Turn(found.pop()[1].start_s, turn.end_s, "")
                if turn.end_s > turn.start_s:
                    found.append((who, turn))
        return found


def sorted_out(rows: Floats, crowd: Crowd, embedder: Embedder) -> tuple[Floats, NDArray[np.int64]]:
    """The speakers' embeddings and whose each row is. Rows are of length one, in the order of the recording."""
    step_s, apart = timebase.seconds(embedder.step), embedder.apart
    lasting = np.full(len(rows), step_s)
    blocks = [slice(n, n + clusters.BLOCK) for n in range(0, len(rows), clusters.BLOCK)]
    groups = [g for b in blocks for g in clusters.grouped(rows[b], rows[b], lasting[b], TIGHT)]
    fewest, most = crowd.count or crowd.least or 1, crowd.count or crowd.most or len(rows)
    everyone = clusters.merged(groups, 1, most, apart)
    least_s = min(RARE * len(rows) * step_s, RARE_S)
    kept = [g for g in everyone if g.speech_s >= least_s]
    if len(kept) < fewest:
        kept = clusters.merged(groups, min(fewest, len(groups)), most, apart)
    speakers = clusters.unit(np.array([g.voice for g in kept], np.float32))
    return speakers, np.concatenate([clusters.alike(rows[b], speakers).argmax(1) for b in blocks])


def _stretches(speech: NDArray[np.bool_], frame_s: float) -> Iterator[tuple[int, int]]:
    """First frame and the one after the last of each stretch of speech, short pauses closed, short blips left out."""
    open_: tuple[int, int] | None = None
    for first, last in spells(speech):
        if open_ and (first - open_[1]) * frame_s <= CLOSE_S:
            open_ = open_[0], last
            continue
        if open_ and (open_[1] - open_[0]) * frame_s >= LEAST_S:
            yield open_
        open_ = first, last
    if open_ and (open_[1] - open_[0]) * frame_s >= LEAST_S:
        yield open_
