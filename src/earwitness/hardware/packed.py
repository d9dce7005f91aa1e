"""Reads graphs in ONNX Runtime's own format, a FlatBuffer for which the runtime has no reader of its own to offer."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earwitness.errors import Missing
from earwitness.hardware.ort import runtime

TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 7: np.int64}
NUMBER, TEXT, GRAPH, NUMBERS = 1, 3, 5, 7


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: its name, the names of what it takes and gives, and its attributes."""

    kind: str
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    told: Mapping[str, Any]


def graph(packed: bytes) -> Any:
    """The graph in a file, for the functions below."""
    name = "ort_flatbuffers_py"
    if name not in sys.modules:  # the runtime's package around it would import torch, where that is installed
        folder = Path(runtime().__file__).parent / "tools" / "ort_format_model" / name
        spec = spec_from_file_location(name, folder / "__init__.py", submodule_search_locations=[str(folder)])
        if spec is None or spec.loader is None:
            raise Missing("this onnxruntime comes without the description of its own format")
        sys.modules[name] = module_from_spec(spec)
    session = import_module(f"{name}.fbs.InferenceSession").InferenceSession
    return session.GetRootAsInferenceSession(packed, 0).Model().Graph()


def values(of: Any) -> dict[str, NDArray[Any]]:
    """A graph's weights by name; they are views of the file."""
    found = {}
    for i in range(of.InitializersLength()):
        tensor = of.Initializers(i)
        shape = [tensor.Dims(k) for k in range(tensor.DimsLength())]
        found[tensor.Name().decode()] = tensor.RawDataAsNumpy().view(TYPES[tensor.DataType()]).reshape(shape)
    return found


def nodes(of: Any) -> Iterator[Node]:
    """A graph's operations, each after those it takes from. An attribute may be a graph."""
    for i in range(of.NodesLength()):
        node = of.Nodes(i)
        told = [node.Attributes(k) for k in range(node.AttributesLength())]
        yield Node(
            node.OpType().decode(),
            tuple(node.Inputs(k).decode() for k in range(node.InputsLength())),
            tuple(node.Outputs(k).decode() for k in range(node.OutputsLength())),
            {a.Name().decode(): _told(a) for a in told},
        )


def _told(attribute: Any) -> Any:
    kind = attribute.Type()
    if kind == NUMBER:
        return attribute.F()
    if kind == TEXT:
        return attribute.S().decode()
    if kind == GRAPH:
        return attribute.G()
    return [attribute.Ints(k) for k in range(attribute.IntsLength())] if kind == NUMBERS else attribute.I()
