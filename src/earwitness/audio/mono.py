"""Frames of any format, layout and rate become mono float32 at 16 kHz, counted exactly.

Keeps the count of samples that went in and came out, so that `decode` can lay them on the recording's clock.
"""

from math import gcd
from typing import Protocol

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from earwitness.audio import timebase
from earwitness.errors import BadInput
from earwitness.types import Samples

SLOWEST, FASTEST = 1_000, 1_536_000
"""Sample rates outside are no recordings of speech; one hertz would turn a kilobyte into a day of silence."""

LOW_FREQUENCY = "lfe"

MOST_PLANES = 8
"""From so many channels on PyAV reads beyond a planar frame, and the process dies."""


class Counter(Protocol):
    """Where samples that are no numbers are counted."""

    non_finite: int


class Mono:
    """Turns frames into 16 kHz mono; `channel` picks one, None takes the mean of all but the low-frequency channel."""

    def __init__(self, channel: int | None, report: Counter) -> None:
        self._channel = channel
        self._report = report
        self._shape: tuple[int, int] | None = None
        self._resampler: AudioResampler | None = None
        self._anchor = 0
        self._taken = 0
        self._given = 0
        self._skipped = 0

    @property
    def end(self) -> int:
        """Position after the last sample given out."""
        return self._anchor + self._given

    @property
    def position(self) -> int:
        """Position after the last sample taken in, with what the resampler still holds."""
        rate = self._shape[0] if self._shape else timebase.RATE
        return self._anchor + timebase.rescale(self._taken, rate)

    def must_restart(self, frame: AudioFrame) -> bool:
        """Whether the sound changes its rate or layout in mid-stream: flush before pushing this frame."""
        return self._shape is not None and self._shape != _shape(frame)

    def place(self, position: int) -> None:
        """The next sample pushed lies at `position`; nothing may be pending."""
        self._anchor, self._taken, self._given = position, 0, 0

    def resume(self, anchor: int, index: int, rate: int) -> None:
        """The next frame begins with sample `index` of a sound at `rate` that began at `anchor`; nothing is pending.

        Samples are left out up to the next that lies on a whole position, so that what follows is what would have come
        out had all been pushed from the beginning.
        """
        self._skipped = -index % (rate // gcd(rate, timebase.RATE))
        self.place(anchor + timebase.rescale(index + self._skipped, rate))

    def push(self, frame: AudioFrame) -> Samples | None:
        """Samples that are ready after this frame, or None."""
        if self._shape is None:
            self._begin(frame)
        mono = self._mix(frame)
        if self._skipped:
            mono, self._skipped = mono[self._skipped :], max(0, self._skipped - len(mono))
            if not len(mono):
                return None
        self._taken += len(mono)
        if self._resampler is None:
            self._given += len(mono)
            return mono
        fed = AudioFrame.from_ndarray(mono.reshape(1, -1), format="flt", layout="mono")
        fed.sample_rate = frame.sample_rate
        return self._collect(self._resampler.resample(fed))

    def flush(self) -> Samples | None:
        """The rest that the resampler held; the next frame begins afresh where this ends."""
        out = None if self._resampler is None or not self._taken else self._collect(self._resampler.resample(None))
        missing = self.position - self.end
        if missing > 0:  # too little went in to fill the filter
            tail = np.zeros(missing, np.float32)
            out = tail if out is None else np.concatenate([out, tail])
            self._given += missing
        self.place(self.end)
        self._shape, self._resampler = None, None
        return out

    def _begin(self, frame: AudioFrame) -> None:
        self._shape = _shape(frame)
        if not SLOWEST <= frame.sample_rate <= FASTEST:
            raise BadInput(f"a sample rate of {frame.sample_rate} Hz is outside {SLOWEST} to {FASTEST} Hz")
        if frame.sample_rate != timebase.RATE:
            self._resampler = AudioResampler(format="flt", layout="mono", rate=timebase.RATE)

    def _collect(self, frames: list[AudioFrame]) -> Samples | None:
        if not frames:
            return None
        out = np.concatenate([f.to_ndarray().reshape(-1) for f in frames]).astype(np.float32, copy=False)
        whole = timebase.rescale(self._taken, self._shape[0] if self._shape else timebase.RATE)
        out = out[: max(0, whole - self._given)]
        self._given += len(out)
        return out

    def _mix(self, frame: AudioFrame) -> Samples:
        planes = _planes(frame)
        if self._channel is not None:
            mono = planes[min(self._channel, len(planes) - 1)].copy()
        elif len(planes) == 1:
            mono = planes[0].copy()
        else:
            with np.errstate(over="ignore", invalid="ignore"):
                mono = planes[_speaking(frame, len(planes))].mean(axis=0, dtype=np.float32)
        bad = int(mono.size - np.isfinite(mono).sum())
        if bad:
            self._report.non_finite += bad
            mono = np.nan_to_num(mono, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        return np.ascontiguousarray(mono, dtype=np.float32)


def _shape(frame: AudioFrame) -> tuple[int, int]:
    return frame.sample_rate, frame.layout.nb_channels


def _planes(frame: AudioFrame) -> Samples:
    """All channels of a frame as float32 within ±1, shape (channels, n)."""
    wide = frame.format.is_planar and frame.layout.nb_channels >= MOST_PLANES
    if wide or frame.format.name in {"s64", "s64p"}:  # numpy arrays of 64-bit ints are not made either
        kind = "dbl" if frame.format.name in {"s64", "s64p"} else frame.format.packed.name
        frame = AudioResampler(format=kind, layout=frame.layout, rate=frame.sample_rate).resample(frame)[0]
    raw = frame.to_ndarray()
    channels = frame.layout.nb_channels
    planes = raw if frame.format.is_planar else raw.reshape(-1, channels).T
    if planes.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return planes.astype(np.float32)
    bits = planes.dtype.itemsize * 8
    scaled = planes.astype(np.float64 if bits > 16 else np.float32)
    if planes.dtype.kind == "u":
        scaled = scaled - 2 ** (bits - 1)
    within: Samples = (scaled / 2 ** (bits - 1)).astype(np.float32)
    return within


def _speaking(frame: AudioFrame, channels: int) -> list[int]:
    """Indices of the channels that may carry voices."""
    names = [c.name.lower() for c in frame.layout.channels]
    kept = [i for i, name in enumerate(names) if name != LOW_FREQUENCY] if len(names) == channels else []
    return kept or list(range(channels))
