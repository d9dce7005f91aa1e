"""Writes sound into files: Opus in Ogg for the archive, FLAC and WAV where no sample may change. FFmpeg's encoders.

Knows no session and no recording.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import av
import av.error
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from earwitness.audio.pcm import s16
from earwitness.audio.timebase import RATE
from earwitness.errors import StorageFailed
from earwitness.types import Samples


@dataclass(frozen=True, slots=True)
class Form:
    """A container and what is in it."""

    container: str
    codec: str
    media_type: str
    bits: int | None = None
    """A second."""
    coding: Mapping[str, str] = field(default_factory=dict)
    muxing: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False
    """Whether samples are whole numbers of 16 bit."""


OPUS = Form(
    "ogg",
    "libopus",
    "audio/ogg",
    24_000,
    {"application": "voip"},
    {"page_duration": "1000000", "flush_packets": "1", "fflags": "bitexact"},
)
"""24 kbit a second of mono speech, 11 MB an hour; pages of a second, each written at once."""

FLAC = Form("flac", "flac", "audio/flac", muxing={"fflags": "bitexact"}, whole=True)
WAV = Form("wav", "pcm_s16le", "audio/wav", muxing={"fflags": "bitexact"}, whole=True)


class Encoder:
    """One file that is being written. A process that is killed leaves what was written up to the last second or so."""

    def __init__(self, path: Path, form: Form = OPUS) -> None:
        """Raises StorageFailed from here and from everything else. The same samples make the same file."""
        self._path, self._form, self.size = path, form, 0
        """`size` is in samples."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = av.open(str(path), "w", format=form.container, options=dict(form.muxing))
            track = self._file.add_stream(form.codec, rate=RATE, layout="mono", options=dict(form.coding))
            assert isinstance(track, AudioStream)
            self._track = track
            if form.bits is not None:
                track.bit_rate = form.bits
        except (OSError, av.error.FFmpegError) as error:
            raise _failed(path, error) from error

    def write(self, samples: Samples) -> None:
        """Go on by some sound, 16 kHz mono float32, shape (n,)."""
        plain = samples.clip(-1.0, 1.0).reshape(1, -1)
        if self._form.whole:
            frame = AudioFrame.from_ndarray(s16(plain), format="s16", layout="mono")
        else:
            frame = AudioFrame.from_ndarray(plain, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = RATE, self.size
        self.size += len(samples)
        self._mux(frame)

    def close(self) -> int:
        """The end of the file, which is closed whatever is raised; its size in bytes."""
        try:
            self._mux(None)
        finally:
            try:
                self._file.close()
            except (OSError, av.error.FFmpegError) as error:
                raise _failed(self._path, error) from error
        return self._path.stat().st_size

    def _mux(self, frame: AudioFrame | None) -> None:
        try:
            for packet in self._track.encode(frame):
                self._file.mux(packet)
        except (OSError, av.error.FFmpegError) as error:
            raise _failed(self._path, error) from error


def _failed(path: Path, error: Exception) -> StorageFailed:
    return StorageFailed(f"{path.name} can't be written: {getattr(error, 'strerror', None) or error}")
