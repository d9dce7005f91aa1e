"""Notes and highlights at places of a recording."""

from pathlib import Path

import pytest

from earwitness.archive.database import Database
from earwitness.archive.editing import Editing
from earwitness.archive.notes import LONGEST, Notes
from earwitness.archive.recordings import Recordings
from earwitness.archive.viewer import HOUSE, Viewer
from earwitness.archive.writer import Writer
from earwitness.errors import BadInput, NotFound
from earwitness.noted import Note
from earwitness.types import Provenance, Segment, Transcript

SPOKEN = Transcript(
    (Segment(0.0, 2.0, "Good morning.", "en"), Segment(2.0, 4.0, "And good bye.", "en")),
    4.0,
    "en",
    "transcribe",
    Provenance("0", "fake", "fake", "test", {}),
)


@pytest.fixture
def notes(database: Database, writer: Writer) -> Notes:
    return Notes(database, writer)


@pytest.fixture
def editing(database: Database, writer: Writer) -> Editing:
    return Editing(database, writer)


@pytest.fixture
def recordings(database: Database, writer: Writer, tmp_path: Path) -> Recordings:
    return Recordings(database, writer, tmp_path)


@pytest.fixture
def ident(recordings: Recordings) -> str:
    return recordings.add(SPOKEN, viewer=Viewer("u_me"), title="Talk", kind="file", began_s=100.0)


def test_they_are_kept_in_the_order_of_time_and_outlive_corrections(
    notes: Notes, editing: Editing, recordings: Recordings, ident: str
) -> None:
    late = notes.add(ident, Note(3.0, 4.0, "highlight", ""))
    early = notes.add(ident, Note(1.0, 1.0, "note", "  Ask <b>Anna</b>\u202e\n\nabout it \0 "), Viewer("u_me"))
    assert early.note.text == "Ask <b>Anna</b>\n\nabout it"
    assert early.by == "u_me"
    assert notes.all(ident) == (early, late)
    editing.join(editing.page(ident)[0].id, 0)
    fresh = notes.change(ident, early.id, "Done")
    assert [n.note for n in notes.all(ident)] == [Note(1.0, 1.0, "note", "Done"), late.note]
    assert fresh.at_s >= early.at_s
    notes.remove(ident, late.id)
    assert notes.all(ident) == (fresh,)
    recordings.remove(ident)
    with pytest.raises(NotFound):
        notes.all(ident)


@pytest.mark.parametrize(
    "note",
    [
        Note(1.0, 2.0, "note", " \n "),
        Note(1.0, 2.0, "note", "x" * (LONGEST + 1)),
        Note(2.0, 1.0, "note", "x"),
        Note(-1.0, 1.0, "note", "x"),
        Note(float("nan"), 1.0, "note", "x"),
        Note(0.0, float("inf"), "highlight", ""),
    ],
)
def test_what_is_no_note_is_refused(notes: Notes, ident: str, note: Note) -> None:
    with pytest.raises(BadInput):
        notes.add(ident, note)
    assert notes.all(ident) == ()


def test_nobody_touches_what_is_not_theirs(notes: Notes, ident: str, recordings: Recordings) -> None:
    mine = notes.add(ident, Note(0.0, 1.0, "note", "Mine"))
    other = recordings.add(SPOKEN, viewer=HOUSE, title="x", kind="file", began_s=1.0)
    stranger = Viewer("u_other")
    for does in (
        lambda: notes.all(ident, stranger),
        lambda: notes.add(ident, Note(0.0, 1.0, "note", "x"), stranger),
        lambda: notes.change(ident, mine.id, "x", stranger),
        lambda: notes.remove(ident, mine.id, stranger),
        lambda: notes.change(other, mine.id, "x"),
        lambda: notes.remove(ident, mine.id + 9),
    ):
        with pytest.raises(NotFound):
            does()
    assert notes.all(ident) == (mine,)
