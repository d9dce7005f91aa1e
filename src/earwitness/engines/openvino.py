"""Whisper on OpenVINO: Intel's NPUs, graphics and processors.

On an NPU the encoder runs there, which is nearly all of the work, and the decoder on the processor: an NPU wants shapes
that stay the same, and text grows. The graphs are those of `models/convert/openvino`.

Source: OpenVINO 2026, Python API. OpenVINO GenAI's pipeline takes one clip a call and gives neither log-probabilities
nor silence, so it is not used (docs/decisions/0005).
"""

import queue
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from earwitness.engines import Engine
from earwitness.engines.whisper import AGAIN, calls
from earwitness.engines.whisper.graphs import Graphs, Shapes, Values, other
from earwitness.engines.whisper.loop import Looped
from earwitness.engines.whisper.vocabulary import Vocabulary
from earwitness.errors import EngineFailed, Missing
from earwitness.hardware import ov
from earwitness.types import Device, Machine, ModelFiles

BATCH = 8
NAMES = {"cpu": "CPU", "gpu": "GPU", "npu": "NPU"}


class Options(calls.Cores):
    """`cache` is a folder for what graphics cards and NPUs compile, which takes them seconds to minutes."""

    cache: Path | None = None


class Requests:
    """Requests to the two compiled graphs, one of each for every worker: a request does one thing at a time."""

    def __init__(self, models: Mapping[str, Any], workers: int) -> None:
        self._free: dict[str, queue.SimpleQueue[Any]] = {}
        for half, model in models.items():
            self._free[half] = queue.SimpleQueue()
            for _ in range(workers):
                self._free[half].put(model.create_infer_request())

    def run(self, half: str, feed: Values, wanted: Sequence[str]) -> list[NDArray[np.float32]]:
        """Run one graph; what is given out is the caller's."""
        request = self._free[half].get()
        try:
            request.infer(feed, share_inputs=True)
            return [np.array(request.get_tensor(name).data) for name in wanted]
        finally:
            self._free[half].put(request)

    def close(self) -> None:
        """Let go of the requests, and the models with them."""
        for free in self._free.values():
            with suppress(queue.Empty):
                while True:
                    free.get_nowait()


def _shapes(encoder: Any, decoder: Any) -> Shapes:
    bands, frames = (encoder.input(0).partial_shape[i].get_length() for i in (1, 2))
    past = [i for i in decoder.inputs if i.any_name.startswith("past_")]
    sizes = {i.any_name: (i.partial_shape[1].get_length(), i.partial_shape[3].get_length()) for i in past}
    return Shapes(bands, frames, tuple(o.any_name for o in encoder.outputs), sizes)


class _Spec:
    name = "openvino"
    formats = ("openvino",)
    libraries = ("openvino",)
    Options: type[BaseModel] = Options

    def missing(self) -> str | None:
        return calls.missing("openvino", "openvino", "tokenizers")

    def devices(self, machine: Machine) -> tuple[Device, ...]:
        return tuple(d for d in machine.devices if "openvino" in d.apis or d.kind == "cpu")

    def load(self, files: ModelFiles, device: Device, options: BaseModel) -> Engine:
        if why := self.missing():
            raise Missing(why)
        folder, chosen = files.files["folder"], options if isinstance(options, Options) else Options()
        try:
            told = calls.told(folder)
            encoder, decoder = _compiled(folder, device, chosen)
            if why := other(i.any_name for i in decoder.inputs):
                raise ValueError(why)
        except Exception as error:
            raise EngineFailed(f"{files.name} does not load: {str(error).strip()[:300]}", remedy=AGAIN) from error
        words = Vocabulary(folder / "tokenizer.json", told.size)
        requests = Requests({"encoder": encoder, "decoder": decoder}, chosen.workers)
        network = Graphs(requests.run, requests.close, _shapes(encoder, decoder))
        return Looped(network, words, told.suppressed, batch=BATCH, parallel=True)


def _compiled(folder: Path, device: Device, chosen: Options) -> list[Any]:
    """Encoder and decoder on the device."""
    core = ov.runtime().Core()
    if chosen.cache is not None:
        core.set_property({"CACHE_DIR": str(chosen.cache)})
    made = []
    for part in ("encoder", "decoder"):
        model, where = core.read_model(folder / f"{part}.xml"), NAMES[device.kind]
        if where == "NPU" and part == "encoder":
            model.reshape([1, *(d.get_length() for d in list(model.input(0).partial_shape)[1:])])
        elif where == "NPU":
            where = "CPU"
        cores = {"INFERENCE_NUM_THREADS": chosen.workers * chosen.threads, "NUM_STREAMS": chosen.workers}
        name = f"GPU.{device.index}" if where == "GPU" else where
        made.append(core.compile_model(model, name, cores if where == "CPU" else {"PERFORMANCE_HINT": "LATENCY"}))
    return made


spec = _Spec()
