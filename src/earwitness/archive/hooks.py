"""Addresses that are told what happens, and the messages to them: an outbox, written with what it tells of.

A message is sent again until it arrives, at growing distances; who gives no answer for days is told nothing any more.
Addresses and secrets are sealed. Nothing is sent here.
"""

import base64
import json
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, insert, or_, select, true, update

from earwitness.archive.database import Database
from earwitness.archive.schema.work import DeliveryRow, HookRow
from earwitness.archive.seal import Seal
from earwitness.archive.shapes import line
from earwitness.archive.viewer import Viewer
from earwitness.archive.writer import Writer
from earwitness.errors import BadInput, NotFound
from earwitness.types import Json

TOPICS = ("job.done", "job.failed", "job.cancelled", "batch.done")
TEST = "hook.test"

LATER_S = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Between one try and the next, as the Standard Webhooks specification proposes; after the last it is given up."""

PATIENCE_S = 5 * 86_400.0
"""After so long without a message that arrived, a hook is switched off."""

KEPT_S = 30 * 86_400.0
"""How long it is kept what was sent."""

GRACE_S = 86_400.0
"""How long the secret before still signs when there is a new one."""

LONGEST_GRACE_S = 30 * 86_400.0
MOST_EARLIER = 5
"""Secrets that sign beside the newest."""

MOST_HOOKS = 100
LONGEST_WHY = 300
LIST = "GET /api/hooks lists them."


@dataclass(frozen=True, slots=True)
class Hook:
    """An address, opened, with the secret that messages to it are signed with."""

    id: str
    name: str
    address: str
    secret: str
    topics: tuple[str, ...]
    enabled: bool
    why: str | None
    made_s: float
    earlier: tuple[tuple[str, float], ...] = ()
    """Secrets before that one, the newest first, which sign too until then, by the Unix clock."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What messages are signed with now."""
        now = time.time()
        return self.secret, *(secret for secret, until_s in self.earlier if until_s > now)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one hook. `status` is what the other side answered last."""

    id: str
    hook: str
    topic: str
    payload: Mapping[str, Json]
    state: str
    tries: int
    not_before_s: float
    status: int | None
    error: str | None
    made_s: float
    ended_s: float | None


class Hooks:
    """The hooks in a database. Raises StorageFailed and Busy from everything that touches it."""

    def __init__(self, database: Database, writer: Writer, seal: Seal) -> None:
        self._database, self._writer, self._seal = database, writer, seal

    def add(self, viewer: Viewer, address: str, topics: Sequence[str], name: str = "") -> Hook:
        """A new hook with a secret of its own. Raises BadInput for a topic that nobody knows, and for too many."""
        wanted = _known(topics)
        ident, secret = f"h_{secrets.token_hex(8)}", _secret()
        sealed = self._seal.seal(address), self._seal.seal(secret)

        def change(connection: Connection) -> RowMapping:
            mine = select(HookRow.id).where(HookRow.owner_id.is_not_distinct_from(viewer.owner))
            if len(connection.execute(mine).all()) >= MOST_HOOKS:
                raise BadInput(f"there are {MOST_HOOKS} hooks, and no more are kept", remedy="Delete some first.")
            row = insert(HookRow).values(
                id=ident,
                owner_id=viewer.owner,
                address=sealed[0],
                secret=sealed[1],
                name=line(name)[:200],
                topics=list(wanted),
                enabled=True,
                made_s=time.time(),
            )
            connection.execute(row)
            return connection.execute(select(HookRow.__table__).where(HookRow.id == ident)).mappings().one()

        return self._opened(self._writer.write(change))

    def all(self, viewer: Viewer) -> tuple[Hook, ...]:
        """The hooks that a viewer may see, oldest first."""
        with self._database.reading() as connection:
            if connection is None:
                return ()
            found = select(HookRow.__table__).where(_sees(viewer)).order_by(HookRow.made_s, HookRow.id)
            return tuple(self._opened(row) for row in connection.execute(found).mappings())

    def one(self, viewer: Viewer, ident: str) -> Hook:
        """A hook. Raises NotFound."""
        for hook in self.all(viewer):
            if hook.id == ident:
                return hook
        raise NotFound("there is no such hook", remedy=LIST)

    def change(
        self,
        viewer: Viewer,
        ident: str,
        *,
        address: str | None = None,
        topics: Sequence[str] | None = None,
        enabled: bool | None = None,
        name: str | None = None,
    ) -> Hook:
        """Change what is given of a hook; one that is switched on again starts with patience. Raises NotFound."""
        new: dict[str, object] = {}
        if address is not None:
            new["address"] = self._seal.seal(address)
        if topics is not None:
            new["topics"] = list(_known(topics))
        if name is not None:
            new["name"] = line(name)[:200]
        if enabled is not None:
            new |= {"enabled": enabled, "failing_s": None, "why": None}
        if new:
            mine = update(HookRow).where(HookRow.id == ident, _sees(viewer)).values(new)
            self._writer.write(lambda c: c.execute(mine).rowcount)
        return self.one(viewer, ident)

    def rotate(self, viewer: Viewer, ident: str, grace_s: float = GRACE_S) -> Hook:
        """Give a hook a new secret; the one before signs beside it for a while. Raises NotFound."""

        def change(connection: Connection) -> RowMapping:
            found = select(HookRow.__table__).where(HookRow.id == ident, _sees(viewer))
            row = connection.execute(found).mappings().one_or_none()
            if row is None:
                raise NotFound("there is no such hook", remedy=LIST)
            hook, now = self._opened(row), time.time()
            past = [(hook.secret, now + grace_s), *hook.earlier]
            still = [(secret, until_s) for secret, until_s in past if until_s > now][:MOST_EARLIER]
            new = {"secret": self._seal.seal(_secret()), "earlier": self._seal.seal(json.dumps(still))}
            connection.execute(update(HookRow).where(HookRow.id == ident).values(new))
            return connection.execute(found).mappings().one()

        return self._opened(self._writer.write(change))

    def remove(self, viewer: Viewer, ident: str) -> None:
        """Forget a hook, and what was sent to it. Raises NotFound."""

        def change(connection: Connection) -> None:
            if not connection.execute(delete(HookRow).where(HookRow.id == ident, _sees(viewer))).rowcount:
                raise NotFound("there is no such hook", remedy=LIST)

        self._writer.write(change)

    def test(self, viewer: Viewer, ident: str) -> Delivery:
        """A message to a hook that tells of nothing. Raises NotFound."""
        hook = self.one(viewer, ident)
        made = self._writer.write(lambda c: _put(c, hook.id, TEST, {"hook": hook.id}))
        return self.deliveries(viewer, ident, ident=made)[0]

    def deliveries(self, viewer: Viewer, hook: str, *, limit: int = 50, ident: str | None = None) -> list[Delivery]:
        """The messages to a hook, newest first. Raises NotFound."""
        self.one(viewer, hook)
        with self._database.reading() as connection:
            assert connection is not None
            found = select(DeliveryRow.__table__).where(DeliveryRow.hook_id == hook)
            if ident is not None:
                found = found.where(DeliveryRow.id == ident)
            found = found.order_by(DeliveryRow.made_s.desc(), DeliveryRow.id.desc()).limit(limit)
            return [_delivery(row) for row in connection.execute(found).mappings()]

    def due(self, most: int = 20) -> list[tuple[Delivery, Hook]]:
        """Messages whose time has come, with their hooks."""
        with self._database.reading() as connection:
            if connection is None:
                return []
            when = DeliveryRow.state == "waiting", DeliveryRow.not_before_s <= time.time()
            found = select(DeliveryRow.__table__).where(*when).order_by(DeliveryRow.not_before_s).limit(most)
            rows = [_delivery(row) for row in connection.execute(found).mappings()]
            hooks = select(HookRow.__table__).where(HookRow.id.in_({row.hook for row in rows}))
            known = {row["id"]: row for row in connection.execute(hooks).mappings()}
        return [(row, self._opened(known[row.hook])) for row in rows if row.hook in known]

    def claim(self, delivery: Delivery, for_s: float) -> bool:
        """Whether this try is ours: nobody else takes it up for so long."""

        def change(connection: Connection) -> bool:
            mine = DeliveryRow.id == delivery.id, DeliveryRow.state == "waiting", DeliveryRow.tries == delivery.tries
            new = {"tries": delivery.tries + 1, "not_before_s": time.time() + for_s}
            return bool(connection.execute(update(DeliveryRow).where(*mine).values(new)).rowcount)

        return self._writer.write(change)

    def arrived(self, delivery: Delivery, status: int) -> None:
        """The other side has it."""

        def change(connection: Connection) -> None:
            new = {"state": "sent", "status": status, "error": None, "ended_s": time.time()}
            connection.execute(update(DeliveryRow).where(DeliveryRow.id == delivery.id).values(new))
            connection.execute(update(HookRow).where(HookRow.id == delivery.hook).values(failing_s=None, why=None))

        self._writer.write(change)

    def missed(
        self, delivery: Delivery, why: str, status: int | None = None, *, wait_s: float = 0.0, gone: bool = False
    ) -> None:
        """It did not arrive: another try later, unless it was the last, or the address is `gone` for good."""
        now, past = time.time(), delivery.tries
        after = LATER_S[past] if past < len(LATER_S) else None

        def change(connection: Connection) -> None:
            new: dict[str, object] = {"status": status, "error": why[:LONGEST_WHY]}
            if after is None or gone or delivery.topic == TEST:
                new |= {"state": "given_up", "ended_s": now}
            else:
                new |= {"not_before_s": now + max(wait_s, after * (1.0 + 0.1 * secrets.randbelow(100) / 100))}
            connection.execute(update(DeliveryRow).where(DeliveryRow.id == delivery.id).values(new))
            if delivery.topic == TEST:
                return
            which = HookRow.id == delivery.hook
            since = connection.execute(select(HookRow.failing_s).where(which)).scalar()
            if gone or (since is not None and now - since > PATIENCE_S):
                _switch_off(connection, delivery.hook, why, now)
            elif since is None:
                connection.execute(update(HookRow).where(which).values(failing_s=now))

        self._writer.write(change)

    def tidy(self) -> None:
        """Forget what was sent long ago."""

        def change(connection: Connection) -> None:
            old = and_(DeliveryRow.state != "waiting", DeliveryRow.made_s < time.time() - KEPT_S)
            connection.execute(delete(DeliveryRow).where(old))

        self._writer.write(change)

    def _opened(self, row: RowMapping) -> Hook:
        earlier = json.loads(self._seal.opened(row["earlier"])) if row["earlier"] else ()
        return Hook(
            id=row["id"],
            name=row["name"],
            address=self._seal.opened(row["address"]),
            secret=self._seal.opened(row["secret"]),
            topics=tuple(row["topics"]),
            enabled=row["enabled"],
            why=row["why"],
            made_s=row["made_s"],
            earlier=tuple((secret, until_s) for secret, until_s in earlier),
        )


def outbox(connection: Connection, topic: str, about: Mapping[str, Json], owner: str | None) -> None:
    """Put a message into the outbox for each hook that is to hear of it: the owner's, and those that hear all."""
    mine = or_(HookRow.owner_id.is_(None), HookRow.owner_id == owner)
    for ident, topics in connection.execute(select(HookRow.id, HookRow.topics).where(HookRow.enabled, mine)):
        if topic in topics:
            _put(connection, ident, topic, about)


def _secret() -> str:
    return f"whsec_{base64.b64encode(os.urandom(32)).decode()}"


def _put(connection: Connection, hook: str, topic: str, about: Mapping[str, Json]) -> str:
    now, ident = time.time(), f"msg_{secrets.token_hex(12)}"
    row = insert(DeliveryRow).values(
        id=ident,
        hook_id=hook,
        topic=topic,
        payload=dict(about),
        state="waiting",
        tries=0,
        not_before_s=now,
        made_s=now,
    )
    connection.execute(row)
    return ident


def _switch_off(connection: Connection, hook: str, why: str, now: float) -> None:
    connection.execute(update(HookRow).where(HookRow.id == hook).values(enabled=False, why=why[:LONGEST_WHY]))
    waiting = DeliveryRow.hook_id == hook, DeliveryRow.state == "waiting"
    connection.execute(update(DeliveryRow).where(*waiting).values(state="given_up", ended_s=now))


def _known(topics: Sequence[str]) -> tuple[str, ...]:
    if wrong := set(topics) - set(TOPICS):
        raise BadInput(f"nobody tells of {min(wrong)[:40]!r}, only of: {', '.join(TOPICS)}", param="topics")
    return tuple(dict.fromkeys(topics)) or TOPICS


def _sees(viewer: Viewer) -> ColumnElement[bool]:
    return true() if viewer.everything else HookRow.owner_id == viewer.id


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(
        id=row["id"],
        hook=row["hook_id"],
        topic=row["topic"],
        payload=row["payload"],
        state=row["state"],
        tries=row["tries"],
        not_before_s=row["not_before_s"],
        status=row["status"],
        error=row["error"],
        made_s=row["made_s"],
        ended_s=row["ended_s"],
    )
