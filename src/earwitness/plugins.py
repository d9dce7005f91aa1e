"""Engines and parts by name, found through entry points; built-ins stand in our own metadata the same way as strangers.

Nothing is imported until it is asked for, and what cannot be used keeps its reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, Protocol, TypeVar

from earwitness.errors import Missing, NotFound

ENGINES = "earwitness.engines"
PARTS = "earwitness.parts"


class Named(Protocol):
    """What every entry point names: something with a name that knows what it lacks."""

    name: str

    def missing(self) -> str | None:
        """Why it can't be used here, or None."""
        ...


S = TypeVar("S", bound=Named)


@dataclass(frozen=True, slots=True)
class Found(Generic[S]):
    """One entry point: its Spec, or why there is none."""

    name: str
    spec: S | None
    why_not: str | None


class Plugins(Generic[S]):
    """The entry points of one group. All are looked at once, when they are first wanted."""

    def __init__(self, group: str) -> None:
        self.group = group

    def __iter__(self) -> Iterator[Found[S]]:
        return iter(self._every)

    @cached_property
    def _every(self) -> tuple[Found[S], ...]:
        return tuple(map(self._look, sorted(entry_points(group=self.group), key=lambda e: e.name)))

    def get(self, name: str) -> S:
        """The Spec of that name. Raises NotFound for an unknown name, Missing for one that can't be used here."""
        for entry in entry_points(group=self.group, name=name):
            found: Found[S] = self._look(entry)
            if found.spec is None or found.why_not:
                raise Missing(f"{name} can't be used here: {found.why_not}")
            return found.spec
        known = ", ".join(sorted(e.name for e in entry_points(group=self.group)))
        raise NotFound(
            f"there is no {name!r} among {self.group}: {known}", remedy="Install the package that brings it."
        )

    def _look(self, entry: EntryPoint) -> Found[S]:
        try:
            spec: S = entry.load()
            return Found(entry.name, spec, spec.missing())
        except Exception as error:  # noqa: BLE001 - plugin loading is one of the three places that may
            return Found(entry.name, None, f"it does not import: {type(error).__name__}: {error}")
