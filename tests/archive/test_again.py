"""A recording that is transcribed again in parts, or further: what is there and not meant stays as it is."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from earwitness.archive import told
from earwitness.archive.again import added, ready, replaced
from earwitness.archive.viewer import HOUSE, Viewer
from earwitness.archive.whole import Archive
from earwitness.errors import BadInput, Conflict, NotFound
from earwitness.types import Notice, Provenance, Segment, Speaker, Suppressed, Transcript, Word
from support import colours, pieces, sounds

ORIGIN = Provenance("1", "fake", "old", "cpu", {"model": "old"})


def said(start_s: float, text: str, speaker: str | None = None) -> Segment:
    """A second a word, and a little silence after it."""
    words = tuple(Word(w, start_s + n, start_s + n + 0.9, 0.5) for n, w in enumerate(text.split()))
    return Segment(start_s, words[-1].end_s, text, "en", words, speaker=speaker)


FIRST = Transcript(
    (said(0.0, "a b c", "S1"), said(10.0, "d e f", "S2"), said(20.0, "g h i", "S1")), 30.0, "en", "transcribe", ORIGIN,
    (Suppressed(15.0, 16.0, "loop", "x"), Suppressed(25.0, 26.0, "loop", "y")),
    speakers=(Speaker("S1", 5.8), Speaker("S2", 2.9)),
)  # fmt: skip


@pytest.fixture
def ident(archive: Archive) -> str:
    """A recording of 30 s, of which the sound is kept."""
    made = archive.recordings.add(FIRST, viewer=HOUSE, title="Talk", kind="file", began_s=100.0)
    pieces.keep(archive, made, sounds.silence(30.0))
    return made


def heard(*segments: Segment, **rest: Any) -> Transcript:
    return replace(
        FIRST, segments=segments, provenance=replace(ORIGIN, model="new"), suppressed=(), speakers=(), **rest
    )


def texts(archive: Archive, ident: str) -> list[str]:
    return [s.text for s in archive.recordings.transcript(ident).segments]


def test_a_stretch_is_replaced_and_the_rest_stays(archive: Archive, ident: str) -> None:
    before = archive.editing.page(ident)
    anew = heard(said(9.5, "X d e f", "S1"), said(19.1, "Y Z"), language="de")
    anew = replace(anew, suppressed=(Suppressed(15.5, 16.0, "loop", "z"),), speakers=(Speaker("S1", 3.9),))
    archive.writer.write(partial(replaced, ident, anew, heard=[(9.0, 20.0)]))
    found = archive.recordings.transcript(ident)
    assert [(s.text, s.speaker) for s in found.segments] == [
        ("a b c", "S1"), ("X d e f", "S2"), ("Y", None), ("g h i", "S1")
    ]  # fmt: skip
    assert [s.id for s in archive.editing.page(ident) if s.segment.start_s in {0.0, 20.0}] == [
        before[0].id,
        before[2].id,
    ]
    assert [(s.start_s, s.text) for s in found.suppressed] == [(15.5, "z"), (25.0, "y")]
    assert [s.id for s in found.speakers] == ["S1", "S2"]
    assert (found.language, found.provenance.model, found.complete) == ("en", "old", True)
    (notice,) = found.provenance.notices
    assert notice == Notice("transcribed_again", "00:00:09.000 to 00:00:20.000 was transcribed again, by new")
    assert [round(s.speech_s, 1) for s in found.speakers] == [5.8, 3.9]


def test_what_a_person_corrected_in_it_stays_and_is_not_said_twice(archive: Archive, ident: str) -> None:
    second = archive.editing.page(ident)[1]
    archive.editing.edit(second.id, 0, HOUSE, text="D e F")
    archive.writer.write(partial(replaced, ident, heard(said(8.0, "u v d e f w")), heard=[(5.0, 20.0)]))
    assert texts(archive, ident) == ["a b c", "u v", "D e F", "w", "g h i"]


def test_people_who_are_known_keep_their_labels(archive: Archive, ident: str) -> None:
    anna = archive.people.enrol("Anna", [colours.heard(1)])
    known = replace(FIRST, speakers=(Speaker("S1", 5.8, person=anna.id), Speaker("S2", 2.9)))
    archive.writer.write(partial(replaced, ident, known))
    anew = replace(heard(said(10.0, "d e f", "S2")), speakers=(Speaker("S2", 2.9, person=anna.id),))
    archive.writer.write(partial(replaced, ident, anew, heard=[(9.0, 15.0)]))
    found = archive.recordings.transcript(ident)
    assert [s.speaker for s in found.segments] == ["S1", "S1", "S1"]
    assert [s.name for s in found.speakers] == ["Anna"]


def test_what_is_heard_later_comes_behind_and_overwrites_nothing(archive: Archive, ident: str) -> None:
    later = heard(said(22.0, "i j"), said(26.0, "k l"))
    archive.writer.write(partial(added, ident, later))
    assert texts(archive, ident) == ["a b c", "d e f", "g h i", "j", "k l"]
    assert archive.recordings.transcript(ident).provenance.notices == ()


def test_no_word_is_cut_in_two(archive: Archive) -> None:
    """Where segments touch each other there is no pause to cut in."""
    spoken = ((0.0, "a b"), (5.0, "c d"), (6.9, "e f"), (8.8, "g"), (11.0, "h"))
    close = replace(FIRST, segments=tuple(said(*one) for one in spoken))
    ident = archive.recordings.add(close, viewer=HOUSE, title="", kind="file", began_s=0.0)
    pieces.keep(archive, ident, sounds.silence(30.0))
    about = ready(archive, ident, HOUSE, 7.0, 8.0).about
    assert about == {"from_s": pytest.approx(4.5), "to_s": pytest.approx(10.2)}
    second = archive.editing.page(ident)[1]
    archive.editing.edit(second.id, 0, HOUSE, text="C D")
    assert ready(archive, ident, HOUSE, 7.0, 8.0).about["from_s"] == pytest.approx(6.9)


def test_what_can_be_asked_again(archive: Archive, ident: str) -> None:
    order = ready(archive, ident, HOUSE)
    assert (order.kind, order.recording, order.name, order.recipe) == ("again", ident, "Talk", {"model": "old"})
    assert order.about == {"from_s": 0.0, "to_s": None}
    assert ready(archive, ident, HOUSE, 11.0, 21.0).about == {"from_s": 9.5, "to_s": 23.4}
    assert ready(archive, ident, HOUSE, 13.0, 19.8).about == {"from_s": 12.9, "to_s": 20.0}
    assert ready(archive, ident, HOUSE, 0.2, 40.0).about == {"from_s": 0.0, "to_s": None}
    for wrong in ((30.0, None), (5.0, 5.0), (7.0, 3.0)):
        with pytest.raises(BadInput):
            ready(archive, ident, HOUSE, *wrong)
    with pytest.raises(NotFound):
        ready(archive, ident, Viewer("u_other"))
    silent = archive.recordings.add(FIRST, viewer=HOUSE, title="", kind="live", began_s=100.0)
    with pytest.raises(Conflict, match="no sound"):
        ready(archive, silent, HOUSE)
    path = pieces.keep(archive, silent, sounds.silence(5.0))
    assert ready(archive, silent, HOUSE, 4.0, 12.0).recording == silent
    with pytest.raises(Conflict, match="no sound"):
        ready(archive, silent, HOUSE, 10.0, 13.0)
    (archive.folder / path).unlink()
    with pytest.raises(Conflict, match="no sound"):
        ready(archive, silent, HOUSE)
    archive.writer.write(lambda c: told.settled(c, ident, "waiting"))
    with pytest.raises(Conflict, match="being heard"):
        ready(archive, ident, HOUSE)
