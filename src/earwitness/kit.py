"""The kit: what a run needs, built once from the settings and handed on: the pool, the detector, the choice of Plan.

`api` and `cli` build one and close it. This is where names from recipes become loaded things.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Self

from earwitness.config import Settings
from earwitness.engines import Spec
from earwitness.errors import EarwitnessError, EngineFailed, Missing, TooLittleMemory, Unsupported
from earwitness.hardware import probe
from earwitness.hardware.power import Watch
from earwitness.models import catalog
from earwitness.models.catalog import Catalog
from earwitness.models.lane import Lane
from earwitness.models.pool import Pool
from earwitness.parts import PartSpec, Vad
from earwitness.plugins import ENGINES, PARTS, Plugins
from earwitness.types import Can, Machine, Plan

VAD = "silero"

MODELS_SHARE = 0.6
"""Of the machine's memory, what models may take unless a setting says otherwise."""

REST_S = 300.0
"""How long a Plan that could not be loaded is left alone."""


class Kit:
    """Holds the pool and the parts; a context manager that closes them.

    With `warm` a model has recognised something before it is handed out: for servers, where the first request should be
    as fast as the tenth. Raises UnknownModel for a pinned model that is not there.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic, warm: bool = False) -> None:
        self.settings, self._clock = settings, clock
        self._broken: dict[Plan, tuple[float, str]] = {}
        self.machine: Machine = probe.machine()
        self.power = Watch(settings.power, probe.readings, clock=clock)
        self.catalog = Catalog(settings.models_folder, settings.aliases)
        self.engines: Plugins[Spec] = Plugins(ENGINES)
        self.parts: Plugins[PartSpec] = Plugins(PARTS)
        self.pool = Pool(
            self._load,
            files=lambda plan: self.catalog.find(plan.model).size,
            limits=_limits(settings, self.machine),
            pinned=_pinned(settings, self.catalog),
            warm=warm,
            idle_s=settings.unload_after_s,
        )
        self.vad: Vad = self.parts.get(VAD).load()

    def plan(self, model: str) -> Plan:
        """The first of `plans`. Raises what that does."""
        return self.plans(model)[0]

    def plans(self, model: str) -> tuple[Plan, ...]:
        """The Plans for a model by name or alias, the preferred one first; never empty.

        Raises UnknownModel, Unsupported when no engine reads its formats, Missing when none of those can be used here.
        """
        why_not, found, power = list[str](), list[Plan](), self.power.now()
        entries = self.catalog.named(model)
        for entry in entries:
            for engine in self.engines:
                if engine.spec is None or entry.format not in engine.spec.formats:
                    continue
                devices = engine.spec.devices(self.machine)
                if engine.why_not or not devices:
                    why_not.append(f"{engine.name}: {engine.why_not or 'no device of this machine suits it'}")
                    continue
                workers, device = self.settings.workers or power.workers(self.machine.cores), devices[0]
                why = f"{engine.name} reads {entry.format} models; {workers} worker(s) of one thread on {device.name}"
                why += "" if self.settings.workers else f"; {power.name}: {power.why}"
                found.append(Plan(engine.name, entry.name, device, workers, why))
        if found:
            return tuple(found)
        if why_not:
            raise Missing(f"{model} can't run here: {'; '.join(why_not)}")
        formats = ", ".join(sorted({entry.format for entry in entries}))
        raise Unsupported(f"no installed engine reads {formats} models, and {model} is one", param="model")

    @contextmanager
    def lane(self, model: str, *, guess: bool = False) -> Iterator[tuple[Plan, Lane]]:
        """The lane of a model, loaded if need be.

        Where a Plan can't be loaded, the next one is taken and says so in `fell_from`; the broken one is tried again
        after `REST_S`. A `guess` moves no other model out of memory. Raises what `plans` raises, Busy where there is no
        room now, and EngineFailed, Missing or TooLittleMemory of the last Plan.
        """
        with ExitStack() as held:
            yield self._first_that_loads(self.plans(model), held, guess=guess)

    def _first_that_loads(self, plans: Sequence[Plan], held: ExitStack, *, guess: bool) -> tuple[Plan, Lane]:
        now, fallen = self._clock(), list[str]()

        def lease(plan: Plan) -> tuple[Plan, Lane]:
            lane = held.enter_context(self.pool.lease(plan, guess=guess))
            return replace(plan, fell_from=tuple(fallen)), lane

        for plan in plans[:-1]:
            rests_until, why = self._broken.get(plan, (0.0, ""))
            if now >= rests_until:
                try:
                    return lease(plan)
                except (EngineFailed, Missing, TooLittleMemory) as error:
                    why = f"{plan.model} on {plan.engine} could not be loaded: {error.message}"
                    self._broken[plan] = now + REST_S, why
            fallen.append(why)
        return lease(plans[-1])

    def can(self, model: str, *, guess: bool = False) -> Can:
        """What a model can do, loaded if need be. Raises what `lane` raises."""
        with self.lane(model, guess=guess) as (_, lane):
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
        try:
            engine = spec.load(files, plan.device, spec.Options(**told))
        except EarwitnessError:
            raise
        except Exception as error:
            raise EngineFailed(f"{plan.engine} broke while it was loaded: {type(error).__name__}: {error}") from error
        return Lane(engine, workers=plan.workers, seats=self.settings.seats, power=self.power.now)


def _limits(settings: Settings, machine: Machine) -> Limits:
    size = 1e6 * settings.model_memory_mb or MODELS_SHARE * machine.memory
    return Limits(int(size) or None, settings.max_models or None)


def _pinned(settings: Settings, models: Catalog) -> frozenset[str]:
    """The full names of the pinned models, in all their formats. Raises UnknownModel."""
    try:
        return frozenset(entry.name for name in settings.pin for entry in models.named(name))
    except UnknownModel as error:
        raise UnknownModel(
            f"a pinned model is not here: {error.message}",
            remedy="Correct EARWITNESS_PIN; `earwitness models list` shows what is here.",
        ) from error
