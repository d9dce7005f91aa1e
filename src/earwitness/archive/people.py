"""The registry of voices: people with an id that never changes, a name that may, and the embeddings of their voices.

Nothing else is kept of anybody: no sound, no text. Two people may have the same name, for names are for people to read;
what matters hangs on ids, and a name that means several people is an error that shows their ids. Everybody has at
least one voice. Every change is one transaction, so that it happened or did not.
"""

import secrets
import threading
import time
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, delete, insert, select, update

from earwitness.archive.database import Database
from earwitness.archive.likeness import unit
from earwitness.archive.person import Person, Voice, Voiceprint
from earwitness.archive.schema.heard import SpeakerRow
from earwitness.archive.schema.people import MergedRow, PersonRow, VoiceRow
from earwitness.errors import BadInput, NotFound

LONGEST_NAME = 100

LIST = "`earwitness speakers list`, or GET /api/speakers, shows who is known."


class People:
    """The people in a database. Safe to share between threads, and with other programs.

    Everything raises StorageFailed where the database can't be opened, read or written, and Busy where another program
    writes for too long.
    """

    def __init__(self, place: Path | str | Database) -> None:
        """`place` is the file or the address of the database, or the database itself, which is closed with this."""
        self._database = place if isinstance(place, Database) else Database(place)
        self._erasing, self._unerased = threading.Lock(), False

    def all(self) -> tuple[Person, ...]:
        """Everybody, by name; nobody where there is no database yet."""
        with self._database.reading() as connection:
            return () if connection is None else _people(connection)

    def one(self, ident: str) -> Person:
        """A person by id, or by that of one merged into them. Raises NotFound."""
        with self._database.reading() as connection:
            if connection is None:
                raise _nobody(ident)
            return _person(connection, _resolved(connection, ident))

    def meant(self, word: str) -> Person:
        """A person by id or by name. Raises NotFound, and BadInput for a name that several people have."""
        people = self.all()
        for person in people:
            if word in {person.id, *person.merged}:
                return person
        wanted = _folded(word)
        found = [person for person in people if _folded(person.name) == wanted]
        if not found:
            raise _nobody(word)
        if len(found) > 1:
            raise BadInput(
                f"{len(found)} people are called {word!r}", remedy=f"Give an id: {', '.join(p.id for p in found)}."
            )
        return found[0]

    def enrol(self, name: str, voices: Sequence[Voiceprint], *, another: bool = False) -> Person:
        """A new person. Raises BadInput for a bad name, no voice, and a name that is there unless `another` is set."""
        name, rows = _named(name), _rows(voices)
        with self._database.writing() as connection:
            alike = [p.id for p in _people(connection) if _folded(p.name) == _folded(name)]
            if alike and not another:
                raise BadInput(
                    f"{name!r} is known already, as {', '.join(alike)}",
                    remedy="Add the clips to that person (--add; API: POST /api/speakers/ID/voices), or say that this "
                    "is another one of the same name (--another; API: another=true).",
                )
            return _made(connection, name, rows)

    def add(self, ident: str, voices: Sequence[Voiceprint]) -> Person:
        """Give a person more voices. Raises NotFound, and BadInput for none."""
        rows = _rows(voices)
        with self._database.writing() as connection:
            found = _resolved(connection, ident)
            connection.execute(insert(VoiceRow), [row | {"person_id": found} for row in rows])
            return _person(connection, found)

    def rename(self, ident: str, name: str) -> Person:
        """Call a person something else. Raises NotFound, and BadInput for a bad name."""
        name = _named(name)
        with self._database.writing() as connection:
            found = _resolved(connection, ident)
            connection.execute(update(PersonRow).where(PersonRow.id == found).values(name=name))
            return _person(connection, found)

    def merge(self, ident: str, into: str) -> Person:
        """Two people are one: the voices of the first go to the second, who keeps the name; the first id leads there.

        `split` takes it back. Raises NotFound, and BadInput where both are one person already.
        """
        with self._database.writing() as connection:
            gone, kept = _resolved(connection, ident), _resolved(connection, into)
            if gone == kept:
                raise BadInput(f"{ident} and {into} are one person already", remedy="Give two different people.")
            connection.execute(update(VoiceRow).where(VoiceRow.person_id == gone).values(person_id=kept))
            connection.execute(update(MergedRow).where(MergedRow.person_id == gone).values(person_id=kept))
            connection.execute(update(SpeakerRow).where(SpeakerRow.person_id == gone).values(person_id=kept))
            connection.execute(delete(PersonRow).where(PersonRow.id == gone))
            connection.execute(insert(MergedRow).values(id=gone, person_id=kept))
            return _person(connection, kept)

    def split(self, ident: str, voices: Sequence[str], name: str) -> Person:
        """Some voices of a person are a new person's, who is given back.

        Raises NotFound, and BadInput for a bad name, voices that are not this person's, none of them or all.
        """
        name, wanted = _named(name), set(voices)
        with self._database.writing() as connection:
            person = _person(connection, _resolved(connection, ident))
            own = {voice.id for voice in person.voices}
            if strange := sorted(wanted - own):
                raise BadInput(f"{strange[0][:40]!r} is no voice of {person.id}", remedy=f"Its voices: {_list(own)}.")
            if not wanted or wanted == own:
                raise BadInput(
                    f"{len(wanted)} of {len(own)} voices can't be split off: one must go and one must stay",
                    remedy=f"Its voices: {_list(own)}. To change the name alone, rename.",
                )
            made = _made(connection, name, ())
            connection.execute(update(VoiceRow).where(VoiceRow.id.in_(wanted)).values(person_id=made.id))
            return _person(connection, made.id)

    def forget(self, ident: str) -> bool:
        """Forget a person for good: name, voices and ids are overwritten by zeros. Raises NotFound.

        False where another program was reading for so long that the log could not be emptied: `tidy` does it later, or
        whoever closes the database last.
        """
        with self._database.writing() as connection:
            connection.execute(delete(PersonRow).where(PersonRow.id == _resolved(connection, ident)))
        return self._erase()

    def tidy(self) -> bool:
        """Erase what was forgotten and is not erased yet; False where that still can't be done."""
        return not self._unerased or self._erase()

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def _erase(self) -> bool:
        with self._erasing:
            self._unerased = True
            self._unerased = not self._database.empty_log()
            return not self._unerased


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _people(connection: Connection, ident: str | None = None) -> tuple[Person, ...]:
    """Everybody, or the one of an id."""
    which, whose, merged = (
        select(PersonRow.id, PersonRow.name, PersonRow.created_s),
        select(VoiceRow),
        select(MergedRow),
    )
    if ident is not None:
        which = which.where(PersonRow.id == ident)
        whose, merged = whose.where(VoiceRow.person_id == ident), merged.where(MergedRow.person_id == ident)
    voices: dict[str, list[Voice]] = {}
    for row in connection.execute(whose.order_by(VoiceRow.created_s, VoiceRow.id)).mappings():
        embedding = tuple(np.frombuffer(row["embedding"], "<f4").tolist())
        heard = Voiceprint(embedding, row["model"], row["speech_s"], row["origin"])
        voices.setdefault(row["person_id"], []).append(Voice(row["id"], heard, row["created_s"]))
    ids: dict[str, list[str]] = {}
    for row in connection.execute(merged.order_by(MergedRow.id)).mappings():
        ids.setdefault(row["person_id"], []).append(row["id"])
    found = [
        Person(key, name, created_s, tuple(voices.get(key, ())), tuple(ids.get(key, ())))
        for key, name, created_s in connection.execute(which)
    ]
    return tuple(sorted(found, key=lambda p: (_folded(p.name), p.created_s, p.id)))


def _person(connection: Connection, ident: str) -> Person:
    (found,) = _people(connection, ident)
    return found


def _resolved(connection: Connection, ident: str) -> str:
    """The id of the person that an id leads to. Raises NotFound."""
    if connection.execute(select(PersonRow.id).where(PersonRow.id == ident)).scalar():
        return ident
    found = connection.execute(select(MergedRow.person_id).where(MergedRow.id == ident)).scalar()
    if found is None:
        raise _nobody(ident)
    return found


def _made(connection: Connection, name: str, rows: Sequence[dict[str, object]]) -> Person:
    ident = f"p_{secrets.token_hex(8)}"
    connection.execute(insert(PersonRow).values(id=ident, name=name, created_s=time.time()))
    if rows:
        connection.execute(insert(VoiceRow), [row | {"person_id": ident} for row in rows])
    return _person(connection, ident)


def _rows(voices: Sequence[Voiceprint]) -> list[dict[str, object]]:
    """Rows of voiceprints, without their person. Raises BadInput for none, and for one that is none."""
    if not voices:
        raise BadInput("nobody can be known without a voice", remedy="Give a clip of their speech.")
    now = time.time()
    return [
        {
            "id": f"v_{secrets.token_hex(8)}",
            "embedding": unit(voice.embedding).astype("<f4").tobytes(),
            "model": voice.model,
            "speech_s": voice.speech_s,
            "origin": "".join(c if c.isprintable() else "?" for c in voice.origin)[:200],
            "created_s": now + 1e-6 * index,  # so that they keep their order
        }
        for index, voice in enumerate(voices)
    ]


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _named(name: str) -> str:
    """A name as it is kept. Raises BadInput for an empty or long one, or control characters in it."""
    found = unicodedata.normalize("NFC", " ".join(name.split()))
    if not 0 < len(found) <= LONGEST_NAME or not found.isprintable():
        raise BadInput(f"a name has 1 to {LONGEST_NAME} printable characters, and this one does not", param="name")
    return found


def _folded(name: str) -> str:
    """A name as names are compared."""
    return unicodedata.normalize("NFC", " ".join(name.split())).casefold()


def _nobody(ident: str) -> NotFound:
    return NotFound(f"nobody is known as {ident[:LONGEST_NAME]!r}", remedy=LIST)


def _list(ids: set[str]) -> str:
    return ", ".join(sorted(ids))
