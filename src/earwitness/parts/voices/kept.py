"""For parts whose library wants a whole recording: its sound in a temporary file, and what is told of the answer."""

import contextlib
import os
import tempfile
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import IO

import numpy as np

from earwitness.audio import timebase
from earwitness.errors import BadInput, StorageFailed
from earwitness.parts import Crowd
from earwitness.parts.voices import timeline
from earwitness.parts.voices.library import Floats
from earwitness.parts.voices.told import told
from earwitness.types import Audio, Diarization, Notice, Samples, Turn

Answer = tuple[Sequence[Turn], dict[str, Floats], tuple[Notice, ...]]
"""Turns, the embedding of each speaker for which there is one, and what could not be done.

Times are from where the sound begins.
"""

Ask = Callable[[Samples, Crowd], Answer]


@dataclass(slots=True, eq=False, weakref_slot=True)
class Kept:
    """A `Hearing` that asks when it is to tell. The file has no name on most systems, and is gone with this."""

    ask: Ask
    method: str
    start: int | None = None
    size: int = 0
    file: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    def __post_init__(self) -> None:
        weakref.finalize(self, _closed, self.file)

    def hear(self, audio: Audio) -> None:
        """See `Hearing.hear`. Raises BadInput for sound that does not follow, StorageFailed where the disk is full."""
        self.start = audio.start if self.start is None else self.start
        if audio.start != self.start + self.size:
            end_s = timebase.seconds(self.start + self.size)
            raise BadInput(f"sound at {audio.start_s:.3f} s does not follow what ended at {end_s:.3f} s")
        try:
            self.file.write(np.ascontiguousarray(audio.samples).data)
        except OSError as error:
            raise StorageFailed(f"the sound can't be kept for {self.method}: {error.strerror or error}") from error
        self.size += len(audio.samples)

    def tell(self, crowd: Crowd) -> Diarization:
        """See `Hearing.tell`. Raises what is asked raises."""
        if not self.size:
            return Diarization(method=self.method)
        try:
            self.file.flush()
            sound = np.memmap(self.file, np.float32, "c", shape=(self.size,))
            self.file.seek(0, os.SEEK_END)
        except OSError as error:
            raise StorageFailed(f"the sound can't be read for {self.method}: {error.strerror or error}") from error
        turns, voices, notices = self.ask(sound, crowd)
        found = self._told(turns, voices, crowd)
        return replace(found, notices=(*notices, *found.notices))

    def _told(self, turns: Sequence[Turn], voices: dict[str, Floats], crowd: Crowd) -> Diarization:
        start_s, end_s = timebase.seconds(self.start or 0), timebase.seconds(self.size)
        inside = [Turn(max(0.0, t.start_s), min(end_s, t.end_s), t.speaker) for t in turns]
        ordered = sorted((t for t in inside if t.end_s > t.start_s), key=lambda t: (t.start_s, t.end_s))
        number = {who: n for n, who in enumerate(dict.fromkeys(t.speaker for t in ordered))}
        active = [(number[t.speaker], Turn(start_s + t.start_s, start_s + t.end_s, "")) for t in ordered]
        wide = max((len(v) for v in voices.values()), default=0)
        rows = np.array([voices.get(who, np.zeros(wide)) for who in number], np.float32).reshape(len(number), wide)
        found = told(active, timeline.parted(active), rows, (rows[:0], np.zeros(0)), crowd, self.method)
        return replace(found, speakers=tuple(s if any(s.voice) else replace(s, voice=()) for s in found.speakers))


def _closed(file: IO[bytes]) -> None:
    with contextlib.suppress(OSError):  # a full disk; what was lost was told when it was written
        file.close()
