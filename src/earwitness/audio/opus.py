"""Writes sound as Opus in Ogg files, for the archive. FFmpeg's encoder; knows no session."""

from pathlib import Path

import av
import av.error
from av.audio.frame import AudioFrame

from earwitness.audio.timebase import RATE
from earwitness.errors import StorageFailed
from earwitness.types import Samples

WRITING = {"page_duration": "1000000", "flush_packets": "1"}
"""Pages of a second, each written at once."""

BITS = 24_000
"""A second of mono speech; 11 MB an hour."""


class Opus:
    """One file that is being written. A process that is killed leaves what was written up to the last second or so."""

    def __init__(self, path: Path) -> None:
        """Raises StorageFailed from here and from everything else."""
        self._path, self.size = path, 0
        """`size` is in samples."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = av.open(str(path), "w", format="ogg", options=WRITING)
            self._track = self._file.add_stream("libopus", rate=RATE, layout="mono", options={"application": "voip"})
            self._track.bit_rate = BITS
        except (OSError, av.error.FFmpegError) as error:
            raise _failed(path, error) from error

    def write(self, samples: Samples) -> None:
        """Go on by some sound, 16 kHz mono float32, shape (n,)."""
        frame = AudioFrame.from_ndarray(samples.clip(-1.0, 1.0).reshape(1, -1), format="fltp", layout="mono")
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
