"""The networks over a recording on its way: who of up to three voices is active, and the features of each 80 ms.

Sound is taken in blocks of 10 s. The segmentation looks at windows of 10 s, four to a block, so each moment is judged
four times. The encoder runs once over what one voice says alone in a block; the embedding of any stretch is pooled from
its features, so more windows and more voices cost nothing there. What is kept of a window is its activity and the
embeddings of the stretches in which one voice speaks alone: some 3 kB for 2.5 s of sound.

Source: Bredin, "pyannote.audio 2.1 speaker diarization pipeline", 2023; Wang et al., "WeSpeaker", 2023 (arXiv
2210.17016); the spectrogram is Kaldi's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from earwitness.audio import timebase
from earwitness.hardware import ort
from earwitness.parts.voices import graphs
from earwitness.parts.voices.library import Floats, Halves, Pieces
from earwitness.types import Samples

Activity = NDArray[np.uint8]

BLOCK = timebase.samples(10.0)
JUDGED = 4
"""Windows that begin in a block, and that see each moment."""
HOP = BLOCK // JUDGED
LEAST = BLOCK // 2
"""Windows at the end hold at least this much of the recording, but for the only one that reaches it."""

FRAMES = 589
FRAME_S = 0.016875
LAG_S = 0.02
"""The middle of a frame's sound after the place it counts for."""

SETS: Activity = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], np.uint8)
"""Which voices are active in each of the sets that the segmentation tells apart."""
SETS.flags.writeable = False

FEATURE_S = 0.08
BLOCK_FEATURES = 125
VOICE = 2_560
"""Numbers to a feature."""
STRIDE = 8
"""Frames of the spectrogram to a feature."""
ROUND = 3
"""Features that are heard around those that are wanted, so that an edge is not heard as silence."""

QUIET = 8.0
"""Frames this far below the loud ones (35 dB, in logarithms of power) are silence that was put in, not the room."""

LONGEST_S, SHORTEST_S = 3.0, 0.15
"""Stretches with one voice: longer ones are cut, shorter ones have no embedding."""


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Frames `first` to `last` of a window, in which its voice `local` speaks alone; `voice` is their embedding."""

    local: int
    first: int
    last: int
    voice: Halves

    @property
    def duration_s(self) -> float:
        return (self.last - self.first) * FRAME_S


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What was seen in a window of 10 s that begins `start_s` after the recording: activity by frame and voice."""

    start_s: float
    packed: bytes
    stretches: tuple[Stretch, ...]

    @property
    def active(self) -> Activity:
        """Shape (589, 3), 0 or 1."""
        return np.unpackbits(np.frombuffer(self.packed, np.uint8), count=FRAMES * 3).reshape(FRAMES, 3)


class Networks:
    """The loaded networks; safe to share between threads."""

    def __init__(self, pieces: Pieces) -> None:
        self.pieces = pieces
        self._segmentation = ort.cpu_session(pieces.segmentation, what="the speaker segmentation")
        self._encoder = ort.cpu_session(pieces.encoder, what="the speaker encoder")
        self._last = ort.cpu_session(pieces.last, what="the speaker encoder's last layer")

    def active(self, sound: Samples, heard: int, hop: int = HOP) -> list[Activity]:
        """Who of three voices is active in the windows that begin in the first of two blocks, shape (589, 3) each.

        `sound` has two blocks' samples, zeros after the `heard` ones; `hop` are those from one window to the next.
        """
        begins = [at for at in range(0, min(heard, BLOCK), hop) if not at or heard - at >= LEAST]
        found = [np.zeros((FRAMES, 3), np.uint8) for _ in begins]
        loud = [n for n, at in enumerate(begins) if sound[at : at + BLOCK].any()]
        if not loud:
            return found
        windows = [sound[begins[n] : begins[n] + BLOCK] for n in loud]
        slope, offset = self.pieces.normal
        scale = np.array([slope / np.sqrt(w.var() + 1e-5) for w in windows], np.float32)
        shift = np.array([offset / a - w.mean() for w, a in zip(windows, scale, strict=True)], np.float32)
        at = np.array([[begins[n] // graphs.STEP] for n in loud], np.int64)
        whole = sound[: begins[loud[-1]] + BLOCK]
        feed: dict[str, NDArray[Any]] = {"sound": whole[None, None, None], "at": at, "scale": scale, "shift": shift}
        for n, scores in zip(loud, self._segmentation.run(None, feed)[0], strict=True):
            found[n] = SETS[scores.argmax(-1)]
        return found

    def features(self, block: Samples, heard: int, wanted: Sequence[tuple[float, float]]) -> Floats:
        """Features of a block of 10 s of which `heard` samples are the recording's: shape (2560, 125).

        They are right in the `wanted` spans, in seconds of the block, and zeros elsewhere.
        """
        found, need = np.zeros((VOICE, BLOCK_FEATURES), np.float32), np.zeros(BLOCK_FEATURES, bool)
        for span in wanted:
            need[slice(*_places(span))] = True
        if not need.any():
            return found
        logs = fbank(block)[: max(STRIDE, heard // SHIFT)]
        level = logs.mean(1)
        logs = logs - logs[level >= np.percentile(level, 95) - QUIET].mean(0)
        need = np.convolve(need, np.ones(2 * ROUND + 1), "same") > 0
        for first, last in spells(need[: -(-len(logs) // STRIDE)]):
            given = self._encoder.run(None, {"fbank": logs[None, first * STRIDE : last * STRIDE]})[0]
            found[:, first:last] = given.reshape(VOICE, -1)
        return found

    def voices(self, features: Floats, spans: Sequence[tuple[float, float]]) -> list[Floats | None]:
        """The embeddings of spans, in seconds of what the features are of; None for those that are too short.

        The mean and the deviation of their features, through the last layer.
        """
        parts = [features[:, slice(*_places(span))] for span in spans]
        rows = np.array([_pooled(part) for part in parts if part.shape[1] >= 2], np.float32)
        made = iter(self._last.run(None, {"rows": rows})[0]) if len(rows) else iter(())
        return [next(made) if part.shape[1] >= 2 else None for part in parts]


def _places(span: tuple[float, float]) -> tuple[int, int]:
    """The first feature of a span and the one after its last."""
    from_s, to_s = span
    return int((from_s + LAG_S) / FEATURE_S), int(np.ceil((to_s + LAG_S) / FEATURE_S))


def _pooled(features: Floats) -> Floats:
    """Mean and deviation of features of shape (2560, n)."""
    mean = features.mean(1)
    off = features - mean[:, None]
    varies = np.einsum("ij,ij->i", off, off) / (features.shape[1] - 1)
    return np.concatenate([mean, np.sqrt(np.maximum(varies, 1e-9))])


def runs(active: Activity) -> list[tuple[int, int, int]]:
    """Where one voice speaks alone: voice, first frame and the frame after the last; long ones in equal parts."""
    alone = active * (active.sum(1, keepdims=True) == 1)
    found = []
    for local in range(active.shape[1]):
        for first, last in spells(alone[:, local]):
            length_s = (last - first) * FRAME_S
            if length_s >= SHORTEST_S:
                edges = np.linspace(first, last, int(np.ceil(length_s / LONGEST_S)) + 1).astype(int).tolist()
                found += [(local, a, b) for a, b in pairwise(edges)]
    return found


def spells(on: NDArray[np.generic]) -> list[tuple[int, int]]:
    """First index and the one after the last of each run of what is not zero."""
    steps = np.diff(np.concatenate([[0], (on != 0).astype(np.int8), [0]]))
    return list(zip(np.nonzero(steps == 1)[0].tolist(), np.nonzero(steps == -1)[0].tolist(), strict=True))


# ── Kaldi's spectrogram ──────────────────────────────────────────────────────────────────────────────────────────────
SHIFT, WIDTH, BINS, BANDS = 160, 400, 512, 80
LOW_HZ, EMPHASIS, SCALE = 20.0, 0.97, 32_768.0
FEW = 12
"""Frames in one matrix product: OpenBLAS shares greater ones among threads, which wait at full speed."""


def fbank(samples: Samples) -> Floats:
    """Logarithms of 80 mel bands each 10 ms, shape (frames, 80): a Hamming window, no dither, edges left out."""
    frames = sliding_window_view(samples * np.float32(SCALE), WIDTH)[::SHIFT]
    frames = frames - frames.mean(1, keepdims=True)
    frames = frames - EMPHASIS * np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    power = (np.abs(np.fft.rfft(frames * np.hamming(WIDTH).astype(np.float32), BINS)) ** 2).astype(np.float32)
    parts = (power[first : first + FEW] @ _bank() for first in range(0, max(1, len(power)), FEW))
    found: Floats = np.log(np.maximum(np.concatenate([*parts]), np.finfo(np.float32).eps)).astype(np.float32)
    return found


@lru_cache
def _bank() -> Floats:
    """Triangles evenly spaced in mels from 20 Hz to 8 kHz: shape (257, 80)."""

    def mels(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1127.0 * np.log1p(hertz / 700.0)

    low, high = mels(np.array([LOW_HZ, timebase.RATE / 2])).tolist()
    edges = np.linspace(low, high, BANDS + 2)
    at = mels(np.arange(BINS // 2) * timebase.RATE / BINS)[:, None]
    width = edges[1] - edges[0]
    made = np.zeros((BINS // 2 + 1, BANDS), np.float32)
    made[:-1] = np.maximum(0.0, np.minimum(at - edges[:-2], edges[2:] - at) / width)
    made.flags.writeable = False
    return made
