"""The model directory: one folder for all engines and nodes, which may be mounted read-only.

    ctranslate2/whisper-base/int8/    a folder a precision
    onnx/whisper-base/int8/           the same; openvino/ and mlx/ too
    ggml/ggml-base-q5_0.bin           whisper.cpp's own names; f16 where none is named
    base/whisper-base/                the checkpoint that the others were made from

What is written appears whole or not at all: it is made beside its place and put there in one step. A name that begins
with a dot is such a thing in the making. Loads nothing.
"""

import re
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from earwitness.engines.whisper.ggml import MAGIC
from earwitness.errors import BadInput, StorageFailed
from earwitness.types import ModelFiles

PRECISIONS = {
    "ctranslate2": ("int8", "float32", "float16", "int8_float32", "int8_float16"),
    "onnx": ("int8", "float32"),
    "openvino": ("int8", "float16", "float32"),
    "mlx": ("float16", "float32"),
    "ggml": ("q5_0", "q8_0", "f16", "f32"),
}
"""By format, in the order in which they are preferred until they are measured."""

FOLDERS = {
    "ctranslate2": ("model.bin", "vocabulary.json"),
    "onnx": ("decoder.onnx", "encoder.onnx"),
    "openvino": ("decoder.xml", "encoder.xml"),
    "mlx": ("weights.safetensors", "config.json"),
}
"""Formats that are a folder a precision, and files by which one is known."""

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,80}")
GGML = re.compile(r"ggml-(?P<name>.+?)(?:-(?P<precision>q\d_\d|f16|f32))?\.bin")
FAMILY = "whisper-"


@dataclass(frozen=True, slots=True)
class Stored:
    """One model in one format and precision, or a checkpoint (format `base`)."""

    model: str
    format: str
    precision: str
    path: Path

    @property
    def name(self) -> str:
        """How it is called where the model alone is not enough."""
        return f"{self.model}/{self.format}-{self.precision}" if self.precision else f"{self.model}/{self.format}"

    @property
    def files(self) -> ModelFiles:
        """As an engine takes it."""
        return ModelFiles(self.name, self.format, {"model" if self.path.is_file() else "folder": self.path})

    @property
    def size(self) -> int:
        """Bytes on disk."""
        within = [self.path] if self.path.is_file() else [p for p in self.path.rglob("*") if p.is_file()]
        return sum(path.stat().st_size for path in within)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages as far as the name tells: English for `.en`, else none are named, which means many."""
        return ("en",) if self.model.endswith(".en") else ()


def scan(root: Path) -> tuple[Stored, ...]:
    """What is in the directory, by name, the preferred precision of a format first. A missing directory is empty."""
    folders = (s for form, (needed, *_) in FOLDERS.items() for s in _folders(root, form, needed))
    found = [*folders, *_files(root / "ggml"), *_checkpoints(root / "base")]
    return tuple(sorted(found, key=lambda s: (s.model, s.format, _rank(s), s.precision)))


def place(root: Path, model: str, form: str, precision: str) -> Path:
    """Where a model belongs. Raises BadInput for a name that is none, an unknown format or precision."""
    if not NAME.fullmatch(model):
        raise BadInput(
            f"{model!r} is no name for a model", remedy="Use small letters, digits, dots and dashes.", param="name"
        )
    if form == "base":
        return root / form / model
    known = PRECISIONS.get(form)
    if known is None:
        raise BadInput(f"there is no format {form!r}", remedy=f"The formats are: {', '.join(PRECISIONS)}.")
    if precision not in known:
        raise BadInput(f"{form} knows no precision {precision!r}", remedy=f"It knows: {', '.join(known)}.")
    if form == "ggml":
        suffix = "" if precision == "f16" else f"-{precision}"
        return root / form / f"ggml-{model.removeprefix(FAMILY)}{suffix}.bin"
    return root / form / model / precision


@contextmanager
def making(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """A path beside `target` to make it at; it takes its place when the block ends well, and is gone when it does not.

    Raises BadInput where the target is there already and `replace` is not set, StorageFailed where nothing can be
    written.
    """
    if target.exists() and not replace:
        raise BadInput(f"{target.name} is there already", remedy="Remove it first, or say --replace.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        held = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise StorageFailed(f"{target.parent} can't be written to: {error.strerror or error}") from error
    made = held / target.name
    try:
        yield made
        if target.is_dir():
            target.rename(held / "old")
        made.replace(target)
    except OSError as error:
        raise StorageFailed(f"{target} can't be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(held, ignore_errors=True)


def remove(stored: Stored) -> None:
    """Delete a stored model, and the folders that it leaves empty. Raises StorageFailed."""
    try:
        if stored.path.is_dir():
            shutil.rmtree(stored.path)
        else:
            stored.path.unlink()
        for folder in (stored.path.parent, stored.path.parent.parent):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
    except OSError as error:
        raise StorageFailed(f"{stored.name} can't be removed: {error.strerror or error}") from error


def kind_of(path: Path) -> str:
    """Which format a folder or file is: `base`, `ggml` or one of `FOLDERS`. Raises BadInput for anything else."""
    if path.is_file():
        with path.open("rb") as file:
            if file.read(4) == struct.pack("<i", MAGIC):
                return "ggml"
    else:
        for form, needed in FOLDERS.items():
            if all((path / name).is_file() for name in needed):
                return form
        if (path / "config.json").is_file():
            return "base"
    raise BadInput(
        f"{path.name} is no model that Earwitness knows",
        remedy="Give a checkpoint with config.json and model.safetensors, a GGML file, or what `models convert` made.",
    )


def _folders(root: Path, form: str, needed: str) -> Iterator[Stored]:
    for path in _entries(root / form):
        for inner in _entries(path):
            if (inner / needed).is_file():
                yield Stored(path.name, form, inner.name, inner)


def _files(root: Path) -> Iterator[Stored]:
    for path in _entries(root):
        if told := GGML.fullmatch(path.name):
            yield Stored(f"{FAMILY}{told['name']}", "ggml", told["precision"] or "f16", path)


def _checkpoints(root: Path) -> Iterator[Stored]:
    for path in _entries(root):
        if (path / "config.json").is_file():
            yield Stored(path.name, "base", "", path)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except OSError:
        return []


def _rank(stored: Stored) -> int:
    known = PRECISIONS.get(stored.format, ())
    return known.index(stored.precision) if stored.precision in known else len(known)
