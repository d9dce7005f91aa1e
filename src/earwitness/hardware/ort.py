"""Opens ONNX Runtime sessions the one way this house wants them: quiet, one thread, nobody spinning or reporting.

A lane has one worker for each core, and workers with one thread each beat one worker with all of them.
"""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

from numpy.typing import NDArray

from earwitness.errors import EngineFailed, Missing
from earwitness.types import Device, Machine

CPU = "CPUExecutionProvider"
PROVIDERS = {
    "nvidia": ("CUDAExecutionProvider",),
    "amd": ("MIGraphXExecutionProvider", "ROCMExecutionProvider"),
    "intel": ("OpenVINOExecutionProvider",),
    "apple": ("CoreMLExecutionProvider",),
}
"""By the maker of a device, those that reach it, the preferred one first; DirectML reaches any card on Windows."""

BOUND = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "MIGraphXExecutionProvider", "ROCMExecutionProvider")
"""Those with a memory of their own, in which results can be left."""

ON_HOST = ("logits", "attention")
"""Outputs that are wanted here."""


class Value(Protocol):
    """An input or output of a graph; names of dimensions that vary stand as text."""

    name: str
    shape: list[int | str]


class Session(Protocol):
    """What we use of `onnxruntime.InferenceSession`. Several threads may run one at once."""

    def run(self, outputs: list[str] | None, feed: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The outputs of that name, or all."""
        ...

    def get_inputs(self) -> list[Value]:
        """The graph's inputs."""
        ...

    def get_outputs(self) -> list[Value]:
        """The graph's outputs."""
        ...


def missing() -> str | None:
    """Why ONNX Runtime can't be used here, or None; found out without importing it."""
    return None if find_spec("onnxruntime") else "onnxruntime is not installed: pip install onnxruntime"


def runtime() -> Any:
    """The runtime, kept from reporting to its makers: from 1.29 on it does so unless told before it loads."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # Windows knows no such variable
    return onnxruntime


def cpu_session(graph: Path | bytes, *, what: str, threads: int = 1) -> Session:
    """A session on the CPU. `what` names the model in errors.

    Raises Missing without the runtime, EngineFailed if the graph does not load.
    """
    return cast("Session", _opened(graph, [CPU], what, threads))


def devices(machine: Machine) -> tuple[Device, ...]:
    """The devices of this machine that the installed runtime reaches, cards first."""
    cards = [d for d in machine.devices if d.kind != "cpu"]
    return (*(d for d in cards if _provider(d)), *(d for d in machine.devices if d.kind == "cpu"))


def session(
    graph: Path, device: Device, *, what: str, threads: int = 1, cache: Path | None = None, tensorrt: bool = False
) -> Session:
    """A session on a device; what a card computes stays there, but for logits and attention.

    `cache` is for what providers compile; `tensorrt` prefers that one on NVIDIA's cards.

    The runtime itself would go on with the processor where a card does not start; that is an error here. Raises Missing
    without the runtime, EngineFailed if the graph does not load or the device does not start.
    """
    if device.kind == "cpu":
        return cpu_session(graph, what=what, threads=threads)
    if why := missing():
        raise Missing(why)
    name = "TensorrtExecutionProvider" if tensorrt and device.vendor == "nvidia" else _provider(device)
    if name is None:
        raise Missing(f"this build of onnxruntime does not reach {device.name}")
    opened = _opened(graph, [(name, _settings(name, device, cache)), CPU], what, threads)
    if opened.get_providers()[0] != name:
        raise EngineFailed(f"{name} does not start on {device.name}", remedy="Check its driver and its libraries.")
    return cast("Session", Bound(opened, "cuda", device.index) if name in BOUND else opened)


class Held:
    """A value that stays where it was computed."""

    def __init__(self, value: Any, place: tuple[str, int]) -> None:
        self.value, self._place = value, place

    def __getitem__(self, rows: list[int]) -> "Held":
        """Some rows of it. They go by way of the processor: the runtime has no other."""
        return Held(on(self.value.numpy()[rows], self._place), self._place)


class Bound:
    """A session whose results stay on its card, and may be given to it again."""

    def __init__(self, session: Any, where: str, index: int) -> None:
        self._session, self._place = session, (where, index)
        self.get_inputs, self.get_outputs = session.get_inputs, session.get_outputs

    def run(self, outputs: list[str], feed: Mapping[str, Any]) -> list[Any]:
        """The outputs: arrays for `ON_HOST`, and `Held` for the others."""
        binding = self._session.io_binding()
        for name, value in feed.items():
            binding.bind_ortvalue_input(name, value.value if isinstance(value, Held) else on(value, self._place))
        for name in outputs:
            binding.bind_output(name, *(("cpu", 0) if name in ON_HOST else self._place))
        self._session.run_with_iobinding(binding)
        found = zip(outputs, binding.get_outputs(), strict=True)
        return [value.numpy() if name in ON_HOST else Held(value, self._place) for name, value in found]


def on(value: NDArray[Any], place: tuple[str, int]) -> Any:
    """An array on a device."""
    return runtime().OrtValue.ortvalue_from_numpy(value, *place)


def _provider(device: Device) -> str | None:
    """The execution provider that reaches a device in this build of the runtime, or None."""
    if missing():
        return None
    here = runtime().get_available_providers()
    wanted = (*PROVIDERS.get(device.vendor, ()), "DmlExecutionProvider" if device.kind == "gpu" else "")
    return next((name for name in wanted if name in here), None)


def _settings(name: str, device: Device, cache: Path | None) -> dict[str, str]:
    if name == "OpenVINOExecutionProvider":
        kept = {"cache_dir": str(cache)} if cache else {}
        return {"device_type": device.kind.upper(), **kept}
    if name == "CoreMLExecutionProvider":
        kept = {"ModelCacheDirectory": str(cache)} if cache else {}
        units = "CPUAndNeuralEngine" if device.kind == "npu" else "CPUAndGPU"
        return {"ModelFormat": "MLProgram", "MLComputeUnits": units, **kept}
    if name == "TensorrtExecutionProvider":
        kept = {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(cache)} if cache else {}
        return {"device_id": str(device.index), **kept}
    return {"device_id": str(device.index)}


def _opened(graph: Path | bytes, providers: list[Any], what: str, threads: int) -> Any:
    if why := missing():
        raise Missing(why)
    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    options.enable_mem_pattern = options.enable_cpu_mem_arena = False  # shapes differ from call to call; both pile up
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = graph if isinstance(graph, bytes) else str(graph)
    try:
        return onnxruntime.InferenceSession(source, options, providers=providers)
    except Exception as error:
        raise EngineFailed(f"{what} does not load: {error}") from error
