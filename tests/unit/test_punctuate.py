"""Text without punctuation gets some, and capitals; other text is left alone."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from earwitness.errors import EngineFailed
from earwitness.parts.punctuate_rules import Rules
from earwitness.stages.punctuate import Restorer, capital, lowered, restorer
from earwitness.types import Segment, Word


def _said(text: str, *pauses: tuple[str, float], start_s: float = 0.0, language: str | None = "en") -> Segment:
    """A segment whose words last 0.3 s each, with pauses after some."""
    words, at = list[Word](), start_s
    for word in text.split():
        words.append(Word(word, at, at + 0.3))
        at += 0.3 + dict(pauses).get(word, 0.0)
    return Segment(start_s, at, text, language=language, words=tuple(words))


def _rules(language: str | None = "en", hints: tuple[str, ...] = ()) -> Restorer:
    return restorer("rules", Rules(), language, hints)


def _text(segment: Segment, found: Restorer) -> str:
    return " ".join(s.text for s in found.text([segment]))


@pytest.mark.parametrize(
    ("said", "written"),
    [
        (_said("good morning how are you today", ("morning", 0.6)), "Good morning. How are you today?"),
        (_said("i saw the", ("saw", 0.1)), "I saw the"),
        (_said("then i'm going to london on monday"), "Then I'm going to london on Monday."),
        (_said("when it rains i stay in"), "When it rains I stay in"),
        (_said("what time is it"), "What time is it?"),
        (_said("so do you know"), "So do you know?"),
        (_said("HE SAID NOTHING AND WE LEFT", ("NOTHING", 0.9)), "He said nothing. And we left."),
        (_said("he said and", ("and", 2.0)), "He said and"),
        (_said("wie geht es dir", language="de"), "Wie geht es dir."),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_rules(said: Segment, written: str) -> None:
    assert _text(said, _rules(said.language)) == written


def test_words_carry_the_marks_too() -> None:
    (found,) = _rules().text([_said("yes we know", ("yes", 0.7))])
    assert [w.text for w in found.words] == ["Yes.", "We", "know."]


def test_a_sentence_goes_on_where_the_sound_was_cut_inside_speech() -> None:
    rules = _rules()
    cut = replace(_said("we walked along the old"), marks=("forced_cut",))
    assert _text(cut, rules) == "We walked along the old"
    assert _text(_said("road to the sea", start_s=5), rules) == "road to the sea."
    assert _text(_said("then we swam", start_s=9), rules) == "Then we swam."


def test_pauses_between_segments_of_a_stretch_count() -> None:
    found = _rules().text([_said("it was late"), _said("nobody came", start_s=2.0)])
    assert [s.text for s in found] == ["It was late.", "Nobody came."]


def test_times_that_were_guessed_end_no_sentence() -> None:
    given = _said("yes we know", ("yes", 0.9))
    guessed = replace(given, words=tuple(replace(w, aligned=False) for w in given.words))
    assert _text(guessed, _rules()) == "Yes we know."


def test_names_are_written_as_in_the_hints() -> None:
    assert _text(_said("we met nell and mcdonald there"), _rules(hints=("Nell", "with McDonald."))) == (
        "We met Nell and McDonald there."
    )


@pytest.mark.parametrize("text", ["Yes, we can.", "one, two", "ok.", "你好。", "well?"])
def test_text_with_punctuation_is_left_alone_from_there_on(text: str) -> None:
    rules = _rules()
    assert _text(_said("before it came"), rules) == "Before it came."
    assert _text(_said(text), rules) == text
    assert _text(_said("and after it"), rules) == "and after it"
    assert [n.code for n in rules.notices()] == ["punctuation_kept"]


def test_numbers_and_abbreviations_inside_are_no_punctuation() -> None:
    assert _text(_said("about 3.5 percent of it's gone"), _rules()) == "About 3.5 percent of it's gone."


@pytest.mark.parametrize("language", ["ja", "zh"])
def test_languages_without_spaces_are_left_alone(language: str) -> None:
    rules = _rules(language)
    assert _text(_said("今日は良い天気", language=language), rules) == "今日は良い天気"
    assert [n.code for n in rules.notices()] == ["punctuation_unknown"]


def test_no_words_need_nothing() -> None:
    rules = _rules()
    assert rules.text([]) == ()
    assert rules.text([Segment(0, 1, "")]) == (Segment(0, 1, ""),)
    assert rules.notices() == ()


def test_a_part_that_loses_count_is_found_out() -> None:
    class Short:
        languages: tuple[str, ...] = ()

        def marks(self, words: Sequence[str], pauses_s: Sequence[float], language: str | None) -> tuple[str, ...]:
            return ("",)

    with pytest.raises(EngineFailed, match="1 marks for 3 words"):
        restorer("short", Short(), "en", ()).text([_said("one two three")])


@pytest.mark.parametrize(
    ("word", "large"), [("über", "Über"), ("'tis", "'Tis"), ("3rd", "3rd"), ("ßa", "ßa"), ("ﬁn", "ﬁn"), ("—", "—")]
)
def test_capitals(word: str, large: str) -> None:
    assert capital(word) == large


def test_small_letters() -> None:
    assert lowered("ÜBER İ") == "über İ"
