"""The diarizers of this installation: which there are, which can be used, and the one or the several that are wanted.

`auto` is the first that loads: the embedded one, then those in the model directory, then what is installed beside them.
Loaded once. Knows the Protocol, none of the parts.
"""

from pathlib import Path
from threading import Lock
from typing import Any

from earwitness.errors import BadInput, EarwitnessError, EngineFailed, Missing
from earwitness.parts import Diarizer, Foldered, PartSpec
from earwitness.plugins import Found, Plugins
from earwitness.stages.ensemble import Ensemble
from earwitness.types import Notice

EMBEDDED = "community"
AUTO, EVERY = "auto", "ensemble"
REMEDY = "`earwitness doctor` shows which can be used."


class Diarizers:
    """Finds and keeps them. Safe to share between threads."""

    def __init__(self, parts: Plugins[PartSpec[Any]], models: Path) -> None:
        self._parts, self._models = parts, models
        self._loaded = dict[str, Diarizer]()
        self._fallen: tuple[Notice, ...] = ()
        self._loading = Lock()

    def all(self) -> tuple[Found[PartSpec[Any]], ...]:
        """All that there are, usable or not, in the order in which `auto` tries them."""
        alone, foldered = list[Found[PartSpec[Any]]](), list[Found[PartSpec[Any]]]()
        for found in self._parts:
            if found.spec is None or found.spec.does != "diarizer":
                continue
            if not isinstance(found.spec, Foldered):
                alone.append(found)
                continue
            inside = found.spec.inside(self._models)
            foldered += [Found(s.name, s, found.why_not or s.missing()) for s in inside]
        alone.sort(key=lambda f: f.name != EMBEDDED)
        known = {f.name for f in alone}
        foldered.sort(key=lambda f: f.name)
        given = [f for f in {f.name: f for f in foldered}.values() if f.name not in known]
        return (*(f for f in alone if f.name == EMBEDDED), *given, *(f for f in alone if f.name != EMBEDDED))

    def usable(self) -> tuple[str, ...]:
        """The names of those that can be used here."""
        return tuple(f.name for f in self.all() if f.why_not is None)

    def get(self, name: str = AUTO) -> Diarizer:
        """The diarizer of that name; several with commas, or `ensemble` for all that can be used, vote.

        Raises BadInput for a part that does something else, is named twice or not known, Missing for one that can't be
        used here, and EngineFailed.
        """
        names = [n.strip() for n in name.split(",")]
        if len(set(names)) < len(names) or not all(names):
            raise BadInput(f"{name[:200]!r} does not name diarizers, each once", remedy=REMEDY, param="diarizer")
        if name == EVERY:
            return self.every()
        if len(names) == 1:
            return self._one(name)
        if odd := {AUTO, EVERY} & set(names):
            raise BadInput(f"{min(odd)} stands alone, not beside others", remedy=REMEDY, param="diarizer")
        return Ensemble({n: self._one(n) for n in names})

    def about(self, name: str) -> tuple[Notice, ...]:
        """What is to be told of the diarizer of that name, once it was loaded: why `auto` is not the embedded one."""
        return self._fallen if name == AUTO else ()

    def every(self) -> Ensemble:
        """All that can be used, and why others of them do not load. Raises what `auto` raises where there is none."""
        members, failed = dict[str, Diarizer](), dict[str, EarwitnessError]()
        for name in self.usable():
            try:
                members[name] = self._one(name)
            except EarwitnessError as error:
                failed[name] = error
        if not members:
            self._one(AUTO)  # says why
            raise Missing("speakers can't be told apart: no diarizer can be used here", remedy=REMEDY)
        return Ensemble(members, failed)

    def _one(self, name: str) -> Diarizer:
        with self._loading:
            if name not in self._loaded:
                self._loaded[name] = self._auto() if name == AUTO else self._load(name)
            return self._loaded[name]

    def _auto(self) -> Diarizer:
        """The first that loads. Raises what the embedded one raises where none does."""
        errors = list[EarwitnessError]()
        for found in self.all():
            try:
                diarizer = self._loaded.get(found.name) or self._load(found.name)
            except (Missing, EngineFailed) as error:
                if found.name == EMBEDDED or found.why_not is None:  # others need not be here
                    errors.append(error)
                continue
            self._fallen = tuple(
                Notice("diarizer_fell_back", f"{e.message}; {found.name} tells the speakers apart instead")
                for e in errors
            )
            self._loaded[found.name] = diarizer
            return diarizer
        if errors:
            raise errors[0]
        raise Missing("speakers can't be told apart: no diarizer is installed", remedy=REMEDY)

    def _load(self, name: str) -> Diarizer:
        found = next((f for f in self.all() if f.name == name), None)
        if found is None:
            other = next((f for f in self._parts if f.name == name), None)
            if other is not None and other.spec is not None and other.spec.does != "diarizer":
                raise BadInput(f"the part {name} tells no speakers apart; its job is {other.spec.does}")
            if other is not None:
                why = other.why_not or "it has no model in phenome/diarization of the model directory"
                raise Missing(f"speakers can't be told apart by {name}: {why}")
            known = ", ".join(f.name for f in self.all())
            raise BadInput(f"there is no diarizer {name[:80]!r}; there are: {known}", remedy=REMEDY, param="diarizer")
        if found.spec is None or found.why_not:
            raise Missing(f"speakers can't be told apart by {name}: {found.why_not}")
        try:
            loaded: Diarizer = found.spec.load()
        except EarwitnessError:
            raise
        except Exception as error:
            raise EngineFailed(f"{name} broke while it was loaded: {type(error).__name__}: {error}") from error
        return loaded
