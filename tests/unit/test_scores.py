"""Scores of small made examples, whose answers are known by counting."""

import pytest

from earwitness.errors import Missing
from earwitness.rollout import scores
from earwitness.rollout.scores import Speaking, Timing, Wording
from earwitness.types import Turn, Word

WHOLE = ((0.0, 10.0),)


@pytest.mark.parametrize(
    ("reference", "heard", "expected"),
    [
        ("The cat sat.", "the cat sat", Wording(3)),
        ("the cat sat down", "a cat sat down", Wording(4, substituted=1)),
        ("the cat sat down", "the sat", Wording(4, deleted=2)),
        ("the cat", "the big black cat", Wording(2, inserted=2)),
        ("the cat", "", Wording(2, deleted=2)),
        ("", "you know", Wording(invented=2)),
        ("", "", Wording()),
        ("It's twenty dollars, Mr Smith", "it is $20 mister smith", Wording(5)),
        ("um", "uh", Wording()),
    ],
)
def test_words_are_counted_after_whispers_normaliser(reference: str, heard: str, expected: Wording) -> None:
    assert scores.wording(reference, heard) == expected


def test_rates_are_wrong_words_over_those_of_the_reference() -> None:
    assert Wording(10, 1, 2, 3, invented=7).rate == pytest.approx(0.6)
    assert Wording(invented=3).rate is None


@pytest.mark.parametrize(
    ("language", "reference", "heard", "expected"),
    [
        ("de", "Das Haus, ist groß!", "das haus ist gross", Wording(4, substituted=1)),
        ("ja", "猫がいる", "猫いる", Wording(4, deleted=1)),
        (None, "I'm here", "i am here", Wording(3)),
    ],
)
def test_languages_have_their_normaliser(language: str | None, reference: str, heard: str, expected: Wording) -> None:
    assert scores.wording(reference, heard, language) == expected


# ── who said which words ─────────────────────────────────────────────────────────────────────────────────────────────
SAID = {"Ann": "the cat sat", "Bob": "dogs bark"}


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ([("S1", "dogs bark"), ("S2", "the cat"), ("S2", "sat")], Wording(5)),
        ([("S1", "the cat sat dogs bark")], Wording(5, deleted=2, inserted=2)),
        ([("S1", "the cat sat dogs"), ("S2", "bark")], Wording(5, deleted=1, inserted=1)),
        ([("S1", "the cat sat"), (None, "dogs bark")], Wording(5)),
        ([("S1", "the cat sat"), ("S2", "dogs bark"), ("S3", "meow")], Wording(5, inserted=1)),
        ([], Wording(5, deleted=5)),
    ],
)
def test_each_speaker_must_say_their_own_words(heard: list[tuple[str | None, str]], expected: Wording) -> None:
    pytest.importorskip("meeteval", reason="meeteval is built from source, and is not among the packages of the tests")
    assert scores.attributed(SAID, heard) == expected


def test_words_of_nobody_are_invented() -> None:
    pytest.importorskip("meeteval", reason="meeteval is built from source, and is not among the packages of the tests")
    assert scores.attributed({"Ann": ""}, [("S1", "dogs bark")]) == Wording(invented=2)
    assert scores.attributed({}, []) == Wording()


# ── who speaks ───────────────────────────────────────────────────────────────────────────────────────────────────────
def turns(*told: tuple[float, float, str]) -> tuple[Turn, ...]:
    return tuple(Turn(*t) for t in told)


TWO = turns((0, 4, "Ann"), (3, 7, "Bob"))


def test_the_same_turns_by_other_names_are_perfect_overlap_included() -> None:
    found = scores.speaking(TWO, turns((0, 4, "S2"), (3, 7, "S1")), WHOLE)
    assert found == Speaking(speech_s=8, speakers=2, recordings=1, counted=1)
    assert (found.der, found.jer) == (0, 0)


def test_overlap_counts_for_each_speaker() -> None:
    found = scores.speaking(TWO, turns((0, 4, "S1"), (4, 7, "S2")), WHOLE)
    assert found.missed_s == pytest.approx(1)
    assert found.der == pytest.approx(1 / 8)
    assert found.jer == pytest.approx((0 + 1 / 4) / 2)
    assert found.counted == 1


def test_one_speaker_for_two_is_missed_and_confused() -> None:
    found = scores.speaking(turns((0, 4, "Ann"), (4, 6, "Bob")), turns((0, 7, "S1")), WHOLE)
    assert [found.missed_s, found.false_s, found.confused_s] == pytest.approx([0, 1, 2])
    assert found.der == pytest.approx(3 / 6)
    assert found.jer == pytest.approx((3 / 7 + 1) / 2)
    assert found.counted == 0


def test_nothing_heard_is_all_missed_and_nothing_to_hear_has_no_rate() -> None:
    silent = scores.speaking(TWO, (), WHOLE)
    assert (silent.der, silent.jer, silent.missed_s) == (1, 1, 8)
    false = scores.speaking((), turns((0, 2, "S1")), WHOLE)
    assert (false.der, false.jer, false.false_s, false.counted) == (None, None, 2, 0)
    assert scores.speaking((), (), WHOLE).counted == 1


def test_what_lies_outside_the_scored_stretches_counts_for_nothing() -> None:
    found = scores.speaking(TWO, turns((0, 3, "S1"), (8, 10, "S2")), ((0, 2), (2, 3)))
    assert (found.speech_s, found.der) == (3, 0)


def test_stretches_that_lie_over_each_other_count_once() -> None:
    assert scores.speaking(TWO, TWO, ((0, 6), (2, 10))) == scores.speaking(TWO, TWO, WHOLE)


def test_the_number_of_speakers_may_be_known_otherwise() -> None:
    assert scores.speaking(TWO, turns((0, 7, "S1")), WHOLE, count=1).counted == 1


# ── when ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def words(*told: tuple[str, float, float], aligned: bool = True) -> tuple[Word, ...]:
    return tuple(Word(text, start_s, end_s, aligned=aligned) for text, start_s, end_s in told)


REFERENCE = words(("the", 0.0, 0.2), ("black", 0.2, 0.6), ("cat's", 0.7, 1.0), ("uh", 1.1, 1.2), ("asleep", 1.3, 2.0))


def test_times_are_compared_where_the_words_are_the_same() -> None:
    given = words(("The", 0.03, 0.2), ("big", 0.2, 0.3), ("cat's", 0.78, 1.2), ("asleep.", 1.25, 1.6))
    found = scores.timing(REFERENCE, given)
    assert (found.reference, found.found, found.guessed) == (4, 3, 0)
    assert found.starts_s == pytest.approx((0.03, 0.08, -0.05))
    assert found.ends_s == pytest.approx((0.0, 0.2, -0.4))
    told = found.as_json()
    assert told["starts"] == {"median_s": pytest.approx(0.05), "within_50_ms": 2 / 3, "within_100_ms": 1}
    assert told["ends"] == {"median_s": pytest.approx(0.2), "within_50_ms": 1 / 3, "within_100_ms": 1 / 3}


def test_perfect_times_and_none_at_all() -> None:
    perfect = scores.timing(REFERENCE, REFERENCE)
    assert scores.off(perfect.starts_s) == scores.off(perfect.ends_s) == 0
    assert scores.within(perfect.starts_s, 0.05) == 1
    assert scores.timing(REFERENCE, ()) == Timing(4)
    assert scores.timing((), REFERENCE) == Timing()
    assert scores.within((), 0.05) is None
    assert scores.off(()) is None


def test_guessed_times_are_counted() -> None:
    assert scores.timing(REFERENCE, words(("the", 0, 1), aligned=False)).guessed == 1


# ── together ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_scores_add_up() -> None:
    assert scores.added([Wording(2, 1), None, Wording(3, 0, 1, 1, 4)]) == Wording(5, 1, 1, 1, 4)
    assert scores.added([Timing(1, (0.1,), (0.2,)), Timing(2, (0.3,), (0.4,), 1)]) == Timing(
        3, (0.1, 0.3), (0.2, 0.4), 1
    )
    one, other = scores.speaking(TWO, TWO, WHOLE), scores.speaking(TWO, (), WHOLE)
    both = scores.added([one, other])
    assert both is not None
    assert (both.der, both.jer, both.counted, both.recordings) == (0.5, 0.5, 1, 2)
    assert scores.added([None, None]) is None


def test_a_package_that_is_not_there_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "NEEDS", {"wer": ("jiwer",), "der": ("jiwer", "pyannote.no_such_thing")})
    scores.check(["wer"])
    with pytest.raises(Missing, match=r"der needs pyannote\.no-such-thing") as raised:
        scores.check(["wer", "der"])
    assert "earwitness[evaluate]" in raised.value.remedy
    monkeypatch.setattr(scores, "NEEDS", {"der": ("no_such_package.metrics",)})
    with pytest.raises(Missing):
        scores.check(["der"])
