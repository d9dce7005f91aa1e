"""What is too old, or too much: files and recordings that leave the archive by themselves, the oldest first.

What is marked to be kept, what is still being heard, and what somebody works on stays, however full the disk is. Rows
go first and files after them, a few at a time: what a crash leaves between is found as an orphan.
"""

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, or_, select

from earwitness.archive.happened import happened
from earwitness.archive.recordings import OUTLINES, outlined, taken_away
from earwitness.archive.schema.heard import FileRow, RecordingRow, SourceRow
from earwitness.archive.search.index import tidied
from earwitness.archive.tail import left
from earwitness.archive.whole import Archive

KINDS = ("video", "picture", "upload", "audio")
"""Kinds of files; where room is wanted the first ones go first."""

PLURAL = {"picture": "pictures", "upload": "uploads"}
"""What they are called together."""

SCANNED = ("audio", "video", "pictures")
"""Folders in which every file belongs to a recording."""

DAY_S = 86_400.0
UNDER_EDIT_S = 3_600.0
"""A recording that was changed so lately is being worked on."""

ORPHAN_S = DAY_S
"""A file of nobody is younger than this while it is being written."""

LOST_S = 7 * DAY_S
"""A recording of which nothing came for so long, and which is open, was left by a server that is gone."""

TOGETHER = 50
"""Rows in one transaction."""

MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class Policy:
    """What leaves. Zero is no limit."""

    days: Mapping[str, float] = field(default_factory=dict)
    """After how many days, by `text` (the whole recording), `audio`, `video`, `pictures` or `uploads`."""
    most_mb: float = 0.0
    """All files together."""
    min_free_mb: float = 0.0
    """What stays free on the disk."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What was taken away; `short` where the limits are not kept all the same."""

    recordings: int = 0
    files: int = 0
    size: int = 0
    orphans: int = 0
    short: bool = False


def sweep(archive: Archive, policy: Policy, *, now: float | None = None) -> Swept:
    """Take away what leaves by a policy. Raises StorageFailed and Busy; what was done until then is done."""
    if not archive.database.there:
        return Swept()
    now = time.time() if now is None else now
    sources = _sources(archive)
    recordings = files = size = 0
    for kind in KINDS:
        for where, days in _rules(kind, policy, sources):
            old = and_(where, FileRow.kind == kind, FileRow.made_s < now - days * DAY_S)
            number, freed = _files(archive, old, now, None)
            files, size = files + number, size + freed
    for where, days in _rules("text", policy, sources):
        recordings += _recordings(archive, and_(where, RecordingRow.made_s < now - days * DAY_S), now)
    _forget_words(archive)
    _close_lost(archive, now)
    orphans = sum(1 for path in orphaned(archive, now) if _unlinked(path))
    number, freed, short = _room(archive, policy, now)
    return Swept(recordings, files + number, size + freed, orphans, short)


def orphaned(archive: Archive, now: float | None = None) -> Iterator[Path]:
    """Files that belong to no recording, and are old enough not to be on their way into one."""
    now = time.time() if now is None else now
    with archive.database.reading() as connection:
        if connection is None:
            return
        known = set(connection.execute(select(FileRow.path)).scalars())
        held = set(connection.execute(select(RecordingRow.id).where(RecordingRow.state == "open")).scalars())
    for folder in SCANNED:
        for path in sorted((archive.folder / folder).rglob("*")):
            with suppress(OSError):
                fresh = path.stat().st_mtime > now - ORPHAN_S
                name = path.relative_to(archive.folder).as_posix()
                if path.is_file() and name not in known and not fresh and path.parent.name not in held:
                    yield path
    for path in sorted((archive.folder / OUTLINES).rglob("*")):
        if path.is_file() and path.relative_to(archive.folder / OUTLINES).as_posix() not in known:
            yield path


# ── by age ──
def _sources(archive: Archive) -> dict[str, Mapping[str, float]]:
    """Days of sources that have their own."""
    with archive.database.reading() as connection:
        rows = () if connection is None else connection.execute(select(SourceRow.id, SourceRow.keep)).all()
    return {row.id: row.keep for row in rows if row.keep}


def _rules(
    kind: str, policy: Policy, sources: Mapping[str, Mapping[str, float]]
) -> Iterator[tuple[ColumnElement[bool], float]]:
    """Which recordings go after how many days."""
    kind = PLURAL.get(kind, kind)
    own = {ident: keep[kind] for ident, keep in sources.items() if kind in keep}
    if policy.days.get(kind):
        others = or_(RecordingRow.source_id.is_(None), RecordingRow.source_id.not_in(own))
        yield others, policy.days[kind]
    for ident, days in own.items():
        if days:
            yield RecordingRow.source_id == ident, days


def _free_to_go(now: float) -> ColumnElement[bool]:
    """The recordings that may be swept at all."""
    done = RecordingRow.state.not_in(("open", "waiting"))
    return and_(RecordingRow.kept.is_(False), done, RecordingRow.changed_s < now - UNDER_EDIT_S)


def _recordings(archive: Archive, where: ColumnElement[bool], now: float) -> int:
    asked = select(RecordingRow.id).where(where, _free_to_go(now)).order_by(RecordingRow.made_s).limit(TOGETHER)

    def change(connection: Connection) -> tuple[int, list[str]]:
        found = connection.execute(asked).scalars().all()
        return len(found), [piece.path for ident in found for piece in taken_away(connection, ident)]

    total = 0
    while True:
        number, paths = archive.writer.write(change)
        for path in paths:
            _gone(archive, path)
        total += number
        if number < TOGETHER:
            return total


def _forget_words(archive: Archive) -> None:
    """What the index of search still holds of segments that are gone, by age or by a person's hand."""
    done = archive.writer.write(tidied)
    while not done:
        done = archive.writer.write(partial(tidied, begin=False))


# ── by size ──
def _room(archive: Archive, policy: Policy, now: float) -> tuple[int, int, bool]:
    """Make room where there is too little: files and bytes that went, and whether there is still too little."""
    with archive.database.reading() as connection:
        assert connection is not None
        there = int(connection.execute(select(func.coalesce(func.sum(FileRow.size), 0))).scalar_one())
    excess = there - policy.most_mb * MEGABYTE if policy.most_mb else 0.0
    lacking = policy.min_free_mb * MEGABYTE - free(archive.folder) if policy.min_free_mb else 0.0
    wanted = int(max(excess, lacking))
    if wanted <= 0:
        return 0, 0, False
    number, freed = _files(archive, FileRow.kind.in_(KINDS), now, wanted)
    return number, freed, freed < wanted


def free(folder: Path) -> int:
    """Bytes that are free where a folder lies, or will lie."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _files(archive: Archive, where: ColumnElement[bool], now: float, wanted: int | None) -> tuple[int, int]:
    """Take files away until so many bytes are free, or all of them; how many, and their bytes."""
    rank = case({kind: n for n, kind in enumerate(KINDS)}, value=FileRow.kind)
    asked = (
        select(FileRow.id, FileRow.path, FileRow.size, FileRow.recording_id)
        .join(RecordingRow, RecordingRow.id == FileRow.recording_id)
        .where(where, _free_to_go(now))
        .order_by(rank, FileRow.made_s, FileRow.id)
        .limit(TOGETHER)
    )
    number = freed = 0

    def change(connection: Connection) -> list[tuple[str, int]]:
        gone, still = list[tuple[str, int]](), wanted
        for row in connection.execute(asked).all():
            if still is not None and still - freed <= 0:
                break
            still = None if still is None else still - row.size
            connection.execute(delete(FileRow).where(FileRow.id == row.id))
            happened(connection, "recordings", "swept", {"id": row.recording_id}, recording=row.recording_id)
            gone.append((row.path, row.size))
        return gone

    while wanted is None or freed < wanted:
        gone = archive.writer.write(change)
        for path, size in gone:
            _gone(archive, path)
            number, freed = number + 1, freed + size
        if len(gone) < TOGETHER:
            break
    return number, freed


def _close_lost(archive: Archive, now: float) -> None:
    lost = select(RecordingRow.id).where(RecordingRow.state == "open", RecordingRow.changed_s < now - LOST_S)
    with archive.database.reading() as connection:
        found = () if connection is None else connection.execute(lost).scalars().all()
    for ident in found:
        archive.writer.write(partial(left, ident, "crash"))


def _gone(archive: Archive, path: str) -> None:
    """Delete a file of a recording, and what is kept of how loud it is."""
    _unlinked(archive.folder / path)
    _unlinked(outlined(archive.folder, path))


def _unlinked(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    with suppress(OSError):
        path.parent.rmdir()  # once it is empty
    return True
