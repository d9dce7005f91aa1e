"""Writes what OpenVINO reads: encoder.xml and decoder.xml with their weights, the tokenizer beside them.

The graphs are those of `onnx`, read by OpenVINO's own front end; only the weights' precision is changed. In int8 the
matrices and the tokens' vectors are whole numbers with a scale for each column, which the runtime keeps packed.

Source: OpenVINO 2026; the pattern of packed weights is that of NNCF's `compress_weights` with INT8_SYM.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from earwitness.errors import Missing
from earwitness.hardware import ov
from earwitness.models.convert import onnx
from earwitness.models.convert.checkpoint import Checkpoint

LEAST = 32
"""Tables narrower than that are not worth packing."""


def write(checkpoint: Checkpoint, folder: Path, precision: str = "int8") -> None:
    """Convert into `folder`, which is empty; `precision` is float32, float16 or int8.

    Raises Missing without openvino and onnx.
    """
    try:
        openvino = ov.runtime()
    except ImportError as error:
        raise Missing("openvino is not installed: pip install 'earwitness[openvino]'") from error
    core = openvino.Core()
    for name, half in (("encoder", onnx.encoder), ("decoder", onnx.decoder)):
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            onnx.save(half(checkpoint, onnx.Graph()), name, Path(scratch))
            model = core.read_model(Path(scratch) / f"{name}.onnx")
            if precision == "int8":
                _pack(model)
            openvino.save_model(model, folder / f"{name}.xml", compress_to_fp16=precision != "float32")
            del model  # it may hold the file open
    checkpoint.copy(onnx.BESIDE, folder)


def _pack(model: Any) -> None:
    """Put int8 and scales in the place of each matrix; positions stay, they are small and added, not multiplied."""
    from openvino import opset13

    for node in model.get_ordered_ops():
        if node.get_type_name() != "Constant" or node.get_element_type() != ov.runtime().Type.f32:
            continue
        name, shape = node.get_friendly_name(), list(node.get_output_shape(0))
        if len(shape) != 2 or min(shape) < LEAST or "embed_positions" in name:
            continue
        whole, scale = onnx.eighths(np.array(node.get_data()), axis=1 if name == onnx.TABLE else 0)
        for target in list(node.output(0).get_target_inputs()):
            unpacked = opset13.convert(opset13.constant(whole), "f32")
            target.replace_source_output(opset13.multiply(unpacked, opset13.constant(scale)).output(0))
