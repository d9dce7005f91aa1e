"""What a search finds, carried away and counted, on both databases."""

import pytest
from sqlalchemy import insert

from earwitness.archive.database import Database
from earwitness.archive.schema.people import PersonRow
from earwitness.archive.search import analytics, carried
from earwitness.archive.search.analytics import Counted, Stretch, Talk, activity, talk_time, top_terms
from earwitness.archive.viewer import HOUSE, Viewer
from earwitness.errors import BadInput
from support import said

STRANGER = Viewer("u_none")


@pytest.fixture
def talks(database: Database) -> Database:
    """Two recordings, the second an hour and a day later; Anna in both."""
    with database.writing() as connection:
        connection.execute(insert(PersonRow).values(id="p_1", name="Anna", created_s=0.0))
        one = said.recording(connection, title="Über <b>")
        two = said.recording(connection, began_s=said.BEGAN_S + 90_000)
        said.speakers(connection, one, [("S1", None, "p_1"), ("S2", "Bert", None)])
        said.speakers(connection, two, [("S1", "Bert", None), ("S3", None, "p_1")])
        said.say(connection, one, "fire alarm", "the alarm", speaker="S1")
        said.say(connection, one, "what alarm", speaker="S2", start_s=4)
        said.say(connection, two, "no alarm 12345", speaker="S3", began_s=said.BEGAN_S + 90_000)
        said.say(connection, two, "fire", began_s=said.BEGAN_S + 90_000, start_s=2)
    return database


def test_who_talks_how_long(talks: Database) -> None:
    anna, *others = talk_time(talks, HOUSE, "")
    assert anna == Talk("Anna", "p_1", 2, 3, 6.0)
    assert set(others) == {Talk("Bert", None, 1, 1, 2.0), Talk(None, None, 1, 1, 2.0)}
    assert talk_time(talks, HOUSE, "fire speaker:anna") == (Talk("Anna", "p_1", 1, 1, 2.0),)
    assert talk_time(talks, STRANGER, "") == ()


def test_when_it_was_said(talks: Database) -> None:
    began = int(said.BEGAN_S) // 3600 * 3600
    day = int(said.BEGAN_S) // 86_400 * 86_400
    assert activity(talks, HOUSE, "") == (Stretch(began, 3, 6.0), Stretch(began + 90_000, 2, 4.0))
    assert activity(talks, HOUSE, "alarm", "day") == (Stretch(day, 3, 6.0), Stretch(day + 86_400, 1, 2.0))
    assert activity(talks, HOUSE, "", "hour_of_day") == (Stretch(14, 3, 6.0), Stretch(15, 2, 4.0))
    assert activity(talks, HOUSE, "", "hour_of_day", 10 * 3600) == (Stretch(0, 3, 6.0), Stretch(1, 2, 4.0))
    assert activity(talks, HOUSE, "fire", "day", -15 * 3600)[0].at == day - 86_400 + 15 * 3600
    assert activity(talks, STRANGER, "") == ()


def test_what_is_talked_about(talks: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert top_terms(talks, HOUSE, "")[:2] == (Counted("alarm", 4), Counted("fire", 2))
    assert top_terms(talks, HOUSE, "alarm", 1) == (Counted("fire", 1),)
    assert top_terms(talks, STRANGER, "") == ()
    monkeypatch.setattr(analytics, "FEW", 5)
    monkeypatch.setattr(analytics, "COMMON", 0.5)
    assert top_terms(talks, HOUSE, "")[0] == Counted("fire", 2)


def test_what_is_found_is_carried_as_transcripts(talks: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = carried.carried(talks, HOUSE, "fire")
    assert (first.title, first.transcript.text, second.transcript.text) == ("Über <b>", "fire alarm", "fire")
    (segment,) = first.transcript.segments
    assert [(w.text, w.start_s) for w in segment.words] == [("fire", 0.0), ("alarm", 0.5)]
    assert [(s.id, s.name, s.speech_s) for s in first.transcript.speakers] == [("S1", "Anna", 2.0)]
    (first,) = carried.carried(talks, HOUSE, "speaker:bert")
    assert [(t.speaker, t.start_s) for t in first.transcript.turns] == [("S2", 4.0)]
    assert carried.carried(talks, STRANGER, "fire") == ()
    monkeypatch.setattr(carried, "MOST", 4)
    with pytest.raises(BadInput, match="more than 4 segments"):
        carried.carried(talks, HOUSE, "")


def test_without_an_archive_there_is_nothing(database: Database) -> None:
    for figure in (talk_time, activity, top_terms, carried.carried):
        assert figure(database, HOUSE, "x") == ()
