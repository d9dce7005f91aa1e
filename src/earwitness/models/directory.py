"""The model directory: one folder for all engines and nodes, which may be mounted read-only.

    ctranslate2/whisper-base/int8/    a folder a precision; onnx/, openvino/ and mlx/ too
    ggml/ggml-base-q5_0.bin           whisper.cpp's own names; f16 where none is named
    base/whisper-base/                the checkpoint that the others were made from
    blobs/sha256/ab/abcdef…           what models share, once, by its content (see `blobs`)
    phenome/alignment/de-xlsr/        models of parts, by kind (see `parts.parts_folder`)
    cache/openvino/                   what runtimes compiled from models
    remote/office.json                a model on another machine: where it is

What is written appears whole or not at all: it is made beside its place and put there in one step. A name that begins
with a dot is such a thing in the making, or what is known of a model (see `manifest`). Loads nothing.
"""

import os
import re
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from earwitness.engines.whisper.ggml import MAGIC
from earwitness.errors import BadInput, EarwitnessError, StorageFailed
from earwitness.models import known
from earwitness.types import ModelFiles


@dataclass(frozen=True, slots=True)
class Format:
    """How a format lies in the directory.

    `precisions` are in the order in which they are preferred until they are measured. A model is a folder that holds
    all files of `holds`, the weights first, or one file where there are none. `weights` are patterns of the files that
    are kept of such a folder, beside texts.
    """

    precisions: tuple[str, ...]
    holds: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()


FORMATS = {
    "ctranslate2": Format(
        ("int8", "float32", "float16", "int8_float32", "int8_float16"), ("model.bin", "config.json"), ("model.bin",)
    ),
    "onnx": Format(("int8", "float32"), ("decoder.onnx", "encoder.onnx"), ("*.onnx", "*.onnx_data", "*.data")),
    "openvino": Format(
        ("int8", "float16", "float32"), ("decoder.bin", "decoder.xml", "encoder.xml"), ("*.bin", "*.xml")
    ),
    "mlx": Format(("float16", "float32"), ("weights.safetensors", "config.json"), ("weights.safetensors",)),
    "ggml": Format(("q5_0", "q8_0", "f16", "f32", "q5_1", "q4_1", "q4_0")),
}
"""By the folder's name. One line makes a format known to list, import, verify, export and rm."""

TEXTS = ("*.json", "*.txt", "*.md", "LICENSE*")
"""Files that are kept beside the weights."""

CACHES = ("openvino", "tensorrt", "coreml")
"""Runtimes that keep what they compiled from models in `cache/`."""

CHECKPOINT = Format((), ("config.json",), ("model.safetensors", "model-*-of-*.safetensors"))
"""Format `base`, which has no precisions."""

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,80}")
GGML = re.compile(
    r"(?P<ours>ggml-)?(?P<name>.+?)(?:-(?P<precision>q\d_\d|f16|f32))?(?<!-encoder-openvino)\.bin", re.IGNORECASE
)
"""whisper.cpp calls Whisper base `ggml-base`; a name without `ggml-` is the model's own."""
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
        return sum(path.stat().st_size for path in contents(self.path).values())

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages as far as the name tells: English, or none are named, which means many."""
        found = known.find(self.model)
        return ("en",) if self.model.endswith(".en") or (found and found.languages == known.ENGLISH) else ()


def contents(path: Path) -> dict[str, Path]:
    """The files of a model by their names within it; hidden ones are no part of it."""
    if path.is_file():
        return {path.name: path}
    found = {p.relative_to(path): p for p in sorted(path.rglob("*")) if p.is_file()}
    return {name.as_posix(): p for name, p in found.items() if not any(part.startswith(".") for part in name.parts)}


def beside(path: Path, what: str) -> Path:
    """Where something that is known of the model at `path` is kept: in its folder, or beside its file."""
    return path / f".{what}.json" if path.is_dir() else path.with_name(f".{path.name}.{what}.json")


def belongs(form: str, name: str) -> bool:
    """Whether a file of this name may be part of a model in a format: its weights, or a text; no code, no pickles."""
    if form == "base" or FORMATS[form].holds:
        how = CHECKPOINT if form == "base" else FORMATS[form]
        plain = "/" not in name and "\\" not in name and not name.startswith(".")
        return plain and any(fnmatchcase(name, pattern) for pattern in (*TEXTS, *how.weights))
    return bool(NAME.fullmatch(name.lower()) and ggml_name(name))


def cache(root: Path, runtime: str) -> Path | None:
    """Where a runtime keeps what it compiled, one of `CACHES`; None where the directory is read-only."""
    assert runtime in CACHES
    folder = root / "cache" / runtime
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def scan(root: Path) -> tuple[Stored, ...]:
    """What is in the directory, by name, the preferred precision of a format first. A missing directory is empty."""
    found = [*_files(root / "ggml"), *_remotes(root / "remote"), *_checkpoints(root / "base")]
    for form, how in FORMATS.items():
        if how.holds:
            found += _folders(root / form, how)
    return tuple(sorted(found, key=lambda s: (s.model, s.format, _rank(s), s.precision)))


def place(root: Path, model: str, form: str, precision: str) -> Path:
    """Where a model belongs. Raises BadInput for a name that is none, an unknown format or precision."""
    _check_name(model)
    if form == "base":
        return root / form / model
    how = FORMATS.get(form)
    if how is None:
        raise BadInput(f"there is no format {form!r}", remedy=f"The formats are: {', '.join(FORMATS)}.")
    if precision not in how.precisions:
        raise BadInput(f"{form} knows no precision {precision!r}", remedy=f"It knows: {', '.join(how.precisions)}.")
    if form == "ggml":
        suffix = "" if precision == "f16" else f"-{precision}"
        named = f"ggml-{model.removeprefix(FAMILY)}" if model.startswith(FAMILY) else model
        return root / form / f"{named}{suffix}.bin"
    return root / form / model / precision


def pointer(root: Path, model: str) -> Path:
    """Where the file of a remote model belongs. Raises BadInput for a name that is none."""
    _check_name(model)
    return root / "remote" / f"{model}.json"


@contextmanager
def making(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """A path beside `target` to make it at; it takes its place when the block ends well, and is gone when it does not.

    What else is made beside that path comes along. Raises BadInput where the target is there already and `replace` is
    not set, StorageFailed where nothing can be written.
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
        _put(made, target, held / "old")
    except OSError as error:
        if isinstance(error, EarwitnessError):
            raise
        raise StorageFailed(f"{target} can't be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(held, ignore_errors=True)


def _put(made: Path, target: Path, old: Path) -> None:
    if target.is_dir():
        target.rename(old)
    try:
        made.replace(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    if target.is_file():
        _forget(target)
    for extra in made.parent.iterdir():
        if extra != old:
            extra.replace(target.with_name(extra.name))


def _forget(path: Path) -> None:
    """Remove what is kept beside a file."""
    for kept in path.parent.iterdir():
        if kept.name.startswith(f".{path.name}.") and kept.suffix == ".json":
            kept.unlink()


def remove(stored: Stored) -> None:
    """Delete a stored model, and the folders that it leaves empty. Raises StorageFailed."""
    try:
        if stored.path.is_dir():
            shutil.rmtree(stored.path)
        else:
            stored.path.unlink()
            _forget(stored.path)
        for folder in (stored.path.parent, stored.path.parent.parent):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
    except OSError as error:
        raise StorageFailed(f"{stored.name} can't be removed: {error.strerror or error}") from error


def kind_of(path: Path) -> str:
    """Which format a folder or file is: `base` or one of `FORMATS`. Raises BadInput for anything else."""
    if path.is_file():
        with path.open("rb") as file:
            if file.read(4) == struct.pack("<i", MAGIC):
                return "ggml"
    else:
        for form, how in FORMATS.items():
            if how.holds and all((path / name).is_file() for name in how.holds):
                return form
        if (path / "config.json").is_file():
            return "base"
    raise BadInput(
        f"{path.name} is no model that Earwitness knows",
        remedy="Give a checkpoint with config.json and model.safetensors, a CTranslate2 folder, or a GGML file.",
    )


def _check_name(model: str) -> None:
    if not NAME.fullmatch(model):
        raise BadInput(
            f"{model!r} is no name for a model", remedy="Use small letters, digits, dots and dashes.", param="name"
        )


def ggml_name(file: str) -> tuple[str, str] | None:
    """The model and the precision in the name of a GGML file; None for another file."""
    told = GGML.fullmatch(file)
    if told is None:
        return None
    return f"{FAMILY if told['ours'] else ''}{told['name']}", (told["precision"] or "f16").lower()


def _folders(root: Path, how: Format) -> Iterator[Stored]:
    for path in _entries(root):
        for inner in _entries(path):
            if (inner / how.holds[0]).is_file():
                yield Stored(path.name, root.name, inner.name, inner)


def _files(root: Path) -> Iterator[Stored]:
    for path in _entries(root):
        if told := ggml_name(path.name):
            yield Stored(told[0], "ggml", told[1], path)


def _remotes(root: Path) -> Iterator[Stored]:
    for path in _entries(root):
        if path.suffix == ".json":
            yield Stored(path.stem, "remote", "", path)


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
    ranked = FORMATS[stored.format].precisions if stored.format in FORMATS else ()
    return ranked.index(stored.precision) if stored.precision in ranked else len(ranked)
