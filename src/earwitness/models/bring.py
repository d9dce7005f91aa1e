"""Brings models into the model directory, and finds them there by name."""

import shutil
from pathlib import Path

from earwitness.engines.whisper import ggml
from earwitness.errors import BadInput, NotFound, UnknownModel
from earwitness.models import directory
from earwitness.models.convert import checkpoint
from earwitness.models.directory import GGML, Stored

KEPT = ("*.json", "*.safetensors", "*.txt", "*.md", "LICENSE*")
"""Files of a checkpoint that are copied; pickled weights and code are not."""


def copied(source: Path, root: Path, *, name: str | None, precision: str = "", replace: bool = False) -> Stored:
    """Copy a model into the directory, whole or not at all, after a look at whether it is whole itself.

    Raises NotFound where there is none, BadInput for one that is broken, of another kind, or there already,
    StorageFailed where nothing can be written.
    """
    if not source.exists():
        raise NotFound(f"there is nothing at {source}", remedy="Give a folder or a file on this machine.")
    form = directory.kind_of(source)
    model = name or source.resolve().name.lower()
    if form == "ggml":
        ggml.look(source)
        told = GGML.fullmatch(source.name)
        model = name or (f"{directory.FAMILY}{told['name']}" if told else source.stem)
        precision = precision or (told["precision"] if told and told["precision"] else "f16")
    elif form == "base":
        checkpoint.read(source)
    elif not precision:
        raise BadInput(f"{source.name} does not say its precision", remedy="Add --precision, such as --precision int8.")
    target = directory.place(root, model, form, precision)
    with directory.making(target, replace=replace) as made:
        if source.is_file():
            shutil.copyfile(source, made)
        elif form == "base":
            made.mkdir()
            for path in sorted({p for pattern in KEPT for p in source.glob(pattern)}):
                shutil.copyfile(path, made / path.name)
        else:
            shutil.copytree(source, made)
    return Stored(model, form, precision, target)


def stored(root: Path, name: str) -> Stored:
    """A model of the directory by its full name, or by its own name where it is there once. Raises UnknownModel."""
    wanted = name.strip().lower()
    found = [s for s in directory.scan(root) if wanted in (s.name, s.model)]
    exact = [s for s in found if s.name == wanted]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if found:
        listed = ", ".join(s.name for s in found)
        raise UnknownModel(f"{name} is there more than once: {listed}", remedy="Give the full name.")
    raise UnknownModel(f"there is no {name!r} in the model directory {root}")
