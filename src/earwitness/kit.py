"""The kit: what a run needs, built once from the settings and handed on: the pool, the detector, the choice of Plan.

`api` and `cli` build one and close it. This is where names from recipes become loaded things.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from earwitness.config import Settings
from earwitness.engines import Spec
from earwitness.errors import Missing, Unsupported
from earwitness.hardware import probe
from earwitness.models import catalog
from earwitness.models.catalog import Catalog
from earwitness.models.lane import Lane
from earwitness.models.pool import Pool
from earwitness.parts import PartSpec, Vad
from earwitness.plugins import ENGINES, PARTS, Plugins
from earwitness.types import Can, Machine, Plan

VAD = "silero"


class Kit:
    """Holds the pool and the parts; a context manager that closes them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.machine: Machine = probe.machine()
        self.catalog = Catalog(settings.models_folder)
        self.engines: Plugins[Spec] = Plugins(ENGINES)
        self.parts: Plugins[PartSpec] = Plugins(PARTS)
        self.pool = Pool(self._load, idle_s=settings.unload_after_s)
        self.vad: Vad = self.parts.get(VAD).load()

    def plan(self, model: str) -> Plan:
        """The Plan for a model by name or alias.

        Raises UnknownModel, Unsupported when no engine reads its format, Missing when the engine can't be used here.
        """
        why_not: list[str] = []
        entries = self.catalog.named(model)
        for entry in entries:
            for found in self.engines:
                if found.spec is None or entry.format not in found.spec.formats:
                    continue
                devices = found.spec.devices(self.machine)
                if found.why_not or not devices:
                    why_not.append(f"{found.name}: {found.why_not or 'no device of this machine suits it'}")
                    continue
                workers = self.settings.workers or self.machine.cores
                why = (
                    f"{found.name} reads {entry.format} models; {workers} worker(s) of one thread on {devices[0].name}"
                )
                return Plan(found.name, entry.name, devices[0], workers, why)
        if why_not:
            raise Missing(f"{model} can't run here: {'; '.join(why_not)}")
        formats = ", ".join(sorted({entry.format for entry in entries}))
        raise Unsupported(f"no installed engine reads {formats} models, and {model} is one", param="model")

    @contextmanager
    def lane(self, model: str) -> Iterator[tuple[Plan, Lane]]:
        """The lane of a model, loaded if need be. Raises what `plan` and the load raise."""
        plan = self.plan(model)
        with self.pool.lease(plan) as lane:
            yield plan, lane

    def can(self, model: str) -> Can:
        """What a model can do, loaded if need be. Raises what `lane` raises."""
        with self.lane(model) as (_, lane):
            return lane.can

    def close(self) -> None:
        """Unload everything."""
        self.pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _load(self, plan: Plan) -> Lane:
        spec = self.engines.get(plan.engine)
        files = catalog.locate(self.catalog.find(plan.model))
        told = {"workers": plan.workers} if "workers" in spec.Options.model_fields else {}
        engine = spec.load(files, plan.device, spec.Options(**told))
        return Lane(engine, workers=plan.workers, seats=self.settings.seats)
