"""The models this version knows: names, aliases, languages, licences, and where their files lie.

Knows nothing of engines beyond the name of the format, and loads nothing.
"""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from earwitness.errors import EngineFailed, Missing, UnknownModel
from earwitness.types import ModelFiles

DEFAULT = "moonshine-tiny-en"


@dataclass(frozen=True, slots=True)
class Entry:
    """One model. `files` maps a role to a path inside the package and its SHA-256; `size` is in bytes."""

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


def find(name: str) -> Entry:
    """The entry of a model by its name or an alias, capitals aside. Raises UnknownModel."""
    wanted = name.strip().lower()
    for entry in ENTRIES:
        if wanted == entry.name or wanted in entry.aliases:
            return entry
    raise UnknownModel(f"there is no model {name!r} here", param="model")


def shown() -> tuple[Entry, ...]:
    """The entries that users choose from: all but the test double."""
    return tuple(entry for entry in ENTRIES if entry.format != "fake")


def locate(entry: Entry) -> ModelFiles:
    """The files of a model on this disk. Raises Missing when the package that carries it is not installed."""
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
