"""Works through the queue: one thread for each job at once, and one that renews leases and hears who is to stop.

A job goes on where it was interrupted, whatever interrupted it. Its result is kept in the transaction that says it is
done; whoever lost the job meanwhile keeps nothing.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection

from earwitness import addresses, batch, telemetry
from earwitness.archive import recordings
from earwitness.archive.job import TAIL, Job
from earwitness.archive.leases import Leases, Step
from earwitness.archive.told import piece
from earwitness.archive.whole import Archive
from earwitness.audio.decode import Report
from earwitness.config import Settings, ensure_folder
from earwitness.errors import Busy, Cancelled, EarwitnessError, EngineFailed, ForeignSpeech, NotFound, StorageFailed
from earwitness.gathering import Gathering, Progress, Stop
from earwitness.kit import Kit
from earwitness.models.lane import Urgency
from earwitness.stages.recipe import Recipe
from earwitness.types import Transcript
from earwitness.unfinished.checkpoint import DAY_S, EVERY_S, Checkpoint, digest_of
from earwitness.working import again, orders
from earwitness.working.inbox import PART, Inbox
from earwitness.working.presence import Presence

LOOK_S = 2.0
"""How often the queue is looked into for what nobody told of: of other servers, or tried again."""

RENEW_S = 1.0
BURY_S, SWEEP_S = 10.0, 900.0
FETCH_S = 3600.0
"""How long a recording may take to be fetched."""

Log = Callable[..., object]


@dataclass(slots=True)
class _Running:
    """A job in work."""

    job: Job
    stop: Stop = field(default_factory=Stop)
    progress: Progress | None = None

    def note(self, now: Progress) -> None:
        self.progress = now

    def step(self) -> Step:
        now = self.progress
        if now is None:
            return Step(self.job.id, 0.0, None, None)
        return Step(self.job.id, now.done_s, now.total_s, now.speed)


class Worker:
    """Works through an archive's queue with a kit. `log` is told what happened, by a word and facts."""

    def __init__(
        self,
        settings: Settings,
        kit: Kit,
        archive: Archive,
        *,
        log: Log = lambda *_, **__: None,
        count: Callable[[Transcript, float], None] = lambda *_: None,
        every_s: float = EVERY_S,
    ) -> None:
        """`count` is told what came out and how long it took; `every_s` as a Checkpoint has it."""
        self._settings, self._kit, self._archive = settings, kit, archive
        self._log, self._count, self._every_s = log, count, every_s
        self.inbox = Inbox(archive.folder)
        self._running = dict[str, _Running]()
        self._changed = threading.Condition()
        self._news = 0
        self._ending = False
        self._threads = list[threading.Thread]()
        self._presence: Presence | None = None

    def __len__(self) -> int:
        return len(self._running)

    def start(self) -> None:
        """Begin. What died with an earlier server is taken up at once. Raises StorageFailed."""
        if not self._settings.jobs_at_once:
            return
        self._presence = Presence(ensure_folder(self._settings.home / "workers"))
        work = [(self._work, f"job-{n}") for n in range(self._settings.jobs_at_once)]
        for target, name in (*work, (self._mind, "jobs-minder")):
            self._threads.append(threading.Thread(target=target, name=name, daemon=True))
            self._threads[-1].start()

    def wake(self) -> None:
        """There is something new in the queue."""
        with self._changed:
            self._news += 1
            self._changed.notify_all()

    def stop(self, job: str) -> None:
        """End a job that is to be cancelled, if it is here; its recording goes in any case."""
        found = self._running.get(job)
        if found is None:
            self.inbox.remove(job)
        else:
            found.stop.set()

    def close(self) -> None:
        """Give back what is in work, so that another may go on there, and wait for the threads."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        for running in list(self._running.values()):
            running.stop.set()
        for thread in self._threads:
            thread.join()
        if self._presence is not None:
            self._presence.end()
            self._presence = None

    def _leases(self) -> Leases:
        assert self._presence is not None
        return Leases(self._archive.database, self._archive.writer, self._presence.name)

    def _work(self) -> None:
        """One thread: take a job, do it, and so on."""
        leases = self._leases()
        while not self._ending:
            news, found = self._news, None
            try:
                found = leases.take() if leases.due() else None
            except EarwitnessError as error:
                self._log("queue out of reach", code=error.code, why=error.message)
            if found is not None:
                with telemetry.named(job=found.id):
                    self._one(found, leases)
                continue
            with self._changed:
                if self._news == news and not self._ending:
                    self._changed.wait(LOOK_S)

    def _one(self, job: Job, leases: Leases) -> None:
        running = self._running[job.id] = _Running(job)
        if self._ending:
            running.stop.set()
        self._log("job begun", job=job.id, tries=job.tries)
        began = time.monotonic()
        try:
            ended = self._ended(running, leases)
            if ended is not None:
                took_s = round(time.monotonic() - began, 2)
                self._log(f"job {ended.state}", job=job.id, code=ended.code, took_s=took_s)
                if ended.state == "cancelled" or (ended.state == "done" and not _kept(job)):
                    self.inbox.remove(job.id)
        except EarwitnessError as error:  # the lease runs out, and the job is taken up again
            self._log("job left", job=job.id, code=error.code, why=error.message)
        finally:
            del self._running[job.id]

    def _ended(self, running: _Running, leases: Leases) -> Job | None:
        """What has become of a job; None where it is not ours any more."""
        ident = running.job.id
        try:
            return self._done(running, leases)
        except Exception as error:  # noqa: BLE001 - the boundary of a job: whatever it is stands with the job
            if self._ending and running.stop:
                leases.give_back([ident])
                return None
            if isinstance(error, EarwitnessError):
                return leases.fail(ident, error, wait_s=error.retry_after_s if isinstance(error, Busy) else 0.0)
            self._log("unexpected", job=ident, kind=type(error).__name__, exc_info=error)
            return leases.fail(ident, EngineFailed(f"an unexpected {type(error).__name__} stopped the work"))

    def _done(self, running: _Running, leases: Leases) -> Job | None:
        job, anew = running.job, None
        if job.kind in again.KINDS:
            anew = again.heard(job, self._archive, self.inbox, running.stop)
            path, recipe = anew.path, anew.recipe
        else:
            path, recipe = self._recording(job, running.stop), orders.from_json(job.recipe)
        digest = digest_of(path)
        if anew is None and not job.about.get("fresh"):
            found = leases.found_out(job.id, orders.result(digest, orders.as_json(self._kit.settled(recipe))))
            if found is None or found.over:
                return found
        began = time.monotonic()
        with self._place(path, digest, job.id) as place:
            told = self._run(path, recipe, running, place)
            if not told.complete:
                raise Cancelled("the work was stopped")
            self._count(told, time.monotonic() - began)
            heard_s = told.duration_s - recipe.from_s
            keep = self._keeping(job, told, path, digest) if anew is None else anew.keeping(told)
            ended = leases.finish(job.id, keep, heard_s)
            if ended is not None and place is not None:
                place.done()
        if ended is not None and (key := job.about.get("key")):
            self._archive.accounts.keys.spend(str(key), heard_s)
        return ended

    def _run(self, path: Path, recipe: Recipe, running: _Running, place: Checkpoint | None) -> Transcript:
        gathered = Gathering(recipe, Report())
        try:
            return batch.run(
                path,
                recipe,
                self._kit,
                urgency=Urgency.BATCH,
                on_progress=running.note,
                stop=running.stop,
                gathering=gathered,
                checkpoint=place,
            )
        except ForeignSpeech:
            if running.job.kind != TAIL:
                raise
            return gathered.transcript(complete=True)  # in a live session it is held back, and no error

    def _keeping(self, job: Job, told: Transcript, path: Path, digest: str) -> Callable[[Connection], str]:
        """What keeps the result, in the transaction that says that the job is done."""
        rows = recordings.segment_rows(told.segments)  # not in the writer's thread
        given = {"title": job.name, "kind": "file", "began_s": job.made_s, "sha256": digest, "source_id": None}
        file: dict[str, object] | None = None
        if _kept(job):
            place = {"path": path.relative_to(self._archive.folder).as_posix(), "kind": "upload", "sha256": digest}
            file = {
                **place,
                "start_s": 0.0,
                "end_s": told.duration_s,
                "size": path.stat().st_size,
                "made_s": time.time(),
            }

        def keep(connection: Connection) -> str:
            ident = recordings.new_id()
            recordings.put(connection, ident, told, rows, job.owner, {**given, "kept": False})
            if file is not None:
                piece({**file, "recording_id": ident}, connection)
            return ident

        return keep

    def _recording(self, job: Job, stop: Stop) -> Path:
        """The file of a job, fetched if it is not here yet. Raises NotFound, and what fetching raises."""
        path = self.inbox.path(job.id, kept=_kept(job))
        if path.exists():
            return path
        url = job.about.get("url")
        if not isinstance(url, str):
            raise NotFound("the job's recording is gone", remedy="Upload it again.")
        beside = path.with_name(path.name + PART)
        try:
            ensure_folder(path.parent)
            with beside.open("wb") as file:
                fetching = addresses.fetch(
                    url,
                    file.write,
                    private=self._settings.allow_private_urls,
                    most_bytes=int(self._settings.max_upload_mb * 2**20),
                    within_s=FETCH_S,
                    stopped=lambda: bool(stop),
                )
                asyncio.run(fetching)
            self.inbox.put(beside, job.id, kept=_kept(job))
        except OSError as error:
            if isinstance(error, EarwitnessError):
                raise
            raise StorageFailed(f"what is fetched can't be kept: {error.strerror or error}") from error
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
        return path

    @contextlib.contextmanager
    def _place(self, path: Path, digest: str, job: str) -> Iterator[Checkpoint | None]:
        """Where it is kept how far the work is, if that is to be kept."""
        if not self._settings.keep_unfinished_days:
            yield None
            return

        def tell(sentence: str) -> None:
            self._log("job goes on", job=job, how=sentence)

        with Checkpoint(self._settings.unfinished, path, tell=tell, digest=digest, every_s=self._every_s) as found:
            yield found

    def _mind(self) -> None:
        """The thread that renews leases, hears who is to stop, and looks after the dead."""
        leases, looked, swept = self._leases(), -BURY_S, -SWEEP_S
        while not self._ending:
            try:
                if running := list(self._running.values()):
                    told = leases.renew([one.step() for one in running])
                    for one in running:
                        if told.get(one.job.id, True):  # it is to be cancelled, or it is not ours any more
                            one.stop.set()
                looked = self._every(looked, BURY_S, lambda: self._bury(leases))
                swept = self._every(swept, SWEEP_S, self._sweep)
            except EarwitnessError as error:
                self._log("queue out of reach", code=error.code, why=error.message)
            with self._changed:
                if not self._ending:
                    self._changed.wait(RENEW_S)

    def _every(self, last: float, seconds: float, what: Callable[[], None]) -> float:
        now = time.monotonic()
        if now - last < seconds:
            return last
        what()
        return now

    def _bury(self, leases: Leases) -> None:
        assert self._presence is not None
        if freed := self._presence.bury(leases.bury):
            self._log("jobs of a server that is gone are free", jobs=freed)
            self.wake()

    def _sweep(self) -> None:
        self.inbox.sweep(self._archive.jobs.there, self._settings.keep_unfinished_days * DAY_S)


def _kept(job: Job) -> bool:
    return bool(job.about.get("keep_audio"))
