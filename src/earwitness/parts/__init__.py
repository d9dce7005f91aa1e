"""Parts: model-backed helpers of the stages. Here stand their Protocols; each part is one file beside this one.

A part is blocking and synchronous, keeps no state between calls (state travels in and out), and knows `types` and
`errors` only. Its entry point in the group `earwitness.parts` names a Spec, and importing that imports nothing heavy.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from earwitness.types import Samples

Probabilities = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class VadState:
    """What a voice activity detector remembers of the sound before: the last samples and its memory cells."""

    tail: Samples
    memory: tuple[NDArray[np.float32], ...]


class Vad(Protocol):
    """Voice activity detection: how likely each frame holds speech. Safe to share between threads."""

    frame: int
    """Samples of one frame at 16 kHz."""

    def begin(self) -> VadState:
        """The state before any sound."""
        ...

    def probabilities(self, samples: Samples, state: VadState) -> tuple[Probabilities, VadState]:
        """Probability of speech for each frame, shape (len(samples) // frame,), and the state after them.

        `samples` holds whole frames. Any split of a recording into calls gives the same values.
        """
        ...


class PartSpec(Protocol):
    """What an entry point of the group `earwitness.parts` names."""

    name: str
    does: str
    """The job: `vad`."""

    def missing(self) -> str | None:
        """Why it can't be used here, with the command that mends it, or None."""
        ...

    def load(self) -> Vad:
        """The loaded part. Raises Missing or EngineFailed."""
        ...
