"""Which live sessions are stored in the archive, how their storing begins, and what a crash has left of it.

What is needed to go on with a session stands in its journal, so that any process can do it.
"""

import asyncio
import time
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from pydantic import TypeAdapter, ValidationError
from starlette.requests import HTTPConnection
from structlog.typing import FilteringBoundLogger

from earwitness.__about__ import __version__
from earwitness.api.caller import caller_of
from earwitness.api.live import journals
from earwitness.api.live.stored import Stored, mended
from earwitness.archive import storing, tail
from earwitness.archive.job import TAIL, Order
from earwitness.archive.storing import Opening, Storing
from earwitness.archive.told import piece
from earwitness.archive.whole import Archive
from earwitness.audio import decode, timebase
from earwitness.audio.encode import FLAC, Encoder
from earwitness.config import Settings, ensure_folder
from earwitness.errors import BadInput, Busy, EarwitnessError, EngineFailed, NotFound, StorageFailed
from earwitness.events import Event, Noted
from earwitness.live import journal
from earwitness.live.journal import Journal
from earwitness.stages.recipe import Captioning, Recipe
from earwitness.types import Json, Notice, Plan, Provenance, Samples
from earwitness.working.again import begun
from earwitness.working.inbox import PART, Inbox

AGAIN_S = 30.0
"""How often it is looked for sessions that were left open."""

MOST_BREAKS = 3
"""A session that broke so often, each time it was taken up, is not taken up any more."""


class Storeroom:
    """Stores sessions in an archive; none without one. Not for an event loop, but for `about`."""

    def __init__(self, archive: Archive | None, settings: Settings) -> None:
        self._archive, self._settings = archive, settings

    def about(self, recipe: Recipe, owner: str | None, title: str, *, alone: bool) -> dict[str, Any] | None:
        """What the journal of a session says of its storing; None where it is not to be stored.

        `alone` no other connection can go on with it, so it ends with the first.
        """
        how = recipe.captioning or Captioning()
        if self._archive is None or not (self._settings.keep_live if how.keep is None else how.keep):
            return None
        sound = self._settings.keep_audio if how.keep_audio is None else how.keep_audio
        facts = {"owner": owner, "title": title, "alone": alone, "sound": sound, "began_s": time.time()}
        return facts | {"recipe": recipe.as_json()}

    def begun(
        self, ident: str, stored: Mapping[str, Any] | None, recipe: Recipe, plan: Plan | None
    ) -> tuple[Stored | None, tuple[Event, ...]]:
        """Begin to store a session, or go on; what is to be told of that. What its journal has comes in first."""
        if stored is None or self._archive is None:
            return None, ()
        try:
            found = self._storing(ident, stored, recipe, plan)
            if journal.there(folder := self._settings.sessions / ident):
                self._caught_up(found, folder, stored)
            return Stored(found, self._archive.folder, sound=bool(stored["sound"])), ()
        except EarwitnessError as error:
            told = f"the session goes on, but is not stored in the archive: {error.message}"
            return None, (Noted(Notice("not_stored", told)),)

    def left(self, held: Collection[str] = ()) -> dict[str, str | None]:
        """Sessions of this server that were left open, but for those that are `held`; their recordings, if any."""
        if self._archive is None:
            return {}
        found: dict[str, str | None] = {}
        with self._archive.database.reading() as connection:
            if connection is not None:
                place = None if self._archive.database.file else self._place()
                found |= {session: ident for ident, session in storing.left_open(connection, place)}
                found = {session: ident for session, ident in found.items() if session not in held}
        for folder in self._settings.sessions.glob("*/"):
            unknown = folder.name not in {*found, *held} and journal.there(folder) and journals.stored(folder)
            if unknown and not journal.finished(folder):
                found[folder.name] = None
        return found

    def finish(self, session: str) -> bool:
        """Close the recording of a session whose journal tells its end; False where that is still to come.

        Raises NotFound without a journal, EngineFailed for one that breaks again and again, and StorageFailed.
        """
        folder = self._settings.sessions / session
        stored = journals.stored(folder) if journal.there(folder) else None
        if stored is None:
            raise NotFound("this session left no journal")
        if self._handed_on(session):
            journal.remove(folder)
            return True
        if not journal.finished(folder):
            if (often := journal.broke(folder)) >= MOST_BREAKS:
                raise EngineFailed(f"the session broke {often} times")
            return False
        found = self._storing(session, stored, recipe_of(stored), None)
        assert self._archive is not None
        Stored(found, self._archive.folder, sound=False)  # mends its sound
        self._caught_up(found, folder, stored)
        return True

    def away(self, session: str) -> bool:
        """Whether its client has had the time to come back."""
        try:
            since_s = journal.touched(self._settings.sessions / session)
        except OSError:
            return True
        return time.time() - since_s > self._settings.live_keep_s

    def hand_on(self, session: str, recording: str | None) -> None:
        """Nobody can go on with a session: what was heard and has no text is a job, which its recording waits for.

        Raises Busy where another process is at it, BadInput where it can't be read, and StorageFailed.
        """
        assert self._archive is not None
        folder, writer = self._settings.sessions / session, self._archive.writer
        stored = journals.stored(folder) if journal.there(folder) else None
        if stored is None:
            if recording is not None:
                for row in _mended(self._archive.folder, recording):
                    writer.write(partial(piece, row))
                writer.write(partial(tail.left, recording, "crash"))
            journal.remove(folder)
            return
        with closing(Journal(folder)):  # nobody else has it
            found = self._storing(session, stored, recipe_of(stored) if recording is None else Recipe(), None)
            Stored(found, self._archive.folder, sound=False)
            _, _, pieces, _ = journals.left(folder)
            if pieces:
                found.begin(0.0, float(stored["began_s"]))
            self._caught_up(found, folder, stored)
            if (said := found.hand_on(self._order(pieces))) is not None:
                raise StorageFailed(said.message)
        journal.remove(folder)

    def _order(self, pieces: Sequence[tuple[int, Samples]]) -> Order | None:
        """A job for sound that has no text yet, with its file; None for none."""
        if not pieces:
            return None
        assert self._archive is not None
        (first, _), (last, sound) = pieces[0], pieces[-1]
        about: dict[str, Json] = {"from_s": timebase.seconds(first), "to_s": timebase.seconds(last + len(sound))}
        order, inbox = Order("", {}, kind=TAIL, about=about), Inbox(self._archive.folder)
        path = inbox.path(order.id, kept=False)
        beside = path.with_name(path.name + PART)
        file, at = Encoder(beside, FLAC), begun(first)
        for start, samples in pieces:
            for nothing in decode.silence(at, start):
                file.write(nothing.samples)
            file.write(samples[max(0, at - start) :])
            at = max(at, start + len(samples))
        file.close()
        inbox.put(beside, order.id, kept=False)
        return order

    def _handed_on(self, session: str) -> bool:
        assert self._archive is not None
        with self._archive.database.reading() as connection:
            return connection is not None and tail.given_up(connection, session)

    def _storing(self, ident: str, stored: Mapping[str, Any], recipe: Recipe, plan: Plan | None) -> Storing:
        assert self._archive is not None
        engine, model, device = (plan.engine, plan.model, plan.device.name) if plan else ("", recipe.model, "")
        origin = Provenance(__version__, engine, model, device, recipe.as_json())
        opening = Opening(ident, self._place(), stored["owner"], stored["title"], None, recipe.ask.task, origin)
        return Storing(self._archive.database, self._archive.writer, opening)

    def _caught_up(self, found: Storing, folder: Path, stored: Mapping[str, Any]) -> None:
        """Let the archive have what the journal has."""
        if events := list(journal.read(folder)):
            found.begin(0.0, float(stored["began_s"]))
            if (said := found.tell(events)) is not None:
                raise StorageFailed(said.message)

    def _place(self) -> str:
        """The id of this server among those that share a database."""
        file = ensure_folder(self._settings.home) / "place"
        try:
            with file.open("x") as made:
                made.write(uuid.uuid4().hex)
        except FileExistsError:
            pass
        except OSError as error:
            raise StorageFailed(f"{file} can't be written: {error.strerror or error}") from error
        return file.read_text()


def _mended(folder: Path, recording: str) -> Iterator[dict[str, Any]]:
    """The rows of pieces that were left half-written."""
    for path, start, end, size in mended(folder, recording):
        row = {"recording_id": recording, "kind": "audio", "path": path, "size": size, "made_s": time.time()}
        yield row | {"start_s": timebase.seconds(start), "end_s": timebase.seconds(end)}


def recipe_of(stored: Mapping[str, Any]) -> Recipe:
    """The recipe of a session that is stored. Raises BadInput for a journal of which this version makes none."""
    try:
        return TypeAdapter(Recipe).validate_python(stored["recipe"])
    except (ValidationError, KeyError) as error:
        raise BadInput("the journal of this session holds no recipe of this version") from error


def owner_of(connection: HTTPConnection) -> str | None:
    """Whose the recording is of a session that somebody begins."""
    return caller_of(connection.scope).viewer.owner


class Holding(Protocol):
    """Who holds the sessions."""

    store: Storeroom

    def held(self) -> Collection[str]:
        """Sessions that are at work, or about to be."""

    async def take_up(self, ident: str) -> None:
        """Go on with a session. Raises NotFound, Busy, and what opening it raises."""


async def recover(sessions: Holding, log: FilteringBoundLogger) -> None:
    """Finish what was left open, here or by an earlier process: what was heard is transcribed, and recordings closed.

    Runs until it is cancelled: a session that nobody is connected to may give up its place for another one.
    """
    while True:
        try:
            left = await asyncio.to_thread(sessions.store.left, sessions.held())
            for session, recording in left.items():
                if session not in sessions.held():
                    await _finished(sessions, session, recording, log)
        except EarwitnessError as error:
            log.warning("sessions not finished", code=error.code, why=error.message, remedy=error.remedy)
        await asyncio.sleep(AGAIN_S)


async def _finished(sessions: Holding, session: str, recording: str | None, log: FilteringBoundLogger) -> None:
    store = sessions.store
    try:
        try:
            if not await asyncio.to_thread(store.finish, session):
                await sessions.take_up(session)
        except (Busy, StorageFailed):
            raise  # it is at work, or there is no place now
        except EarwitnessError as error:
            if error.retry or not await asyncio.to_thread(store.away, session):
                raise
            await asyncio.to_thread(store.hand_on, session, recording)
            log.info("session left to the queue", session=session[:8], code=error.code, why=error.message)
    except Busy:
        return
    except EarwitnessError as error:
        log.warning("session not finished", session=session[:8], code=error.code, why=error.message)
