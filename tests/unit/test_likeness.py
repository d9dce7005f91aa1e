"""Whose voice it is: scores, tiers, and names over speakers."""

from dataclasses import replace

import pytest

from earwitness.archive import likeness, naming
from earwitness.archive.likeness import TIERS, Candidate, judged
from earwitness.archive.person import Person, Voice, Voiceprint
from earwitness.errors import BadInput
from earwitness.types import Speaker
from support.colours import MODEL, heard, near


def person(ident: str, *voices: Voiceprint, merged: tuple[str, ...] = ()) -> Person:
    """A person called by their id."""
    return Person(ident, ident.title(), 0.0, tuple(Voice(f"v{i}", v, float(i)) for i, v in enumerate(voices)), merged)


ANNA, BERT = person("anna", heard(1), merged=("ann",)), person("bert", heard(2))
EVERYBODY = (ANNA, BERT)


@pytest.mark.parametrize(
    ("first", "second", "tier"),
    [
        (TIERS.auto, None, "auto"),
        (TIERS.auto, TIERS.auto - TIERS.margin - 0.001, "auto"),
        (TIERS.auto, TIERS.auto - TIERS.margin + 0.001, "suggest"),
        (TIERS.auto - 0.001, None, "suggest"),
        (TIERS.suggest, None, "suggest"),
        (TIERS.suggest - 0.001, None, "unknown"),
        (-1.0, None, "unknown"),
    ],
)
def test_tiers_begin_where_they_are_said_to(first: float, second: float | None, tier: str) -> None:
    candidates = [Candidate("a", "A", first)] + ([Candidate("b", "B", second)] if second is not None else [])
    found = judged(candidates)
    assert found.tier == tier
    assert (found.best is None) == (tier == "unknown")
    assert found.score == first
    assert found.margin == (None if second is None else first - second)


def test_nobody_known_is_unknown() -> None:
    found = likeness.identify(heard(1).embedding, MODEL, ())
    assert (found.tier, found.best, found.score, found.margin) == ("unknown", None, None, None)


def test_the_score_is_the_cosine_and_a_stranger_stays_one() -> None:
    found = likeness.identify(near(heard(1), 0.8), MODEL, EVERYBODY)
    assert found.tier == "auto"
    assert found.best is not None
    assert (found.best.person, found.best.name) == ("anna", "Anna")
    assert found.best.score == pytest.approx(0.8, abs=1e-5)
    assert likeness.identify(heard(7).embedding, MODEL, EVERYBODY).tier == "unknown"


def test_embeddings_of_other_models_and_lengths_do_not_compare() -> None:
    assert likeness.scores(heard(1).embedding, "another", EVERYBODY) == ()
    assert likeness.scores(heard(1, size=32).embedding, MODEL, EVERYBODY) == ()
    mixed = person("anna", heard(1), heard(1, size=32), heard(1, model="another"))
    assert likeness.scores(heard(1).embedding, MODEL, [mixed])[0].score == pytest.approx(1, abs=1e-5)


def test_voices_with_more_speech_count_more_up_to_a_limit() -> None:
    def score(first_s: float, second_s: float) -> float:
        both = person("anna", heard(1, speech_s=first_s), heard(2, speech_s=second_s))
        return likeness.scores(heard(1).embedding, MODEL, [both])[0].score

    assert score(20, 5) > score(5, 5) > score(5, 20)
    assert score(30, 30) == pytest.approx(score(3000, 3000))
    assert score(30, 10) == pytest.approx(score(3000, 10))


def test_voices_that_cancel_out_are_nobody() -> None:
    one = heard(1)
    against = replace(one, embedding=tuple(-x for x in one.embedding))
    assert likeness.scores(one.embedding, MODEL, [person("anna", one, against)]) == ()


@pytest.mark.parametrize("wrong", [(), (0.0,), (float("nan"),)])
def test_what_is_no_embedding_is_refused(wrong: tuple[float, ...]) -> None:
    with pytest.raises(BadInput):
        likeness.identify(wrong, MODEL, EVERYBODY)


# ── names over speakers ──────────────────────────────────────────────────────────────────────────────────────────────
def speaker(ident: str, of: int, cosine: float = 0.9, name: str | None = None, person: str | None = None) -> Speaker:
    """A speaker who sounds like somebody."""
    return Speaker(ident, 5.0, name=name, person=person, voice=near(heard(of), cosine))


def names(*speakers: Speaker) -> list[str | None]:
    """What the speakers are called once they were recognised."""
    found = naming.recognised(speakers, EVERYBODY, MODEL)
    assert [s.id for s in found] == [s.id for s in speakers]
    return [s.name for s in found]


def test_speakers_get_the_names_of_people_they_sound_like() -> None:
    assert names(speaker("S1", 2), speaker("S2", 1), speaker("S3", 8), Speaker("S4")) == ["Bert", "Anna", None, None]
    assert naming.recognised([speaker("S1", 2)], EVERYBODY, MODEL)[0].person == "bert"


def test_a_suggestion_is_no_name() -> None:
    doubtful = speaker("S1", 1, TIERS.suggest + 0.02)
    assert names(doubtful) == [None]
    assert naming.identities([doubtful], EVERYBODY, MODEL)["S1"].tier == "suggest"


def test_a_person_is_found_once_unless_both_voices_are_sure() -> None:
    low, high = TIERS.auto + 0.02, TIERS.twice + 0.02
    assert names(speaker("S1", 1, low), speaker("S2", 1, high)) == [None, "Anna"]
    assert names(speaker("S1", 1, high), speaker("S2", 1, 0.9)) == ["Anna", "Anna"]


def test_a_name_that_was_given_stays() -> None:
    assert names(speaker("S1", 1, name="The host")) == ["The host"]
    assert names(speaker("S1", 7, name="Anna"), speaker("S2", 1)) == ["Anna", None]
    assert names(speaker("S1", 7, name="x", person="bert"), speaker("S2", 2)) == ["x", None]


def test_later_changes_reach_what_was_named() -> None:
    before = [
        Speaker("S1", name="Anna", person="anna"), Speaker("S2", name="Ann", person="ann"),
        Speaker("S3", name="Carl", person="carl"), Speaker("S4", name="The host"),
    ]  # fmt: skip
    renamed = replace(ANNA, name="Anne")
    assert [(s.name, s.person) for s in naming.current(before, [renamed])] == [
        ("Anne", "anna"), ("Anne", "anna"), (None, None), ("The host", None),
    ]  # fmt: skip
