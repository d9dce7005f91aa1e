"""Writes a graph down: weights, operations that give their result a name, and what it takes and gives.

Products in 8 bits are of the type that this processor multiplies rightly, and soonest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earwitness.hardware import ort

OPSET, IR = 17, 8
OURS = "com.microsoft"
"""The domain of operations that only ONNX Runtime has."""
HALF = 128
"""Between signed numbers of 8 bits and others."""


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """`scale * (weights - zero)`: weights of shape (in, out) and type uint8; what is added to a product with it.

    The scale is one number, or one for each column.
    """

    weights: NDArray[np.uint8]
    scale: np.float32 | NDArray[np.float32]
    zero: np.uint8
    bias: NDArray[np.float32] | None = None


class Sketch:
    """A graph while it is being written. `signed` weights are the same numbers, less 128."""

    def __init__(self, *, signed: bool) -> None:
        self._signed = signed
        self._nodes: list[Any] = []
        self._values: dict[str, NDArray[Any]] = {}

    def keep(self, name: str, value: Any) -> str:
        """A weight or another constant, by its name."""
        held = np.asarray(value, order="C")
        self._values[name] = held.astype(np.int64) if held.dtype == np.int_ else held  # it is shorter on Windows
        return name

    def op(self, kind: str, takes: Sequence[str], gives: str = "", *, ours: bool = False, **told: Any) -> str:
        """The result of an operation that gives one."""
        return self.ops(kind, takes, [gives] if gives else 1, ours=ours, **told)[0]

    def ops(
        self, kind: str, takes: Sequence[str], gives: Sequence[str] | int, *, ours: bool = False, **told: Any
    ) -> Sequence[str]:
        """The results of an operation, by names of their own or so many."""
        from onnx import helper

        if isinstance(gives, int):
            gives = [f"{kind}.{len(self._nodes)}.{i}" for i in range(gives)]
        self._nodes.append(helper.make_node(kind, takes, gives, domain=OURS if ours else "", **told))
        return gives

    def product(self, of: str, name: str, matrices: Sequence[Matrix], gives: str = "") -> str:
        """A product with matrices side by side, in 8 bits: what it is taken of is scaled by its largest number."""
        widths = [m.weights.shape[1] for m in matrices]
        weights: NDArray[Any] = np.concatenate([m.weights for m in matrices], axis=1)
        zeros = np.array([m.zero for m in matrices])
        if self._signed:
            weights, zeros = ((of_each ^ np.uint8(HALF)).view(np.int8) for of_each in (weights, zeros))
        scales = np.concatenate([np.atleast_1d(m.scale) for m in matrices])
        if len(matrices) > 1 or len(scales) > 1:  # else one for all columns, which is quicker
            scales = np.concatenate([np.broadcast_to(m.scale, w) for m, w in zip(matrices, widths, strict=True)])
            zeros = np.repeat(zeros, widths)
        takes = [of, self.keep(name, weights), self.keep(f"{name}.scale", scales), self.keep(f"{name}.zero", zeros)]
        biases = [m.bias for m in matrices if m.bias is not None]
        if biases:
            assert len(biases) == len(matrices)
            takes.append(self.keep(f"{name}.bias", np.concatenate(biases)))
        return self.op("DynamicQuantizeMatMul", takes, gives, ours=True)

    def model(self, takes: Mapping[str, tuple[type, Sequence[int | str]]], gives: Sequence[str]) -> bytes:
        """All of it as an ONNX model: type and shape of what it takes, and the names of what it gives, all floats."""
        from onnx import TensorProto, helper, numpy_helper

        types = {float: TensorProto.FLOAT, int: TensorProto.INT64}
        inputs = [helper.make_tensor_value_info(n, types[kind], shape) for n, (kind, shape) in takes.items()]
        outputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in gives]
        imports = [helper.make_opsetid("", OPSET), helper.make_opsetid(OURS, 1)]
        model = helper.make_model(
            helper.make_graph(self._nodes, "sketched", inputs, outputs), opset_imports=imports, ir_version=IR
        )
        for name, value in self._values.items():
            model.graph.initializer.append(numpy_helper.from_array(value, name))
        written: bytes = model.SerializeToString()
        return written


def multiplies_signed() -> bool:
    """Whether this processor multiplies signed weights rightly; most do, and at twice the speed.

    Older ones of Intel and AMD, without VNNI, add two products in 16 bits, which do not always hold them.
    """
    most, size = 255, 32
    g = Sketch(signed=True)
    g.product("x", "w", [Matrix(np.full((size, size), most, np.uint8), np.float32(1), np.uint8(0))], "y")
    tried = ort.cpu_session(g.model({"x": (float, [1, size])}, ["y"]), what="a product in 8 bits")
    (found,) = tried.run(None, {"x": np.full((1, size), most, np.float32)})
    return bool((found == most * most * size).all())
