"""Files on their way in, piece by piece: what they will be. Their bytes lie in a folder, and say how far it is."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, true, update

from earwitness.archive.database import Database
from earwitness.archive.schema.work import UploadRow
from earwitness.archive.shapes import line
from earwitness.archive.viewer import Viewer
from earwitness.archive.writer import Writer
from earwitness.errors import Busy, NotFound
from earwitness.types import Json

MOST = 1000
"""Uploads that may be open at a time for one owner."""

TOGETHER = 500
"""Ids in one question."""


@dataclass(frozen=True, slots=True)
class Arriving:
    """A file on its way in; `size` is what it will have in bytes."""

    id: str
    name: str
    size: int
    about: Mapping[str, Json]
    changed_s: float


class Uploads:
    """The uploads in a database. Raises StorageFailed and Busy from everything that touches it."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    def add(self, viewer: Viewer, name: str, size: int, about: Mapping[str, Json]) -> Arriving:
        """A new one. Raises Busy where too many are open."""
        now, ident, name = time.time(), f"u_{secrets.token_hex(16)}"[:32], line(name)[:300]
        row = {"id": ident, "owner_id": viewer.owner, "name": name, "size": size, "about": dict(about)}
        mine = select(func.count()).where(UploadRow.owner_id.is_not_distinct_from(viewer.owner))
        fresh = insert(UploadRow).values(row | {"made_s": now, "changed_s": now})

        def change(connection: Connection) -> None:
            if connection.execute(mine).scalar_one() >= MOST:
                raise Busy(f"{MOST} uploads are open", retry_after_s=600.0, remedy="Finish or delete some.")
            connection.execute(fresh)

        self._writer.write(change)
        return Arriving(ident, name, size, about, now)

    def one(self, viewer: Viewer, ident: str) -> Arriving:
        """An upload. Raises NotFound."""
        found = select(UploadRow.id, UploadRow.name, UploadRow.size, UploadRow.about, UploadRow.changed_s)
        with self._database.reading() as connection:
            wanted = found.where(UploadRow.id == ident, _sees(viewer))
            row = None if connection is None else connection.execute(wanted).one_or_none()
        if row is None:
            raise NotFound("there is no such upload", remedy="Begin it anew: POST /api/uploads.")
        return Arriving(*row)

    def touch(self, ident: str) -> float:
        """Something came; when that was."""
        now = time.time()
        new = update(UploadRow).where(UploadRow.id == ident).values(changed_s=now)
        self._writer.write(lambda c: c.execute(new).rowcount)
        return now

    def remove(self, idents: Sequence[str]) -> None:
        """Forget some."""
        gone = delete(UploadRow).where(UploadRow.id.in_(idents))
        self._writer.write(lambda c: c.execute(gone).rowcount)

    def old(self, before_s: float) -> tuple[str, ...]:
        """Those to which nothing has come since a moment."""
        with self._database.reading() as connection:
            if connection is None:
                return ()
            return tuple(connection.execute(select(UploadRow.id).where(UploadRow.changed_s < before_s)).scalars())

    def there(self, idents: Sequence[str]) -> set[str]:
        """Those of some uploads that there are."""
        with self._database.reading() as connection:
            if connection is None:
                return set()
            parts = (idents[low : low + TOGETHER] for low in range(0, len(idents), TOGETHER))
            found = (select(UploadRow.id).where(UploadRow.id.in_(part)) for part in parts)
            return {ident for asked in found for ident in connection.execute(asked).scalars()}


def _sees(viewer: Viewer) -> ColumnElement[bool]:
    return true() if viewer.everything else UploadRow.owner_id == viewer.id
