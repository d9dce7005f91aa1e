"""The weights of Moonshine tiny-en, out of the two graphs in the wheel moonshine-voice.

Matrices are 8-bit, `scale * (weights - zero)`, with one scale and zero each. They are found by what the graphs call
the results of their products, so only files of known content are read.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earwitness.errors import EngineFailed, NotFound
from earwitness.hardware import packed
from earwitness.hardware.sketch import Matrix

Floats = NDArray[np.float32]

REMEDY = "Install the version this one was made for: pip install moonshine-voice==0.0.73"
KNOWN = {
    "encoder": "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
    "decoder": "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
}
"""SHA-256 of each file."""

PRODUCTS = {"DynamicQuantizeMatMul", "MatMulIntegerToFloat"}
RESULT = re.compile(r"(layers\.\d+)/(\w+)/(\w+)/\w+_output_0$")
CONVOLUTION = re.compile(r"(conv\d\.weight)_add_tensor")
OTHERS = {"onnx::Mul_2080": "groupnorm.weight", "onnx::Add_2081": "groupnorm.bias", "onnx::Expand_202": "rates"}
EMBEDDING = "model.decoder.embed_tokens.weight_merged_0"


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """One network's, by the names that the model's authors gave them: matrices, and vectors and convolutions."""

    matrices: Mapping[str, Matrix]
    floats: Mapping[str, Floats]


def read(files: Mapping[str, Path], *, what: str) -> tuple[Weights, Weights]:
    """The encoder's weights and the decoder's. `what` names the model in errors.

    Raises NotFound without a file, EngineFailed for one that can't be read or has other content.
    """
    encoder, decoder = (_read(role, files[role], what) for role in KNOWN)
    return encoder, decoder


def _read(role: str, path: Path, what: str) -> Weights:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"the {role} of {what} is not at {path}", remedy=REMEDY) from error
    except OSError as error:
        raise EngineFailed(f"the {role} of {what} can't be read: {error}") from error
    if hashlib.sha256(content).hexdigest() != KNOWN[role]:
        raise EngineFailed(f"{what}: {path} is not the {role} this version knows", remedy=REMEDY)
    graph = packed.graph(content)
    values = packed.values(graph)
    return Weights(dict(_matrices(graph, values)), dict(_floats(values)))


def _matrices(graph: Any, values: Mapping[str, NDArray[Any]]) -> Iterator[tuple[str, Matrix]]:
    for node in packed.nodes(graph):
        if node.kind == "If":  # its branch for the first token has all that the other has
            yield from _matrices(node.told["else_branch"], values)
            yield "embed_tokens", Matrix(*_of(EMBEDDING, values))
        elif node.kind in PRODUCTS:
            whole = RESULT.search(node.gives[0])
            added = node.takes[4] if node.kind == "DynamicQuantizeMatMul" and len(node.takes) > 4 else ""
            matrix = Matrix(*_of(node.takes[1].removesuffix("_quantized"), values), values.get(added))
            yield ".".join(whole.groups()) if whole else node.gives[0], matrix


def _of(name: str, values: Mapping[str, NDArray[Any]]) -> tuple[NDArray[np.uint8], np.float32, np.uint8]:
    return values[f"{name}_quantized"], np.float32(values[f"{name}_scale"]), np.uint8(values[f"{name}_zero_point"])


def _floats(values: Mapping[str, NDArray[Any]]) -> Iterator[tuple[str, Floats]]:
    for name, value in values.items():
        plain = name.removeprefix("model.decoder.").removesuffix("_merged_0")
        yield OTHERS.get(name) or CONVOLUTION.sub(r"\1", plain), value
