"""How jobs are worked on: who holds which, how far it is, and what becomes of it.

Whoever works on a job holds a lease and renews it; when it runs out, because its holder is gone, another takes the job
up. What comes from one who holds it no more is not heard. The same content with the same recipe is not worked on twice
at a time.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, exists, or_, select, update
from sqlalchemy.orm import aliased

from earwitness.archive.database import Database
from earwitness.archive.happened import happened
from earwitness.archive.job import Job
from earwitness.archive.jobs import answered, job, over
from earwitness.archive.schema.work import JobRow
from earwitness.archive.writer import Writer
from earwitness.errors import Cancelled, EarwitnessError, EngineFailed
from earwitness.types import Json

LEASE_S = 60.0
LATER_S = (5.0, 20.0, 80.0, 320.0, 1280.0)
"""Between one try and the next, where another try can help; after the last it has failed."""

MOST_BREAKS = 10
"""So often a job may lose its worker without having come any further."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far a job is, in seconds of its recording; `speed` in those a second."""

    job: str
    done_s: float
    total_s: float | None
    speed: float | None


class Leases:
    """What one worker does with the queue. Raises StorageFailed and Busy from everything that touches it."""

    def __init__(self, database: Database, writer: Writer, worker: str) -> None:
        self._database, self._writer, self.worker = database, writer, worker

    def due(self) -> bool:
        """Whether there is anything to take."""
        with self._database.reading() as connection:
            now = time.time()
            wanted = or_(
                (JobRow.state == "waiting") & (JobRow.not_before_s <= now),
                (JobRow.state == "running") & (JobRow.lease_s < now),
            )
            if connection is None:
                return False
            return connection.execute(select(JobRow.id).where(wanted).limit(1)).one_or_none() is not None

    def take(self) -> Job | None:
        """The next job, which is ours from now on; None where there is none to do.

        What ran out is free again before; what was done before meanwhile is answered, and not taken.
        """

        def change(connection: Connection) -> Job | None:
            now = time.time()
            lost = select(JobRow.__table__).where(JobRow.state == "running", JobRow.lease_s < now)
            _freed(connection, [job(row) for row in connection.execute(lost).mappings()])
            while (found := _next(connection, time.time())) is not None:
                if answered(connection, found) is None:
                    return self._taken(connection, found, now)
            return None

        return self._writer.write(change)

    def _taken(self, connection: Connection, found: Job, now: float) -> Job:
        new = {"state": "running", "worker": self.worker, "lease_s": now + LEASE_S, "tries": found.tries + 1}
        began = {"began_s": found.began_s or now, "code": None, "error": None}
        connection.execute(update(JobRow).where(JobRow.id == found.id).values(new | began))
        happened(connection, "jobs", "running", {"id": found.id}, owner=found.owner)
        row = connection.execute(select(JobRow.__table__).where(JobRow.id == found.id)).mappings().one()
        return job(row)

    def renew(self, steps: Sequence[Step]) -> dict[str, bool]:
        """How far our jobs are: whether each that is still ours is to be stopped; those that are not are left out."""

        def change(connection: Connection) -> dict[str, bool]:
            told, until = dict[str, bool](), time.time() + LEASE_S
            for step in steps:
                found = self._mine(connection, step.job)
                if found is None:
                    continue
                new: dict[str, object] = {"lease_s": until}
                if step.done_s > found.done_s or (step.total_s is not None and found.total_s is None):
                    new |= {"done_s": step.done_s, "total_s": step.total_s, "speed": step.speed}
                    about: dict[str, Json] = {"id": found.id, "done_s": step.done_s, "total_s": step.total_s}
                    happened(connection, "jobs", "progress", about, owner=found.owner)
                connection.execute(update(JobRow).where(JobRow.id == found.id).values(new))
                told[found.id] = found.stop
            return told

        return self._writer.write(change)

    def found_out(self, ident: str, result: str) -> Job | None:
        """What its recording holds, which was not known before: the job, ours or answered; None where it is lost.

        Where another one works on the same, this one waits for it.
        """

        def change(connection: Connection) -> Job | None:
            if (found := self._mine(connection, ident)) is None:
                return None
            if found.result != result:
                twin = JobRow.result == result, JobRow.owner_id.is_not_distinct_from(found.owner)
                running = select(JobRow.id).where(*twin, JobRow.state == "running", JobRow.id != ident)
                busy = connection.execute(running.limit(1)).one_or_none() is not None
                connection.execute(update(JobRow).where(JobRow.id == ident).values(result=result))
                found = self._mine(connection, ident)
                assert found is not None
                if busy:
                    _wait(connection, found, 0.0, tries=found.tries - 1)
                    return None
            return answered(connection, found) or found

        return self._writer.write(change)

    def finish(self, ident: str, keep: Callable[[Connection], str], total_s: float) -> Job | None:
        """The work is done: `keep` writes the result and names its recording, in the same transaction.

        None, and nothing is kept, where the job is not ours any more.
        """

        def change(connection: Connection) -> Job | None:
            if (found := self._mine(connection, ident)) is None:
                return None
            recording = keep(connection)
            return over(connection, found, "done", recording_id=recording, done_s=total_s, total_s=total_s)

        return self._writer.write(change)

    def fail(self, ident: str, error: EarwitnessError, *, wait_s: float = 0.0) -> Job | None:
        """The work broke: another try later where that can help, `wait_s` from now at least."""

        def change(connection: Connection) -> Job | None:
            if (found := self._mine(connection, ident)) is None:
                return None
            if found.stop or isinstance(error, Cancelled):
                return over(connection, found, "cancelled")
            told = f"{error.message}. {error.remedy}"
            if not error.retry or found.tries > len(LATER_S):
                return over(connection, found, "failed", code=error.code, error=told)
            later_s = max(wait_s, LATER_S[found.tries - 1])
            return _wait(connection, found, later_s, code=error.code, error=told)

        return self._writer.write(change)

    def give_back(self, idents: Iterable[str]) -> None:
        """We end, and others may take these up at once. It is no try of theirs."""

        def change(connection: Connection) -> None:
            for ident in idents:
                if (found := self._mine(connection, ident)) is not None:
                    _wait(connection, found, 0.0, tries=max(0, found.tries - 1))

        self._writer.write(change)

    def bury(self, worker: str) -> int:
        """Another worker is dead: what it held is free. How many jobs that were."""

        def change(connection: Connection) -> int:
            held = select(JobRow.__table__).where(JobRow.state == "running", JobRow.worker == worker)
            found = [job(row) for row in connection.execute(held).mappings()]
            _freed(connection, found)
            return len(found)

        return self._writer.write(change)

    def _mine(self, connection: Connection, ident: str) -> Job | None:
        mine = JobRow.id == ident, JobRow.state == "running", JobRow.worker == self.worker
        row = connection.execute(select(JobRow.__table__).where(*mine)).mappings().one_or_none()
        return None if row is None else job(row)


def _next(connection: Connection, now: float) -> Job | None:
    """The first that waits, and that nobody works on under another number."""
    twin = aliased(JobRow)
    same = twin.result == JobRow.result, twin.owner_id.is_not_distinct_from(JobRow.owner_id), twin.state == "running"
    wanted = JobRow.state == "waiting", JobRow.not_before_s <= now, ~exists().where(*same)
    found = select(JobRow.__table__).where(*wanted).order_by(JobRow.priority, JobRow.made_s, JobRow.id).limit(1)
    row = connection.execute(found).mappings().one_or_none()
    return None if row is None else job(row)


def _freed(connection: Connection, lost: Iterable[Job]) -> None:
    """Nobody works on these any more: they wait again, unless they bring every worker down."""
    for found in lost:
        left_s = float(str(found.about.get("left_s", 0.0)))
        broke = 1 if found.done_s > left_s else int(str(found.about.get("broke", 0))) + 1
        about = {**found.about, "left_s": found.done_s, "broke": broke}
        if found.stop:
            over(connection, found, "cancelled")
        elif broke >= MOST_BREAKS:
            error = EngineFailed(f"whoever worked on it ended {broke} times without having come further")
            over(connection, found, "failed", about=about, code=error.code, error=f"{error.message}. {error.remedy}")
        else:
            _wait(connection, found, 0.0, about=about, tries=max(0, found.tries - 1))


def _wait(connection: Connection, found: Job, later_s: float, **new: object) -> Job:
    values = {"state": "waiting", "worker": None, "lease_s": None, "not_before_s": time.time() + later_s, **new}
    connection.execute(update(JobRow).where(JobRow.id == found.id).values(values))
    happened(connection, "jobs", "waiting", {"id": found.id}, owner=found.owner)
    row = connection.execute(select(JobRow.__table__).where(JobRow.id == found.id)).mappings().one()
    return job(row)
