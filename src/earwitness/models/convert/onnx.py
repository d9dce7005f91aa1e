"""Writes what ONNX Runtime reads, and OpenVINO after it: encoder.onnx and decoder.onnx, the tokenizer beside them.

The encoder gives the keys and values of the cross-attention, so they are computed once for a clip; the decoder takes
any number of tokens after any number of earlier ones, so one graph does the prompt and each step, and no weight is
there twice. It gives the logits of the last token, and the cross-attention of the heads that follow the sound.

    encoder   mels (clips, bands, 3000)
              -> cross_key_i (clips, heads, size, 1500), cross_value_i (clips, heads, 1500, size)
    decoder   tokens (clips, new), past_key_i, past_value_i (clips, heads, past, size), cross_key_i, cross_value_i
              -> logits (clips, vocabulary), present_key_i, present_value_i, attention (clips, following, new, 1500)

Source: Radford et al. 2022 (arXiv 2212.04356), figure 1; the ONNX operators of set 20. int8 is dynamic, as ONNX
Runtime's `quantize_dynamic` has it, with a scale for each column; the runtime joins its operators into one.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earwitness.errors import Missing
from earwitness.models.convert.checkpoint import Checkpoint, Tensor

OPSET = 20
FLOAT = 1
TABLE, POSITIONS = "model.decoder.embed_tokens.weight", "model.decoder.embed_positions.weight"
BESIDE = ("config.json", "generation_config.json", "tokenizer.json")
LARGE = 1 << 30
"""Bytes of weights from which on they stand in a file of their own beside the graph: one message holds 2 GB at most."""


def write(checkpoint: Checkpoint, folder: Path, precision: str = "float32") -> None:
    """Convert into `folder`, which is empty; `precision` is float32 or int8. Raises Missing without onnx."""
    for name, half in (("encoder", encoder), ("decoder", decoder)):
        save(half(checkpoint, Graph(small=precision == "int8")), name, folder)
    checkpoint.copy(BESIDE, folder)


def save(graph: "Graph", name: str, folder: Path) -> None:
    """Write a graph into a folder. Raises Missing without onnx."""
    try:
        import onnx as library
    except ImportError as error:
        raise Missing("onnx is not installed: pip install 'earwitness[onnx]'") from error
    large = graph.bytes > LARGE
    library.save(graph.model(name), folder / f"{name}.onnx", save_as_external_data=large, location=f"{name}.data")


class Graph:
    """A graph in the making. Values go by name; `bytes` are those of the weights so far.

    In a `small` one matrices are int8, with a scale for each column, and what they are multiplied with becomes it too.
    """

    def __init__(self, *, small: bool = False) -> None:
        self.small = small
        self._nodes, self._weights = list[Any](), dict[str, Any]()
        self._inputs, self._outputs = list[Any](), list[Any]()
        self.bytes = 0

    def take(self, name: str, kind: type[np.generic], shape: Sequence[int | str]) -> str:
        """An input."""
        self._inputs.append(_value(name, kind, shape))
        return name

    def give(self, name: str, value: str, shape: Sequence[int | str]) -> None:
        """An output under that name."""
        from onnx import helper

        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(_value(name, np.float32, shape))

    def constant(self, value: NDArray[Any], name: str = "") -> str:
        """A weight, or a small constant; the same name stands for the same one."""
        from onnx import numpy_helper

        name = name or f"c{len(self._weights)}"
        if name not in self._weights:
            self._weights[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
            self.bytes += value.nbytes
        return name

    def do(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """One operator with one output."""
        return self.several(kind, 1, *inputs, **attributes)[0]

    def several(self, kind: str, count: int, *inputs: str, **attributes: Any) -> list[str]:
        """One operator with several outputs."""
        from onnx import helper

        names = [f"v{len(self._nodes)}_{n}" for n in range(count)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def model(self, name: str) -> Any:
        """The whole."""
        from onnx import helper

        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, list(self._weights.values()))
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)

    # ── pieces of a transformer ──
    def ints(self, *values: int) -> str:
        """A list of whole numbers."""
        return self.constant(np.array(values, np.int64))

    def norm(self, x: str, tensors: Mapping[str, Tensor], at: str) -> str:
        """Layer normalisation."""
        scale, bias = (self.constant(tensors[f"{at}.{part}"], f"{at}.{part}") for part in ("weight", "bias"))
        return self.do("LayerNormalization", x, scale, bias, epsilon=1e-5)

    def linear(self, x: str, tensors: Mapping[str, Tensor], at: str, scale: float = 1.0) -> str:
        """A matrix and its bias, where it has one."""
        made = self.times(x, tensors[f"{at}.weight"].T * np.float32(scale), f"{at}.weight")
        if f"{at}.bias" not in tensors:
            return made
        return self.do("Add", made, self.constant(tensors[f"{at}.bias"] * np.float32(scale), f"{at}.bias"))

    def times(self, x: str, matrix: Tensor, name: str) -> str:
        """Times a matrix of shape (in, out)."""
        if not self.small:
            return self.do("MatMul", x, self.constant(matrix, name))
        whole, scale = eighths(matrix, axis=0)
        low, step, zero = self.several("DynamicQuantizeLinear", 3, x)
        found = self.do("Cast", self.do("MatMulInteger", low, self.constant(whole, name), zero), to=FLOAT)
        return self.do("Mul", found, self.do("Mul", step, self.constant(scale[0], f"{name}.scale")))

    def heads(self, x: str, count: int, order: tuple[int, ...]) -> str:
        """(clips, n, width) in heads, its axes clip, place, head, size in that order."""
        return self.do("Transpose", self.do("Reshape", x, self.ints(0, 0, count, -1)), perm=order)

    def attended(self, weights: str, values: str, tensors: Mapping[str, Tensor], at: str, width: int) -> str:
        """The values by their weights, all heads put together again, and the matrix after them."""
        joined = self.do("Transpose", self.do("MatMul", weights, values), perm=(0, 2, 1, 3))
        return self.linear(self.do("Reshape", joined, self.ints(0, 0, width)), tensors, f"{at}.out_proj")

    def forward(self, x: str, tensors: Mapping[str, Tensor], at: str) -> str:
        """A layer's two wide matrices, added to what they were given."""
        inner = self.linear(self.norm(x, tensors, f"{at}.final_layer_norm"), tensors, f"{at}.fc1")
        return self.do("Add", x, self.linear(self.do("Gelu", inner), tensors, f"{at}.fc2"))


def eighths(matrix: Tensor, axis: int) -> tuple[NDArray[np.int8], Tensor]:
    """The matrix as whole numbers of 8 bits, and the scales that give it back, which are one wide along `axis`."""
    scale = np.maximum(np.abs(matrix).max(axis=axis, keepdims=True), 1e-9) / np.float32(127)
    return np.rint(matrix / scale).astype(np.int8), scale.astype(np.float32)


def encoder(checkpoint: Checkpoint, graph: Graph) -> Graph:
    """From the spectrogram to the keys and values of the decoder's cross-attention."""
    told, tensors = checkpoint.config, checkpoint.tensors
    width, heads, places = told["d_model"], told["encoder_attention_heads"], told["max_source_positions"]
    x = graph.take("mels", np.float32, ("clips", told["num_mel_bins"], 2 * places))
    for name, stride in (("conv1", 1), ("conv2", 2)):
        at = f"model.encoder.{name}"
        parts = (graph.constant(tensors[f"{at}.{part}"], f"{at}.{part}") for part in ("weight", "bias"))
        x = graph.do("Gelu", graph.do("Conv", x, *parts, kernel_shape=[3], strides=[stride], pads=[1, 1]))
    positions = "model.encoder.embed_positions.weight"
    x = graph.do("Transpose", x, perm=(0, 2, 1))
    x = graph.do("Add", x, graph.constant(tensors[positions], positions))
    scale = (width // heads) ** -0.5
    for i in range(told["encoder_layers"]):
        at = f"model.encoder.layers.{i}"
        normed, own = graph.norm(x, tensors, f"{at}.self_attn_layer_norm"), f"{at}.self_attn"
        query = graph.heads(graph.linear(normed, tensors, f"{own}.q_proj", scale), heads, (0, 2, 1, 3))
        key = graph.heads(graph.linear(normed, tensors, f"{own}.k_proj"), heads, (0, 2, 3, 1))
        value = graph.heads(graph.linear(normed, tensors, f"{own}.v_proj"), heads, (0, 2, 1, 3))
        weights = graph.do("Softmax", graph.do("MatMul", query, key), axis=-1)
        x = graph.do("Add", x, graph.attended(weights, value, tensors, own, width))
        x = graph.forward(x, tensors, at)
    x = graph.norm(x, tensors, "model.encoder.layer_norm")
    heads = told["decoder_attention_heads"]
    for i in range(told["decoder_layers"]):
        at = f"model.decoder.layers.{i}.encoder_attn"
        key = graph.heads(graph.linear(x, tensors, f"{at}.k_proj"), heads, (0, 2, 3, 1))
        value = graph.heads(graph.linear(x, tensors, f"{at}.v_proj"), heads, (0, 2, 1, 3))
        graph.give(f"cross_key_{i}", key, ("clips", heads, width // heads, places))
        graph.give(f"cross_value_{i}", value, ("clips", heads, places, width // heads))
    return graph


def decoder(checkpoint: Checkpoint, graph: Graph) -> Graph:
    """From tokens, earlier ones and the cross-attention's keys and values to the logits `at` some of the tokens."""
    told, tensors = checkpoint.config, checkpoint.tensors
    width, heads, places = told["d_model"], told["decoder_attention_heads"], told["max_source_positions"]
    size, following = width // heads, list[str]()
    tokens = graph.take("tokens", np.int64, ("clips", "new"))
    pasts = [graph.take(f"past_{part}_{i}", np.float32, ("clips", heads, "past", size))
             for i in range(told["decoder_layers"]) for part in ("key", "value")]  # fmt: skip
    vectors = tensors[TABLE]
    x, mask = _placed(graph, tensors, _looked_up(graph, vectors, tokens), tokens, pasts[0])
    for i in range(told["decoder_layers"]):
        at = f"model.decoder.layers.{i}"
        normed, own = graph.norm(x, tensors, f"{at}.self_attn_layer_norm"), f"{at}.self_attn"
        query = graph.heads(graph.linear(normed, tensors, f"{own}.q_proj", size**-0.5), heads, (0, 2, 1, 3))
        kept = []
        for part, past in zip(("key", "value"), pasts[2 * i : 2 * i + 2], strict=True):
            new = graph.heads(graph.linear(normed, tensors, f"{own}.{part[0]}_proj"), heads, (0, 2, 1, 3))
            kept.append(graph.do("Concat", past, new, axis=2))
            graph.give(f"present_{part}_{i}", kept[-1], ("clips", heads, "all", size))
        scores = graph.do("MatMul", query, graph.do("Transpose", kept[0], perm=(0, 1, 3, 2)))
        weights = graph.do("Softmax", graph.do("Add", scores, mask), axis=-1)
        x = graph.do("Add", x, graph.attended(weights, kept[1], tensors, own, width))
        normed, cross = graph.norm(x, tensors, f"{at}.encoder_attn_layer_norm"), f"{at}.encoder_attn"
        query = graph.heads(graph.linear(normed, tensors, f"{cross}.q_proj", size**-0.5), heads, (0, 2, 1, 3))
        key = graph.take(f"cross_key_{i}", np.float32, ("clips", heads, size, places))
        value = graph.take(f"cross_value_{i}", np.float32, ("clips", heads, places, size))
        weights = graph.do("Softmax", graph.do("MatMul", query, key), axis=-1)
        if mine := [head for layer, head in checkpoint.alignment_heads if layer == i]:
            following.append(graph.do("Gather", weights, graph.ints(*mine), axis=1))
        x = graph.do("Add", x, graph.attended(weights, value, tensors, cross, width))
        x = graph.forward(x, tensors, at)
    wanted = graph.take("at", np.int64, ("wanted",))
    last = graph.do("Gather", graph.norm(x, tensors, "model.decoder.layer_norm"), wanted, axis=1)
    if graph.small:
        logits = graph.times(last, vectors.T, "logits.weight")
    else:
        logits = graph.do("MatMul", last, graph.do("Transpose", TABLE, perm=(1, 0)))
    graph.give("logits", logits, ("clips", "wanted", told["vocab_size"]))
    joined = graph.do("Concat", *following, axis=1)
    graph.give("attention", joined, ("clips", len(checkpoint.alignment_heads), "new", places))
    return graph


def _looked_up(graph: Graph, vectors: Tensor, tokens: str) -> str:
    """The tokens' vectors."""
    if not graph.small:
        return graph.do("Gather", graph.constant(vectors, TABLE), tokens)
    whole, scale = eighths(vectors, axis=1)
    found = graph.do("Cast", graph.do("Gather", graph.constant(whole, TABLE), tokens), to=FLOAT)
    return graph.do("Mul", found, graph.do("Gather", graph.constant(scale), tokens))


def _placed(graph: Graph, tensors: Mapping[str, Tensor], x: str, tokens: str, past: str) -> tuple[str, str]:
    """The vectors at their places, and the mask that hides later tokens: (new, all), 0 or minus infinity."""
    zero, one = graph.constant(np.array(0)), graph.constant(np.array(1))
    before = graph.do("Gather", graph.do("Shape", past), graph.constant(np.array(2)))
    upto = graph.do("Add", before, graph.do("Gather", graph.do("Shape", tokens), one))
    places = graph.do("Range", before, upto, one)
    positions = graph.constant(tensors[POSITIONS], POSITIONS)
    later = graph.do("Greater", graph.do("Range", zero, upto, one), graph.do("Unsqueeze", places, graph.ints(1)))
    hidden, shown = graph.constant(np.array(-np.inf, np.float32)), graph.constant(np.array(0, np.float32))
    return graph.do("Add", x, graph.do("Gather", positions, places)), graph.do("Where", later, hidden, shown)


def _value(name: str, kind: type[np.generic], shape: Sequence[int | str]) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), list(shape))
