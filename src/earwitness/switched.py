"""What a recipe switches on: parts that make sound clearer, and that punctuate, loaded when they are first wanted.

Names become parts here: `auto` is the first model of the model directory that does the job, else the part that needs
none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from earwitness.errors import BadInput, EarwitnessError, EngineFailed, Missing
from earwitness.parts import Enhancer, Foldered, PartSpec, Punctuator
from earwitness.plugins import Plugins
from earwitness.stages.recipe import AUTO, OFF, Enhancing


@dataclass(frozen=True, slots=True)
class Job:
    """A switch of Enhancing: which parts do it, and the one that is taken where no model is there."""

    switch: str
    does: str
    plain: str
    method: str
    """Under which name it stands in the provenance."""


SOUND = (
    Job("separate", "separator", "demucs", "separation"),
    Job("denoise", "denoiser", "spectral", "noise"),
    Job("gain", "leveller", "loudness", "gain"),
)
"""In the order in which sound goes through them."""

TEXT = Job("punctuate", "punctuator", "rules", "punctuation")


class Switched:
    """The parts of an installation for these jobs. Safe to share between threads."""

    def __init__(self, parts: Plugins[PartSpec[Any]], models: Path) -> None:
        self._parts, self._models = parts, models
        self._loaded = dict[str, Any]()
        self._loading = Lock()

    def enhancers(self, how: Enhancing) -> dict[Job, tuple[str, Enhancer[Any]]]:
        """What the sound goes through, in this order, each with its name. Raises what `part` does."""
        wanted = ((job, getattr(how, job.switch)) for job in SOUND)
        return {job: self.part(job, name) for job, name in wanted if name not in {None, OFF}}

    def punctuator(self, how: Enhancing) -> tuple[str, Punctuator] | None:
        """What punctuates, with its name; None where that is off. Raises what `part` does."""
        return None if how.punctuate in {None, OFF} else self.part(TEXT, how.punctuate or AUTO)

    def part(self, job: Job, name: str) -> tuple[str, Any]:
        """The part of that name which does a job, loaded; and its name, where it is `auto`.

        Raises BadInput for one that is not here, Missing for one that needs a model or package, and EngineFailed.
        """
        found = dict(self._doing(job))
        chosen = next((n for n in found if n != job.plain), job.plain) if name == AUTO else name
        spec = found.get(chosen) or self._lacking(job, chosen, found)
        with self._loading:
            if chosen not in self._loaded:
                try:
                    self._loaded[chosen] = spec.load()
                except EarwitnessError:
                    raise
                except Exception as error:
                    raise EngineFailed(
                        f"{chosen} broke while it was loaded: {type(error).__name__}: {error}"
                    ) from error
            return chosen, self._loaded[chosen]

    def _doing(self, job: Job) -> Iterator[tuple[str, PartSpec[Any]]]:
        """What does a job here, models of the model directory first."""
        usable = [f.spec for f in self._parts if f.spec is not None and f.why_not is None and f.spec.does == job.does]
        for spec in usable:
            if isinstance(spec, Foldered):
                yield from ((inside.name, inside) for inside in spec.inside(self._models))
        yield from ((spec.name, spec) for spec in usable if not isinstance(spec, Foldered) or spec.name == job.plain)

    def _lacking(self, job: Job, name: str, found: dict[str, PartSpec[Any]]) -> PartSpec[Any]:
        """The spec of a part that is known and can't be used, to be told why. Raises BadInput for one that is not."""
        for part in self._parts:
            if part.name == name and (part.spec is None or part.spec.does == job.does):
                if part.spec is None or part.why_not:
                    raise Missing(f"{name} can't be used here: {part.why_not}")
                return part.spec
        known = ", ".join(("on", "off", *found))
        raise BadInput(f"there is no {job.does} {name[:40]!r} here, only: {known}", param=job.switch)
