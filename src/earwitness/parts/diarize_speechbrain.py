"""Speakers by SpeechBrain's ECAPA-TDNN on PyTorch, from a folder of the model directory.

A folder `phenome/diarization/NAME` holds `embedding_model.ckpt` as SpeechBrain publishes it. The network is put
together here as its recipe for VoxCeleb has it: the `hyperparams.yaml` beside it is a program, and is not read; the
weights are opened as weights only. Speech is found by the detector of the base install; overlap is not heard.

Source: Desplanques et al., "ECAPA-TDNN", 2020 (arXiv 2005.07143); speechbrain/spkrec-ecapa-voxceleb (Apache-2.0).
"""

from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from earwitness.audio import timebase
from earwitness.parts import Diarizer, vad_silero
from earwitness.parts.voices.folders import Family
from earwitness.parts.voices.library import Floats
from earwitness.parts.voices.windows import Windowed
from earwitness.types import Samples

WEIGHTS = "embedding_model.ckpt"
WHERE = f"Put SpeechBrain's {WEIGHTS} into phenome/diarization/NAME of the model directory."
BANDS = 80


class Ecapa:
    """The loaded network; an `Embedder`. One call at a time."""

    width, step = timebase.samples(1.6), timebase.samples(0.8)
    apart = 0.65

    def __init__(self, weights: Path) -> None:
        import torch
        from speechbrain.lobes.features import Fbank
        from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN
        from speechbrain.processing.features import InputNormalization

        held = torch.load(weights, map_location="cpu", weights_only=True)
        wide = int(held["blocks.0.conv.conv.weight"].shape[0])
        self._features: Any = Fbank(n_mels=BANDS)
        self._level: Any = InputNormalization(norm_type="sentence", std_norm=False)
        self._model: Any = ECAPA_TDNN(
            input_size=BANDS,
            channels=[wide] * 4 + [3 * wide],
            kernel_sizes=[5, 3, 3, 3, 1],
            dilations=[1, 2, 3, 4, 1],
            attention_channels=128,
            lin_neurons=int(held["fc.conv.weight"].shape[0]),
        )
        self._model.load_state_dict(held, strict=True)
        self._model.eval()
        self._lock = Lock()

    def embed(self, windows: Samples) -> Floats:
        """See `Embedder.embed`."""
        import torch

        with self._lock, torch.inference_mode():
            whole = torch.ones(len(windows))
            mels = self._level(self._features(torch.from_numpy(windows)), whole)
            found = self._model(mels, whole)
        return np.asarray(found.squeeze(1).numpy(), np.float32)


def missing() -> str | None:
    """See `PartSpec.missing`."""
    lacks = [name for name in ("torch", "torchaudio", "speechbrain") if find_spec(name) is None]
    return f"{' and '.join(lacks)} not installed: pip install 'earwitness[speechbrain]'" if lacks else None


def load(weights: Path, name: str) -> Diarizer:
    """The network with some weights."""
    return Windowed(name, f"speechbrain/{name}", Ecapa(weights), vad_silero.spec.load())


spec = Family("speechbrain", WEIGHTS, WHERE, missing, load)
