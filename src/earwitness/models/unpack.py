"""Takes a model out of an archive, tar or zip, without trusting the archive.

Only plain files that may be part of a model come out, below one folder; links, devices, code and
pickles stay in. What unpacks to more than a model can be is refused.
"""

import dataclasses
import errno
import lzma
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from earwitness.errors import BadInput, EarwitnessError, StorageFailed
from earwitness.models import blobs, bring, directory, known, manifest
from earwitness.models.directory import Stored
from earwitness.models.manifest import Origin

GROWS, SPARE = 20, 64 << 20
"""How many times an archive's size a model may have, and some bytes more; weights hardly get smaller by packing."""
MOST_FILES = 10_000
BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, EOFError, lzma.LZMAError, zlib.error,
    struct.error, ValueError, NotImplementedError, RuntimeError,
)  # fmt: skip


def is_archive(path: Path) -> bool:
    """Whether a file is a tar or zip archive."""
    return path.is_file() and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path))


def brought(
    source: Path,
    root: Path,
    *,
    name: str | None,
    precision: str = "",
    replace: bool = False,
    origin: Origin | None = None,
) -> Stored:
    """Bring the model of an archive into the directory. Raises what `unpack` and `bring.copied` raise."""
    told = origin or Origin("import", str(source.resolve()))
    try:
        root.mkdir(parents=True, exist_ok=True)
        aside = tempfile.TemporaryDirectory(prefix=".unpack.", dir=root)
    except OSError as error:
        raise StorageFailed(f"{root} can't be written to: {error.strerror or error}") from error
    with aside as folder:
        found = unpack(source, Path(folder))
        called = source.name.partition(".tar")[0].removesuffix(".zip") if found == Path(folder) else found.name
        chosen = name if name or found.is_file() else known.plain(called)
        told = dataclasses.replace(told, licence=manifest.licence_of(found))
        return bring.copied(found, root, name=chosen, precision=precision, replace=replace, origin=told)


def unpack(source: Path, folder: Path) -> Path:
    """The model in an archive, as a folder or file within `folder`, which is empty.

    Raises BadInput where it holds no model, several, or is broken or too large; StorageFailed where the disk is full.
    """
    taken, most = 0, GROWS * source.stat().st_size + SPARE
    try:
        for name, file, size in _members(source):
            target = folder.joinpath(*PurePosixPath(name).parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as made:
                while chunk := file.read(blobs.CHUNK):
                    made.write(chunk)
                    taken += len(chunk)
                    if taken > most:
                        raise BadInput(f"{source.name} unpacks to more than a model of its size has")
            if target.stat().st_size != size:
                raise BadInput(f"{source.name} is cut short: {name}")
    except EarwitnessError:
        raise
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise BadInput(f"{source.name} holds a name twice") from error
    except BROKEN as error:
        raise BadInput(f"{source.name} is cut short or damaged: {error}", remedy="Fetch it again.") from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # a zip whose places lie before its beginning
            raise BadInput(f"{source.name} is cut short or damaged", remedy="Fetch it again.") from error
        raise StorageFailed(f"{source.name} can't be unpacked: {error.strerror or error}") from error
    return _model(source, folder)


def _model(source: Path, folder: Path) -> Path:
    """The one model among what was taken."""
    found = []
    for path in (folder, *sorted(folder.rglob("*"))):
        if path.is_dir() or path.suffix == ".bin":
            try:
                directory.kind_of(path)
            except BadInput:
                continue
            found.append(path)
    if len(found) != 1:
        raise BadInput(f"{source.name} holds {'several models' if found else 'no model that Earwitness knows'}")
    return found[0]


def _members(source: Path) -> Iterator[tuple[str, IO[bytes], int]]:
    """Name, contents and size of the plain files that may be part of a model."""
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as packed:
            for info in packed.infolist()[:MOST_FILES]:
                if info.flag_bits & 1:
                    raise BadInput(f"{source.name} wants a password", remedy="Unpack it, and import the folder.")
                if not info.is_dir() and _plain(source, info.filename):
                    with packed.open(info) as inside:
                        yield info.filename, inside, info.file_size
        return
    with tarfile.open(source) as tar:
        for count, member in enumerate(tar):
            if count > MOST_FILES:
                raise BadInput(f"{source.name} holds more files than any model has")
            if member.isdir():
                continue
            if not member.isreg() or member.issparse():
                raise BadInput(f"{source.name} holds {member.name[:80]!r}, which is no plain file")
            if _plain(source, member.name) and (file := tar.extractfile(member)):
                yield member.name.removeprefix("./"), file, member.size


def _plain(source: Path, name: str) -> bool:
    """Whether a member is wanted. Raises BadInput for a name that would lead elsewhere."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or name.startswith("/") or ".." in parts or ":" in parts[0] or "\0" in name or "\\" in name:
        raise BadInput(f"{source.name} holds {name[:80]!r}, which would lead elsewhere")
    hidden = any(part.startswith(".") for part in parts)
    return not hidden and any(directory.belongs(form, parts[-1]) for form in ("base", *directory.FORMATS))
