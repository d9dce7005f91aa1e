"""What an engine is tried on: a model it reads, and sound that this model understands."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from earwitness import config
from earwitness.audio import decode, timebase
from earwitness.audio.decode import Report
from earwitness.engines import Spec
from earwitness.engines.wire import address
from earwitness.models import bring, catalog
from earwitness.models.convert import checkpoint, ctranslate2, ggml, mlx, onnx, openvino
from earwitness.types import ModelFiles, Samples
from support import server, whisper


@dataclass(frozen=True)
class Subject:
    """An engine, its model, and four recordings of unlike lengths, 2 to 10 s."""

    spec: Spec
    files: ModelFiles
    speech: list[Samples]
    words: int
    """How many words the longest clip it takes gives at least when it is full of speech."""


def subject(spec: Spec, folder: Path, sample: Path, held: ExitStack) -> Subject:
    """What to try an engine on; models are converted into `folder`, and what has to be stopped is left in `held`."""
    form = spec.formats[0]
    if form == "remote":
        return Subject(spec, remote(folder, held), _numbers(), 4)
    if form in MICRO:
        return Subject(spec, micro(form, folder), _numbers(), 4)
    entry = next(e for e in catalog.ENTRIES if e.format == form)
    return Subject(spec, catalog.locate(entry), _english(sample), 8)


def micro(form: str, folder: Path, precision: str | None = None) -> ModelFiles:
    """The small Whisper in a format, converted into `folder`."""
    return MICRO[form](folder, precision)


def remote(folder: Path, held: ExitStack) -> ModelFiles:
    """The small Whisper on a server; whisper.cpp decodes each clip by itself, so it says the same each time."""
    (folder / "models" / "ggml").mkdir(parents=True)
    _ggml(folder / "models" / "ggml", None).files["model"].rename(folder / "models" / "ggml" / "ggml-micro.bin")
    url = held.enter_context(server.running(config.load(home=folder, log_level="error", preload=False)))
    made = bring.pointed(folder / "pointers", "micro", address.told(url=f"{url}/v1", model="whisper-micro"))
    return made.files


def _ctranslate2(folder: Path, precision: str | None) -> ModelFiles:
    made = folder / f"ctranslate2-{precision}"
    made.mkdir()
    ctranslate2.write(checkpoint.read(whisper.MODEL), made, precision or "float32")
    return ModelFiles("whisper-micro", "ctranslate2", {"folder": made})


def _onnx(folder: Path, precision: str | None) -> ModelFiles:
    made = folder / f"onnx-{precision}"
    made.mkdir()
    onnx.write(checkpoint.read(whisper.MODEL), made, precision or "float32")
    return ModelFiles("whisper-micro", "onnx", {"folder": made})


def _openvino(folder: Path, precision: str | None) -> ModelFiles:
    made = folder / f"openvino-{precision}"
    made.mkdir()
    openvino.write(checkpoint.read(whisper.MODEL), made, precision or "float16")
    return ModelFiles("whisper-micro", "openvino", {"folder": made})


def _mlx(folder: Path, precision: str | None) -> ModelFiles:
    """With a window of 5 s where no precision is named: on Linux the runtime takes many seconds for one of 30 s."""
    made, whole = folder / f"mlx-{precision}", checkpoint.read(whisper.MODEL)
    made.mkdir()
    cut = replace(whole, config={**whole.config, "max_source_positions": 250})
    mlx.write(whole if precision else cut, made, precision or "float32")
    return ModelFiles("whisper-micro", "mlx", {"folder": made})


def _base(folder: Path, precision: str | None) -> ModelFiles:
    return ModelFiles("whisper-micro", "base", {"folder": whisper.MODEL})


def _ggml(folder: Path, precision: str | None) -> ModelFiles:
    made = folder / f"ggml-whisper-micro-{precision}.bin"
    ggml.write(checkpoint.read(whisper.MODEL), made, precision or "f16")
    return ModelFiles("whisper-micro", "ggml", {"model": made})


MICRO: dict[str, Callable[[Path, str | None], ModelFiles]] = {
    "ctranslate2": _ctranslate2,
    "ggml": _ggml,
    "mlx": _mlx,
    "onnx": _onnx,
    "openvino": _openvino,
    "base": _base,
}


def _numbers() -> list[Samples]:
    """What the small Whisper understands."""
    return [r.samples for r in whisper.exact() if r.name[:2] in {"02", "04", "07", "09"}]


def _english(sample: Path) -> list[Samples]:
    """Real English, cut at pauses."""
    cuts = [("beckett.wav", 0, 10), ("two_cities.wav", 0, 4.5), ("two_cities.wav", 4.3, 8.4), (sample.name, 0, 2.5)]
    found = []
    for name, low_s, high_s in cuts:
        whole = np.concatenate([a.samples for a in decode.stream(sample.parent / name, Report())])
        found.append(whole[timebase.samples(low_s) : timebase.samples(high_s)])
    return found
