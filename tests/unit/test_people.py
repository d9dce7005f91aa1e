"""The registry of voices: what is kept, found, changed and forgotten."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from earwitness.archive.people import People
from earwitness.archive.person import Voiceprint
from earwitness.errors import BadInput, NotFound
from support.colours import heard


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the database will be."""
    return tmp_path / "home" / "archive.db"


@pytest.fixture
def people(file: Path) -> Iterator[People]:
    """An empty registry."""
    found = People(file)
    yield found
    found.close()


def test_reading_makes_no_file(people: People, file: Path) -> None:
    assert people.all() == ()
    with pytest.raises(NotFound, match="p_1"):
        people.one("p_1")
    assert not file.exists()


def test_what_is_enrolled_comes_back(people: People, file: Path) -> None:
    made = people.enrol("  Anna  Weiß ", [heard(1), heard(2, speech_s=7.5, origin="kitchen.wav")])
    assert made.name == "Anna Weiß"
    assert made.id.startswith("p_")
    assert [v.print.origin for v in made.voices] == ["clip", "kitchen.wav"]
    np.testing.assert_allclose(made.voices[1].print.embedding, heard(2).embedding, atol=1e-6)
    again = People(file)
    assert again.all() == (made,) == (again.one(made.id),)
    again.close()


def test_an_embedding_is_brought_to_length_one_and_not_printed(people: People) -> None:
    voice = people.enrol("Anna", [Voiceprint((3.0, 4.0), "m", 5.0)]).voices[0]
    assert voice.print.embedding == pytest.approx((0.6, 0.8))
    assert "0.6" not in repr(voice)


@pytest.mark.parametrize("wrong", [(), (0.0, 0.0), (float("nan"), 1.0), (float("inf"), 1.0), (1e-30,), (1.0,) * 5000])
def test_what_is_no_embedding_is_refused(people: People, file: Path, wrong: tuple[float, ...]) -> None:
    with pytest.raises(BadInput, match="no embedding"):
        people.enrol("Anna", [Voiceprint(wrong, "m", 5.0)])
    assert not file.exists()


@pytest.mark.parametrize("wrong", ["", "   ", "x" * 101, "An\x1b[31mna", "An\x00na", "An\u202ena"])
def test_bad_names_are_refused(people: People, wrong: str) -> None:
    with pytest.raises(BadInput, match="a name has"):
        people.enrol(wrong, [heard(1)])
    kept = people.enrol("Anna", [heard(1), heard(2)])
    with pytest.raises(BadInput, match="a name has"):
        people.rename(kept.id, wrong)
    with pytest.raises(BadInput, match="a name has"):
        people.split(kept.id, [kept.voices[0].id], wrong)
    assert people.all() == (kept,)


def test_two_may_have_one_name_when_that_is_said(people: People) -> None:
    first = people.enrol("Anna", [heard(1)])
    with pytest.raises(BadInput, match="known already") as failure:
        people.enrol("ANNA", [heard(2)])
    assert "--another" in failure.value.remedy
    assert people.meant("anna") == first
    second = people.enrol("Anna", [heard(2)], another=True)
    with pytest.raises(BadInput, match="2 people") as failure:
        people.meant("Anna")
    assert first.id in failure.value.remedy
    assert second.id in failure.value.remedy
    assert people.meant(second.id) == second


def test_renaming_keeps_the_id(people: People) -> None:
    made = people.enrol("Anna", [heard(1)])
    assert people.rename(made.id, "Anne").id == made.id
    assert people.meant("Anne").id == made.id
    with pytest.raises(NotFound):
        people.meant("Anna")


def test_merged_ids_lead_to_the_one_who_stays(people: People) -> None:
    anna, anne, ann = (people.enrol(name, [heard(i)]) for i, name in enumerate(("Anna", "Anne", "Ann"), 1))
    people.merge(anna.id, anne.id)
    merged = people.merge(anne.id, ann.id)
    assert merged.name == "Ann"
    assert set(merged.merged) == {anna.id, anne.id}
    assert len(merged.voices) == 3
    assert people.one(anna.id) == people.meant(anne.id) == merged
    assert people.rename(anna.id, "Nan").id == ann.id
    with pytest.raises(BadInput, match="one person already"):
        people.merge(anna.id, ann.id)
    with pytest.raises(NotFound):
        people.merge("p_none", ann.id)


def test_splitting_takes_a_merge_back(people: People) -> None:
    anna, bert = people.enrol("Anna", [heard(1)]), people.enrol("Bert", [heard(2)])
    merged = people.merge(bert.id, anna.id)
    (his,) = [v.id for v in merged.voices if v.id == bert.voices[0].id]
    new = people.split(anna.id, [his], "Bert")
    assert new.voices == bert.voices
    assert people.one(anna.id).voices == anna.voices
    assert new.id not in {anna.id, bert.id}


def test_a_split_that_leaves_nothing_is_refused(people: People) -> None:
    anna, bert = people.enrol("Anna", [heard(1), heard(2)]), people.enrol("Bert", [heard(3)])
    for voices in ([], [v.id for v in anna.voices]):
        with pytest.raises(BadInput, match="one must go and one must stay"):
            people.split(anna.id, voices, "Carl")
    with pytest.raises(BadInput, match="no voice of"):
        people.split(anna.id, [bert.voices[0].id], "Carl")
    assert set(people.all()) == {anna, bert}


def test_voices_are_added_to_a_person_by_any_of_their_ids(people: People) -> None:
    anna, bert = people.enrol("Anna", [heard(1)]), people.enrol("Bert", [heard(2)])
    people.merge(bert.id, anna.id)
    assert len(people.add(bert.id, [heard(3)]).voices) == 3
    with pytest.raises(BadInput, match="without a voice"):
        people.add(anna.id, [])
    with pytest.raises(NotFound):
        people.add("p_none", [heard(1)])


# ── forgetting ───────────────────────────────────────────────────────────────────────────────────────────────────────
def traces(file: Path, *wanted: bytes) -> set[bytes]:
    """Which of some bytes stand in the database or beside it."""
    files = [path.read_bytes() for path in file.parent.iterdir()]
    assert files
    return {w for w in wanted if any(w in content for content in files)}


def test_who_is_forgotten_leaves_no_bytes(people: People, file: Path) -> None:
    gone, merged = heard(1, origin="kitchen.wav S1", size=256), heard(3, size=256)
    anna = people.enrol("Annabella Unmistakable", [gone])
    other = people.enrol("Wilhelmina Incomparable", [merged])
    bert = people.enrol("Bert", [heard(2, size=256)])
    for i in range(4, 40):
        people.enrol(f"Somebody {i}", [heard(i, size=256)])
    people.rename(anna.id, "Annabella Married")
    people.merge(other.id, anna.id)
    secrets = (
        b"Annabella", b"Unmistakable", b"Wilhelmina", b"kitchen.wav", anna.id.encode(), other.id.encode(),
        np.array(gone.embedding, "<f4").tobytes()[:64], np.array(merged.embedding, "<f4").tobytes()[-64:],
    )  # fmt: skip
    assert traces(file, *secrets[:1]) == set(secrets[:1])
    assert people.forget(other.id) is True  # an id that was merged into hers
    assert traces(file, *secrets) == set()
    assert traces(file, b"Bert", bert.id.encode()) == {b"Bert", bert.id.encode()}
    for ident in (anna.id, other.id):
        with pytest.raises(NotFound):
            people.one(ident)
    with pytest.raises(NotFound):
        people.forget(anna.id)


def test_a_reader_in_the_way_is_told_and_the_bytes_go_later(
    people: People, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earwitness.archive.sqlite.SETUP", ("PRAGMA foreign_keys = ON", "PRAGMA secure_delete = ON"))
    monkeypatch.setattr("earwitness.archive.sqlite.WAIT_S", 0.1)
    anna = people.enrol("Annabella", [heard(1)])
    reader = sqlite3.connect(file, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM people").fetchone()
    assert people.forget(anna.id) is False
    assert people.tidy() is False
    assert people.all() == ()
    reader.close()
    assert traces(file, b"Annabella") == {b"Annabella"}
    assert people.tidy() is True
    assert traces(file, b"Annabella", anna.id.encode()) == set()
    people.close()
