"""Search by meaning on both databases, with the real model: what is found, by whom, and as it is by now."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update

from earwitness.archive.database import Database
from earwitness.archive.editing import Editing
from earwitness.archive.recordings import Recordings
from earwitness.archive.schema.accounts import GrantRow, UserRow
from earwitness.archive.schema.heard import PassageRow, RecordingRow
from earwitness.archive.search import vectors
from earwitness.archive.search.find import Found, Search
from earwitness.archive.search.making import Making
from earwitness.archive.search.meaning import Meaning
from earwitness.archive.viewer import HOUSE, Viewer
from earwitness.archive.writer import Writer
from earwitness.embedding import TextEmbedder
from earwitness.errors import BadInput, Busy, Missing
from earwitness.parts import embed_minilm
from support import said

CAR = "We were late because the car broke down on the way to the office"
ALARM = "The fire alarm went off in the kitchen while we were having lunch"
BUDGET = "For next year the committee has less money to spend than before"
TALK = (CAR, ALARM, BUDGET)


@pytest.fixture(scope="module")
def model() -> TextEmbedder:
    """The real one."""
    if why := embed_minilm.spec.missing():
        pytest.skip(why)
    return embed_minilm.spec.load()


@pytest.fixture
def making(database: Database, writer: Writer, model: TextEmbedder) -> Making:
    return Making(database, writer, model)


@pytest.fixture
def meaning(database: Database, model: TextEmbedder) -> Meaning:
    """Search by meaning."""
    return Meaning(database, lambda: model, 64.0)


def made(making: Making) -> int:
    """Make all that is due."""
    total = sum(making.make(recording) for recording, _ in making.due())
    assert making.due() == ()
    assert making.waiting() == 0
    return total


def texts(found: Found) -> list[str]:
    return [hit.text for hit in found.hits]


def meant(meaning: Meaning, query: str, viewer: Viewer = HOUSE) -> list[str]:
    return texts(meaning.find(viewer, query, mode="meaning"))


def one(database: Database, *what: str, **about: str | None) -> tuple[str, list[int]]:
    """A recording in which something is said; the ids of it and its segments."""
    with database.writing() as connection:
        ident = said.recording(connection, **about)  # type: ignore[arg-type]
        return ident, said.say(connection, ident, *what)


def passages(database: Database) -> int:
    with database.reading() as connection:
        assert connection is not None
        return connection.execute(select(func.count()).select_from(PassageRow)).scalar_one()


def test_what_means_the_same_is_found_though_no_word_is_there(
    database: Database, making: Making, meaning: Meaning
) -> None:
    one(database, *TALK)
    assert meant(meaning, "automobile") == []
    assert made(making) == 3
    for query, text in (("automobile", CAR), ("a vehicle that does not work", CAR), ("something is burning", ALARM)):
        assert Search(database).find(HOUSE, query).hits == ()
        found = meaning.find(HOUSE, query, mode="meaning")
        assert (texts(found), found.count, found.more, found.next) == ([text], 1, False, None), query
        (hit,) = found.hits
        assert (hit.found_by, hit.marks) == ("meaning", ())
        assert hit.passage is not None
        assert (hit.passage.text, hit.passage.end_s - hit.passage.start_s) == (text, 2.0)
        assert 0.2 < hit.passage.likeness < 1
    assert meant(meaning, "planets and their moons") == []


def test_words_and_meaning_are_put_together(database: Database, making: Making, meaning: Meaning) -> None:
    one(database, *TALK, "A car is a car and cars they are, said nobody ever in here")
    made(making)
    found = meaning.find(HOUSE, "car", mode="both")
    assert found.count == 2
    assert {hit.found_by for hit in found.hits} == {"both"}
    assert all(hit.marks and hit.passage for hit in found.hits)
    found = meaning.find(HOUSE, "money OR motorcar", mode="both")
    assert {hit.text: hit.found_by for hit in found.hits}.items() >= {BUDGET: "words", CAR: "meaning"}.items()
    found = meaning.find(HOUSE, "monye", mode="both")
    assert (found.typos, found.instead, found.hits[0].text) == (True, {"monye": ("money",)}, BUDGET)
    assert not meaning.find(HOUSE, "monye", mode="both", near=False).instead


def test_short_segments_are_found_together(database: Database, making: Making, meaning: Meaning) -> None:
    one(database, "Well", "yes", "the car", "it broke down", "last night, you know", ALARM)
    assert made(making) == 2
    (hit,) = meaning.find(HOUSE, "vehicle trouble", mode="meaning").hits
    assert hit.passage is not None
    assert hit.passage.text == "Well yes the car it broke down last night, you know"
    assert (hit.text, hit.passage.start_s, hit.passage.end_s) == ("Well", 0.0, 10.0)
    (hit,) = meaning.find(HOUSE, "car", mode="both").hits
    assert (hit.text, hit.found_by) == ("the car", "both")


def test_filters_hold_for_meaning_too(database: Database, making: Making, meaning: Meaning) -> None:
    with database.writing() as connection:
        door, yard = said.source(connection, "Front door"), said.source(connection, "Yard")
        first, second = said.recording(connection, source=door), said.recording(connection, source=yard)
        said.speakers(connection, first, [("S1", "Anna", None), ("S2", "Bert", None)])
        said.say(connection, first, "The car broke", speaker="S1")
        said.say(connection, first, "down, on the motorway, in the rain, I heard", speaker="S2", start_s=2)
        said.say(connection, second, CAR, start_s=1000)
    assert made(making) == 2
    both = ["The car broke", CAR]
    for query, wanted in {
        "": both,
        "speaker:anna": both[:1],
        "speaker:bert": ["down, on the motorway, in the rain, I heard"],
        "-speaker:bert": both,
        "speaker:carl": [],
        "source:yard": [CAR],
        "-source:yard": both[:1],
        "lang:en": both,
        "lang:de": [],
        "after:2026-09-21T14:20": [CAR],
        "before:2026-09-21T14:20": both[:1],
        f"recording:{first}": both[:1],
        f"-recording:{first}": [CAR],
        "-office": both[:1],
        "-motorway": both,
        '-"broke down"': both[:1],
        "-car": ["down, on the motorway, in the rain, I heard"],
    }.items():
        assert sorted(meant(meaning, f"automobile trouble {query}")) == sorted(wanted), query
    (hit,) = meaning.find(HOUSE, "automobile trouble speaker:bert", mode="meaning").hits
    assert hit.passage is not None
    assert "The car broke" not in hit.passage.text


def test_nobody_finds_what_they_may_not_see(database: Database, making: Making, meaning: Meaning) -> None:
    with database.writing() as connection:
        for ident in ("u_1", "u_2"):
            row = {"id": ident, "name": ident, "folded": ident, "role": "viewer", "enabled": True, "made_s": 0.0}
            connection.execute(insert(UserRow).values(**row))
        door = said.source(connection, "door")
        own, granted, other = (said.recording(connection, owner=who) for who in ("u_1", None, None))
        of_source = said.recording(connection, source=door)
        for ident, word in ((own, "own"), (granted, "granted"), (other, "other"), (of_source, "source")):
            said.say(connection, ident, f"{CAR}, the {word} one")
        connection.execute(insert(GrantRow).values(user_id="u_1", recording_id=granted, verb="view"))
        connection.execute(insert(GrantRow).values(user_id="u_1", source_id=door, verb="view"))
        connection.execute(insert(GrantRow).values(user_id="u_1", recording_id=other, verb="listen"))
    made(making)
    assert len(meant(meaning, "automobile")) == 4  # all of it is in memory now
    for mode in ("meaning", "both"):
        found = meaning.find(Viewer("u_1"), "automobile", mode=mode)
        assert sorted(texts(found)) == [f"{CAR}, the {word} one" for word in ("granted", "own", "source")]
        assert found.count == 3
        for query in ("automobile", "car", f"car recording:{other}", "car source:door", "car -own", "cra"):
            found = meaning.find(Viewer("u_2"), query, mode=mode)
            assert (found.hits, found.count, found.next, found.instead) == ((), 0, None, {})
    key = Viewer("u_2", sources=(door,), every=True)
    assert meant(meaning, "automobile", key) == [f"{CAR}, the source one"]
    assert meant(meaning, "automobile", replace(key, every=False)) == []
    with database.writing() as connection:  # and it is taken back
        connection.execute(update(RecordingRow).where(RecordingRow.id == own).values(owner_id="u_2"))
    assert "the own one" not in " ".join(meant(meaning, "automobile", Viewer("u_1")))
    assert meant(meaning, "automobile", Viewer("u_2")) == [f"{CAR}, the own one"]


def test_what_was_corrected_is_found_anew_and_the_old_no_more(
    database: Database, writer: Writer, making: Making, meaning: Meaning
) -> None:
    _, (ident, _) = one(database, CAR, BUDGET)
    made(making)
    assert meant(meaning, "automobile") == [CAR]
    editing, fresh = Editing(database, writer), "We were late because a volcano broke out on the way to the office"
    revision = editing.edit(ident, 1, text=fresh).revision
    assert meant(meaning, "automobile") == []  # at once, though nothing was made since
    assert made(making) == 1
    assert meant(meaning, "lava and ashes") == [fresh]
    assert meant(meaning, "automobile") == []
    editing.undo(ident, revision)
    assert meant(meaning, "lava and ashes") == []
    assert made(making) == 1
    assert meant(meaning, "automobile") == [CAR]


def test_what_is_parted_and_joined_stays_found(
    database: Database, writer: Writer, making: Making, meaning: Meaning
) -> None:
    recording, (ident,) = one(database, CAR)
    with database.writing() as connection:
        said.say(connection, recording, BUDGET, start_s=30)
    made(making)
    editing = Editing(database, writer)
    first, _ = editing.split(ident, 1, CAR.index("on the way"))
    made(making)
    (hit,) = meaning.find(HOUSE, "automobile", mode="meaning").hits
    assert hit.passage is not None
    assert (hit.text, hit.passage.text) == (first.segment.text, CAR)
    editing.join(ident, first.revision)
    made(making)
    assert meant(meaning, "automobile") == [CAR]


def test_what_is_removed_is_gone_from_memory_too(
    database: Database,
    writer: Writer,
    making: Making,
    meaning: Meaning,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, _ = one(database, CAR)
    one(database, *TALK)
    made(making)
    assert meant(meaning, "automobile") == [CAR, CAR]
    assert (len(meaning), passages(database)) == (4, 4)
    Recordings(database, writer, tmp_path).remove(first)
    assert passages(database) == 3
    assert meant(meaning, "automobile") == [CAR]
    monkeypatch.setattr(vectors, "LOOK_S", -1.0)
    assert meant(meaning, "automobile") == [CAR]
    assert len(meaning) == 3
    meaning.rest(60.0)
    assert len(meaning) == 3
    meaning.rest(-1.0)
    assert len(meaning) == 0
    assert meant(meaning, "automobile") == [CAR]


def test_of_other_languages_there_are_words_only(database: Database, making: Making, meaning: Meaning) -> None:
    one(database, "Wir kamen zu spät, weil das Auto kaputt war, ein altes Automobile", language="de")
    with database.writing() as connection:
        mixed = said.recording(connection, language=None)
        said.say(connection, mixed, CAR, language="en-GB")
        said.say(
            connection, mixed, "la voiture est tombée en panne hier soir, encore une fois", language="fr", start_s=9
        )
    assert made(making) == 1
    assert meant(meaning, "automobile") == [CAR]
    found = meaning.find(HOUSE, "automobile", mode="both")
    assert [(hit.language, hit.found_by) for hit in found.hits] == [("en-GB", "meaning"), ("de", "words")] or [
        (hit.language, hit.found_by) for hit in found.hits
    ] == [("de", "words"), ("en-GB", "meaning")]


def test_pages_hold_everything_once_also_while_more_is_said(
    database: Database, making: Making, meaning: Meaning
) -> None:
    many = [f"{CAR}, number {n}, {'car ' * (n % 3)} and nothing else" for n in range(25)]
    one(database, *many)
    made(making)
    for mode in ("meaning", "both"):
        seen, page = list[str](), None
        while True:
            found = meaning.find(HOUSE, "car trouble", mode=mode, size=4, page=page)
            assert (found.count is None) == (page is not None)
            seen += texts(found)
            page = found.next
            if page is None:
                break
            if len(seen) == 8:
                one(database, f"car trouble {mode} {CAR}")
                made(making)
        assert sorted(t for t in seen if "number" in t) == sorted(many)
        assert f"car trouble {mode} {CAR}" not in seen
        first = meaning.find(HOUSE, "car trouble", mode=mode, size=1).next
        with pytest.raises(BadInput, match="page"):
            meaning.find(HOUSE, "car", mode="both" if mode == "meaning" else "meaning", page=first)
        with pytest.raises(BadInput, match="page"):
            Search(database).find(HOUSE, "car", sort="relevance", page=first)


def test_what_means_nothing_is_refused(meaning: Meaning, database: Database) -> None:
    for query in ("", "speaker:anna", "-car", "lang:en -speaker:anna"):
        with pytest.raises(BadInput, match="could mean something"):
            meaning.find(HOUSE, query, mode="both")
    with pytest.raises(BadInput, match="typos"):
        meaning.find(HOUSE, "car", mode="meaning", near=True)
    with pytest.raises(BadInput, match="page"):
        meaning.find(HOUSE, "car", mode="meaning", page="n1")
    for odd in ('" OR tokens:fire NEAR(a b) {x}', "'; DROP TABLE passages; --", "e\0\u200b🙂", "京" * 900):
        assert meaning.find(HOUSE, odd, mode="both") == Found(count=0)


def test_without_a_model_it_is_told(database: Database) -> None:
    def none() -> TextEmbedder:
        raise Missing("it is not here", remedy="pip install it")

    with pytest.raises(Missing, match="not here"):
        Meaning(database, none, 64.0).find(HOUSE, "car", mode="meaning")


def test_a_search_that_takes_too_long_is_stopped(database: Database, making: Making, model: TextEmbedder) -> None:
    one(database, *TALK)
    made(making)
    with pytest.raises(Busy, match="took longer"):
        Meaning(database, lambda: model, 64.0, longest_s=-0.001).find(HOUSE, "automobile", mode="meaning")
