"""Opens ONNX Runtime sessions the one way this house wants them: quiet, one thread, nobody spinning.

A lane has one worker for each core, and workers with one thread each beat one worker with all of them.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

from numpy.typing import NDArray

from earwitness.errors import EngineFailed, Missing


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


def cpu_session(graph: Path | bytes, *, what: str, threads: int = 1) -> Session:
    """A session on the CPU. `what` names the model in errors.

    Raises Missing without the runtime, EngineFailed if the graph does not load.
    """
    if why := missing():
        raise Missing(why)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    options.enable_mem_pattern = options.enable_cpu_mem_arena = False  # shapes differ from call to call; both pile up
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = graph if isinstance(graph, bytes) else str(graph)
    try:
        return cast("Session", onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"]))
    except Exception as error:
        raise EngineFailed(f"{what} does not load: {error}") from error
