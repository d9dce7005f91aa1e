"""Converters: a Whisper checkpoint as Hugging Face keeps it becomes what a runtime reads. One file a format.

They need numpy and safetensors, and the target's own package where it writes the format; none needs torch. `convert`
puts what they make into the model directory. They know no engine.
"""

from pathlib import Path

from earwitness.errors import BadInput
from earwitness.models import directory, manifest
from earwitness.models.directory import Stored
from earwitness.models.manifest import Origin

DEFAULTS = {"ctranslate2": "int8", "ggml": "q5_0", "onnx": "int8", "openvino": "int8", "mlx": "float16"}
TOOLS = {"ctranslate2": ("ctranslate2",), "onnx": ("onnx",), "openvino": ("onnx", "openvino")}
"""The precision of a format where none is told; the packages that have a part in what comes out."""


def convert(source: Path, root: Path, *, model: str, form: str, precision: str | None, replace: bool = False) -> Stored:
    """Convert a checkpoint into the model directory `root`, whole or not at all.

    Raises BadInput for a source, name, format or precision that will not do, NotFound and Missing as the converters do,
    StorageFailed where nothing can be written.
    """
    from earwitness.models.convert import checkpoint, ctranslate2, ggml, mlx, onnx, openvino

    chosen = precision or DEFAULTS.get(form, "")
    target = Stored(model, form, chosen, directory.place(root, model, form, chosen))
    if form == "ggml" and chosen not in ggml.FILE_TYPES:
        raise BadInput(f"nothing here writes {form} in {chosen}", remedy=f"Choose one of {', '.join(ggml.FILE_TYPES)}.")
    found = checkpoint.read(source)
    with manifest.keeping(root, target, _origin(source, form), replace=replace) as made:
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
    return target


def _origin(source: Path, form: str) -> Origin:
    """Where what is made of the checkpoint in `source` comes from."""
    known = manifest.read(Stored(source.name, "base", "", source))
    revision, licence = (known.origin.revision, known.origin.licence) if known else ("", manifest.licence_of(source))
    tools = tuple(map(manifest.tool, TOOLS.get(form, ())))
    return Origin("convert", f"{source.name}/base" if known else str(source), revision, licence, tools)
