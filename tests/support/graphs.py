"""Small ONNX graphs with the signatures of published ones."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
CELLS = {"conv_cache": (2, 1, 16, 16, 33), "tra_cache": (2, 3, 1, 1, 16), "inter_cache": (2, 1, 33, 16)}


def _saved(path: Path, nodes: list[onnx.NodeProto], inputs: object, outputs: object, weights: object) -> Path:
    graph = helper.make_graph(nodes, "graph", inputs, outputs, weights)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def gtcrn(path: Path, *, fades: bool = False, frames: int = 1) -> Path:
    """The streaming graph of GTCRN: gives its frame back, or one that is weaker the more frames came before."""
    frame = helper.make_tensor_value_info("mix", FLOAT, (1, 257, frames, 2))
    cells = [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in CELLS.items()]
    outs = [helper.make_tensor_value_info("enh", FLOAT, (1, 257, frames, 2))]
    outs += [helper.make_tensor_value_info(f"{name}_out", FLOAT, shape) for name, shape in CELLS.items()]
    step, zero = numpy_helper.from_array(np.float32(0.01), "step"), numpy_helper.from_array(np.float32(0), "zero")
    one = numpy_helper.from_array(np.float32(1), "one")
    nodes = [helper.make_node("Add", [name, "step" if fades else "zero"], [f"{name}_out"]) for name in CELLS]
    nodes += [
        helper.make_node("ReduceMean", ["conv_cache"], ["mean"], keepdims=0),
        helper.make_node("Add", ["mean", "one"], ["weak"]),
        helper.make_node("Div", ["mix", "weak"], ["enh"]),
    ]
    return _saved(path, nodes, [frame, *cells], outs, [step, zero, one])


def demucs(path: Path, *, samples: int = 441 * 32, stems: int = 4) -> Path:
    """Hybrid Demucs as demucs-onnx exports it: the voices are the whole mix, the other stems are silence."""
    mix = helper.make_tensor_value_info("mix", FLOAT, (1, 2, samples))
    out = helper.make_tensor_value_info("stems", FLOAT, (1, stems, 2, samples))
    weights = np.zeros((1, stems, 1, 1), np.float32)
    weights[0, -1] = 1
    axes = numpy_helper.from_array(np.array([1], np.int64), "axes")
    nodes = [
        helper.make_node("Unsqueeze", ["mix", "axes"], ["wide"]),
        helper.make_node("Mul", ["wide", "weights"], ["stems"]),
    ]
    return _saved(path, nodes, [mix], [out], [axes, numpy_helper.from_array(weights, "weights")])


def token_marks(folder: Path, marks: dict[str, str], labels: tuple[str, ...] = ("0", ".", ",", "?", "-", ":")) -> Path:
    """A token classifier as Optimum exports one, which knows the mark of each word by heart."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    vocabulary = {"[UNK]": 0, **{word: n for n, word in enumerate(marks, 1)}}
    table = np.zeros((len(vocabulary), len(labels)), np.float32)
    table[0, 0] = 1
    for word, mark in marks.items():
        table[vocabulary[word], labels.index(mark)] = 1
    ids, mask = (helper.make_tensor_value_info(n, TensorProto.INT64, (1, "n")) for n in ("input_ids", "attention_mask"))
    out = helper.make_tensor_value_info("logits", FLOAT, (1, "n", len(labels)))
    kept = helper.make_node("Gather", ["table", "input_ids"], ["logits"])
    _saved(folder / "model.onnx", [kept], [ids, mask], [out], [numpy_helper.from_array(table, "table")])
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"id2label": {str(n): label for n, label in enumerate(labels)}}))
    return folder
