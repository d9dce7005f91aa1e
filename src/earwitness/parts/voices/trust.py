"""Looks into a model's files before a library opens them that would run what they say. Imports nothing they name.

Pickles and some configurations are programs. Only names that models of voices are known to need pass; anything else is
refused by its name. Knows no library.
"""

import io
import pickletools
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from earwitness.errors import EngineFailed

LARGEST = 64 << 20
"""No pickle that describes weights, and no configuration, is larger."""

WEIGHTS = frozenset(
    [
        "collections OrderedDict",
        "torch Size",
        "torch._utils _rebuild_tensor",
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_parameter",
        *(f"torch {kind}Storage" for kind in ("Float", "Half", "BFloat16", "Double", "Long", "Int", "Bool", "Byte")),
    ]
)
"""What plain weights name."""

NAMING = frozenset({"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "PUT", "GET", "PERSID"})
"""Codes that may name something in another way. torch writes none of them."""

MAKING = ("_target_", "target", "cls")
"""Keys under which settings name a class."""

REMEDY = "Take the model from its makers; don't open this file with anything else."


def weights(path: Path, allowed: frozenset[str] = WEIGHTS) -> None:
    """Raise EngineFailed unless a file of PyTorch's names nothing but what is allowed, as `module name`."""
    try:
        with path.open("rb") as file:
            _weights(file, path.name, allowed)
    except OSError as error:
        raise EngineFailed(f"{path.name} can't be read: {error.strerror or error}") from error


def archive(path: Path, allowed: frozenset[str], classes: tuple[str, ...]) -> None:
    """Raise EngineFailed unless all weights in a tar name only what is allowed, and its settings only our classes.

    `classes` is how the names of what settings make must begin.
    """
    try:
        with tarfile.open(path) as packed:
            for member in packed:
                file = packed.extractfile(member) if member.isfile() else None
                if file is None and not member.isdir():
                    raise _refused(path.name, f"{member.name}, which is no plain file")
                if file and member.name.endswith((".ckpt", ".pt", ".pth", ".bin", ".pkl")):
                    _weights(io.BytesIO(file.read()), path.name, allowed)
                elif file and member.name.endswith((".yaml", ".yml")):
                    settings(_read(file, path.name).decode("utf-8", "replace"), path.name, classes)
    except (tarfile.TarError, EOFError, OSError) as error:
        if isinstance(error, EngineFailed):
            raise
        raise EngineFailed(f"{path.name} is damaged: {error}", remedy=REMEDY) from error


def settings(text: str, name: str, classes: tuple[str, ...]) -> None:
    """Raise EngineFailed where YAML makes objects of classes whose names begin otherwise, or is none."""
    import yaml  # type: ignore[import-untyped,unused-ignore]

    try:
        left = [yaml.safe_load(text)]
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        told = " ".join(str(error).split())[:200]
        raise EngineFailed(f"{name} makes what no settings need, or is damaged: {told}", remedy=REMEDY) from error
    seen = set[int]()
    while left:
        thing = left.pop()
        if isinstance(thing, (dict, list)) and id(thing) not in seen:
            seen.add(id(thing))
            left += thing.values() if isinstance(thing, dict) else thing
        if isinstance(thing, dict):
            for made in (thing.get(key) for key in MAKING):
                if isinstance(made, str) and not made.startswith(classes):
                    raise _refused(name, made)


def _weights(file: IO[bytes], name: str, allowed: frozenset[str]) -> None:
    try:
        if not zipfile.is_zipfile(file):
            raise EngineFailed(f"{name} is no file of weights that PyTorch 1.6 or later wrote", remedy=REMEDY)
        with zipfile.ZipFile(file) as packed:
            told = [m for m in packed.namelist() if m.endswith((".pkl", ".pickle"))]
            if len(told) != 1 or not told[0].endswith("data.pkl"):
                raise _refused(name, "another pickle inside")
            with packed.open(told[0]) as inner:
                raw = _read(inner, name)
        for found in _names(raw, name):
            if found not in allowed:
                raise _refused(name, found.replace(" ", "."))
    except (zipfile.BadZipFile, ValueError, EOFError, RuntimeError, NotImplementedError) as error:
        if isinstance(error, EngineFailed):
            raise
        raise EngineFailed(f"{name} is damaged: {error}", remedy=REMEDY) from error


def _names(raw: bytes, name: str) -> Iterator[str]:
    """What a pickle names, as `module name`."""
    for code, arg, _ in pickletools.genops(raw):
        if code.name in NAMING:
            raise _refused(name, code.name)
        if code.name == "GLOBAL":
            yield str(arg)


def _read(file: IO[bytes], name: str) -> bytes:
    raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise _refused(name, "a description larger than any model's")
    return raw


def _refused(name: str, what: str) -> EngineFailed:
    return EngineFailed(f"{name} asks for {what[:80]}, which no model of voices needs", remedy=REMEDY)
