"""Converters: a Whisper checkpoint as Hugging Face keeps it becomes what a runtime reads. One file a format.

They need numpy and safetensors, and the target's own package where it writes the format; none needs torch. `convert`
puts what they make into the model directory. They know no engine.
"""

from pathlib import Path

from earwitness.models import directory
from earwitness.models.directory import Stored

DEFAULTS = {"ctranslate2": "int8", "ggml": "q5_0", "onnx": "int8", "openvino": "int8", "mlx": "float16"}
"""The precision of a format where none is told."""


def convert(source: Path, root: Path, *, model: str, form: str, precision: str | None, replace: bool = False) -> Stored:
    """Convert a checkpoint into the model directory `root`, whole or not at all.

    Raises BadInput for a source, name, format or precision that will not do, NotFound and Missing as the converters do,
    StorageFailed where nothing can be written.
    """
    from earwitness.models.convert import checkpoint, ctranslate2, ggml, mlx, onnx, openvino

    chosen = precision or DEFAULTS.get(form, "")
    target = directory.place(root, model, form, chosen)
    found = checkpoint.read(source)
    with directory.making(target, replace=replace) as made:
        if form == "ggml":
            ggml.write(found, made, chosen)
        else:
            made.mkdir()
            folder = {
                "ctranslate2": ctranslate2.write,
                "mlx": mlx.write,
                "onnx": onnx.write,
                "openvino": openvino.write,
            }
            folder[form](found, made, chosen)
    return Stored(model, form, chosen, target)
