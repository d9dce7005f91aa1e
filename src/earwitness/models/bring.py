"""Brings models into the model directory, and finds them there by name."""

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from earwitness.engines.wire.address import Remote
from earwitness.errors import BadInput, EarwitnessError, NotFound, StorageFailed, UnknownModel
from earwitness.models import blobs, directory, known, looks, manifest
from earwitness.models.convert import checkpoint
from earwitness.models.directory import Stored
from earwitness.models.manifest import Origin


def copied(
    source: Path,
    root: Path,
    *,
    name: str | None,
    precision: str = "",
    replace: bool = False,
    origin: Origin | None = None,
) -> Stored:
    """Copy a model into the directory, whole or not at all, after a look at whether it is whole itself.

    Raises NotFound where there is none, BadInput for one that is broken, of another kind, or there already,
    StorageFailed where nothing can be written.
    """
    if not source.exists():
        raise NotFound(f"there is nothing at {source}", remedy="Give a folder or a file on this machine.")
    form = directory.kind_of(source)
    target = settled(source, root, form, name=name, precision=precision)
    sums: dict[str, str] = {}
    told = origin or Origin("import", str(source.resolve()), licence=manifest.licence_of(source))
    with manifest.keeping(root, target, told, replace=replace, known=sums) as made:
        if source.is_file():
            sums[made.name] = blobs.copied(source, made)
        else:
            made.mkdir()
            for path in wanted(source, form):
                sums[path.name] = blobs.copied(path, made / path.name)
            completed(made, form)
            looks.look(form, made)  # what was left out may be missed
    return target


def unpickled(source: Path, root: Path, *, name: str | None, replace: bool = False) -> Stored:
    """Bring a checkpoint whose weights are pickled, as safetensors. Raises as `copied` and `pickles.convert` do."""
    from earwitness.models import pickles

    if not source.is_dir() or directory.kind_of(source) != "base":
        raise BadInput(f"{source.name} is no checkpoint with pickled weights", remedy="Leave --allow-pickle out.")
    if any((source / file).is_file() for file in (checkpoint.WEIGHTS, checkpoint.INDEX)):
        raise BadInput(f"{source.name} has safetensors; no pickle is needed", remedy="Leave --allow-pickle out.")
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unpickled.", dir=root) as made:
            for path in wanted(source, "base"):
                shutil.copyfile(path, Path(made) / path.name)
            pickles.convert(source, Path(made) / checkpoint.WEIGHTS)
            origin = Origin("import", str(source.resolve()), licence=manifest.licence_of(source))
            return copied(Path(made), root, name=name or known.plain(source.name), replace=replace, origin=origin)
    except OSError as error:
        if isinstance(error, EarwitnessError):
            raise
        raise StorageFailed(f"{source.name} can't be brought: {error.strerror or error}") from error


def settled(source: Path, root: Path, form: str, *, name: str | None, precision: str = "") -> Stored:
    """What a model will be called and where it goes, after a look at its files. Raises as `copied` does."""
    seen = looks.look(form, source)
    model = name or known.plain(source.resolve().name)
    if form == "ggml":
        told, in_name = directory.ggml_name(source.name) or (source.stem, "f16")
        model, precision = name or known.plain(told), precision or in_name
    elif seen and precision and not precision.startswith(seen):
        raise BadInput(f"{source.name} is {seen}, not {precision}", remedy="Leave --precision out.")
    elif form != "base" and not (precision or seen):
        raise BadInput(f"{source.name} does not say its precision", remedy="Add --precision, such as --precision int8.")
    chosen = precision or seen
    return Stored(model, form, chosen, directory.place(root, model, form, chosen))


def wanted(folder: Path, form: str) -> Iterator[Path]:
    """The files of a model that are kept: texts and its format's weights, no code, no pickles."""
    yield from sorted(p for p in folder.iterdir() if p.is_file() and directory.belongs(form, p.name))


def completed(folder: Path, form: str) -> None:
    """Write what the format's engine wants and older converters left out."""
    old, new = folder / "vocabulary.txt", folder / "vocabulary.json"
    if form == "ctranslate2" and old.is_file() and not new.is_file():
        new.write_text(json.dumps(old.read_text("utf-8").splitlines()), "utf-8")
        old.unlink()


def pointed(root: Path, name: str, remote: Remote, *, replace: bool = False) -> Stored:
    """Write down where a remote model is.

    Raises BadInput for a name that is none or is there already, StorageFailed where nothing can be written.
    """
    target = directory.pointer(root, name)
    with directory.making(target, replace=replace) as made:
        made.write_text(remote.model_dump_json(indent=2, exclude_defaults=True) + "\n", "utf-8")
    return Stored(name, "remote", "", target)


def stored(root: Path, name: str) -> Stored:
    """A model of the directory by its full name, or by its own name where it is there once. Raises UnknownModel."""
    asked = name.strip().lower()
    found = [s for s in directory.scan(root) if asked in (s.name, s.model) or known.plain(asked) == s.model]
    exact = [s for s in found if s.name == asked]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if found:
        listed = ", ".join(s.name for s in found)
        raise UnknownModel(f"{name} is there more than once: {listed}", remedy="Give the full name.")
    raise UnknownModel(f"there is no {name!r} in the model directory {root}")


def chosen(root: Path, names: Iterable[str]) -> tuple[Stored, ...]:
    """The models of these names, all formats of each, or one by its full name; all where none is named.

    Models on other machines have no files here and are left out. Raises UnknownModel.
    """
    here = [s for s in directory.scan(root) if s.format != "remote"]
    found: dict[Stored, None] = {}
    for name in names:
        meant = [s for s in here if name.strip().lower() in (s.name, s.model) or known.plain(name) == s.model]
        if not meant:
            raise UnknownModel(f"there are no files of {name!r} in the model directory {root}")
        found |= dict.fromkeys(meant)
    return tuple(found or here)
