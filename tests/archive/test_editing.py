"""What people change stays changed, comes undone step by step, and no machine undoes it."""

from dataclasses import replace
from pathlib import Path

import pytest

from earwitness.archive.again import again
from earwitness.archive.database import Database
from earwitness.archive.editing import Editing, Who
from earwitness.archive.people import People
from earwitness.archive.recordings import Recordings
from earwitness.archive.viewer import HOUSE, Viewer
from earwitness.archive.writer import Writer
from earwitness.errors import BadInput, Conflict, NotFound
from earwitness.types import Provenance, Segment, Speaker, Transcript, Turn, Word
from support.colours import heard

ME = Viewer("u_me", everything=True)


def said(at_s: float, text: str, speaker: str | None = None) -> Segment:
    words = tuple(Word(w, at_s + n, at_s + n + 0.5, 0.9, True, speaker) for n, w in enumerate(text.split()))
    return Segment(at_s, at_s + len(words), text, "en", words, token_ids=(1, 2), speaker=speaker)


SPOKEN = Transcript(
    (said(0.0, "Their is a house.", "S1"), said(10.0, "Hello there.", "S2"), said(20.0, "And good bye.", "S1")),
    30.0,
    "en",
    "transcribe",
    Provenance("0", "fake", "fake", "test", {}),
    turns=(Turn(0.0, 4.0, "S1"), Turn(10.0, 12.0, "S2"), Turn(20.0, 23.0, "S1")),
    speakers=(Speaker("S1", 7.0), Speaker("S2", 2.0)),
)


@pytest.fixture
def recordings(database: Database, writer: Writer, tmp_path: Path) -> Recordings:
    return Recordings(database, writer, tmp_path)


@pytest.fixture
def ident(recordings: Recordings) -> str:
    """A recording with three segments."""
    return recordings.add(SPOKEN, viewer=HOUSE, title="Talk", kind="file", began_s=100.0)


@pytest.fixture
def editing(database: Database, writer: Writer) -> Editing:
    return Editing(database, writer)


def texts(recordings: Recordings, ident: str) -> list[str]:
    return [s.text for s in recordings.transcript(ident).segments]


def test_a_correction_keeps_the_times_of_what_stays(editing: Editing, recordings: Recordings, ident: str) -> None:
    first = editing.page(ident)[0]
    found = editing.edit(first.id, 0, ME, text="There  is a\nvery big house.")
    assert (found.revision, found.by_person, found.segment.text) == (1, True, "There is a very big house.")
    words = {w.text: w for w in found.segment.words}
    assert (words["is"].start_s, words["a"].start_s, words["house."].start_s) == (1.0, 2.0, 3.0)
    assert (words["There"].start_s, words["There"].confidence) == (0.0, None)
    assert 2.5 <= words["very"].start_s <= words["very"].end_s <= words["big"].end_s <= 3.0
    assert not words["big"].aligned
    assert found.segment.token_ids == ()
    (past,) = editing.history(first.id)
    assert (past.text, past.by, past.what, past.revision) == ("Their is a house.", "u_me", "text", 0)
    back = editing.undo(first.id, 1, ME)
    assert (back.segment, back.by_person, back.revision) == (SPOKEN.segments[0], False, 2)
    assert recordings.transcript(ident).segments == SPOKEN.segments


def test_changes_are_undone_one_after_the_other(editing: Editing, recordings: Recordings, ident: str) -> None:
    first = editing.page(ident)[0].id
    editing.edit(first, 0, ME, text="One.")
    editing.edit(first, 1, ME, text="Two.")
    editing.edit(first, 2, ME, speaker="S2")
    for revision, (text, speaker) in enumerate([("Two.", "S1"), ("One.", "S1"), ("Their is a house.", "S1")], 3):
        found = editing.undo(first, revision, ME).segment
        assert (found.text, found.speaker) == (text, speaker)
    with pytest.raises(BadInput, match="no person"):
        editing.undo(first, 6, ME)
    assert [p.what for p in editing.history(first)] == ["undone"] * 3 + ["speaker", "text", "text"]


def test_who_comes_late_is_told(editing: Editing, ident: str) -> None:
    first = editing.page(ident)[0].id
    editing.edit(first, 0, ME, text="Mine.")
    for late in (
        lambda: editing.edit(first, 0, ME, text="Yours."),
        lambda: editing.split(first, 0, 2, ME),
        lambda: editing.join(first, 0, ME),
        lambda: editing.undo(first, 0, ME),
    ):
        with pytest.raises(Conflict, match="revision 1"):
            late()
    assert editing.one(first).segment.text == "Mine."


def test_a_segment_is_split_and_put_together_again(editing: Editing, recordings: Recordings, ident: str) -> None:
    first = editing.page(ident)[0].id
    one, two = editing.split(first, 0, len("Their is"), ME)
    assert (one.segment.text, two.segment.text) == ("Their is", "a house.")
    assert (one.segment.end_s, two.segment.start_s, two.said_s) == (1.5, 2.0, 102.0)
    assert [len(s.segment.words) for s in (one, two)] == [2, 2]
    assert texts(recordings, ident) == ["Their is", "a house.", "Hello there.", "And good bye."]
    editing.edit(two.id, 0, ME, text="a barn.")
    with pytest.raises(Conflict, match="second half"):
        editing.undo(first, 1, ME)
    editing.undo(two.id, 1, ME)
    with pytest.raises(Conflict):  # it was changed, and changed back
        editing.undo(first, 1, ME)
    joined = editing.join(first, 1, ME)
    assert joined.segment.text == "Their is a house."
    assert texts(recordings, ident) == [s.text for s in SPOKEN.segments]
    apart = editing.undo(first, 2, ME)
    assert apart.segment.text == "Their is"
    assert [p.what for p in editing.history(two.id)] == ["undone", "text"], "the history of the other came back too"
    for at in (0, -4, 99):
        with pytest.raises(BadInput):
            editing.split(first, 3, at, ME)


def test_a_split_comes_undone(editing: Editing, recordings: Recordings, ident: str) -> None:
    first = editing.page(ident)[0].id
    editing.split(first, 0, 5, ME)
    editing.undo(first, 1, ME)
    assert recordings.transcript(ident).segments == SPOKEN.segments
    with pytest.raises(BadInput, match="nothing follows"):
        editing.join(editing.page(ident)[-1].id, 0, ME)


def test_speakers_are_said_and_named(editing: Editing, recordings: Recordings, ident: str, database: Database) -> None:
    anna = People(database).enrol("Anna", [heard(1)])
    editing.edit(editing.page(ident)[0].id, 0, ME, speaker="S3")
    editing.describe(
        ident, ME, title=" New\ntitle ", kept=True, speakers={"S1": Who(person=anna.id), "S3": Who("Bert")}
    )
    found = recordings.transcript(ident)
    assert [(s.id, s.name) for s in found.speakers] == [("S1", "Anna"), ("S2", None), ("S3", "Bert")]
    assert [t.speaker for t in found.turns] == ["S3", "S2", "S1"]
    assert {w.speaker for w in found.segments[0].words} == {"S3"}
    card = recordings.one(ident)
    assert (card.title, card.kept) == ("New title", True)
    editing.describe(ident, ME, speakers={"S1": Who(person="")})
    assert recordings.transcript(ident).speakers[0].name is None
    for wrong in ({"S9": Who("X")}, {"S1": Who(person="p_none")}):
        with pytest.raises(NotFound):
            editing.describe(ident, ME, speakers=wrong)
    with pytest.raises(BadInput):
        editing.edit(editing.page(ident)[1].id, 0, ME, speaker="<b>")


@pytest.mark.parametrize("text", ["", " \n\t", "\0", "x" * 20_001])
def test_a_text_that_is_none(editing: Editing, ident: str, text: str) -> None:
    with pytest.raises(BadInput):
        editing.edit(editing.page(ident)[0].id, 0, ME, text=text)


def test_no_machine_changes_what_a_person_has_changed(
    editing: Editing, recordings: Recordings, ident: str, writer: Writer
) -> None:
    second = editing.page(ident)[1].id
    editing.edit(second, 0, ME, text="Hullo there.")
    editing.describe(ident, ME, speakers={"S2": Who("Bert")})
    heard_again = replace(
        SPOKEN,
        segments=(said(0.0, "There is a mouse.", "S1"), said(10.2, "Yellow bear.", "S2"), said(20.0, "Bye.", "S2")),
    )
    again(writer, ident, heard_again)
    found = recordings.transcript(ident)
    assert [(s.text, s.speaker) for s in found.segments] == [
        ("There is a mouse.", "S1"), ("Hullo there.", "S2"), ("Bye.", "S3")
    ]  # fmt: skip
    assert {s.id: s.name for s in found.speakers} == {"S1": None, "S2": "Bert", "S3": None}
    assert editing.undo(second, 1, ME).segment.text == "Hello there."
    again(writer, ident, heard_again)
    assert texts(recordings, ident) == ["There is a mouse.", "Yellow bear.", "Bye."]


def test_nobody_changes_what_is_not_theirs(editing: Editing, ident: str) -> None:
    other, first = Viewer("u_other"), editing.page(ident)[0].id
    for asked in (
        lambda: editing.page(ident, other),
        lambda: editing.one(first, other),
        lambda: editing.history(first, other),
        lambda: editing.edit(first, 0, other, text="Mine."),
        lambda: editing.split(first, 0, 3, other),
        lambda: editing.join(first, 0, other),
        lambda: editing.undo(first, 0, other),
        lambda: editing.describe(ident, other, title="Mine"),
    ):
        with pytest.raises(NotFound):
            asked()


def test_segments_come_in_pages(editing: Editing, ident: str) -> None:
    found, after = list[int](), None
    while page := editing.page(ident, after=after, most=2):
        found += [s.id for s in page]
        after = page[-1].segment.start_s, page[-1].id
    assert found == [s.id for s in editing.page(ident)]
    assert len(found) == 3
