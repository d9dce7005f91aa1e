"""Speakers by a pipeline of pyannote.audio 4 on PyTorch (3.1, community-1), from a folder of the model directory.

A folder `phenome/diarization/NAME` holds the pipeline's `config.yaml` and the models it names as `$model/…`. Its
weights are pickles, which the library runs: they are looked into first, and only names that pyannote's own need pass.
Nothing is fetched, and nothing is reported to its makers. The library wants whole recordings: their sound is kept on
disk.

Source: Bredin, "pyannote.audio 2.1 speaker diarization pipeline", 2023; pyannote/speaker-diarization-community-1 (CC BY
4.0) and 3.1 (MIT).
"""

import os
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from earwitness.audio import timebase
from earwitness.errors import EngineFailed
from earwitness.parts import Crowd, Diarizer, Hearing
from earwitness.parts.voices import trust
from earwitness.parts.voices.folders import Family
from earwitness.parts.voices.kept import Answer, Kept
from earwitness.types import Audio, Samples, Turn

CONFIG = "config.yaml"
PIPELINE = "pyannote.audio.pipelines.SpeakerDiarization"
LOCAL = "$model/"
WHERE = f"Put a pipeline's folder, with {CONFIG} and its models, into phenome/diarization of the model directory."
NAMED = trust.WEIGHTS | {
    "collections defaultdict",
    "lightning.pytorch.callbacks.early_stopping EarlyStopping",
    "lightning.pytorch.callbacks.model_checkpoint ModelCheckpoint",
    "omegaconf.base ContainerMetadata",
    "omegaconf.base Metadata",
    "omegaconf.listconfig ListConfig",
    "omegaconf.nodes AnyNode",
    "pyannote.audio.core.model Introspection",
    "pyannote.audio.core.task Problem",
    "pyannote.audio.core.task Resolution",
    "pyannote.audio.core.task Specifications",
    "pytorch_lightning.callbacks.early_stopping EarlyStopping",
    "pytorch_lightning.callbacks.model_checkpoint ModelCheckpoint",
    "torch.torch_version TorchVersion",
    "typing Any",
}
"""What checkpoints of pyannote's name beside weights: plain holders of values."""

LEAST_VOICE_S = 1.0


class Pyannote:
    """The loaded pipeline. One call at a time."""

    def __init__(self, name: str, pipeline: Any) -> None:
        self.embeds = f"pyannote/{name}"
        self._name, self._pipeline, self._lock = name, pipeline, Lock()

    def begin(self) -> Hearing:
        """See `Diarizer.begin`."""
        return Kept(self._ask, self._name)

    def voice(self, audio: Audio) -> tuple[float, ...] | None:
        """See `Diarizer.voice`. Whoever else is heard in the clip becomes part of it."""
        heard = self.begin()
        heard.hear(audio)
        found = heard.tell(Crowd(count=1)).speakers
        return (found[0].voice or None) if found and found[0].speech_s >= LEAST_VOICE_S else None

    def _ask(self, sound: Samples, crowd: Crowd) -> Answer:
        import torch

        wanted = {"num_speakers": crowd.count, "min_speakers": crowd.least, "max_speakers": crowd.most}
        told = {name: value for name, value in wanted.items() if value is not None}
        heard = {"waveform": torch.from_numpy(np.asarray(sound))[None], "sample_rate": timebase.RATE, "uri": "sound"}
        try:
            with self._lock, torch.inference_mode():
                found = self._pipeline(heard, **told)
        except Exception as error:
            raise EngineFailed(f"{self._name} broke: {type(error).__name__}: {error}") from error
        spoken = getattr(found, "speaker_diarization", found)  # a pipeline set to `legacy` gives just that
        turns = [Turn(t.start, t.end, str(who)) for t, _, who in spoken.itertracks(yield_label=True)]
        rows = getattr(found, "speaker_embeddings", None)
        voices = dict(zip(map(str, spoken.labels()), rows, strict=False)) if rows is not None else {}
        return turns, {who: row for who, row in voices.items() if np.isfinite(row).all() and row.any()}, ()


def check(folder: Path) -> None:
    """Raise EngineFailed unless the pipeline is pyannote's own, and all it needs lies in the folder and is trusted."""
    import yaml  # type: ignore[import-untyped,unused-ignore]

    text = (folder / CONFIG).read_text("utf-8")
    trust.settings(text, CONFIG, (PIPELINE,))
    told = yaml.safe_load(text)
    pipeline = told.get("pipeline") if isinstance(told, dict) else None
    if not isinstance(pipeline, dict) or pipeline.get("name") != PIPELINE or "preprocessors" in told:
        raise EngineFailed(f"{CONFIG} of {folder.name} is no pipeline that tells speakers apart", remedy=WHERE)
    params = pipeline.get("params") or {}
    for part in ("segmentation", "embedding", "plda"):  # where one is not named, the library fetches its own
        place = params.get(part)
        if isinstance(place, str) and place.startswith(LOCAL) and ".." not in place and "@" not in place:
            continue
        raise EngineFailed(
            f"{CONFIG} of {folder.name} takes its {part} from {str(place)[:60]!r}, which is not in the folder",
            remedy=f"Put that model into the folder, and write {LOCAL}{part} in its place.",
        )
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix in {".bin", ".ckpt", ".pt", ".pth", ".pkl"}:
            trust.weights(path, NAMED)


def missing() -> str | None:
    """See `PartSpec.missing`."""
    there = find_spec("torch") and find_spec("pyannote") and find_spec("pyannote.audio")
    return None if there else "pyannote.audio not installed: pip install 'earwitness[pyannote]'"


def load(config: Path, name: str) -> Diarizer:
    """The pipeline of a settings file. Raises EngineFailed where it is not trusted."""
    check(config.parent)
    os.environ["PYANNOTE_METRICS_ENABLED"] = "false"
    from pyannote.audio import Pipeline

    return Pyannote(name, Pipeline.from_pretrained(config.parent))


spec = Family("pyannote", CONFIG, WHERE, missing, load)
