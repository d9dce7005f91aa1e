"""Jobs about recordings that are there: their sound is heard again, or that of a session's end for the first time."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from sqlalchemy import Connection

from earwitness.archive import again, told
from earwitness.archive.job import AGAIN, TAIL, Job
from earwitness.archive.retimed import moved
from earwitness.archive.sound import parts
from earwitness.archive.whole import Archive
from earwitness.audio import decode, joined, timebase
from earwitness.audio.encode import FLAC, Encoder
from earwitness.audio.joined import Part
from earwitness.config import ensure_folder
from earwitness.errors import Cancelled, NotFound, StorageFailed
from earwitness.gathering import Stop
from earwitness.stages.recipe import Recipe, live
from earwitness.types import Transcript
from earwitness.working import orders
from earwitness.working.inbox import PART, Inbox

KINDS = (TAIL, AGAIN)

GRID = 512
"""Files begin at multiples of this: speech is looked for so many samples at a time, and found where it would be found
in the whole recording."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What is heard for such a job."""

    job: Job
    recording: str
    path: Path
    recipe: Recipe
    begins_s: float = 0.0
    """Where the file begins in the recording."""
    stretches: tuple[tuple[float, float], ...] | None = None
    """What it holds of the recording, in seconds; None is all."""

    def keeping(self, found: Transcript) -> Callable[[Connection], str]:
        """What puts the result into the recording, in the transaction that says that the job is done."""
        moved_there = moved(found, self.begins_s) if self.begins_s else found

        def keep(connection: Connection) -> str:
            if self.job.kind == TAIL:
                again.added(self.recording, moved_there, connection)
                told.settled(connection, self.recording, "part" if self.job.about.get("torn") else "whole")
            else:
                again.replaced(self.recording, moved_there, connection, heard=self.stretches)
            return self.recording

        return keep


def heard(job: Job, archive: Archive, inbox: Inbox, stop: Stop) -> Heard:
    """What a job about a recording hears: a file that is there, or one that is made of the stretch that is wanted.

    Raises NotFound where the sound is not there any more, Cancelled, StorageFailed, and what decoding raises.
    """
    assert job.recording is not None
    recipe = orders.from_json(job.recipe)
    if job.kind == TAIL or recipe.captioning is not None:
        recipe = live(recipe)
    there = parts(archive.recordings.files(job.recording), archive.folder)
    from_s, to_s = float(str(job.about.get("from_s") or 0.0)), job.about.get("to_s")
    if job.kind == AGAIN and len(there) == 1 and there[0].start == 0:
        limits = replace(recipe, from_s=from_s, to_s=None if to_s is None else float(str(to_s)))
        every = not from_s and to_s is None
        stretches = None if every else ((from_s, limits.to_s or archive.recordings.one(job.recording).duration_s),)
        return Heard(job, job.recording, there[0].file, limits, 0.0, stretches)
    start = timebase.samples(from_s)
    end = timebase.samples(float(str(to_s))) if to_s is not None else max((p.end or 0 for p in there), default=0)
    path = inbox.path(job.id, kept=False)
    if not path.exists():
        _made(path, there, start, end, stop)
        inbox.put(path.with_name(path.name + PART), job.id, kept=False)
    spans = [(timebase.seconds(low), timebase.seconds(high)) for low, high in joined.covered(there, start, end)]
    return Heard(job, job.recording, path, recipe, timebase.seconds(begun(start)), tuple(spans))


def begun(start: int) -> int:
    """Where a file begins that holds the sound from a position on, with silence before it."""
    return start - start % GRID


def _made(path: Path, there: Sequence[Part], start: int, end: int, stop: Stop) -> None:
    """The file beside its place; silence where there is no sound."""
    if not joined.covered(there, start, end):
        raise NotFound("the recording's sound is gone", remedy="Its text is as it was.")
    beside = path.with_name(path.name + PART)
    ensure_folder(path.parent)
    file = Encoder(beside, FLAC)
    try:
        for block in chain(decode.silence(begun(start), start), joined.stream(there, start, end)):
            if stop:
                raise Cancelled("the work was stopped")
            file.write(block.samples)
    except BaseException:
        with contextlib.suppress(StorageFailed):
            file.close()
        beside.unlink(missing_ok=True)
        raise
    file.close()
