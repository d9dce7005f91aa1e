"""Noise reduction by GTCRN, a small network for one frame at a time, from the model directory.

Any `phenome/enhancement/gtcrn/NAME.onnx` with the inputs of the published streaming graph: one frame of the spectrum,
shape (1, 257, 1, 2), and the network's memories; the same come out.

Source: Rong et al., 2024 (GTCRN, ICASSP); the graph as sherpa-onnx runs it (`gtcrn_simple.onnx`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earwitness.errors import EngineFailed, Missing
from earwitness.hardware import ort
from earwitness.parts import Enhancer, PartSpec, parts_folder
from earwitness.parts.stft import BANDS, FRAME, HOP, Overlap, frames, overlapped
from earwitness.types import Samples

FRAMES = 5
"""Frames of a step: 80 ms."""


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """The last half frame, and what the network remembers."""

    overlap: Overlap
    cells: tuple[NDArray[np.float32], ...]


class Gtcrn:
    """The loaded network; its methods are those of `Enhancer`. Raises EngineFailed for a graph of another kind."""

    unit = FRAMES * HOP
    delay = FRAME - HOP

    def __init__(self, session: ort.Session, name: str) -> None:
        self._session, self._name = session, name
        frame, *cells = session.get_inputs()
        if list(frame.shape) != [1, BANDS, 1, 2] or len(session.get_outputs()) != len(cells) + 1:
            raise EngineFailed(
                f"{name} is no GTCRN of one frame: it wants {frame.shape}",
                remedy="Take the streaming graph, gtcrn_simple.onnx of sherpa-onnx.",
            )
        self._frame, self._cells = frame.name, [(c.name, [int(n) for n in c.shape]) for c in cells]

    def begin(self) -> Memory:
        return Memory(Overlap(), tuple(np.zeros(shape, np.float32) for _, shape in self._cells))

    def step(self, sound: Samples, state: Memory) -> tuple[Samples, Memory]:
        spectra, overlap = frames(sound, state.overlap)
        cells, made = state.cells, np.empty_like(spectra)
        for n, bands in enumerate(spectra):
            frame = np.stack([bands.real, bands.imag], -1).astype(np.float32)[None, :, None]
            feed: dict[str, NDArray[Any]] = {
                self._frame: frame,
                **{name: cell for (name, _), cell in zip(self._cells, cells, strict=True)},
            }
            try:
                clean, *rest = self._session.run(None, feed)
            except Exception as error:
                raise EngineFailed(f"{self._name} broke: {error}") from error
            made[n], cells = clean[0, :, 0, 0] + 1j * clean[0, :, 0, 1], tuple(rest)
        out, overlap = overlapped(made, overlap)
        return out, Memory(overlap, cells)


@dataclass(slots=True)
class _Model:
    """One graph in the model directory."""

    path: Path
    name: str
    does: str = "denoiser"
    languages: tuple[str, ...] = ()

    def missing(self) -> str | None:
        return ort.missing()

    def load(self) -> Enhancer[Memory]:
        return Gtcrn(ort.cpu_session(self.path, what=self.name), self.name)


class _Spec:
    name = "gtcrn"
    does = "denoiser"
    languages: tuple[str, ...] = ()

    def missing(self) -> str | None:
        return ort.missing()

    def load(self) -> Enhancer[Memory]:
        raise Missing(
            "noise reduction by GTCRN needs its network, which is not here",
            remedy="Put gtcrn_simple.onnx into phenome/enhancement/gtcrn of the model directory.",
        )

    def inside(self, models: Path) -> tuple[PartSpec[Enhancer[Memory]], ...]:
        """One part for each graph in the model directory."""
        found = sorted((parts_folder(models, "enhancement") / "gtcrn").glob("*.onnx"))
        return tuple(_Model(p, p.stem) for p in found)


spec = _Spec()
