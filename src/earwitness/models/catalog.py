"""The models that can be had here: those inside packages, and those in the model directory.

Names, aliases, languages, licences, and where the files lie. Knows nothing of engines beyond the name of the format,
and loads nothing.
"""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from earwitness.errors import EngineFailed, Missing, UnknownModel
from earwitness.models import directory
from earwitness.models.directory import Stored
from earwitness.types import ModelFiles

DEFAULT = "moonshine-tiny-en"


@dataclass(frozen=True, slots=True)
class Entry:
    """One model in one format.

    It is either inside a package, with `files` as role, path and SHA-256, or `stored` in the model directory. `size` is
    in bytes. `languages` are empty where nobody has looked into the model yet.
    """

    name: str
    format: str
    languages: tuple[str, ...]
    licence: str
    author: str
    package: str
    size: int
    aliases: tuple[str, ...] = ()
    files: tuple[tuple[str, str, str], ...] = ()
    about: str = ""
    stored: Stored | None = None


ENTRIES = (
    Entry(
        name=DEFAULT,
        format="moonshine",
        languages=("en",),
        licence="MIT",
        author="Moonshine AI",
        package="moonshine_voice",
        size=43_943_830,
        aliases=(
            "default",
            "whisper-1",
            "gpt-4o-transcribe",
            "gpt-4o-mini-transcribe",
            "gpt-4o-mini-transcribe-2025-12-15",
            "gpt-transcribe",
        ),
        files=(
            (
                "encoder",
                "assets/tiny-en/encoder_model.ort",
                "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
            ),
            (
                "decoder",
                "assets/tiny-en/decoder_model_merged.ort",
                "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
            ),
            (
                "tokenizer",
                "assets/tiny-en/tokenizer.bin",
                "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
            ),
        ),
        about="English, 27 M parameters, int8; comes with the base install",
    ),
    Entry(
        name="fake",
        format="fake",
        languages=("en",),
        licence="Apache-2.0",
        author="Earwitness",
        package="earwitness",
        size=0,
        about="the test double: a word for each tenth of a second, by its loudness",
    ),
)


def default() -> Entry:
    """The model that comes with the base install."""
    return next(entry for entry in ENTRIES if entry.name == DEFAULT)


class Catalog:
    """The models of an installation: the built-in ones and those in the folder, which is looked at each time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def named(self, name: str) -> tuple[Entry, ...]:
        """All that a name may mean, the preferred one first. Raises UnknownModel.

        It is a model's name or alias, which means all its formats, or the full name of one of them; capitals aside.
        """
        wanted = name.strip().lower()
        found = tuple(e for e in ENTRIES if wanted == e.name or wanted in e.aliases)
        found = found or tuple(_entry(s) for s in self._stored() if wanted in (s.name.lower(), s.model.lower()))
        if not found:
            raise UnknownModel(f"there is no model {name!r} here", param="model")
        return found

    def find(self, name: str) -> Entry:
        """The first of what a name may mean. Raises UnknownModel."""
        return self.named(name)[0]

    def shown(self) -> tuple[Entry, ...]:
        """What users choose from: all but the test double. The preferred format of a model has its name as an alias."""
        stored, models = [], set[str]()
        for one in self._stored():
            stored.append(_entry(one, *(() if one.model in models else (one.model,))))
            models.add(one.model)
        return (*(e for e in ENTRIES if e.format != "fake"), *stored)

    def _stored(self) -> tuple[Stored, ...]:
        """What is in the folder and can be loaded."""
        return tuple(s for s in directory.scan(self.folder) if s.format != "base")


def _entry(stored: Stored, *aliases: str) -> Entry:
    return Entry(
        name=stored.name,
        format=stored.format,
        languages=stored.languages,
        licence="",
        author="",
        package="",
        size=stored.size,
        aliases=aliases,
        about=f"in the model directory, {stored.format} {stored.precision}",
        stored=stored,
    )


def locate(entry: Entry) -> ModelFiles:
    """The files of a model on this disk. Raises Missing when the package that carries it is not installed."""
    if entry.stored is not None:
        return entry.stored.files
    found = find_spec(entry.package)
    if found is None or not found.submodule_search_locations:
        raise Missing(f"the package {entry.package} carries {entry.name} and is not installed")
    root = Path(next(iter(found.submodule_search_locations)))
    files = {role: root / path for role, path, _ in entry.files}
    for path in files.values():
        if not path.is_file():
            raise Missing(
                f"{entry.name}: the file {path.name} is missing",
                remedy=f"Install the package {entry.package} again: pip install --force-reinstall {entry.package}",
            )
    return ModelFiles(entry.name, entry.format, files)


def verify(entry: Entry) -> None:
    """Read the files of a model and compare their checksums. Raises Missing, or EngineFailed where they differ."""
    files = locate(entry).files
    for role, _, expected in entry.files:
        with files[role].open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                raise EngineFailed(
                    f"{entry.name}: the file {files[role].name} is not the one that was measured",
                    remedy=f"Install the pinned version of {entry.package} again.",
                )
