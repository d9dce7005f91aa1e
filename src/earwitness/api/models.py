"""The door of the models page: what is here, what may be fetched, how fast it is on this machine; its errands."""

import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from fastapi import APIRouter, Request

from earwitness.api import house
from earwitness.api.errors import sentence
from earwitness.api.house import House
from earwitness.api.model_schemas import (
    ErrandTold,
    FormTold,
    Gone,
    KnownTold,
    LoadedTold,
    Memory,
    Models,
    ModelTold,
    Named,
    Pulling,
    Unloaded,
    WayTold,
)
from earwitness.api.schemas import PlainError
from earwitness.errors import BadInput, Conflict, EarwitnessError, Missing, UnknownModel
from earwitness.hardware.choose import sound
from earwitness.kit import Kit
from earwitness.models import blobs, bring, catalog, chosen, directory, known, manifest
from earwitness.models.catalog import Entry
from earwitness.models.convert import DEFAULTS
from earwitness.models.directory import Stored
from earwitness.types import Plan
from earwitness.working.errands import Errand

R = TypeVar("R")

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": PlainError, "description": "An error"} for status in (400, 401, 403, 404, 409, 501, 503, 507)
}
ENGINE = "pip install 'earwitness[whisper]'"

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)

router = APIRouter(tags=["Models"], responses=ERRORS)


@router.get("/api/models", summary="The models that are here, and those that may be fetched")
def models(request: Request) -> Models:
    """With the ways in which each can run here, what was measured of them, what is in memory, and the errands."""
    home = house.of(request)
    kit, pool = home.kit, home.kit.pool
    here = _here(kit)
    stored = {known.plain(name) for name in here}
    loaded = pool.loaded()
    return Models(
        default=_default(kit),
        models=[_model(home, name, entries) for name, entries in here.items()],
        known=[_known(one, here=one.name in stored) for one in known.KNOWN],
        errands=[errand(one) for one in home.errands.all()],
        memory=Memory(used=sum(place.size for place in loaded), limit=pool.limits.size),
        disk_free=_or(lambda: shutil.disk_usage(_there(kit.settings.models_folder)).free, 0),
        read_as=_read_as(kit),
    )


@router.post("/api/models/pull", status_code=202, summary="Fetch a model from the hub")
def pull(request: Request, wanted: Pulling) -> ErrandTold:
    """In its turn, in a process of its own. Files that came whole stay for the next try where it breaks off."""
    home = house.of(request)
    name, to = _wished(home.kit, wanted)
    return errand(home.errands.begin("pull", name, to=to, revision=wanted.revision))


@router.post("/api/models/bench", status_code=202, summary="Measure how fast a model runs here")
def bench(request: Request, wanted: Named) -> ErrandTold:
    """Every engine and device in its turn, in processes of their own; from then on the best is used."""
    home = house.of(request)
    entry = home.kit.catalog.find(wanted.name)
    name = entry.stored.model if entry.stored else entry.name
    if not home.kit.candidates(name)[0]:
        home.kit.plan(name)  # which raises what is missing
    return errand(home.errands.begin("bench", name))


@router.delete("/api/models/errands/{ident}", summary="Stop an errand, or forget one that is over")
def stop(request: Request, ident: str) -> ErrandTold:
    """Files of a model that came whole stay for the next try."""
    return errand(house.of(request).errands.cancel(ident))


@router.post("/api/models/unload", summary="Take a model out of memory")
def unload(request: Request, wanted: Named) -> Unloaded:
    """It comes back when it is wanted. One in use stays."""
    home = house.of(request)
    names = {entry.name for entry in home.kit.catalog.named(wanted.name)}
    return Unloaded(unloaded=home.kit.pool.unload(names))


@router.put("/api/models/default", summary="Choose what is used where nobody names a model")
def choose(request: Request, wanted: Named) -> Named:
    """The names that led to the default model lead to this one: `default`, and those of OpenAI."""
    home = house.of(request)
    kit = home.kit
    if catalog.USUAL in kit.catalog.aliases:
        raise Conflict(
            f"{catalog.USUAL} is {kit.catalog.aliases[catalog.USUAL]} by EARWITNESS_ALIASES",
            remedy="Take it out of the settings, and start the server again.",
        )
    entry = kit.catalog.find(wanted.name)
    name = entry.stored.model if entry.stored else entry.name
    kit.plan(name)  # raises why it can't run here
    chosen.write(kit.settings.chosen, name)
    home.log.info("default chosen", model=name)
    return Named(name=_default(kit))


@router.delete("/api/models/{name:path}", summary="Remove a model from this machine")
def remove(request: Request, name: str) -> Gone:
    """By its full name, or by its own in all its formats. Those that come with a package stay."""
    home = house.of(request)
    found = _removable(home.kit, name)
    gone, free = {stored.name for stored in found}, 0
    home.kit.pool.unload(gone)
    for stored in found:
        directory.remove(stored)
    with suppress(EarwitnessError):
        free = blobs.gc(home.kit.settings.models_folder)
    home.log.info("removed", models=sorted(gone))
    return Gone(removed=sorted(gone), freed=free)


def errand(one: Errand) -> ErrandTold:
    """An errand as it is told."""
    return ErrandTold.model_validate(one, from_attributes=True)


def _wished(kit: Kit, wanted: Pulling) -> tuple[str, str]:
    """The name on the hub, and the format to convert to. Raises BadInput for no name of a model, Missing."""
    if "://" in wanted.name:
        raise BadInput(
            "this takes a name of the hub, not an address",
            remedy="Addresses are fetched by `earwitness models pull` on the machine itself.",
            param="name",
        )
    found = known.find(wanted.name)
    name = found.name if found else wanted.name.strip()
    if not REPOSITORY.fullmatch(name):
        remedy = "Give one such as whisper-base, or OWNER/NAME as the hub writes it."
        raise BadInput(f"{name[:80]!r} is no name for a model", remedy=remedy, param="name")
    called = known.plain(name.rpartition("/")[2])
    directory.place(kit.settings.models_folder, called, "base", "")  # a name that is none is refused at once
    form = wanted.to or next(iter(_read_as(kit)), "")
    if not form:
        raise Missing("no engine that is installed here reads models of the hub", remedy=f"First: {ENGINE}.")
    return name, "" if form == "base" else form


def _removable(kit: Kit, name: str) -> list[Stored]:
    """What goes by a name. Raises UnknownModel, BadInput for what is in a package, Conflict for the default model."""
    root = kit.settings.models_folder
    with suppress(UnknownModel):
        if package := kit.catalog.find(name).package:
            raise BadInput(
                f"the model {name} comes with the package {package}", remedy="It goes when that is uninstalled."
            )
    found = [s for s in directory.scan(root) if name.lower() in (s.name, s.model)] or [bring.stored(root, name)]
    usual = {entry.name for entry in kit.catalog.chosen()}
    if usual and usual <= {stored.name for stored in found}:
        raise Conflict(f"the model {name} is the default", remedy="Choose another one first.")
    return found


def _here(kit: Kit) -> Mapping[str, list[Entry]]:
    """What is here by the model's own name, checkpoints among it."""
    found = defaultdict[str, list[Entry]](list)
    for entry in kit.catalog.shown():
        found[entry.stored.model if entry.stored else entry.name].append(entry)
    for stored in directory.scan(kit.settings.models_folder):
        if stored.format == "base":
            found[stored.model] += [entry for entry in kit.catalog.named(stored.name) if entry.name == stored.name]
    return found


def _default(kit: Kit) -> str:
    entry = kit.catalog.find(catalog.USUAL)
    return entry.stored.model if entry.stored else entry.name


def _model(home: House, name: str, entries: list[Entry]) -> ModelTold:
    kit, first, found = home.kit, entries[0], known.find(name)
    aliases = [alias for entry in entries for alias in entry.aliases if alias != name]
    places = {place.plan.model: place for place in kit.pool.loaded()}
    loading = {load.plan.model for load in kit.pool.loading()}
    names = [entry.name for entry in entries]
    plans, why_not = _plans(kit, name)
    ways = [_way(kit, plan, name) for plan in plans]
    return ModelTold(
        name=name,
        aliases=aliases,
        languages=list(first.languages),
        many=0 if first.languages else (found.languages if found else known.MANY),
        licence=next((entry.licence for entry in entries if entry.licence), found.licence if found else ""),
        parameters=found.parameters if found else None,
        about=first.about if first.package else "",
        package=first.package,
        forms=[_form(entry) for entry in entries],
        ways=ways,
        why_not=why_not,
        loading=any(each in loading for each in names),
        loaded=[
            LoadedTold(
                model=each,
                engine=place.plan.engine,
                device=place.plan.device.name,
                size=place.size,
                users=place.users,
                waiting=place.waiting,
                idle_s=round(place.idle_s, 1),
            )
            for each in names
            if (place := places.get(each)) is not None
        ],
    )


def _plans(kit: Kit, name: str) -> tuple[tuple[Plan, ...], list[str]]:
    """The ways to run a model, the preferred one first, and why there are no others."""
    try:
        return kit.plans(name), kit.candidates(name)[1]
    except EarwitnessError as error:
        return (), [sentence(error)]


def _way(kit: Kit, plan: Plan, name: str) -> WayTold:
    keys = {(c.engine, c.model, c.device): c.key for c in kit.candidates(name)[0]}
    found = kit.measured().get(keys.get((plan.engine, plan.model, plan.device), ""))
    told = WayTold(engine=plan.engine, model=plan.model, device=plan.device.name, workers=plan.workers, why=plan.why)
    if found is None:
        return told
    numbers = {} if found.error else {"speed": found.speed, "first_s": found.first_s, "memory": found.memory}
    return told.model_copy(
        update={**numbers, "agreement": found.agreement, "sound": sound(found), "error": found.error, "at": found.at}
    )


def _form(entry: Entry) -> FormTold:
    stored = entry.stored
    origin = _origin(stored) if stored else None
    return FormTold(
        name=entry.name,
        format=entry.format,
        precision=stored.precision if stored else "",
        size=entry.size,
        source=origin.source if origin and origin.how == "pull" else "",
        revision=origin.revision[:12] if origin else "",
    )


def _origin(stored: Stored) -> "manifest.Origin | None":
    with suppress(BadInput):
        kept = manifest.read(stored)
        return kept.origin if kept else None
    return None


def _known(one: known.Known, *, here: bool) -> KnownTold:
    return KnownTold(
        name=one.name,
        repository=one.repository,
        languages=one.languages,
        parameters=one.parameters,
        size=one.size * 1_000_000,
        licence=one.licence,
        here=here,
    )


def _read_as(kit: Kit) -> list[str]:
    """The formats into which a checkpoint may be brought here and that an engine reads, the preferred one first."""
    usable = {form for found in kit.engines if found.spec and not found.why_not for form in found.spec.formats}
    return [form for form in (*DEFAULTS, "base") if form in usable]


def _there(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next((each for each in (folder, *folder.parents) if each.is_dir()), folder)


def _or(ask: Callable[[], R], otherwise: R) -> R:
    try:
        return ask()
    except OSError:
        return otherwise
