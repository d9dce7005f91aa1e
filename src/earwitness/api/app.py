"""The composition root of the server: builds everything once from the settings and passes it on. No globals."""

import asyncio
import contextlib
import errno
import tempfile
import uuid
from collections.abc import AsyncIterator
from dataclasses import fields
from functools import partial

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from earwitness import telemetry, trial
from earwitness.__about__ import __version__
from earwitness.api import (
    accounts,
    administration,
    again,
    alignment,
    clips,
    deepgram_rest,
    diagnostics,
    events,
    hooks,
    jobs,
    models,
    native,
    notes,
    oidc,
    openai,
    overview,
    policy,
    poll,
    recordings,
    speakers,
    system,
    transcripts,
    ui,
    uploading,
    whispercpp,
    who,
)
from earwitness.api.access import Access
from earwitness.api.bridge import Works, in_thread
from earwitness.api.edge import Edge
from earwitness.api.errors import answer
from earwitness.api.figures import Figures
from earwitness.api.history import EACH_S
from earwitness.api.house import House
from earwitness.api.issuer import Issuer
from earwitness.api.live import chunks, realtime, realtime_secrets, whisperlive, ws, wyoming
from earwitness.api.live import deepgram as deepgram_live
from earwitness.api.live.sessions import Sessions
from earwitness.api.live.storeroom import recover
from earwitness.api.loads import Loads
from earwitness.api.origins import crossing
from earwitness.api.passes import Passes
from earwitness.api.proxies import Proxies
from earwitness.api.setup import first
from earwitness.api.streams import Streams, Whose
from earwitness.api.uploads import MOST_JSON_MB
from earwitness.archive.search.meaning import Meaning
from earwitness.archive.sweeping import Policy, sweep
from earwitness.archive.whole import Archive
from earwitness.config import Settings, ensure_folder
from earwitness.errors import BadInput, EarwitnessError, NotFound, StorageFailed, TooLarge
from earwitness.events import Event, Partial
from earwitness.kit import Kit
from earwitness.models.usage import Uses
from earwitness.tail import Tail
from earwitness.types import Json
from earwitness.working.errands import Errands
from earwitness.working.indexing import Indexer
from earwitness.working.sending import Sender
from earwitness.working.watched import Watched
from earwitness.working.worker import Worker

SWEEP_S = 15.0

TIDY_S = 300.0
"""How often it is looked for what leaves the archive."""
FORGET_S = 600.0

EXPIRE_S = 60.0
"""How often it is looked for uploads whose time is over."""

IDLE_S = 60.0
"""How long nobody may have wanted anything before the machine is measured."""

ABOUT = """
Speech to text on your own machine, behind the protocols that clients already speak. The routes under `/v1` are
OpenAI's, but for Deepgram's `/v1/listen`; `/inference` is whisper.cpp's. Where a key is set, send it as
`Authorization: Bearer KEY`.
"""


DOORS = (
    openai,
    whispercpp,
    who,
    alignment,
    poll,
    speakers,
    recordings,
    again,
    clips,
    notes,
    overview,
    transcripts,
    events,
    system,
    diagnostics,
    accounts,
    oidc,
    administration,
    policy,
    jobs,
    models,
    hooks,
    uploading,
    ws,
    chunks,
    ui,
    realtime,
    realtime_secrets,
    whisperlive,
    deepgram_live,
    deepgram_rest,
    native,
)
"""In this order: /transcribe/{model} of the last takes what is left."""


def create(settings: Settings, kit: Kit | None = None) -> FastAPI:
    """The application. It owns the kit, made here unless one is given, and closes it when the server stops."""
    house = _house(settings, kit)
    app = FastAPIOffline(
        title="Earwitness",
        version=__version__,
        description=ABOUT,
        lifespan=_open,
        redirect_slashes=False,
        license_info={"name": "Apache-2.0"},
    )
    app.state.house, app.state.failed = house, None
    app.state.guests = whisperlive.welcomed  # its browser extension knocks at another door where it is given no port
    for door in DOORS:
        app.include_router(door.router)
    app.add_exception_handler(EarwitnessError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(Edge, house=house)
    if settings.cors:
        app.add_middleware(CORSMiddleware, **crossing(settings.cors))
    return app


def _house(settings: Settings, kit: Kit | None) -> House:
    """What the doors share. Raises BadInput and Missing for settings that won't do, before anything is begun."""
    tail = Tail()
    log = telemetry.logger(settings.log_level, settings.log_format, tail)
    issuer, proxies = Issuer(settings) if settings.oidc_issuer else None, Proxies(settings, log.warning)
    kit = kit or Kit(settings, warm=True)
    metrics, passes = telemetry.Metrics(), Passes()
    archive = Archive(settings.archive, settings.kept, written=metrics.writes.inc)
    access = Access(settings, archive, passes, proxies)
    hello: dict[str, Json] = {"version": __version__, "boot": uuid.uuid4().hex}
    streams = Streams(archive.events, log, hello, count=lambda topic, n: metrics.events.labels(topic).inc(n))
    sessions = Sessions(
        kit,
        settings,
        archive=archive,
        count=metrics.session_ended,
        told=lambda *told: _told(house, figures, *told),
        charge=access.charge,
    )
    house = House(
        settings=settings,
        kit=kit,
        works=Works(settings.seats),
        metrics=metrics,
        log=log,
        tail=tail,
        loads=Loads(kit),
        uses=Uses(settings.home / "usage.json"),
        archive=archive,
        meaning=Meaning(archive.database, kit.embedder, settings.semantic_mb),
        passes=passes,
        access=access,
        issuer=issuer,
        sessions=sessions,
        streams=streams,
    )
    figures = house.figures = Figures(house)
    house.worker = Worker(settings, kit, archive, log=log.info, count=house.count)
    house.errands = Errands(settings, archive.writer, log=log.info, warn=log.warning)
    house.watched = Watched(settings, archive, house.worker, log=log.info)
    house.indexer = Indexer(kit, archive, busy=lambda: house.busy, log=log.info)
    house.sender = Sender(archive.hooks, private=settings.allow_private_urls, log=log.info, count=metrics.delivered)
    kit.pool.watch(house.changed)
    metrics.watch(figures.plain)
    metrics.watch_labelled(figures.by_label)
    return house


@contextlib.asynccontextmanager
async def _open(app: FastAPI) -> AsyncIterator[None]:
    """Wyoming's port around all else: its clients are told what was said before it closes.

    Why the server could not begin stands in `app.state.failed`.
    """
    try:
        async with wyoming.listening(app.state.house), _lifespan(app):
            yield
    except EarwitnessError as error:
        app.state.failed = error
        raise


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    house: House = app.state.house
    ensure_folder(house.settings.home)
    await in_thread(lambda: _clear(house))
    await first(house)
    await in_thread(house.worker.start)
    house.sender.start()
    house.watched.start()
    house.indexer.start()
    works = (_preload, _sweep, _remeasure, _tidy, _expire, _forget, _look)
    tasks = [asyncio.create_task(work(house)) for work in works]
    tasks.append(asyncio.create_task(house.sessions.look()))
    tasks.append(asyncio.create_task(recover(house.sessions, house.log)))
    if house.uses.notice:
        house.log.warning("begun anew", why=house.uses.notice)
    house.log.info("started", version=__version__, cores=house.kit.machine.cores, home=str(house.settings.home))
    try:
        yield
    finally:
        house.streams.close()
        await house.sessions.drain()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await in_thread(house.errands.close)
        await in_thread(house.indexer.close)
        await in_thread(house.watched.close)
        await in_thread(house.worker.close)
        await in_thread(house.sender.close)
        await in_thread(house.works.close)
        house.access.close()
        await in_thread(house.save)
        await in_thread(house.archive.close)
        await in_thread(house.kit.close)
        house.log.info("stopped")


def _clear(house: House) -> None:
    """Remove uploads that a killed server left behind. Raises StorageFailed where nothing may be written."""
    scratch = ensure_folder(house.settings.scratch)
    try:
        for left in scratch.glob("upload-*"):
            left.unlink(missing_ok=True)
        tempfile.TemporaryFile(dir=scratch).close()
    except OSError as error:
        if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:  # a full disk may be emptied, also by us
            raise StorageFailed(f"{scratch} can't be written: {error.strerror}") from error


async def _expire(house: House) -> None:
    """Now and then: uploads that nobody goes on with are given up."""
    while True:
        try:
            if gone := await in_thread(partial(uploading.sweep, house)):
                house.log.info("uploads given up", uploads=gone)
        except EarwitnessError as error:  # recordings are transcribed without an archive, too
            house.log.warning("uploads not tidied", code=error.code, why=error.message, remedy=error.remedy)
        await asyncio.sleep(EXPIRE_S)


async def _preload(house: House) -> None:
    try:
        for model in house.settings.preloaded:
            await in_thread(partial(house.kit.can, model))
        house.ready = True
    except EarwitnessError as error:
        house.why_not_ready = error.message
        house.log.error("not ready", code=error.code, why=error.message, remedy=error.remedy)


async def _remeasure(house: House) -> None:
    """Once, when nobody wants anything: measure what was measured before a driver, a library or a model changed."""
    if not house.settings.remeasure:
        return
    idle = 0.0
    while idle < IDLE_S:
        await asyncio.sleep(SWEEP_S)
        idle = 0.0 if len(house.works) or not house.ready else idle + SWEEP_S
    try:
        if found := await in_thread(partial(trial.again, house.kit)):
            house.log.info("measured again", models=found)
    except EarwitnessError as error:
        house.log.warning("not measured again", code=error.code, why=error.message)


async def _sweep(house: House) -> None:
    while True:
        await asyncio.sleep(SWEEP_S)
        await in_thread(house.tidy)


async def _tidy(house: House) -> None:
    """Every few minutes: what is too old or too much leaves the archive."""
    settings = house.settings
    policy = Policy(settings.keep_days, settings.archive_mb, settings.min_free_mb)
    while True:
        await asyncio.sleep(TIDY_S)
        try:
            found = await in_thread(partial(sweep, house.archive, policy))
        except EarwitnessError as error:
            house.log.warning("archive not tidied", code=error.code, why=error.message, remedy=error.remedy)
            continue
        if found.recordings or found.files or found.orphans:
            house.log.info("archive tidied", recordings=found.recordings, files=found.files, orphans=found.orphans)
        if found.short:
            house.log.warning("archive too large", why="all that is left is kept or in use")


async def _forget(house: House) -> None:
    """Forget what happened more than a day ago."""
    while True:
        try:
            await in_thread(house.archive.events.prune)
        except EarwitnessError as error:
            house.log.warning("events not forgotten", code=error.code, why=error.message)
        await asyncio.sleep(FORGET_S)


async def _look(house: House) -> None:
    """Look at how it goes, again and again."""
    while True:
        house.history.note(await in_thread(house.look))
        await in_thread(house.figures.look)
        await asyncio.sleep(EACH_S)


def _told(house: House, figures: Figures, ident: str, recording: str | None, seq: int, event: Event) -> None:
    """Count what a live session tells, and tell drafts; by a part of its id: with all of it, anybody could join."""
    figures.told(ident, event)
    if isinstance(event, Partial):
        said = {f.name: getattr(event, f.name) for f in fields(event)}
        whose = Whose(owner=house.sessions.owners.of(ident), recording=recording)
        house.streams.draft(ident, whose, {"session": ident[:8], "recording": recording, "revision": seq, **said})


async def _known(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, EarwitnessError)
    request.scope["failed"] = error.code
    return answer(error, request.url.path)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = str(first["loc"][-1])
    return answer(BadInput(f"{name}: {first['msg']}", param=name), request.url.path)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return answer(NotFound("there is no such route", remedy="The routes are listed under /docs."), request.url.path)
    if error.status_code == 413:
        told = f"the body is over {MOST_JSON_MB:g} MB"
        return answer(TooLarge(told, remedy="Recordings go to other routes: see /docs."), request.url.path)
    wrong = BadInput(f"{error.detail} for this route", remedy="The routes are listed under /docs.")
    found = answer(wrong, request.url.path, error.status_code)
    found.headers.update(error.headers or {})
    return found
