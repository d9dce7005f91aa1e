"""A speaker model as WeSpeaker exports it, put together from the embedded diarizer's encoder."""

from pathlib import Path

import numpy as np

from earwitness.parts.voices import library


def wespeaker(path: Path) -> Path:
    """Write it: from `feats` of shape (clips, frames, 80) to `embs` of shape (clips, 256)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    pieces = library.read()
    model = onnx.load_from_string(pieces.encoder)
    graph, node = model.graph, helper.make_node
    weight, bias = (numpy_helper.to_array(t) for t in onnx.load_from_string(pieces.last).graph.initializer)
    for step in graph.node:
        step.input[:] = ["feats" if name == "fbank" else name for name in step.input]
    graph.input[0].name = "feats"
    graph.node.extend(
        [
            node("Reshape", [graph.output[0].name, "flat"], ["features"]),
            node("ReduceMean", ["features"], ["mean"], axes=[2], keepdims=1),
            node("Sub", ["features", "mean"], ["off"]),
            node("Mul", ["off", "off"], ["squares"]),
            node("ReduceMean", ["squares"], ["variance"], axes=[2], keepdims=0),
            node("Add", ["variance", "little"], ["more"]),
            node("Sqrt", ["more"], ["deviation"]),
            node("Squeeze", ["mean", "last"], ["means"]),
            node("Concat", ["means", "deviation"], ["both"], axis=1),
            node("Gemm", ["both", "weight", "bias"], ["embs"], transB=1),
        ]
    )
    values = {
        "flat": np.array([0, 2560, -1], np.int64),
        "little": np.array(1e-9, np.float32),
        "last": np.array([2], np.int64),
        "weight": weight,
        "bias": bias,
    }
    graph.initializer.extend([numpy_helper.from_array(value, name) for name, value in values.items()])
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("embs", TensorProto.FLOAT, ["clips", 256]))
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path
