"""Raw sound as it comes over wires: samples of a named encoding, rate and number of channels, in any pieces.

Becomes 16 kHz mono float32. A piece may end in the middle of a sample: the rest waits for the next one.
"""

import struct
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from earwitness.audio.mono import Mono
from earwitness.errors import BadInput
from earwitness.types import Samples

WIDTHS = MappingProxyType({"s16le": 2, "s24le": 3, "s32le": 4, "f32le": 4, "u8": 1, "mulaw": 1, "alaw": 1})
"""Bytes of a sample, by encoding."""

MOST_CHANNELS = 8

HEAD = 44
"""Bytes of a WAV before its sound."""

TAGS = MappingProxyType({"s16le": 1, "s32le": 1, "f32le": 3, "alaw": 6, "mulaw": 7})
"""What a WAV calls the encodings. Source: RFC 2361."""


@dataclass(frozen=True, slots=True)
class Wire:
    """How samples lie on a wire. Raises BadInput for encodings, rates and channels that are not read here."""

    encoding: str = "s16le"
    rate: int = 16_000
    channels: int = 1

    def __post_init__(self) -> None:
        if self.encoding not in WIDTHS:
            raise BadInput(
                f"the encoding {self.encoding[:20]!r} is not read here",
                remedy=f"Send one of {', '.join(WIDTHS)}.",
                param="encoding",
            )
        if not 4_000 <= self.rate <= 192_000:
            raise BadInput(f"{self.rate} samples a second are not read here", remedy="Send 4000 to 192000 Hz.")
        if not 1 <= self.channels <= MOST_CHANNELS:
            raise BadInput(f"{self.channels} channels are not read here", remedy=f"Send 1 to {MOST_CHANNELS}.")

    @property
    def frame(self) -> int:
        """Bytes of a sample of all channels."""
        return WIDTHS[self.encoding] * self.channels

    def head(self, size: int | None = None) -> bytes:
        """What makes a WAV of so many bytes of such sound, or of whatever length, when it stands before it."""
        bits, endless = 8 * WIDTHS[self.encoding], 0xFFFFFFFF
        form = (16, TAGS[self.encoding], self.channels, self.rate, self.rate * self.frame, self.frame, bits)
        whole, data = (endless, endless) if size is None else (size + HEAD - 8, size)
        return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", whole, b"WAVE", b"fmt ", *form, b"data", data)


@dataclass(slots=True)
class Pcm:
    """Reads one stream of raw sound; `channel` picks one, None takes the mean."""

    wire: Wire
    channel: int | None = None
    non_finite: int = 0
    _mono: Mono = field(init=False)
    _rest: bytes = b""

    def __post_init__(self) -> None:
        """Raises BadInput for a channel that is not there."""
        if self.channel is not None and not 0 <= self.channel < self.wire.channels:
            raise BadInput(
                f"there is no channel {self.channel} among {self.wire.channels}",
                remedy="Count them from 0.",
                param="channel",
            )
        self._mono = Mono(None, self)

    @property
    def rest(self) -> int:
        """Bytes of a sample that is not whole yet."""
        return len(self._rest)

    def take(self, data: bytes) -> Samples:
        """The samples that are ready after some more bytes, shape (n,)."""
        data = self._rest + data
        whole = len(data) - len(data) % self.wire.frame
        self._rest = data[whole:]
        if not whole:
            return np.zeros(0, np.float32)
        frame = AudioFrame.from_ndarray(self._mixed(data[:whole]).reshape(1, -1), format="fltp", layout="mono")
        frame.sample_rate = self.wire.rate
        found = self._mono.push(frame)
        return np.zeros(0, np.float32) if found is None else found

    def end(self) -> Samples:
        """What the resampler still held."""
        found = self._mono.flush()
        return np.zeros(0, np.float32) if found is None else found

    def _mixed(self, data: bytes) -> Samples:
        samples = self._floats(data).reshape(-1, self.wire.channels)
        if self.channel is not None:
            return np.ascontiguousarray(samples[:, self.channel])
        with np.errstate(over="ignore", invalid="ignore"):
            mixed: Samples = samples.mean(axis=1, dtype=np.float32)
        return mixed

    def _floats(self, data: bytes) -> Samples:
        kind = self.wire.encoding
        if kind == "f32le":
            return np.frombuffer(data, "<f4").astype(np.float32)
        if kind in {"s16le", "s32le"}:
            whole = np.frombuffer(data, "<i2" if kind == "s16le" else "<i4")
            return (whole / (2.0**15 if kind == "s16le" else 2.0**31)).astype(np.float32)
        if kind == "s24le":
            parts = np.frombuffer(data, np.uint8).reshape(-1, 3)
            wide = np.concatenate([np.zeros((len(parts), 1), np.uint8), parts], axis=1)
            return (np.frombuffer(wide.tobytes(), "<i4") / 2.0**31).astype(np.float32)
        if kind == "u8":
            return ((np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128).astype(np.float32)
        table = mulaw() if kind == "mulaw" else alaw()
        return table[np.frombuffer(data, np.uint8)]


def s16(samples: Samples) -> NDArray[np.int16]:
    """Samples within ±1 as whole numbers of 16 bit, little-endian; what is over full scale is cut off."""
    whole: NDArray[np.int16] = np.rint(samples * 2.0**15).clip(-(2**15), 2**15 - 1).astype("<i2")
    return whole


def mulaw() -> Samples:
    """The value of each of the 256 codes of mu-law, within ±1. Source: ITU-T G.711."""
    code = ~np.arange(256, dtype=np.int64) & 0xFF
    size = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return _signed(size, code & 0x80 != 0)


def alaw() -> Samples:
    """The value of each of the 256 codes of A-law, within ±1. Source: ITU-T G.711."""
    code = np.arange(256, dtype=np.int64) ^ 0x55
    low, step = (code & 0x0F) << 4, (code & 0x70) >> 4
    size = np.where(step == 0, low + 8, (low + 0x108) << np.maximum(step - 1, 0))
    return _signed(size, code & 0x80 == 0)


def _signed(size: NDArray[np.int64], negative: NDArray[np.bool_]) -> Samples:
    return (np.where(negative, -size, size) / 2.0**15).astype(np.float32)
