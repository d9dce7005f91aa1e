"""The vectors of all passages in memory, so that every one of them is compared with what is looked for.

They are read when they are first wanted, and what was made since with each search. What is gone from the database is
found gone by who asks it, and leaves here with the first search a minute later, or when nobody has searched for long.
Where memory does not reach, the newest are held.
"""

import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, Select, func, select

from earwitness.archive.database import Database
from earwitness.archive.schema.heard import PassageRow
from earwitness.archive.search.passages import LONGEST_S, unpacked
from earwitness.errors import Busy

BLOCK = 1024
"""Rows that are compared at once: so many, as floats, stay near the processor."""

TOGETHER = 4096
"""Rows that are read at once."""

LOOK_S = 60.0
"""How often it is looked for what is gone."""

BESIDE = 40
"""Bytes of a passage beside its vector: its number, its recording's, its scale and its time, and what names those."""

ROOM = 0.9
"""Share of the memory that is filled where not all passages fit."""

DEAD = 0.25
"""Share of the rows that may be gone before all are read again."""


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """What is in memory at one time. Rows that are gone have a scale of 0."""

    blocks: tuple[NDArray[np.int8], ...] = ()
    """Of `BLOCK` rows each; behind the last row others may be on their way."""
    ids: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    scales: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    of: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    """Numbers of the recordings."""
    said_s: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    numbers: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    last: int = 0
    """The highest id that was ever read."""


class Vectors:
    """Those of one model. Safe to share between threads."""

    def __init__(self, database: Database, model: str, size: int, most_bytes: float) -> None:
        self._database, self._model, self._size = database, model, size
        self.most = max(BLOCK, int(most_bytes / (size + BESIDE)))
        """Passages that are held."""
        self._held: _Held | None = None
        self._looked_s = self._used_s = 0.0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return 0 if self._held is None else int(np.count_nonzero(self._held.scales))

    def rest(self, unused_s: float) -> None:
        """Give the memory back if nobody has searched for so long; they are read again when they are next wanted."""
        with self._lock:
            if time.monotonic() - self._used_s > unused_s:
                self._held = None

    def best(
        self,
        vector: NDArray[np.float32],
        least: float,
        patience_s: float,
        *,
        among: Collection[str] | None = None,
        said: tuple[float, float] = (-np.inf, np.inf),
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Ids of the passages that are like a vector, the likest first, and how much, from `least` on.

        Only those of some recordings `among` all, and those that begin within a time, with `LONGEST_S` to spare.
        Raises Busy where they are still being read.
        """
        held = self._current(patience_s)
        products = np.empty(len(held.ids), np.float32)
        for n, block in enumerate(held.blocks):
            rows = products[n * BLOCK : (n + 1) * BLOCK]
            np.dot(block[: len(rows)].astype(np.float32), vector, out=rows)
        products *= held.scales
        right = (products >= least) & (held.said_s >= said[0] - LONGEST_S) & (held.said_s <= said[1])
        if among is not None:
            seen = np.zeros(len(held.numbers) + 1, bool)
            seen[[held.numbers[recording] for recording in among if recording in held.numbers]] = True
            right &= seen[held.of]
        near = np.flatnonzero(right)
        near = near[np.lexsort((-held.ids[near], -products[near]))]
        return held.ids[near], products[near]

    def _current(self, patience_s: float) -> _Held:
        """What is held, brought up to date."""
        if not self._lock.acquire(timeout=max(0.0, patience_s)):
            raise Busy("the passages are being read into memory", retry_after_s=3.0)
        try:
            self._used_s = time.monotonic()
            with self._database.reading() as connection:
                if connection is None:
                    return _Held()
                held = self._read(connection) if self._held is None else self._grown(connection, self._held)
                self._held = held
            return held
        finally:
            self._lock.release()

    def _read(self, connection: Connection) -> _Held:
        """Everything, or the newest where that is too much."""
        self._looked_s = time.monotonic()
        mine = PassageRow.model == self._model
        row = PassageRow.__table__.c
        asked = select(row.id, row.recording_id, row.said_s, row.vector).where(mine)
        count = connection.execute(select(func.count()).where(mine)).scalar_one()
        if count > self.most:
            asked = asked.order_by(row.said_s.desc()).limit(int(ROOM * self.most))
        last = connection.execute(select(func.max(row.id)).where(mine)).scalar() or 0
        return replace(self._more(connection, _Held(), asked), last=last)

    def _grown(self, connection: Connection, held: _Held) -> _Held:
        """With what was made since, and without what is gone."""
        row = PassageRow.__table__.c
        mine = PassageRow.model == self._model
        asked = (
            select(row.id, row.recording_id, row.said_s, row.vector).where(mine, row.id > held.last).order_by(row.id)
        )
        held = self._more(connection, held, asked)
        if len(held.ids) > self.most:
            return self._read(connection)
        now = time.monotonic()
        if now - self._looked_s < LOOK_S:
            return held
        self._looked_s = now
        count = connection.execute(select(func.count()).where(mine)).scalar_one()
        if count >= np.count_nonzero(held.scales):
            return held
        there = np.fromiter(connection.execute(select(row.id).where(mine)).scalars(), np.int64)
        left = replace(held, scales=np.where(np.isin(held.ids, there), held.scales, np.float32(0)))
        return self._read(connection) if np.mean(left.scales == 0) > DEAD else left

    def _more(self, connection: Connection, held: _Held, asked: Select[int, str, float, bytes]) -> _Held:
        """With all that is asked for."""
        with connection.execute(asked.execution_options(yield_per=TOGETHER)) as rows:
            for some in rows.partitions():
                held = self._with(held, some)
        return held

    def _with(self, held: _Held, some: Sequence[Row[int, str, float, bytes]]) -> _Held:
        """With some more rows; those that are there are not moved."""
        whole, scales = unpacked([row[3] for row in some], self._size)
        blocks, at = list(held.blocks), len(held.ids)
        for first, last in _pieces(at, len(some)):
            if first % BLOCK == 0:
                blocks.append(np.empty((BLOCK, self._size), np.int8))
            blocks[-1][first % BLOCK : (last - 1) % BLOCK + 1] = whole[first - at : last - at]
        numbers = dict(held.numbers)
        of = np.array([numbers.setdefault(row[1], len(numbers)) for row in some], np.int32)
        ids = np.array([row[0] for row in some], np.int64)
        return _Held(
            tuple(blocks),
            np.concatenate([held.ids, ids]),
            np.concatenate([held.scales, scales]),
            np.concatenate([held.of, of]),
            np.concatenate([held.said_s, [row[2] for row in some]]),
            numbers,
            max(held.last, int(ids.max())),
        )


def _pieces(at: int, count: int) -> Iterator[tuple[int, int]]:
    """Rows from `at` on, parted where blocks end."""
    first = at
    while first < at + count:
        last = min(at + count, (first // BLOCK + 1) * BLOCK)
        yield first, last
        first = last
