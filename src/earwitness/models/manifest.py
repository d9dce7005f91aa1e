"""What is known of a stored model: where it came from, under which licence, and the checksum of each of its files.

It lies with the model, as `.earwitness.json` in its folder or beside its file, and is written with it. A model that was
put there by hand has none.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from earwitness.__about__ import __version__
from earwitness.errors import BadInput
from earwitness.files import digest
from earwitness.models import blobs, directory
from earwitness.models.directory import Stored

KEY = "earwitness"
LICENCE = re.compile(r"^license:\s*[\"']?([\w.+-]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Kept:
    """One file of a model: its SHA-256 in hexadecimal, and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a model came from: an address or path, or the full name of what it was converted from.

    What nobody told is empty. `tools` are the programs that made it, with their versions.
    """

    how: Literal["pull", "import", "convert"]
    source: str
    revision: str = ""
    licence: str = ""
    tools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """A stored model: what it is, where it came from, when it was kept (UTC), and its files by name."""

    model: str
    format: str
    precision: str
    origin: Origin
    at: str
    files: Mapping[str, Kept] = field(default_factory=dict)

    def as_json(self) -> bytes:
        """As it is written."""
        return TypeAdapter(Manifest).dump_json(self, indent=1)


def parse(text: bytes, name: str) -> Manifest:
    """A manifest from its JSON. Raises BadInput."""
    try:
        return TypeAdapter(Manifest).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(f"the manifest of {name} is damaged: {first['loc']}: {first['msg']}") from error


def read(stored: Stored) -> Manifest | None:
    """What is known of a stored model; None where nothing is. Raises BadInput where it is damaged."""
    try:
        text = directory.beside(stored.path, KEY).read_bytes()
    except OSError:
        return None
    return parse(text, stored.name)


def of(stored: Stored) -> Manifest:
    """The manifest of a model; one that has none is read for it, and was imported as far as anybody knows."""
    if found := read(stored):
        return found
    files = {n: Kept(digest(p), p.stat().st_size) for n, p in directory.contents(stored.path).items()}
    return taken(stored, Origin("import", "put there by hand"), files)


def taken(stored: Stored, origin: Origin, files: Mapping[str, Kept]) -> Manifest:
    """The manifest of a model that is kept now."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    tools = (f"earwitness {__version__}", *origin.tools)
    return Manifest(stored.model, stored.format, stored.precision, replace(origin, tools=tools), at, files)


@contextmanager
def keeping(
    root: Path,
    stored: Stored,
    origin: Origin | Manifest,
    *,
    replace: bool = False,
    known: dict[str, str] | None = None,
) -> Iterator[Path]:
    """`directory.making` for a model: its files go into the blob store, and its manifest with it.

    A model that has a manifest already, because it comes from another directory, keeps that. `known` has the checksums
    that are known already, by file name; it may be filled within the block. Raises what `directory.making` raises.
    """
    sums = {} if known is None else known
    with directory.making(stored.path, replace=replace) as made:
        yield made
        files = {}
        for name, path in directory.contents(made).items():
            sha256 = sums.get(name) or digest(path)
            files[name] = Kept(sha256, path.stat().st_size)
            blobs.share(root, path, sha256)
        told = origin if isinstance(origin, Manifest) else taken(stored, origin, files)
        directory.beside(made, KEY).write_bytes(told.as_json())


def licence_of(folder: Path) -> str:
    """The licence that a checkpoint's README names, or nothing."""
    try:
        found = LICENCE.search((folder / "README.md").read_text("utf-8", "replace")[:10_000])
    except OSError:
        return ""
    return found[1].lower() if found else ""


def tool(package: str) -> str:
    """A package with its version."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return package
