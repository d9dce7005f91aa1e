"""The models that can be had here: those inside packages, and those in the model directory.

Names, aliases, languages, licences, and where the files lie. Knows nothing of engines beyond the name of the format,
and loads nothing.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from earwitness.errors import BadInput, EngineFailed, Missing, UnknownModel
from earwitness.files import digest
from earwitness.models import chosen, directory, known, manifest
from earwitness.models.directory import Stored
from earwitness.models.stamps import Stamps
from earwitness.types import ModelFiles

DEFAULT, USUAL = "moonshine-tiny-en", "default"
"""The embedded model; the alias of whatever is used where nobody names one."""

SAMPLE = "endgame_nagg_nell.wav"


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

    @property
    def called(self) -> tuple[str, ...]:
        """The names of a stored model, in small letters: its full one, and that of the model."""
        return (self.stored.name.lower(), self.stored.model.lower()) if self.stored else ()


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
            "gpt-4o-transcribe-diarize",
            "gpt-4o-mini-transcribe",
            "gpt-4o-mini-transcribe-2025-12-15",
            "gpt-transcribe",
            "gpt-live-transcribe",
            "gpt-realtime-whisper",
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


UNSHOWN = ("fake", "base")
"""Formats that are found by name and not listed."""


class Catalog:
    """The models of an installation: the built-in ones, and those in the folder as they are at each call.

    `aliases` are the installation's own names for models; they go before all others. `kept` is the file that names the
    default model where somebody chose another one; as long as that is here, the aliases of the embedded one lead to it.
    """

    def __init__(
        self, folder: Path, aliases: Mapping[str, str] = MappingProxyType({}), kept: Path | None = None
    ) -> None:
        self.folder, self._kept = folder, kept
        self.aliases = {alias.lower(): name.lower() for alias, name in aliases.items()}
        self._seen: tuple[Stamps, tuple[Entry, ...]] | None = None
        for alias in self.aliases:
            if any(alias == entry.name for entry in ENTRIES):
                raise BadInput(f"{alias} is a model and can't be an alias", remedy="Correct EARWITNESS_ALIASES.")

    def named(self, name: str) -> tuple[Entry, ...]:
        """All that a name may mean, the preferred one first. Raises UnknownModel.

        It is an alias or a model's name, which means all its formats, or the full name of one of them; capitals aside.
        """
        asked = name.strip().lower()
        wanted = self.aliases.get(asked, asked)
        found = self._meant(wanted)
        if not found:
            leads = f", which {name!r} stands for" if asked in self.aliases else ""
            raise UnknownModel(
                f"there is no model {wanted if leads else repr(name)} here{leads}",
                remedy=self._advice(wanted),
                param="model",
            )
        return found

    def find(self, name: str) -> Entry:
        """The first of what a name may mean. Raises UnknownModel."""
        return self.named(name)[0]

    def shown(self) -> tuple[Entry, ...]:
        """What users choose from: all but the test double, and checkpoints, which are there to be converted.

        The preferred format of a model has its name as an alias.
        """
        listed, taken = [], set(self.aliases)
        usual = next((e.name for e in self.chosen()), DEFAULT)
        for entry in (e for e in (*ENTRIES, *self._stored()) if e.format not in UNSHOWN):
            given = default().aliases if entry.name == usual else () if entry.name == DEFAULT else entry.aliases
            own = tuple(n for n in (*given, *entry.called[1:]) if n not in taken)
            taken |= set(own)
            listed.append(replace(entry, aliases=own))
        for alias, name in self.aliases.items():
            meant = next((e.name for e in self._meant(name)), None)
            listed = [replace(e, aliases=(*e.aliases, alias)) if e.name == meant else e for e in listed]
        return tuple(listed)

    def chosen(self) -> tuple[Entry, ...]:
        """What the default model may be in its formats, where another than the embedded one was chosen and is here."""
        name = chosen.read(self._kept) if self._kept else ""
        return self._meant(name) if name and name not in default().aliases else ()

    def _meant(self, wanted: str) -> tuple[Entry, ...]:
        """The models of a name that is no alias of this installation."""
        if wanted in default().aliases and (found := self.chosen()):
            return found
        found = tuple(e for e in ENTRIES if wanted == e.name or wanted in e.aliases)
        for spelt in (wanted, known.plain(wanted)):
            found = found or tuple(e for e in self._stored() if spelt in e.called)
        return found

    def _stored(self) -> tuple[Entry, ...]:
        """What is in the folder and can be loaded; the folder is read again when anything in it changed."""
        if self._seen is None or not self._seen[0].hold():
            stamps = Stamps.of(self.folder)
            found = sorted(directory.scan(self.folder), key=lambda s: (s.model, s.format == "base"))  # which comes last
            entries = tuple(_entry(s) for s in found)
            self._seen = stamps, entries
        return self._seen[1]

    def _advice(self, wanted: str) -> str:
        """What somebody may do who asked for a model that is not here."""
        here = [name for e in self.shown() for name in (e.name, *e.aliases)]
        far = known.find(wanted)
        close = known.near(wanted, (*here, *known.names())) if far is None else ()
        if close and close[0] in here:
            return f"Did you mean {close[0]}? `earwitness models list` shows what is here."
        if found := far or known.find("".join(close[:1])):
            return f"Fetch {found.name}: earwitness models pull {found.name} --to ctranslate2"
        return UnknownModel.default_remedy


def _entry(stored: Stored) -> Entry:
    with suppress(BadInput):
        kept = manifest.read(stored)
        return _told(stored, kept.origin.licence if kept else "")
    return _told(stored, "")


def _told(stored: Stored, licence: str) -> Entry:
    return Entry(
        name=stored.name,
        format=stored.format,
        languages=stored.languages,
        licence=licence,
        author="",
        package="",
        size=stored.size,
        about=f"in the model directory, {stored.format} {stored.precision}".strip(),
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


def sample() -> Path:
    """The sample recording, English, half a minute. Raises Missing when the recogniser's package is not whole."""
    path = locate(default()).files["encoder"].parent.parent / SAMPLE
    if not path.is_file():
        raise Missing(f"the sample {SAMPLE} is not where it should be: {path.parent}")
    return path


def verify(entry: Entry) -> None:
    """Read the files of a model and compare their checksums. Raises Missing, or EngineFailed where they differ."""
    files = locate(entry).files
    for role, _, expected in entry.files:
        if digest(files[role]) != expected:
            raise EngineFailed(
                f"{entry.name}: the file {files[role].name} is not the one that was measured",
                remedy=f"Install the pinned version of {entry.package} again.",
            )
