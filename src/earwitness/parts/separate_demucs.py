"""The voices alone, without music, by Demucs on ONNX Runtime, from the model directory.

Any `phenome/enhancement/demucs/NAME.onnx` as the package demucs-onnx exports Hybrid Transformer Demucs: stereo at
44.1 kHz of a fixed length, shape (1, 2, samples), becomes (1, 4, 2, samples): drums, bass, other, vocals. Pieces
overlap by a quarter and are faded into each other.

Source: Rouard et al., 2023 (arXiv 2211.08553); the overlap as in demucs' `apply_model`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from earwitness.errors import EngineFailed, Missing
from earwitness.hardware import ort
from earwitness.parts import Enhancer, PartSpec, parts_folder
from earwitness.types import Samples

UP, DOWN = 441, 160
"""44.1 kHz over 16 kHz."""

STEMS, VOCALS = 4, 3
SILENT = 1e-6
"""A piece that varies by less is silence."""


@dataclass(frozen=True, slots=True, eq=False)
class Faded:
    """The last quarter of a piece: as it came, and its voices, fading out."""

    tail: Samples
    ready: Samples


class Demucs:
    """The loaded network; its methods are those of `Enhancer`. Raises EngineFailed for a graph of another kind."""

    def __init__(self, session: ort.Session, name: str) -> None:
        self._session, self._name = session, name
        inputs, outputs = session.get_inputs(), session.get_outputs()
        shape = inputs[0].shape
        length = shape[-1] if len(shape) == 3 and shape[:2] == [1, 2] else 0
        right = len(inputs) == 1 and outputs[0].shape == [1, STEMS, 2, length]
        if not right or not isinstance(length, int) or not length or length % UP:
            raise EngineFailed(
                f"{name} is no Demucs from stereo to four stems: it makes {outputs[0].shape} of {shape}",
                remedy="Take htdemucs.onnx as the package demucs-onnx exports it.",
            )
        self._mix = inputs[0].name
        piece = length // UP * DOWN
        self.delay = piece // 4
        self.unit = piece - self.delay
        self._rise = ((np.arange(self.delay) + 0.5) / self.delay).astype(np.float32)

    def begin(self) -> Faded:
        return Faded(np.zeros(self.delay, np.float32), np.zeros(self.delay, np.float32))

    def step(self, sound: Samples, state: Faded) -> tuple[Samples, Faded]:
        piece = np.concatenate([state.tail, sound])
        voices = self._voices(piece)
        voices[: self.delay] = voices[: self.delay] * self._rise + state.ready
        ready = voices[self.unit :] * self._rise[::-1]
        return voices[: self.unit].copy(), Faded(piece[self.unit :].copy(), ready)

    def _voices(self, piece: Samples) -> Samples:
        """The voices of a piece, of the same shape."""
        middle, width = float(piece.mean()), float(piece.std())
        if width < SILENT:
            return np.zeros_like(piece)
        mix = resample_poly((piece - middle) / width, UP, DOWN).astype(np.float32)
        try:
            stems = self._session.run(None, {self._mix: np.stack([mix, mix])[None]})[0]
        except Exception as error:
            raise EngineFailed(f"{self._name} broke: {error}") from error
        voices: Samples = resample_poly(stems[0, VOCALS].mean(0), DOWN, UP).astype(np.float32) * np.float32(width)
        return voices


@dataclass(slots=True)
class _Model:
    """One graph in the model directory."""

    path: Path
    name: str
    does: str = "separator"
    languages: tuple[str, ...] = ()

    def missing(self) -> str | None:
        return ort.missing()

    def load(self) -> Enhancer[Faded]:
        return Demucs(ort.cpu_session(self.path, what=self.name), self.name)


class _Spec:
    name = "demucs"
    does = "separator"
    languages: tuple[str, ...] = ()

    def missing(self) -> str | None:
        return ort.missing()

    def load(self) -> Enhancer[Faded]:
        raise Missing(
            "separating voices from music needs Demucs' network, which is not here",
            remedy="Put htdemucs.onnx into phenome/enhancement/demucs of the model directory; docs/enhancement.md says "
            "where it comes from.",
        )

    def inside(self, models: Path) -> tuple[PartSpec[Enhancer[Faded]], ...]:
        """One part for each graph in the model directory."""
        found = sorted((parts_folder(models, "enhancement") / "demucs").glob("*.onnx"))
        return tuple(_Model(p, p.stem) for p in found)


spec = _Spec()
