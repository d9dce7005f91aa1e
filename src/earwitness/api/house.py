"""What the doors share: the kit, the works, the metrics, and the way of a recording from a request to a transcript."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from fastapi import Request, WebSocket
from structlog.typing import FilteringBoundLogger

from earwitness import batch, gathering
from earwitness.api.access import Access
from earwitness.api.bridge import Note, Run, Tell, Work, Works, in_thread
from earwitness.api.caller import CALLER, Caller, caller_of
from earwitness.api.history import History, Moment
from earwitness.api.issuer import Issuer
from earwitness.api.live.sessions import Sessions
from earwitness.api.loads import Loads
from earwitness.api.passes import Passes
from earwitness.api.streams import Streams
from earwitness.api.uploads import Upload, received, received_raw
from earwitness.api.wishes import LONGEST_REFERENCE_S, Reference
from earwitness.archive.people import People
from earwitness.archive.search.meaning import Meaning
from earwitness.archive.whole import Archive
from earwitness.config import Settings
from earwitness.errors import BadInput, Cancelled, EarwitnessError
from earwitness.hardware.probe.limits import resident
from earwitness.kit import REST_S, Kit
from earwitness.models.lane import Urgency
from earwitness.models.pool import Change
from earwitness.models.usage import Uses
from earwitness.reference import acquaint
from earwitness.stages.recipe import CHANNELS, Known, Recipe
from earwitness.tail import Tail
from earwitness.telemetry import Metrics
from earwitness.types import Can, Segment, Transcript
from earwitness.working.errands import Errands
from earwitness.working.indexing import Indexer
from earwitness.working.sending import Sender
from earwitness.working.watched import Watched
from earwitness.working.worker import Worker

if TYPE_CHECKING:
    from earwitness.api.figures import Figures

R = TypeVar("R")


@dataclass(slots=True)
class House:
    """Everything a door may use. Made by `app`, found by the doors through `of`."""

    settings: Settings
    kit: Kit
    works: Works
    metrics: Metrics
    log: FilteringBoundLogger
    tail: Tail
    loads: Loads
    uses: Uses
    archive: Archive
    meaning: Meaning
    sessions: Sessions
    streams: Streams
    passes: Passes
    access: Access
    issuer: Issuer | None
    worker: Worker = field(init=False)
    sender: Sender = field(init=False)
    watched: Watched = field(init=False)
    indexer: Indexer = field(init=False)
    errands: Errands = field(init=False)
    figures: "Figures" = field(init=False)
    history: History = field(default_factory=History)
    arriving: set[str] = field(default_factory=set)
    """Uploads to which something is just coming."""
    ready: bool = False
    why_not_ready: str = "the model is loading"
    started: float = field(default_factory=time.time)
    missed: dict[str, float] = field(default_factory=dict)
    """When a model could last not be loaded ahead."""

    @property
    def people(self) -> People:
        """The people who are known here."""
        return self.archive.people

    def form(self, request: Request) -> AbstractAsyncContextManager[Upload]:
        """The request's form, received to disk, if there is a place for it. Raises Busy, and what `received` raises."""
        self.works.admit()
        return received(request, self.settings.scratch, self.settings.max_upload_mb)

    def body(self, request: Request, head: bytes = b"") -> AbstractAsyncContextManager[Upload]:
        """The request's body as a recording, likewise; `head` is put before it."""
        self.works.admit()
        return received_raw(request, self.settings.scratch, self.settings.max_upload_mb, head)

    @property
    def busy(self) -> bool:
        """Whether something is being recognised."""
        waiting = any(place.waiting for place in self.kit.pool.loaded())
        return bool(len(self.works) or len(self.worker) or waiting)

    async def can(self, model: str) -> Can:
        """What a model can do, loaded if need be.

        Raises UnknownModel, Busy when the load takes longer than a request waits, and what the load raises.
        """
        return await self.loads.can(model)

    def changed(self, change: Change) -> None:
        """Log and count what happened to a model."""
        model, size_mb = change.plan.model, round(change.size / 1e6)
        if change.what == "loaded":
            self.metrics.loads.labels(model).inc()
            self.metrics.load_seconds.labels(model).inc(change.took_s)
            times = {"took_s": round(change.took_s, 2), "warm_s": round(change.warm_s, 2)}
            self.log.info("loaded", model=model, engine=change.plan.engine, size_mb=size_mb, **times)
        elif change.what == "failed":
            self.log.warning("not loaded", model=model, engine=change.plan.engine, took_s=round(change.took_s, 2))
        elif change.what == "crashed":
            self.metrics.crashes.labels(change.plan.engine).inc()
            self.log.warning("engine ended", model=model, engine=change.plan.engine, how=change.how)
        else:
            self.metrics.unloads.labels(model, change.what).inc()
            self.log.info("unloaded", model=model, why=change.what, size_mb=size_mb)

    def tidy(self) -> None:
        """Unload what nobody wants; load what is usually wanted at this hour, where there is room. Not on the loop."""
        self._erase()
        self.meaning.rest(self.settings.unload_after_s)
        self.kit.rest(self.settings.unload_after_s)
        likely = self.uses.likely(time.time()) if self.settings.preload_by_use else ()
        self.kit.pool.sweep(keep=likely)
        loaded = {place.plan.model for place in self.kit.pool.loaded()}
        for model in likely:
            if model not in loaded and time.time() - self.missed.get(model, 0.0) >= REST_S:
                try:
                    self.kit.can(model, guess=True)
                except EarwitnessError as error:
                    self.missed[model] = time.time()
                    self.log.info("not loaded ahead", model=model, code=error.code, why=error.message)
        self.save()

    def _erase(self) -> None:
        """Try again where people were forgotten and somebody was reading."""
        try:
            self.people.tidy()
        except EarwitnessError as error:
            self.log.warning("not erased", code=error.code, why=error.message, remedy=error.remedy)

    def look(self) -> Moment:
        """How it goes now. Not on the loop."""
        try:
            size = self.archive.database.size()
        except EarwitnessError:
            size = self.history.last.database_bytes
        return Moment(
            at_s=time.time(),
            cpu=self.history.cores(),
            memory_bytes=resident() or 0,
            recordings=len(self.works),
            sessions=len(self.sessions),
            waiting_clips=sum(place.waiting for place in self.kit.pool.loaded()),
            lag_s=max(self.sessions.lags().values(), default=0.0),
            event_lag_s=self.streams.lag_s,
            waiting_writes=self.archive.writer.waiting,
            database_bytes=size,
            streams=len(self.streams),
        )

    def save(self) -> None:
        """Keep the hours at which models were used, if they are to be used."""
        try:
            if self.settings.preload_by_use:
                self.uses.save()
        except EarwitnessError as error:
            self.log.warning("not saved", code=error.code, why=error.message, remedy=error.remedy)

    async def acquainted(self, recipe: Recipe, references: Sequence[Reference]) -> Recipe:
        """The recipe with the voices of the known speakers. Raises BadInput for a clip that won't do."""
        how = recipe.diarizing
        if how is None or not references:
            return recipe

        def voices() -> tuple[Known, ...]:
            diarizer = self.kit.diarizer(how.part if how.part != CHANNELS else "auto")
            return tuple(acquaint(r.name, r.clip, diarizer, longest_s=LONGEST_REFERENCE_S) for r in references)

        try:
            return replace(recipe, diarizing=replace(how, known=await in_thread(voices)))
        except BadInput as error:
            error.param = "known_speaker_references"
            raise

    def begin(self, upload: Upload, recipe: Recipe, caller: str, *, words: bool = True) -> Work:
        """The work of an upload, its own or that of an identical one still running for the same caller.

        Without `words` it is only told who spoke when. Whoever gets it must watch it before the next await. Raises
        BadInput without a recording, and Busy.
        """
        key = (upload.digest, caller, repr(recipe), words)
        return self.start(upload, key, self._run(upload.recording(), recipe, words=words))

    def start(self, upload: Upload, key: object, run: Run) -> Work:
        """The work of an upload by a key, likewise; `run` is what is done where nobody does it yet."""
        upload.taken = True
        work, shared = self.works.join(key, charging(run, self.access.charge, CALLER.get()), upload.close)
        if shared:
            self.metrics.shared.inc()
        return work

    def _run(self, path: Path, recipe: Recipe, *, words: bool) -> Run:
        def run(
            tell: Callable[[tuple[Segment, ...]], None],
            note: Callable[[gathering.Progress], None],
            stop: gathering.Stop,
        ) -> Transcript:
            began = time.monotonic()
            try:
                if words:
                    found = batch.run(
                        path,
                        recipe,
                        self.kit,
                        urgency=Urgency.INTERACTIVE,
                        on_segments=tell,
                        on_progress=note,
                        stop=stop,
                    )
                else:
                    found = batch.speakers(path, recipe, self.kit, on_progress=note, stop=stop)
            except EarwitnessError as error:
                self.metrics.failures.labels(error.code).inc()
                raise
            self.count(found, time.monotonic() - began)
            return found

        return run

    def count(self, found: Transcript, took_s: float) -> None:
        """Count a run; one without words by the part that told the speakers apart."""
        model = found.provenance.model or found.provenance.methods.get("speakers", "")
        if found.provenance.model:
            self.uses.note(model, time.time())
        self.metrics.audio.labels(model).inc(found.duration_s)
        if any(notice.code == "engine_fell_back" for notice in found.provenance.notices):
            self.metrics.fallbacks.labels(model).inc()
        self.metrics.work.labels(model).inc(took_s)
        self.metrics.words.labels(model).inc(sum(len(s.text.split()) for s in found.segments))
        self.metrics.spoken.segments.labels("recordings").inc(len(found.segments))
        self.metrics.spoken.speech.labels("recordings").inc(sum(s.end_s - s.start_s for s in found.segments))
        if found.duration_s:
            self.metrics.spoken.rtf.observe(took_s / found.duration_s)
        for held in found.suppressed:
            self.metrics.suppressed.labels(held.reason).inc()


def of(request: Request) -> House:
    """The house a request came to."""
    house = request.app.state.house
    assert isinstance(house, House)
    return house


def at(socket: WebSocket) -> House:
    """The house that a socket came to."""
    house = socket.app.state.house
    assert isinstance(house, House)
    return house


def not_honoured(names: Sequence[str]) -> dict[str, str]:
    """The header that names hints and fields without effect; none where all had one."""
    return {"x-earwitness-not-honoured": ", ".join(names)} if names else {}


def caller(request: Request) -> str:
    """Who sends a request, as far as sharing work is concerned: the user or key, and what it came with."""
    return f"{caller_of(request.scope).id} {request.headers.get('authorization', '')}"


def charging(run: Run, charge: Callable[[Caller, float], None], caller: Caller) -> Run:
    """A run whose sound is charged to somebody, as far as it came: whoever goes away before the end has heard that."""

    def charged(tell: Tell, note: Note, stop: gathering.Stop) -> Transcript:
        heard_s = 0.0

        def noted(progress: gathering.Progress) -> None:
            nonlocal heard_s
            heard_s = max(heard_s, progress.done_s)
            note(progress)

        try:
            found = run(tell, noted, stop)
            heard_s = max(heard_s, found.duration_s)
            return found
        finally:
            charge(caller, heard_s)

    return charged


async def transcript(request: Request, work: Work) -> Transcript:
    """The finished transcript, or Cancelled as soon as the client goes away. Raises what the run raised."""
    with work.watched():
        return await while_there(request, work.transcript())


async def while_there(request: Request, wanted: Coroutine[None, None, R]) -> R:
    """What is waited for, or Cancelled as soon as the client closes the connection."""
    waiting = asyncio.ensure_future(wanted)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise Cancelled("the client went away")
        return waiting.result()
    finally:
        gone.cancel()
        waiting.cancel()


async def _gone(request: Request) -> None:
    """Ends when the client closes the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
