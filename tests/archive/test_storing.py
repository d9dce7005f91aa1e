"""A live session in the archive: what was told is kept, once, and nothing that goes wrong stops it."""

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from earwitness.archive import storing, tail
from earwitness.archive.database import Database
from earwitness.archive.recordings import Recordings
from earwitness.archive.schema.heard import RevisionRow, SegmentRow, TakeRow
from earwitness.archive.schema.work import EventRow
from earwitness.archive.storing import Opening, Storing
from earwitness.archive.writer import Writer
from earwitness.errors import NotFound, StorageFailed
from earwitness.events import Ended, Event, Failed, Final, Gap, Named, Noted, Numbered, Revised, Settled
from earwitness.types import Notice, Provenance, Segment, Speaker, Suppressed, Word

OPENING = Opening("abc", "here", "u_a", "News", provenance=Provenance("1", "fake", "tiny", "cpu", {"model": "tiny"}))
HELD = Suppressed(4.0, 5.0, "loop", "you you you")


def said(number: int, text: str, speaker: str | None = None) -> Final:
    words = tuple(Word(w, number + 0.0, number + 0.5, 0.5) for w in text.split())
    return Final(number, number, Segment(number + 0.0, number + 0.5, text, "en", words, speaker=speaker))


def numbered(*events: Event, after: int = 0) -> list[Numbered]:
    return [Numbered(n, e) for n, e in enumerate(events, after + 1)]


@pytest.fixture
def recordings(database: Database, writer: Writer, tmp_path: Path) -> Recordings:
    return Recordings(database, writer, tmp_path)


@pytest.fixture
def session(database: Database, writer: Writer) -> Storing:
    """A session of which sound has come."""
    found = Storing(database, writer, OPENING)
    found.heard(0, 1_600)
    return found


def rows(database: Database, table: Any) -> list[Any]:
    with database.reading() as connection:
        assert connection is not None
        return list(connection.execute(select(table.__table__).order_by(table.__table__.c.id)).mappings())


def test_a_session_is_kept_as_it_goes(session: Storing, recordings: Recordings, database: Database) -> None:
    assert session.tell([]) is None
    card = recordings.one(session.id)
    assert (card.kind, card.state, card.title, card.owner_id, card.session) == ("live", "open", "News", "u_a", "abc")
    assert time.time() - card.began_s < 20
    first, second = said(1, "Good evening."), said(2, "Hello there.")
    assert session.tell(numbered(first, second)) is None
    assert recordings.transcript(session.id).text == "Good evening. Hello there."
    voiced = replace(first.segment, speaker="S1", words=tuple(replace(w, speaker="S1") for w in first.segment.words))
    session.tell(numbered(Revised(1, 1, "speaker", voiced), Named(Speaker("S1", name="Anna")), after=2))
    held, noted = Settled(3, 4.0, 5.0, (HELD,)), Noted(Notice("fell_back", "to another"))
    session.tell(numbered(held, noted, Ended(7.5), after=4))
    found = recordings.transcript(session.id)
    assert found.segments == (voiced, second.segment)
    assert found.suppressed == (HELD,)
    assert (found.complete, found.duration_s, found.language) == (True, 7.5, "en")
    assert found.speakers == (Speaker("S1", 0.5, name="Anna"),)
    assert found.provenance == replace(OPENING.provenance, notices=(Notice("fell_back", "to another"),))
    assert recordings.one(session.id).state == "whole"
    (take,) = rows(database, TakeRow)
    assert (take["start_s"], take["end_s"], take["why"]) == (0.0, 7.5, "end")
    (change,) = rows(database, RevisionRow)
    assert (change["by"], change["what"], change["before"]["speaker"]) == ("machine", "speaker", None)
    told = [(e["topic"], e["kind"], e["owner_id"]) for e in rows(database, EventRow)]
    assert told[:2] == [("recordings", "opened", "u_a"), ("segments", "made", "u_a")]
    assert told[-1] == ("recordings", "closed", "u_a")


def test_a_session_in_which_nothing_is_heard_leaves_nothing(
    database: Database, writer: Writer, recordings: Recordings
) -> None:
    silent = Storing(database, writer, OPENING)
    silent.tell(numbered(Noted(Notice("idle", "nothing came")), Ended(0.0)))
    silent.close(later=False)
    assert recordings.page().recordings == ()


def test_gaps_and_pauses_part_the_takes(session: Storing, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    session.tell(numbered(said(1, "One."), Gap(2.0, 5.0, "overload"), said(5, "Two.")))
    later = time.time() + 100
    monkeypatch.setattr(time, "time", lambda: later)
    session.heard(16_000 * 7, 1_600)
    session.tell(numbered(said(8, "Three."), Ended(9.0), after=3))
    takes = rows(database, TakeRow)
    assert [(t["start_s"], t["end_s"], t["why"]) for t in takes] == [
        (0.0, 2.0, "overload"), (5.0, 7.0, "paused"), (7.0, 9.0, "end")
    ]  # fmt: skip
    one, two, three = rows(database, SegmentRow)
    assert two["said_s"] - one["said_s"] == pytest.approx(4.0)
    assert three["said_s"] == pytest.approx(later - 0.1 + 1.0)


def test_a_session_goes_on_after_its_process_and_nothing_is_kept_twice(
    session: Storing, database: Database, writer: Writer, recordings: Recordings
) -> None:
    before = numbered(said(1, "One."), Settled(1, 1.0, 2.0, (HELD,)), said(2, "Two."))
    session.tell(before[:1])  # and then the process was killed, when its journal had it all
    again = Storing(database, writer, OPENING)
    assert again.id == session.id
    again.tell(before)
    again.tell([Numbered(10_003, said(3, "Three.")), Numbered(10_004, Ended(4.0))])
    found = recordings.transcript(session.id)
    assert found.text == "One. Two. Three."
    assert found.suppressed == (HELD,)
    assert [r["revision"] for r in rows(database, SegmentRow)] == [0, 0, 0]
    assert len(rows(database, TakeRow)) == 1
    assert len(recordings.page().recordings) == 1


def test_a_database_that_takes_nothing_costs_nothing(
    session: Storing, recordings: Recordings, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = writer.submit
    full = StorageFailed("the disk is full")

    def refuse(change: object) -> Any:
        raise full

    monkeypatch.setattr(storing, "AGAIN_S", 0.0)
    monkeypatch.setattr(writer, "submit", refuse)
    notice = session.tell(numbered(said(1, "One.")))
    assert notice is not None
    assert (notice.code, "the disk is full" in notice.message) == ("not_stored", True)
    assert session.tell(numbered(said(2, "Two."), after=1)) is None, "it is said once"
    monkeypatch.setattr(writer, "submit", submit)
    assert session.tell(numbered(said(3, "Three."), Ended(4.0), after=2)) is None
    assert recordings.transcript(session.id).text == "One. Two. Three."


def test_a_database_that_does_not_answer_is_not_waited_for(
    session: Storing, recordings: Recordings, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    gate = threading.Event()
    held = writer.submit(lambda _: gate.wait(20))
    monkeypatch.setattr(storing, "PATIENCE_S", 0.05)
    notice = session.tell(numbered(said(1, "One.")))
    assert notice is not None
    assert "does not answer" in notice.message
    assert session.tell(numbered(said(2, "Two."), after=1)) is None
    gate.set()
    held.result()
    monkeypatch.setattr(storing, "PATIENCE_S", 20.0)
    writer.write(lambda _: None)
    assert session.tell(numbered(Ended(4.0), after=2)) is None
    assert recordings.transcript(session.id).text == "One. Two."


def test_what_a_person_has_changed_or_taken_away_stays_so(
    session: Storing, database: Database, recordings: Recordings
) -> None:
    session.tell(numbered(said(1, "One."), said(2, "Two.")))
    with database.writing() as connection:
        connection.execute(
            SegmentRow.__table__.update().where(SegmentRow.number == 1).values(text="Won.", by_person=True)  # type: ignore[attr-defined]
        )
    late = replace(said(1, "One.").segment, speaker="S1")
    session.tell(numbered(Revised(1, 1, "speaker", late), after=2))
    assert [(s.text, s.speaker) for s in recordings.transcript(session.id).segments] == [("Won.", None), ("Two.", None)]
    recordings.remove(session.id)
    notice = session.tell(numbered(said(3, "Three."), after=3))
    assert notice is not None
    assert "taken out" in notice.message
    assert session.tell(numbered(said(4, "Four."), after=4)) is None
    with pytest.raises(NotFound):
        recordings.one(session.id)


@pytest.mark.parametrize("how", ["failed", "left", "crash"])
def test_what_ends_before_its_end_is_told_as_part(
    session: Storing, database: Database, writer: Writer, recordings: Recordings, how: str
) -> None:
    session.tell(numbered(said(1, "One.")))
    if how == "failed":
        session.tell(numbered(Failed("engine_failed", "it broke", "", fatal=True), after=1))
    elif how == "left":
        session.close(later=False)
        writer.write(lambda _: None)
    else:
        with database.reading() as connection:
            assert connection is not None
            assert storing.left_open(connection, "elsewhere") == []
            assert storing.left_open(connection, "here") == [(session.id, "abc")]
        writer.write(partial(tail.left, session.id, "crash"))
    card = recordings.one(session.id)
    assert (card.state, card.duration_s) == ("part", 1.5)
    assert not recordings.transcript(session.id).complete
    (take,) = rows(database, TakeRow)
    assert (take["end_s"], take["why"]) == (1.5, "engine_failed" if how == "failed" else how)
