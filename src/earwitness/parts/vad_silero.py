"""Silero VAD v6 on ONNX Runtime, many windows a call, torch-free.

The weights are the project's own "sequence" graph: one call takes any number of 32 ms windows and carries the LSTM
state through them, six times faster than a call a window and equal to it bit for bit. Knows nothing of spans or
thresholds.

Source: Silero Team, silero-vad 6.2.3 (MIT); measured against others in `docs/accuracy.md`.
"""

from importlib import resources

import numpy as np

from earwitness.errors import BadInput
from earwitness.hardware import ort
from earwitness.parts import Probabilities, Vad, VadState
from earwitness.types import Samples

WEIGHTS = "silero_vad_16k_sequence.onnx"
FRAME = 512
CONTEXT = 64
CELLS = (1, 1, 128)
MOST_FRAMES = 2_000
"""Windows a call: 64 s of sound, 5 MB of input."""


class Silero:
    """The loaded detector; `begin` and `probabilities` are those of `Vad`."""

    frame = FRAME

    def __init__(self, session: ort.Session) -> None:
        self._session = session

    def begin(self) -> VadState:
        return VadState(np.zeros(CONTEXT, np.float32), (np.zeros(CELLS, np.float32), np.zeros(CELLS, np.float32)))

    def probabilities(self, samples: Samples, state: VadState) -> tuple[Probabilities, VadState]:
        if len(samples) % FRAME:
            raise BadInput(f"{len(samples)} samples are no whole number of {FRAME}-sample frames")
        sound = np.concatenate([state.tail, np.clip(samples, -1.0, 1.0)])
        windows = (
            np.lib.stride_tricks.sliding_window_view(sound, CONTEXT + FRAME)[::FRAME] if len(samples) else sound[:0]
        )
        h, c = state.memory
        found = [np.zeros(0, np.float32)]
        for first in range(0, len(windows), MOST_FRAMES):
            block = np.ascontiguousarray(windows[first : first + MOST_FRAMES])
            probs, h, c = self._session.run(None, {"input": block, "h": h, "c": c})
            found.append(probs)
        return np.concatenate(found), VadState(sound[-CONTEXT:], (h, c))


class _Spec:
    name = "silero"
    does = "vad"
    languages: tuple[str, ...] = ()
    licence = "MIT, Silero Team"

    def missing(self) -> str | None:
        return ort.missing()

    def load(self) -> Vad:
        graph = resources.files("earwitness.parts").joinpath("data", WEIGHTS).read_bytes()
        return Silero(ort.cpu_session(graph, what="the voice activity detector"))


spec = _Spec()
