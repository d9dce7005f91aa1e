"""The queue: recordings that wait to be transcribed, are, or were. Nothing that was taken is lost, nothing done twice.

What is asked for twice, the same content with the same recipe, is answered from the earlier result. Every change, and
what is told of it, is one transaction of the one writer. How jobs are worked on stands in `leases`.
"""

import time
from collections.abc import Mapping, Sequence
from typing import TypeVar

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, insert, or_, select, true, update

from earwitness.archive import told
from earwitness.archive.database import Database
from earwitness.archive.happened import happened
from earwitness.archive.hooks import outbox
from earwitness.archive.job import TAIL, Batch, Job, Order
from earwitness.archive.schema.work import JobRow
from earwitness.archive.viewer import Viewer
from earwitness.archive.writer import Writer
from earwitness.errors import Conflict, NotFound
from earwitness.types import Json

T = TypeVar("T")

LIST = "GET /api/jobs lists them."
TOGETHER = 500
"""Rows of one statement."""

STEP_S = 1e-6
"""Between jobs that are added together, so that they keep their order."""

MOST = 200
"""Jobs of one page."""


class Jobs:
    """The jobs in a database. Raises StorageFailed and Busy from everything that touches it."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    def add(self, viewer: Viewer, orders: Sequence[Order]) -> tuple[Job, ...]:
        """Put jobs into the queue, all or none; one that was done before is over at once."""

        def change(connection: Connection) -> tuple[Job, ...]:
            put(connection, viewer.owner, orders)
            found = _by_id(connection, [order.id for order in orders])
            return tuple(answered(connection, found[order.id]) or found[order.id] for order in orders)

        return self._writer.write(change)

    def one(self, viewer: Viewer, ident: str) -> Job:
        """A job. Raises NotFound."""
        with self._database.reading() as connection:
            return _one(connection, viewer, ident)

    def page(
        self,
        viewer: Viewer,
        *,
        states: Sequence[str] = (),
        batch: str | None = None,
        limit: int = 50,
        before: tuple[float, str] | None = None,
    ) -> list[Job]:
        """Jobs, newest first; `before` is time and id of the last one of the page before."""
        with self._database.reading() as connection:
            if connection is None:
                return []
            found = select(JobRow.__table__).where(_sees(viewer))
            if states:
                found = found.where(JobRow.state.in_(states))
            if batch is not None:
                found = found.where(JobRow.batch == batch)
            if before is not None:
                at, ident = before
                found = found.where(or_(JobRow.made_s < at, and_(JobRow.made_s == at, JobRow.id < ident)))
            found = found.order_by(JobRow.made_s.desc(), JobRow.id.desc()).limit(min(limit, MOST))
            return [job(row) for row in connection.execute(found).mappings()]

    def counts(self, viewer: Viewer) -> dict[str, int]:
        """How many jobs there are, by state."""
        with self._database.reading() as connection:
            if connection is None:
                return {}
            found = select(JobRow.state, func.count()).where(_sees(viewer)).group_by(JobRow.state)
            return {row[0]: row[1] for row in connection.execute(found)}

    def batch(self, viewer: Viewer, ident: str) -> Batch:
        """Jobs that were given together. Raises NotFound."""
        with self._database.reading() as connection:
            found = None if connection is None else _batch(connection, ident, _sees(viewer))
        if found is None:
            raise NotFound("there is no such batch", remedy=LIST)
        return found

    def cancel(self, viewer: Viewer, ident: str) -> Job:
        """Let a job be: one that waits is over at once, one that runs is as soon as its worker heard of it.

        Raises NotFound, and Conflict for one that is over otherwise.
        """

        def change(connection: Connection) -> Job:
            found = _one(connection, viewer, ident)
            if found.state == "cancelled":
                return found
            if found.over:
                raise Conflict(f"the job is over already: it is {found.state}")
            if found.state == "waiting":
                return over(connection, found, "cancelled")
            connection.execute(update(JobRow).where(JobRow.id == ident).values(stop=True))
            return _one(connection, viewer, ident)

        return self._writer.write(change)

    def retry(self, viewer: Viewer, ident: str) -> Job:
        """Let a job that failed wait again. Raises NotFound, and Conflict for one that did not fail."""

        def change(connection: Connection) -> Job:
            found = _one(connection, viewer, ident)
            if found.state != "failed":
                raise Conflict(f"only a job that failed can be tried again, and this one is {found.state}")
            new = {"state": "waiting", "tries": 0, "not_before_s": time.time(), "code": None, "error": None}
            about = {k: v for k, v in found.about.items() if k not in {"broke", "left_s"}}
            rest = {"ended_s": None, "stop": False, "done_s": 0.0, "speed": None, "about": about}
            connection.execute(update(JobRow).where(JobRow.id == ident).values(new | rest))
            happened(connection, "jobs", "waiting", {"id": ident}, owner=found.owner)
            return _one(connection, viewer, ident)

        return self._writer.write(change)

    def there(self, idents: Sequence[str]) -> dict[str, str]:
        """The states of those of some jobs that there are."""
        with self._database.reading() as connection:
            if connection is None:
                return {}
            found = dict[str, str]()
            for part in _parts(idents):
                some = select(JobRow.id, JobRow.state).where(JobRow.id.in_(part))
                found |= {row[0]: row[1] for row in connection.execute(some)}
            return found


def put(connection: Connection, owner: str | None, orders: Sequence[Order]) -> None:
    """Write jobs down that wait, and tell of it."""
    now = time.time()
    rows = [_row(order, owner, now + n * STEP_S) for n, order in enumerate(orders)]
    for part in _parts(rows):
        connection.execute(insert(JobRow), list(part))
    facts: dict[str, Json] = {"count": len(orders), "jobs": [o.id for o in orders[:100]]}
    if orders and orders[0].batch:
        facts["batch"] = orders[0].batch
    happened(connection, "jobs", "added", facts, owner=owner)


def over(
    connection: Connection, found: Job, state: str, *, about: Mapping[str, Json] | None = None, **new: Json
) -> Job:
    """A job has ended: that is written down, and told to whoever is to hear of it."""
    values: dict[str, object] = {"state": state, "ended_s": time.time(), "worker": None, "lease_s": None, **new}
    if about is not None:
        values["about"] = dict(about)
    connection.execute(update(JobRow).where(JobRow.id == found.id).values(values))
    ended = _by_id(connection, [found.id])[found.id]
    if found.kind == TAIL and state != "done" and found.recording is not None:
        told.settled(connection, found.recording, "part")
    facts = ended.told()
    happened(connection, "jobs", state, facts, recording=ended.recording, owner=ended.owner)
    outbox(connection, f"job.{state}", facts, ended.owner)
    if ended.batch is not None:
        batch = _batch(connection, ended.batch, JobRow.owner_id.is_not_distinct_from(ended.owner))
        if batch is not None and batch.over:
            whole: dict[str, Json] = {"id": batch.id, "states": dict(batch.states)}
            happened(connection, "jobs", "batch", whole, owner=ended.owner)
            outbox(connection, "batch.done", whole, ended.owner)
    return ended


def answered(connection: Connection, found: Job) -> Job | None:
    """The job, done, where an earlier one of the same owner had the same content and recipe; None where none had."""
    if found.result is None or found.over:
        return None
    alike = JobRow.result == found.result, JobRow.owner_id.is_not_distinct_from(found.owner), JobRow.state == "done"
    earlier = select(JobRow.id, JobRow.recording_id, JobRow.total_s).where(*alike, JobRow.recording_id.is_not(None))
    there = connection.execute(earlier.order_by(JobRow.ended_s.desc()).limit(1)).one_or_none()
    if there is None:
        return None
    ident, recording, total_s = there
    about = {**found.about, "answered_by": ident}
    return over(connection, found, "done", about=about, recording_id=recording, total_s=total_s, done_s=total_s or 0.0)


def job(row: RowMapping) -> Job:
    """A row as a Job."""
    return Job(
        id=row["id"],
        kind=row["kind"],
        state=row["state"],
        name=str(row["about"].get("name", "")),
        batch=row["batch"],
        priority=row["priority"],
        recipe=row["recipe"],
        about=row["about"],
        owner=row["owner_id"],
        recording=row["recording_id"],
        result=row["result"],
        done_s=row["done_s"],
        total_s=row["total_s"],
        speed=row["speed"],
        tries=row["tries"],
        not_before_s=row["not_before_s"],
        worker=row["worker"],
        stop=row["stop"],
        code=row["code"],
        error=row["error"],
        made_s=row["made_s"],
        began_s=row["began_s"],
        ended_s=row["ended_s"],
    )


def _row(order: Order, owner: str | None, now: float) -> dict[str, object]:
    return {
        "id": order.id,
        "recording_id": order.recording,
        "owner_id": owner,
        "batch": order.batch,
        "kind": order.kind,
        "state": "waiting",
        "priority": order.priority,
        "recipe": dict(order.recipe),
        "about": {**order.about, "name": order.name, "size": order.size},
        "result": order.result,
        "done_s": 0.0,
        "tries": 0,
        "not_before_s": now,
        "stop": False,
        "made_s": now,
    }


def _by_id(connection: Connection, idents: Sequence[str]) -> dict[str, Job]:
    found = dict[str, Job]()
    for part in _parts(idents):
        rows = connection.execute(select(JobRow.__table__).where(JobRow.id.in_(part))).mappings()
        found |= {row["id"]: job(row) for row in rows}
    return found


def _one(connection: Connection | None, viewer: Viewer, ident: str) -> Job:
    wanted = select(JobRow.__table__).where(JobRow.id == ident, _sees(viewer))
    row = None if connection is None else connection.execute(wanted).mappings().one_or_none()
    if row is None:
        raise NotFound("there is no such job", remedy=LIST)
    return job(row)


def _batch(connection: Connection, ident: str, whose: ColumnElement[bool]) -> Batch | None:
    what = (
        JobRow.state,
        func.count(),
        func.sum(JobRow.done_s),
        func.sum(JobRow.total_s),
        func.count(JobRow.total_s),
        func.min(JobRow.made_s),
    )
    found = connection.execute(select(*what).where(JobRow.batch == ident, whose).group_by(JobRow.state)).all()
    if not found:
        return None
    every, known = sum(row[1] for row in found), sum(row[4] for row in found)
    return Batch(
        id=ident,
        states={row[0]: row[1] for row in found},
        done_s=float(sum(row[2] or 0.0 for row in found)),
        total_s=float(sum(row[3] or 0.0 for row in found)) if known == every else None,
        made_s=min(row[5] for row in found),
    )


def _sees(viewer: Viewer) -> ColumnElement[bool]:
    return true() if viewer.everything else JobRow.owner_id == viewer.id


def _parts(rows: Sequence[T]) -> list[list[T]]:
    return [list(rows[low : low + TOGETHER]) for low in range(0, len(rows), TOGETHER)]
