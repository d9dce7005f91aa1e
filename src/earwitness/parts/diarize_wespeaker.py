"""Speakers by a WeSpeaker model in ONNX, from a folder of the model directory; neither torch nor WeSpeaker is needed.

A folder `phenome/diarization/NAME` holds one .onnx file as WeSpeaker exports it: from `feats`, Kaldi's spectrogram of
80 bands less its mean, to `embs`. Speech is found by the detector of the base install; overlap is not heard.

Source: Wang et al., "WeSpeaker: A research and production oriented speaker embedding learning toolkit", 2023 (arXiv
2210.17016).
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from earwitness.audio import timebase
from earwitness.errors import EngineFailed
from earwitness.hardware import ort
from earwitness.parts import Diarizer, vad_silero
from earwitness.parts.voices.folders import Family
from earwitness.parts.voices.frames import BANDS, fbank
from earwitness.parts.voices.library import Floats
from earwitness.parts.voices.windows import Windowed
from earwitness.types import Samples

WHERE = "Put an .onnx file that WeSpeaker exported into phenome/diarization/NAME of the model directory."


class Exported:
    """A loaded model; an `Embedder`."""

    width, step = timebase.samples(1.6), timebase.samples(0.8)
    apart = 0.65

    def __init__(self, session: ort.Session) -> None:
        self._session = session
        self._taken, self._given = session.get_inputs()[0].name, session.get_outputs()[-1].name

    def embed(self, windows: Samples) -> Floats:
        """See `Embedder.embed`."""
        logs = np.stack([fbank(w) for w in windows])
        found = self._session.run([self._given], {self._taken: logs - logs.mean(1, keepdims=True)})[0]
        return np.asarray(found, np.float32).reshape(len(windows), -1)


def missing() -> str | None:
    """See `PartSpec.missing`."""
    return None if find_spec("scipy") else "scipy is not installed: pip install scipy"


def load(path: Path, name: str) -> Diarizer:
    """An exported model, tried once. Raises EngineFailed for a graph of another shape."""
    session = ort.cpu_session(path, what=f"the speaker model {name}")
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 3 or inputs[0].shape[-1] != BANDS or not outputs:
        raise EngineFailed(f"{path.name} is no model as WeSpeaker exports it", remedy=WHERE)
    model = Exported(session)
    model.embed(np.zeros((2, model.width), np.float32))
    return Windowed(name, f"wespeaker/{name}", model, vad_silero.spec.load())


spec = Family("wespeaker", "*.onnx", WHERE, missing, load)
