"""The journals of live sessions that nobody holds: one that is over, what is missing, what is too old."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from earwitness.audio import timebase
from earwitness.config import Settings
from earwitness.errors import EarwitnessError, StorageFailed
from earwitness.events import Event, Gap, Noted, Numbered
from earwitness.live import journal
from earwitness.live.journal import Journal
from earwitness.live.session import Since
from earwitness.types import Notice, Samples

UNFINISHED_S = 86_400.0
"""How long the journal of a session stays that nobody took up."""

STORED = "stored"
"""Where a journal says how its session is stored."""

IDENT = re.compile(r"[0-9a-f]{32}")


class Told:
    """A session that is over, for a client that missed its end."""

    def __init__(self, ident: str, folder: Path) -> None:
        self.id, self._folder = ident, folder

    async def events(self, after: int = 0) -> AsyncIterator[Numbered]:
        """See `Line.events`."""
        for event in await asyncio.to_thread(lambda: list(journal.read(self._folder))):
            if event.seq > after:
                yield event


def begun(folder: Path, about: Mapping[str, Any]) -> tuple[Journal | None, tuple[Event, ...]]:
    """The journal of a new session, or what is to be told where there can be none."""
    try:
        return Journal(folder, about), ()
    except StorageFailed as error:
        journal.remove(folder)
        told = f"the session is not kept, and ends with this connection's server: {error.message}"
        return None, (Noted(Notice("not_kept", told)),)


def left(folder: Path) -> tuple[Since, int, list[tuple[int, Samples]], tuple[Gap, ...]]:
    """What an earlier process left: where it goes on and after which number, the sound from there on, and its holes."""
    since, told = journal.reached(folder)
    pieces = list(journal.sound(folder, since.position))
    return since, told, pieces, tuple(lost(pieces, since.position))


def sweep(settings: Settings, held: Collection[str]) -> None:
    """Throw away the journals that nobody will ask for.

    Those of sessions that are `held` stay, and so do those of stored ones whose text is still to come.
    """
    with suppress(OSError):
        for folder in settings.sessions.iterdir():
            if IDENT.fullmatch(folder.name) and folder.name not in held:
                with suppress(OSError, EarwitnessError):
                    age_s = time.time() - journal.touched(folder)
                    old = age_s > UNFINISHED_S and stored(folder) is None
                    if old or (age_s > settings.live_keep_s and journal.finished(folder)):
                        journal.remove(folder)


def stored(folder: Path) -> Mapping[str, Any] | None:
    """How the session of a journal is stored in the archive; None where it is not, or where that can't be read."""
    try:
        found = journal.about(folder).get(STORED)
    except EarwitnessError:
        return None
    return found if isinstance(found, dict) else None


def lost(pieces: Sequence[tuple[int, Samples]], position: int) -> Iterator[Gap]:
    """What is missing of the sound from a position on, between the pieces that are kept."""
    for start, samples in pieces:
        if start > position:
            yield Gap(timebase.seconds(position), timebase.seconds(start), "lost")
        position = max(position, start + len(samples))


def finished(folder: Path) -> bool:
    """Whether a journal is there, and tells the end."""
    return journal.there(folder) and journal.finished(folder)
