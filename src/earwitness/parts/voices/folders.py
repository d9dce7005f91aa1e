"""Diarizers whose models people bring: each folder `phenome/diarization/NAME` of the model directory is a part."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from earwitness.errors import EarwitnessError, EngineFailed
from earwitness.parts import Diarizer, PartSpec, parts_folder


@dataclass(slots=True)
class Family:
    """The models that one library can load; a part only by the folders found, see `Foldered`.

    Args:
        name: of the family.
        shown_by: the file that makes a folder a model of it, as a pattern.
        where: what to put where, in a sentence.
        missing: see `PartSpec.missing`; holds for all its models.
        load_from: loads the model whose folder is shown by that file, under the folder's name.
    """

    name: str
    shown_by: str
    where: str
    missing: Callable[[], str | None]
    load_from: Callable[[Path, str], Diarizer]
    does: str = "diarizer"
    languages: tuple[str, ...] = ()

    def load(self) -> Diarizer:
        """Raises EngineFailed: there is no model but those of the folders."""
        raise EngineFailed("this diarizer needs a model", remedy=self.where)

    def inside(self, models: Path) -> tuple[PartSpec[Diarizer], ...]:
        """One part for each model in the model directory."""
        found = sorted(parts_folder(models, "diarization").glob(f"*/{self.shown_by}"))
        return tuple(_Model(path.parent.name, path, self) for path in found)


@dataclass(slots=True)
class _Model:
    name: str
    path: Path
    family: Family
    does: str = "diarizer"
    languages: tuple[str, ...] = ()

    def missing(self) -> str | None:
        return self.family.missing()

    def load(self) -> Diarizer:
        try:
            return self.family.load_from(self.path, self.name)
        except EarwitnessError:
            raise
        except Exception as error:  # whatever a library says of a file that it does not like
            told = f"the speaker model {self.name} can't be loaded: {type(error).__name__}: {error}"
            raise EngineFailed(told, remedy=self.family.where) from error
