"""How printed words are said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.parts import numbers
from earwitness.parts.spoken import spoken

LISTED = frozenset(
    "i it's don't smith's smith quilter ain't a r and d fish the rock or well known end next x rolls dogs 'em".split()
)


def said(text: str) -> list[str]:
    return [" ".join(pieces) for pieces in spoken(text.split(), LISTED.__contains__)]


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("Smith’s", "smith's"),
        ("“Well-known”", "well known"),
        ("R&D", "r and d"),
        ("1984.", "nineteen eighty four"),
        ("1905", "nineteen oh five"),
        ("2005", "two thousand five"),
        ("1900", "nineteen hundred"),
        ("1990s", "nineteen nineties"),
        ("'90s", "nineties"),
        ("1,250", "one thousand two hundred fifty"),
        ("21st", "twenty first"),
        ("12th,", "twelfth"),
        ("3.14", "three point one four"),
        (".5", "point five"),
        ("-5", "minus five"),
        ("a-5", "a five"),
        ("10-20", "ten to twenty"),
        ("555-1234", "five five five one two three four"),
        ("007", "oh oh seven"),
        ("1/2", "one half"),
        ("3/4", "three quarters"),
        ("2/5", "two fifths"),
        ("24/7", "twenty four seven"),
        ("2½", "two and one half"),
        ("50%", "fifty percent"),
        ("20°", "twenty degrees"),
        ("5km", "five kilometers"),
        ("10:30pm", "ten thirty p m"),
        ("10:05", "ten oh five"),
        ("9:00", "nine o'clock"),
        ("$1,250.50", "one thousand two hundred fifty dollars fifty cents"),
        ("$1.01", "one dollar one cent"),
        ("£1", "one pound"),
        ("100€", "one hundred euros"),
        ("$5k", "five thousand dollars"),
        ("€20bn", "twenty billion euros"),
        ("Mr.", "mister"),
        ("U.S.A.", "u s a"),
        ("FBI", "f b i"),
        ("FBI's", "f b i's"),
        ("psst", "p s s t"),
        ("www.example.com", "w w w dot example dot com"),
        ("foo@bar.org", "foo at bar dot org"),
        ("end.Next", "end next"),
        ("Café", "cafe"),
        ("Straße", "strasse"),
        ("客観", ""),
        ("٣", ""),
        ("—", ""),
        ("…", ""),
        ("$", ""),
    ],
)
def test_one_word(printed: str, expected: str) -> None:
    assert said(printed) == [expected]


def test_what_stands_beside_a_word_decides() -> None:
    assert said("$3.5 million") == ["three point five", "million dollars"]
    assert said("St. Paul") == ["saint", "paul"]
    assert said("Main St. ends") == ["main", "street", "ends"]
    assert said("No. 5") == ["number", "five"]
    assert said("No. But") == ["no", "but"]


@given(st.lists(st.text(min_size=1, max_size=12).filter(lambda t: len(t.split()) == 1)))
def test_any_words_have_pieces_of_letters_alone(words: list[str]) -> None:
    found = spoken(words, LISTED.__contains__)
    assert len(found) == len(words)
    assert all(set(piece) <= set("abcdefghijklmnopqrstuvwxyz'") and piece.strip("'") for ps in found for piece in ps)


@given(st.from_regex(r"[-$£€]?[0-9]{1,3}([.,:/-]?[0-9]{1,4}){0,3}(st|th|%|km|s|pm|bn)?[.,?]?", fullmatch=True))
def test_anything_with_a_digit_is_said(number: str) -> None:
    assert said(number)[0]


@given(st.integers(0, 10**12 - 1))
def test_numbers_are_said_apart(n: int) -> None:
    words = numbers.cardinal(str(n))
    assert (numbers.cardinal(str(n + 1)) if n < 10**12 - 1 else ()) != words
    assert "zero" not in words or n == 0
