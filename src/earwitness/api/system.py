"""The door of the system page: how the server fares now, and how it fared."""

from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from earwitness.__about__ import __version__
from earwitness.api import house
from earwitness.api.history import EACH_S, TO_A_MINUTE, Moment
from earwitness.api.schemas import PlainError
from earwitness.api.viewing import viewer
from earwitness.errors import NotFound

router = APIRouter(tags=["Earwitness"])

Columns = dict[str, list[float]]


class Indexed(BaseModel):
    """How far search by meaning is: passages that are found by it, and recordings that still `wait` for some."""

    model: str | None
    languages: list[str]
    passages: int
    waiting: int
    held: Annotated[int, Field(description="Passages in memory; none before the first search.")]
    why_not: str | None


class Room(BaseModel):
    """How much of something is used, and how much there may be; no `limit` where there is none."""

    used: float
    limit: float | None


class System(BaseModel):
    """Each number of the server over time, oldest first: `recent` by `each_s`, `day` by `minute_s`.

    `jobs` are counted by state; `disk` are bytes of the archive by what they are, and those that are `free`.
    """

    version: str
    started_s: float
    ready: bool
    cores: int
    memory: int
    each_s: float
    minute_s: float
    why_not_ready: str
    meaning: Indexed
    recordings: Room
    sessions: Room
    models: Room
    jobs: dict[str, float]
    disk: dict[str, float]
    now: dict[str, float]
    recent: Columns
    day: Columns


@router.get(
    "/api/system",
    summary="How the server fares",
    responses={s: {"model": PlainError, "description": "An error"} for s in (401, 404)},
)
async def system(request: Request) -> System:
    """Processor, memory, queues, lag, sessions: now, in the last quarter of an hour and in the last day."""
    if not viewer(request).everything:
        raise NotFound("how the server fares is told to those who see everything", remedy="Ask an administrator.")
    return _system(house.of(request))


def _system(home: house.House) -> System:
    told, settings, pool = home.figures.by_label(), home.settings, home.kit.pool
    return System(
        version=__version__,
        started_s=home.started,
        ready=home.ready,
        cores=home.kit.machine.cores,
        memory=home.kit.machine.memory,
        why_not_ready="" if home.ready else home.why_not_ready,
        recordings=Room(used=len(home.works) + len(home.worker), limit=settings.seats),
        sessions=Room(used=len(home.sessions), limit=settings.live_sessions),
        models=Room(used=sum(place.size for place in pool.loaded()), limit=pool.limits.size),
        jobs=dict(told["earwitness_jobs"][2]),
        disk=dict(told["earwitness_disk_bytes"][2]),
        meaning=Indexed(**asdict(home.indexer.indexed), held=len(home.meaning)),
        each_s=EACH_S,
        minute_s=EACH_S * TO_A_MINUTE,
        now={name: values[0] for name, values in columns([home.history.last]).items()},
        recent=columns(home.history.recent),
        day=columns(home.history.minutes),
    )


def columns(moments: Iterable[Moment]) -> Columns:
    """The numbers of some moments, by name."""
    found = tuple(moments)
    return {f.name: [getattr(m, f.name) for m in found] for f in fields(Moment)}
