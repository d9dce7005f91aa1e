"""The sounds of words that no dictionary lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.parts.pronounce import Rules, Speller, context

LISTED = {"afraid": "AH F R EY D", "dog": "D AO G", "cat": "K AE T", "horse": "HH AO R S", "stream": "S T R IY M",
          "live": "L AY V", "use": "Y UW Z", "livestream": "L AY V S T R IY M"}  # fmt: skip
PHONES = frozenset(
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split()
)


@pytest.fixture(scope="module")
def speller() -> Speller:
    return Speller(Rules.load())


@pytest.mark.parametrize(
    ("word", "sounds"),
    [
        ("afraidly", "AH F R EY D L IY"),
        ("dogs", "D AO G Z"),
        ("cats'", "K AE T S"),
        ("horse's", "HH AO R S AH Z"),
        ("horses'", "HH AO R S AH Z"),
        ("streamed", "S T R IY M D"),
        ("used", "Y UW Z D"),
        ("livestreamed", "L AY V S T R IY M D"),
    ],
)
def test_forms_of_listed_words_are_made_of_them(speller: Speller, word: str, sounds: str) -> None:
    assert " ".join(speller.say(word, LISTED.get)) == sounds


@pytest.mark.parametrize(
    ("word", "sounds"), [("tiktok", "T IH K T AA K"), ("blick", "B L IH K"), ("shonding", "SH AA N D IH NG")]
)
def test_made_up_words_are_said_by_the_rules(speller: Speller, word: str, sounds: str) -> None:
    assert " ".join(speller.say(word, LISTED.get)) == sounds


@given(st.from_regex(r"[a-z'][a-z']{0,30}", fullmatch=True))
def test_every_word_has_known_sounds(word: str) -> None:
    sounds = SHIPPED.say(word, LISTED.get)
    assert sounds
    assert set(sounds) <= PHONES


SHIPPED = Speller(Rules.load())


def test_contexts_grow_to_the_right_first() -> None:
    assert [context("cat", 1, size) for size in (1, 2, 3, 4, 5)] == ["a", "at", "cat", "cat#", "#cat#"]
