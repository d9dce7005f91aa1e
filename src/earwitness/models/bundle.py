"""Bundles carry models to machines without a network: one tar file, checked to the last byte where it comes in.

The first member, `bundle.json`, holds the manifests; then each content once, as `blobs/SHA256`. Nothing is ever
extracted by the names in the file: contents are taken by their checksums, and put where the directory puts its models.
"""

import hashlib
import io
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from pydantic import TypeAdapter, ValidationError

from earwitness.errors import BadInput, EarwitnessError, StorageFailed
from earwitness.models import blobs, directory, looks, manifest
from earwitness.models.directory import Stored
from earwitness.models.manifest import Manifest

FIRST = "bundle.json"
LARGEST_FIRST = 16 << 20
SHA256 = re.compile(r"[0-9a-f]{64}")
Told = Callable[[int, int], None]
"""Is told how many bytes of how many are done."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a bundle says that it holds."""

    format: Literal["earwitness.bundle/1"]
    models: tuple[Manifest, ...]


def export(chosen: Sequence[Stored], target: Path, told: Told | None = None) -> None:
    """Write models into a bundle, whole or not at all; the same models make the same bytes.

    Raises BadInput for a model whose files are not those of its manifest, StorageFailed where it can't be written.
    """
    models = tuple(manifest.of(stored) for stored in chosen)
    files: dict[str, Path] = {}
    for stored, model in zip(chosen, models, strict=True):
        here = directory.contents(stored.path)
        for name, kept in model.files.items():
            if name not in here or here[name].stat().st_size != kept.size:
                raise BadInput(f"{stored.name} is not whole: {name}", remedy="Run `earwitness models verify`.")
            files[kept.sha256] = here[name]
    first = TypeAdapter(Contents).dump_json(Contents("earwitness.bundle/1", models), indent=1)
    total, done = sum(path.stat().st_size for path in files.values()), 0
    spare = target.with_name(f".{target.name}.new")
    try:
        with tarfile.open(spare, "w") as tar:
            _add(tar, FIRST, len(first), io.BytesIO(first))
            for sha256, path in files.items():
                with path.open("rb") as file:
                    seen = _Seen(file)
                    _add(tar, f"blobs/{sha256}", path.stat().st_size, seen)
                if seen.sha256.hexdigest() != sha256:
                    raise BadInput(f"{path} is damaged: its checksum is another", remedy="Fetch the model again.")
                done += path.stat().st_size
                if told:
                    told(done, total)
        spare.replace(target)
    except OSError as error:
        raise StorageFailed(f"{target} can't be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            spare.unlink(missing_ok=True)


def holds(source: Path) -> bool:
    """Whether a file is a bundle."""
    try:
        with tarfile.open(source, "r:") as tar:
            first = tar.next()
            return first is not None and first.name == FIRST
    except (tarfile.TarError, OSError):
        return False


def bring(
    source: Path, root: Path, *, replace: bool = False, told: Told | None = None
) -> tuple[tuple[Stored, ...], tuple[Stored, ...]]:
    """Take a bundle's models into the model directory, each whole or not at all: those that came, those that were here.

    What came whole before a bundle breaks off stays, so the next try takes the rest. Raises BadInput for a bundle that
    is cut short or altered, or a model that is here with other files; StorageFailed where nothing can be written.
    """
    try:
        with tarfile.open(source, "r|") as tar:
            models = {_target(root, m): m for m in _contents(tar).models}
            here = tuple(s for s, m in models.items() if _same(s, m, replace=replace))
            waiting = {s: {k.sha256 for k in m.files.values()} for s, m in models.items() if s not in here}
            sizes = {k.sha256: k.size for s in waiting for k in models[s].files.values()}
            with _staging(root, sum(sizes.values())) as staging:
                done = 0
                for sha256 in _blobs(tar, sizes, staging):
                    done += sizes[sha256]
                    if told:
                        told(done, sum(sizes.values()))
                    for stored in [s for s, lacks in waiting.items() if sha256 in lacks]:
                        waiting[stored].remove(sha256)
                        if not waiting[stored]:
                            _place(root, stored, models[stored], staging, replace=replace)
    except (tarfile.TarError, EOFError) as error:
        raise BadInput(f"{source.name} is cut short or no bundle: {error}", remedy="Copy the bundle again.") from error
    if lacking := [s.name for s, lacks in waiting.items() if lacks]:
        raise BadInput(f"{source.name} lacks files of {', '.join(lacking)}", remedy="Copy the bundle again.")
    return tuple(waiting), here


def _contents(tar: tarfile.TarFile) -> Contents:
    """The first member. Raises BadInput."""
    first = tar.next()
    if first is None or first.name != FIRST or not first.isreg() or first.size > LARGEST_FIRST:
        raise BadInput("this tar file is no bundle of models")
    file = tar.extractfile(first)
    try:
        return TypeAdapter(Contents).validate_json(file.read() if file else b"")
    except ValidationError as error:
        raise BadInput(f"{FIRST} of the bundle can't be read: {error.errors()[0]['msg']}") from error


def _target(root: Path, model: Manifest) -> Stored:
    """Where a model of a bundle goes. Raises BadInput for names and files that have no place in the directory."""
    stored = Stored(
        model.model, model.format, model.precision, directory.place(root, model.model, model.format, model.precision)
    )
    odd = [n for n in model.files if not directory.belongs(model.format, n)]
    odd += [n for n, kept in model.files.items() if not SHA256.fullmatch(kept.sha256) or kept.size < 0]
    if stored.path.suffix == ".bin" and model.format == "ggml":
        odd += [n for n in model.files if n != stored.path.name]
    if odd or not model.files:
        raise BadInput(f"the bundle is altered: {odd[0] if odd else 'nothing'} is no file of {stored.name}")
    return stored


def _same(stored: Stored, model: Manifest, *, replace: bool) -> bool:
    """Whether a model is here already, to the byte as far as its manifest says. Raises BadInput for another."""
    if not stored.path.exists():
        return False
    kept = manifest.read(stored)
    if kept and kept.files == model.files:
        return True
    if not replace:
        raise BadInput(f"{stored.name} is there with other files", remedy="Remove it first, or say --replace.")
    return False


@contextmanager
def _staging(root: Path, size: int) -> Iterator[Path]:
    """A folder in the model directory for what comes in, gone at the end."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        if (free := shutil.disk_usage(root).free) < size:
            raise StorageFailed(f"{size / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free in {root}")
        folder = Path(tempfile.mkdtemp(prefix=".bundle.", dir=root))
    except OSError as error:
        if isinstance(error, EarwitnessError):
            raise
        raise StorageFailed(f"{root} can't be written to: {error.strerror or error}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _blobs(tar: tarfile.TarFile, sizes: Mapping[str, int], staging: Path) -> Iterator[str]:
    """The wanted contents, each written to the folder once its checksum is right. Raises BadInput, StorageFailed."""
    while member := tar.next():
        sha256 = member.name.removeprefix("blobs/")
        if not member.isreg() or member.issparse() or member.name == sha256 or not SHA256.fullmatch(sha256):
            raise BadInput(f"the bundle is altered: {member.name[:80]!r} does not belong there")
        if sha256 not in sizes or (staging / sha256).exists():
            continue
        file = tar.extractfile(member)
        try:
            with (staging / sha256).open("wb") as made:
                seen = _Seen(file or io.BytesIO())
                shutil.copyfileobj(seen, made, blobs.CHUNK)
        except OSError as error:
            raise StorageFailed(f"the bundle can't be unpacked: {error.strerror or error}") from error
        if member.size != sizes[sha256] or seen.sha256.hexdigest() != sha256:
            raise BadInput(f"the bundle is altered: {member.name[:20]}… has another checksum")
        yield sha256


def _place(root: Path, stored: Stored, model: Manifest, staging: Path, *, replace: bool) -> None:
    """Put a model into the directory, all of whose contents are there. Raises BadInput where it is no sound one."""
    sums = {name: kept.sha256 for name, kept in model.files.items()}
    with manifest.keeping(root, stored, model, replace=replace, known=sums) as made:
        if model.format == "ggml":
            _linked(staging / next(iter(sums.values())), made)
        else:
            made.mkdir()
            for name, sha256 in sums.items():
                _linked(staging / sha256, made / name)
        looks.look(model.format, made)


def _linked(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _add(tar: tarfile.TarFile, name: str, size: int, file: "IO[bytes] | _Seen") -> None:
    told = tarfile.TarInfo(name)
    told.size = size
    tar.addfile(told, file)


class _Seen:
    """A file whose checksum is taken while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.sha256 = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        chunk = self._file.read(size)
        self.sha256.update(chunk)
        return chunk
