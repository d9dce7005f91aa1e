"""Speakers by a Sortformer of NVIDIA NeMo on PyTorch, from a folder of the model directory.

A folder `phenome/diarization/NAME` holds one `.nemo` file. It is looked into first: its settings may make
NeMo's own classes and torch's only, its weights may be nothing but weights. Hears overlap; knows at most the speakers
it was trained for, four so far, and makes no embeddings. The library wants whole recordings: their sound is kept on
disk.

Source: Park et al., "Sortformer", 2024 (arXiv 2409.06656). Its weights have licences of their own.
"""

from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from earwitness.audio import timebase
from earwitness.errors import EngineFailed, Unsupported
from earwitness.parts import Crowd, Diarizer, Hearing
from earwitness.parts.voices import trust
from earwitness.parts.voices.folders import Family
from earwitness.parts.voices.kept import Answer, Kept
from earwitness.types import Audio, Notice, Samples, Turn

WHERE = "Put a Sortformer's .nemo file into phenome/diarization/NAME of the model directory."
CLASSES = ("nemo.", "torch.")


class Sortformer:
    """The loaded model. One call at a time."""

    embeds = ""

    def __init__(self, name: str, model: Any) -> None:
        self._name, self._model, self._lock = name, model, Lock()

    def begin(self) -> Hearing:
        """See `Diarizer.begin`."""
        return Kept(self._ask, self._name)

    def voice(self, audio: Audio) -> tuple[float, ...] | None:
        """See `Diarizer.voice`. Raises Unsupported."""
        raise Unsupported(f"{self._name} makes no embeddings, so voices can't be compared", param="diarizer")

    def _ask(self, sound: Samples, crowd: Crowd) -> Answer:
        try:
            with self._lock:
                lines = self._model.diarize(
                    audio=[np.asarray(sound)], sample_rate=timebase.RATE, batch_size=1, num_workers=0, verbose=False
                )[0]
        except Exception as error:
            raise EngineFailed(f"{self._name} broke: {type(error).__name__}: {error}") from error
        return [turn(line) for line in lines], {}, _not_heeded(crowd, self._name)


def _not_heeded(crowd: Crowd, name: str) -> tuple[Notice, ...]:
    said = f"{name} can't be told how many speakers there are"
    return () if crowd == Crowd() else (Notice("number_of_speakers_not_heeded", said),)


def turn(line: str) -> Turn:
    """A line `0.16 2.40 speaker_0`. Raises EngineFailed for another."""
    told = line.split()
    try:
        start_s, end_s, who = told
        return Turn(float(start_s), float(end_s), who)
    except ValueError as error:
        raise EngineFailed(f"NeMo answered {line[:60]!r}, which is no turn") from error


def missing() -> str | None:
    """See `PartSpec.missing`."""
    there = find_spec("torch") and find_spec("nemo") and find_spec("nemo.collections.asr")
    return None if there else "NeMo not installed: pip install 'earwitness[nemo]'"


def load(path: Path, name: str) -> Diarizer:
    """The model in a `.nemo` file. Raises EngineFailed where it is not trusted."""
    trust.archive(path, trust.WEIGHTS, CLASSES)
    from nemo.collections.asr.models import SortformerEncLabelModel

    model: Any = SortformerEncLabelModel.restore_from(restore_path=str(path), map_location="cpu", strict=False)
    model.eval()
    return Sortformer(name, model)


spec = Family("nemo", "*.nemo", WHERE, missing, load)
