"""The graphs of the two networks, put together anew from their weights as ONNX models.

ONNX Runtime runs these in two thirds of the time it takes for the packed ones: weights that stand unpacked in a graph
are laid out for the processor once, the first filters of the segmentation run over sound that windows share once, and
the encoder ends at the features of its frames, so one run serves any number of voices.

Source: the segmentation is PyanNet (Bredin and Laurent, 2021) behind SincNet's filters (Ravanelli and Bengio, 2018);
the encoder is WeSpeaker's ResNet34.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earwitness.hardware.packed import Node

Values = Mapping[str, NDArray[Any]]
Shapes = Mapping[str, list[int | str]]

WINDOW, STEP = 160_000, 10
"""Samples to a window, and from one frame of the first filters to the next."""
TAPS, FILTERS = 251, 80
FRAMES = (WINDOW - TAPS) // STEP + 1
LSTMS = ((791, 792, 790), (834, 835, 833), (877, 878, 876), (920, 921, 919))
"""Input weights, recurrent weights and biases of each layer, by the number in their names."""
LINEARS = (922, 923)
SINC = "inner.sincnet."
FEATURES = "/resnet/layer4/layer4.2/Relu_1_output_0"


def segmentation(values: Values) -> bytes:
    """Sound to who of three voices is active, for windows that overlap.

    Inputs: `sound` of shape (1, 1, 1, samples); where each window begins, in steps of 10 samples, `at` of shape (n, 1);
    and `scale` and `shift` of shape (n,), by which (sound + shift) * scale is normalised. Output: scores of the seven
    sets of active voices, shape (n, 589, 7).
    """
    from onnx import TensorProto, helper

    made = _Making()
    sinc = _sinc(values)
    made.add("Conv", ["sound", made.keep(sinc[:, :, None])], "filtered", kernel_shape=[1, TAPS], strides=[1, STEP])
    shifts = made.keep(sinc.sum(2).reshape(1, FILTERS, 1, 1))
    body, width = _Making("window."), made.keep(np.array([FRAMES]))
    body.add("Identity", ["go"], "on")
    first = body.add("Gather", ["at", "n"])
    one = body.add("Slice", ["filtered", first, body.add("Add", [first, width]), made.keep(np.array([3]))])
    shift, scale = (body.add("Gather", [name, "n"]) for name in ("shift", "scale"))
    one = body.add("Abs", [body.add("Add", [one, body.add("Mul", [shifts, shift])])])
    one = body.add("MaxPool", [one], kernel_shape=[1, 3], strides=[1, 3])
    body.add("Squeeze", [body.add("Mul", [one, scale]), made.keep(np.array([0]))], "pooled")
    count = helper.make_tensor_value_info("n", TensorProto.INT64, [])
    flags = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go", "on")]
    pooled = helper.make_tensor_value_info("pooled", TensorProto.FLOAT, [FILTERS, 1, FRAMES // 3])
    loop = helper.make_graph(body.nodes, "window", [count, flags[0]], [flags[1], pooled])
    x = made.add("Loop", [made.add("Size", ["at"]), ""], body=loop)
    sound: Shapes = {"sound": [1, 1, 1, "samples"], "scale": ["n"], "shift": ["n"]}
    return _model(made, _labelled(made, values, x), sound, {"at": ["n", 1]})


def _labelled(made: "_Making", values: Values, x: str) -> str:
    """The rest of the segmentation, behind its first filters."""
    for n in range(3):
        if n:
            taps = made.keep(_unpacked(values, f"{SINC}conv1d.{n}.weight")[:, :, None])
            x = made.add("Conv", [x, taps, made.keep(values[f"{SINC}conv1d.{n}.bias"])], kernel_shape=[1, 5])
            x = made.add("MaxPool", [x], kernel_shape=[1, 3], strides=[1, 3])
        norm = [made.keep(values[f"{SINC}norm1d.{n}.{part}"]) for part in ("weight", "bias")]
        x = made.add("LeakyRelu", [made.add("InstanceNormalization", [x, *norm], epsilon=1e-5)], alpha=0.01)
    x = made.add("Transpose", [made.add("Squeeze", [x, made.keep(np.array([2]))])], perm=[2, 0, 1])
    flat = made.keep(np.array([0, 0, -1]))
    for *packed, bias in LSTMS:
        weights = [made.keep(_unpacked(values, f"onnx::LSTM_{n}")) for n in packed]
        biases = made.keep(values[f"onnx::LSTM_{bias}"])
        x = made.add("LSTM", [x, *weights, biases], direction="bidirectional", hidden_size=128)
        x = made.add("Reshape", [made.add("Transpose", [x], perm=[0, 2, 1, 3]), flat])
    x = made.add("Transpose", [x], perm=[1, 0, 2])
    for n, number in enumerate(LINEARS):
        x = made.add("MatMul", [x, made.keep(_unpacked(values, f"onnx::MatMul_{number}"))])
        x = made.add("Add", [x, made.keep(values[f"inner.linear.{n}.bias"])])
        x = made.add("LeakyRelu", [x], alpha=0.01)
    x = made.add("MatMul", [x, made.keep(values["onnx::MatMul_924"])])
    return made.add("Add", [x, made.keep(values["inner.classifier.bias"])])


def encoder(nodes: Iterable[Node], values: Values) -> tuple[bytes, Values]:
    """Spectrograms of shape (clips, frames, 80) to features of shape (clips, 256, 10, frames / 8), and its values."""
    unpacked, left = dict(values), list[Node]()
    for node in nodes:
        if node.kind in _UNPACK and all(name in unpacked for name in node.takes):
            unpacked[node.gives[0]] = _UNPACK[node.kind](*(unpacked[name] for name in node.takes))
        else:
            left.append(node)
    needed, made = {FEATURES}, _Making()
    kept = list[Node]()
    for node in reversed(left):
        if needed & set(node.gives):
            needed |= set(node.takes)
            kept.insert(0, node)
    for node in kept:
        made.add(node.kind, list(node.takes), node.gives[0], **node.told)
    for name in sorted(needed & set(unpacked)):
        made.keep(unpacked[name], name)
    return _model(made, FEATURES, {"fbank": ["clips", "frames", 80]}), unpacked


def dense(weight: NDArray[np.float32], bias: NDArray[np.float32]) -> bytes:
    """Rows of shape (n, in) to rows of shape (n, out) by one layer; `weight` has shape (out, in)."""
    made = _Making()
    found = made.add("Gemm", ["rows", made.keep(weight), made.keep(bias)], transB=1)
    return _model(made, found, {"rows": ["n", weight.shape[1]]})


class _Making:
    """Nodes and weights in the making."""

    def __init__(self, prefix: str = "") -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self._prefix = prefix

    def add(self, kind: str, inputs: list[str], output: str = "", **told: Any) -> str:
        """A node; its output's name."""
        from onnx import helper

        output = output or f"{self._prefix}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **told))
        return output

    def keep(self, value: NDArray[Any], name: str = "") -> str:
        """A weight; its name."""
        from onnx import numpy_helper

        name = name or f"{self._prefix}weight.{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


def _model(made: _Making, given: str, taken: Shapes, whole: Shapes = MappingProxyType({})) -> bytes:
    """The model that takes some inputs, of numbers and of whole numbers, and gives one output."""
    from onnx import TensorProto, helper

    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in taken.items()]
    inputs += [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name, shape in whole.items()]
    output = helper.make_tensor_value_info(given, TensorProto.FLOAT, None)
    graph = helper.make_graph(made.nodes, "voices", inputs, [output], made.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    found: bytes = model.SerializeToString()
    return found


def _unpacked(values: Values, name: str) -> NDArray[np.float32]:
    """Weights that stand as bytes with a scale and an offset."""
    packed, scale, zero = (values[name + part] for part in ("_quantized", "_scale", "_zero_point"))
    found: NDArray[np.float32] = packed.astype(np.float32) * scale + zero
    return found


def _sinc(values: Values) -> NDArray[np.float32]:
    """SincNet's filters from their edges: 40 even and 40 odd ones, shape (80, 1, 251)."""
    low_hz, band_hz, window, n = (
        values[f"{SINC}conv1d.0.filterbank.{part}"] for part in ("low_hz_", "band_hz_", "window_", "n_")
    )
    low = np.abs(low_hz) + np.float32(50)
    high = np.clip(low + np.float32(50) + np.abs(band_hz), 50, 8000).astype(np.float32)
    width, half = 2 * (high - low), values["onnx::Div_747"]
    even = (np.sin(high @ n) - np.sin(low @ n)) / half * window
    odd = (np.cos(low @ n) - np.cos(high @ n)) / half * window
    filters = np.concatenate(
        [
            np.concatenate([even, width, even[:, ::-1]], axis=1) / width,
            np.concatenate([odd, np.zeros_like(width), -odd[:, ::-1]], axis=1) / width,
        ]
    )
    return filters[:, None].astype(np.float32)


_UNPACK: Mapping[str, Any] = {
    "Cast": lambda packed: packed.astype(np.float32),
    "Mul": lambda a, b: a * b,
    "Add": lambda a, b: a + b,
}
