"""From a request to jobs in the queue: what is wanted, and where the recordings are. Used by the doors of the queue."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fastapi import Request

from earwitness import addresses
from earwitness.api.bridge import in_thread
from earwitness.api.caller import CALLER
from earwitness.api.house import House
from earwitness.api.uploads import Upload, received, received_json
from earwitness.api.wishes import ENHANCING_FIELDS, SPEAKER_FIELDS, Form, Reference, enhancing, with_speakers
from earwitness.archive.again import ready
from earwitness.archive.job import LONGEST_NAME, PRIORITIES, USUAL, Job, Order
from earwitness.archive.viewer import Viewer
from earwitness.errors import BadInput, EarwitnessError
from earwitness.models import catalog
from earwitness.stages.guard import Guarding
from earwitness.stages.recipe import Recipe, language_code
from earwitness.types import Ask, Json
from earwitness.working import orders

MOST_AT_ONCE = 10_000
LONGEST_S = 1e9
PLAIN_FIELDS = ("model", "language", "translate", "prompt", "words", "language_gate")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one recording is: a file that has come, or an address."""

    name: str
    file: Path | None = None
    digest: str = ""
    size: int = 0
    url: str | None = None


@dataclass(slots=True)
class Given:
    """What a request brought: its fields, the recordings, and ids of uploads that came before."""

    form: Form
    places: list[Place] = field(default_factory=list)
    uploads: tuple[str, ...] = ()


@asynccontextmanager
async def given(request: Request, home: House) -> AsyncIterator[Given]:
    """What a request brought, as a form or as JSON. Raises what `received` and `received_json` raise."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        settings = home.settings
        async with received(request, settings.scratch, settings.max_upload_mb, several=True) as upload:
            found = Form(upload.fields)
            yield Given(found, [*_came(upload), *_urls(found)], found.many("upload"))
        return
    found = Form(fields_of(await received_json(request)))
    yield Given(found, _urls(found), (*found.many("upload"), *found.many("uploads")))


async def placed(home: House, viewer: Viewer, what: Given, places: Sequence[Place], batch: str | None) -> list[Job]:
    """Put jobs into the queue, all or none. Raises BadInput, UnknownModel, UnsafeSource and StorageFailed."""
    if not places or len(places) > MOST_AT_ONCE:
        raise BadInput(f"there are {len(places)} recordings, and 1 to {MOST_AT_ONCE} are expected", param="file")
    recipe, references, about, priority, name = _wanted(what.form)
    recipe = replace(recipe, model=_model(home, recipe.model))
    about = {**about, **_charged()}
    recipe = await home.acquainted(recipe, references)
    for place in places:
        if place.url is not None:
            addresses.checked(place.url)
    if len(places) == 1 and places[0].url is not None:  # of many, each is told with its own job
        await addresses.check(places[0].url, private=home.settings.allow_private_urls)
    return await in_thread(lambda: _put(home, viewer, recipe, places, about, priority, name, batch))


async def again(home: House, viewer: Viewer, recording: str, form: Form) -> Job:
    """Put the job into the queue that transcribes a recording again, as a form says, or else as it was made.

    Raises NotFound, Conflict where it can't be heard, BadInput, UnknownModel and StorageFailed.
    """
    from_s, to_s = form.number("from_s", 0.0, LONGEST_S) or 0.0, form.number("to_s", 0.0, LONGEST_S)
    order = await in_thread(lambda: ready(home.archive, recording, viewer, from_s, to_s))
    if form.has((*PLAIN_FIELDS, *SPEAKER_FIELDS, *ENHANCING_FIELDS)):
        recipe, references = _recipe(form)
        recipe = await home.acquainted(replace(recipe, model=_model(home, recipe.model)), references)
        order = replace(order, recipe=orders.as_json(recipe))
    else:
        _model(home, orders.from_json(order.recipe).model)
    order = replace(order, priority=_priority(form), about={**order.about, **_charged()})
    form.all_known()
    (job,) = await in_thread(lambda: home.archive.jobs.add(viewer, [order]))
    home.worker.wake()
    return job


def _charged() -> dict[str, Json]:
    """The key whose seconds are counted when the job is done, if there is one."""
    key = CALLER.get().key
    return {"key": key.id} if key else {}


def _put(
    home: House,
    viewer: Viewer,
    recipe: Recipe,
    places: Sequence[Place],
    about: Mapping[str, Json],
    priority: int,
    name: str | None,
    batch: str | None,
) -> list[Job]:
    """The recordings into their folder, then the jobs into the queue; in a thread of its own."""
    plain, settled = orders.as_json(recipe), orders.as_json(home.kit.settled(recipe))
    made, kept = list[Order](), bool(about.get("keep_audio"))
    try:
        for place in places:
            known = place.digest and not about.get("fresh")
            order = Order(
                name=_name(name or place.name or "recording"),
                recipe=plain,
                kind="file" if place.url is None else "url",
                batch=batch,
                priority=priority,
                about=dict(about) if place.url is None else {**about, "url": place.url},
                result=orders.result(place.digest, settled) if known else None,
                size=place.size,
            )
            made.append(order)
            if place.file is not None:
                home.worker.inbox.put(place.file, order.id, kept=kept)
        found = home.archive.jobs.add(viewer, made)
    except EarwitnessError:
        for order in made:
            home.worker.inbox.remove(order.id)
        raise
    for job in found:
        if job.over:  # done before: its recording is not needed
            home.worker.inbox.remove(job.id)
    home.worker.wake()
    return list(found)


def _wanted(form: Form) -> tuple[Recipe, tuple[Reference, ...], dict[str, Json], int, str | None]:
    """The recipe, the known speakers, what is to be done beside, the priority and the name. Raises BadInput."""
    recipe, references = _recipe(form)
    about: dict[str, Json] = {name: True for name in ("keep_audio", "fresh") if form.flag(name)}
    priority, name = _priority(form), form.one("name")
    form.all_known()
    return recipe, references, about, priority, name


def _priority(form: Form) -> int:
    found = form.whole("priority", 0, PRIORITIES[-1])
    return USUAL if found is None else found


def _recipe(form: Form) -> tuple[Recipe, tuple[Reference, ...]]:
    """How a recording is to be transcribed, and the speakers that are known. Raises BadInput."""
    words = form.flag("words")
    ask = Ask(
        language=language_code(form.one("language")),
        task="translate" if form.flag("translate") else "transcribe",
        prompt=form.one("prompt"),
        word_times=words,
    )
    gate = form.choice("language_gate", ("on", "off"), "on") == "on"
    recipe = Recipe(
        model=form.one("model") or catalog.USUAL,
        ask=replace(ask, optional=ask.optional | {"word_times"}),
        guarding=Guarding(language_gate=gate),
        aligner="auto" if words else None,
        enhancing=enhancing(form),
    )
    references: tuple[Reference, ...] = ()
    if form.has(SPEAKER_FIELDS):
        recipe, references = with_speakers(recipe, form)
    return recipe, references


def _model(home: House, name: str) -> str:
    """The model that a name stands for now, whatever format is best when the job's turn comes."""
    entry = home.kit.catalog.find(name)
    return entry.stored.model if entry.stored else entry.name


def _came(upload: Upload) -> list[Place]:
    every = [upload, *(upload.further or ())]
    return [Place(one.name, one.path, one.digest, one.size) for one in every if one.path is not None]


def _urls(form: Form) -> list[Place]:
    found = (*form.many("url"), *form.many("urls"))
    return [Place(url.partition("?")[0].rstrip("/").rpartition("/")[2], url=url) for url in found]


def fields_of(body: Mapping[str, Any]) -> dict[str, list[str]]:
    """A JSON object as the fields of a form. Raises BadInput for what no form could hold."""
    found = dict[str, list[str]]()
    for name, value in body.items():
        several = value if isinstance(value, list) else [value]
        if any(not isinstance(v, (str, int, float, bool, type(None))) for v in several):
            raise BadInput(f"{name[:64]!r} is neither a plain value nor a list of them", param=name[:64])
        found[name] = [str(v).lower() if isinstance(v, bool) else str(v) for v in several if v is not None]
    return found


def _name(given_: str) -> str:
    return "".join(c for c in given_ if c.isprintable())[:LONGEST_NAME] or "recording"
