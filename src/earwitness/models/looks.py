"""Looks into a model without loading it: is it whole, of a kind that is read here, and free of foreign code?

Weights are never read as a whole, so a look is quick at any size. Runtimes crash on much of what is refused here.
"""

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from earwitness.engines.whisper import ggml
from earwitness.errors import BadInput, NotFound
from earwitness.models import onnx_files
from earwitness.models.convert import checkpoint

AGAIN = "Fetch or convert the model again, with --replace."
LARGEST_HEADER = 100 << 20
VERSIONS = range(4, 7)
TYPES = {0: "float32", 1: "int8", 2: "int16", 3: "int32", 4: "float16", 5: "bfloat16"}
"""Of the variables in a CTranslate2 file, by their number."""


def look(form: str, path: Path) -> str:
    """The precision that a model's files have, where they tell; else nothing.

    Raises NotFound where a file is missing, BadInput for one that is cut short, of another kind, or asks for code.
    """
    if path.is_dir():
        _no_code(path)
    check = LOOKS.get(form)
    return check(path) if check else ""


def _base(folder: Path) -> str:
    checkpoint.read(folder)
    told, tensors = json.loads((folder / "config.json").read_text("utf-8")), checkpoint.Tensors(folder)
    for name, shape in _shapes(told):
        try:
            found = tensors.shape(f"model.{name}")
        except KeyError as error:
            raise BadInput(f"{folder.name} lacks the weights {name}", remedy=AGAIN) from error
        if found != shape:
            raise BadInput(f"{folder.name}: {name} has the shape {found}, config.json says {shape}", remedy=AGAIN)
    return ""


def _shapes(told: Mapping[str, int]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The weights of a Whisper with their shapes. Source: transformers, `WhisperModel`."""
    width, bands = told["d_model"], told["num_mel_bins"]
    yield "encoder.conv1.weight", (width, bands, 3)
    yield "encoder.conv2.weight", (width, width, 3)
    yield "encoder.embed_positions.weight", (told["max_source_positions"], width)
    yield "decoder.embed_positions.weight", (told["max_target_positions"], width)
    yield "decoder.embed_tokens.weight", (told["vocab_size"], width)
    for half, attends in (("encoder", ("self_attn",)), ("decoder", ("self_attn", "encoder_attn"))):
        yield f"{half}.layer_norm.weight", (width,)
        inner = told[f"{half}_ffn_dim"]
        for at in (f"{half}.layers.{i}" for i in range(told[f"{half}_layers"])):
            yield from (
                (f"{at}.{a}.{side}_proj.weight", (width, width)) for a in attends for side in "q k v out".split()
            )
            yield from ((f"{at}.{a}_layer_norm.weight", (width,)) for a in (*attends, "final"))
            yield f"{at}.fc1.weight", (inner, width)
            yield f"{at}.fc2.weight", (width, inner)


def _ggml(file: Path) -> str:
    ggml.look(file)
    return ""


def _ctranslate2(folder: Path) -> str:
    """The precision of a CTranslate2 folder. Source: CTranslate2 4, `ModelSpec._serialize`, version 6 of the file."""
    for name in ("config.json", "tokenizer.json"):
        if not (folder / name).is_file():
            raise NotFound(f"{folder.name} has no {name}", remedy=AGAIN)
    if not any((folder / f"vocabulary.{end}").is_file() for end in ("json", "txt")):
        raise NotFound(f"{folder.name} has no vocabulary.json", remedy=AGAIN)
    try:
        with (folder / "model.bin").open("rb") as file:
            found = _variables(file)
    except FileNotFoundError as error:
        raise NotFound(f"{folder.name} has no model.bin", remedy=AGAIN) from error
    except (struct.error, OSError, UnicodeDecodeError) as error:
        raise BadInput(f"model.bin in {folder.name} is cut short or damaged", remedy=AGAIN) from error
    floats = "float16" if found.get("float16", 0) > found.get("float32", 0) else "float32"
    if "int8" in found:
        return "int8_float16" if floats == "float16" else "int8"
    if odd := found.keys() & {"int16", "bfloat16"}:
        raise BadInput(f"{folder.name} has {odd.pop()} weights; those are not read", remedy="Take another precision.")
    return floats


def _variables(file: BinaryIO) -> dict[str, int]:
    """Bytes of the matrices of each type, in a model.bin that is whole. Raises struct.error, BadInput."""
    (version,) = _ints(file, 1)
    kind = _text(file) if version in VERSIONS else ""
    if kind != "WhisperSpec":
        raise BadInput(f"model.bin is no Whisper for CTranslate2 but {kind or 'something else'!r}", remedy=AGAIN)
    _, count = _ints(file, 2)
    found: dict[str, int] = {}
    for _ in range(count):
        _text(file)
        (rank,) = struct.unpack("<B", file.read(1))
        _ints(file, rank)
        told, size = struct.unpack("<BI", file.read(5))
        if told not in TYPES or rank > 8:
            raise struct.error
        if rank > 1:
            found[TYPES[told]] = found.get(TYPES[told], 0) + size
        file.seek(size, 1)
    (aliases,) = _ints(file, 1)
    for _ in range(2 * aliases):
        _text(file)
    if file.read(1):
        raise struct.error
    return found


def _text(file: BinaryIO) -> str:
    (length,) = struct.unpack("<H", file.read(2))
    return struct.unpack(f"<{length}s", file.read(length))[0].rstrip(b"\0").decode()  # type: ignore[no-any-return]


def _ints(file: BinaryIO, count: int) -> tuple[int, ...]:
    return struct.unpack(f"<{count}I", file.read(4 * count))


def _no_code(folder: Path) -> None:
    """Refuse a model whose configuration names code to run."""
    path = folder / "config.json"
    if not path.is_file():
        return
    try:
        told = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path.name} can't be read: {error}", remedy=AGAIN) from error
    if isinstance(told, dict) and told.get("auto_map"):
        raise BadInput(
            f"{folder.name} wants to run code of its own (auto_map in config.json)",
            remedy="Take a model that is a plain Whisper; code from models is never run.",
        )


def _onnx(folder: Path) -> str:
    for file in sorted(folder.glob("*.onnx")):
        onnx_files.check(file)
    return ""


def _openvino(folder: Path) -> str:
    """Each graph is well-formed, small enough to be one, and has its weights."""
    for file in sorted(folder.glob("*.xml")):
        text = file.read_bytes()
        if b"<!DOCTYPE" in text or b"<!ENTITY" in text or not text.lstrip().startswith(b"<?xml"):
            raise BadInput(f"{file.name} is no OpenVINO model", remedy=AGAIN)
        if not text.rstrip().endswith(b"</net>"):
            raise BadInput(f"{file.name} is cut short", remedy=AGAIN)
        if not file.with_suffix(".bin").is_file():
            raise NotFound(f"{folder.name} has no {file.stem}.bin", remedy=AGAIN)
    return ""


def _mlx(folder: Path) -> str:
    """The precision of MLX weights, by the type that most bytes of the safetensors file have."""
    path = folder / "weights.safetensors"
    try:
        with path.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            told = json.loads(file.read(min(size, LARGEST_HEADER)))
        tensors = [each for name, each in told.items() if name != "__metadata__"]
        end = max(each["data_offsets"][1] for each in tensors)
        kinds = {each["dtype"] for each in tensors if len(each["shape"]) > 1}
    except FileNotFoundError as error:
        raise NotFound(f"{folder.name} has no {path.name}", remedy=AGAIN) from error
    except (struct.error, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{path.name} is cut short or damaged", remedy=AGAIN) from error
    if path.stat().st_size != 8 + size + end:
        raise BadInput(f"{path.name} is cut short: {path.stat().st_size} of {8 + size + end} bytes", remedy=AGAIN)
    return {"F16": "float16", "F32": "float32"}.get(kinds.pop(), "") if len(kinds) == 1 else ""


LOOKS: dict[str, Callable[[Path], str]] = {
    "base": _base,
    "ggml": _ggml,
    "ctranslate2": _ctranslate2,
    "onnx": _onnx,
    "openvino": _openvino,
    "mlx": _mlx,
}
"""By format. One that is missing here is looked at by its engine only."""
