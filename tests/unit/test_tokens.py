"""Text as search sees it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.archive.search import tokens as search
from earwitness.archive.search.tokens import found, tokens

CASES = {
    "Café DÉJÀ-vu!": "cafe deja vu",
    "Cafe\u0301": "cafe",
    "Straße, İstanbul; ёлке": "strasse istanbul елке",
    "Ærø Łódź smørrebrød": "aero lodz smorrebrod",
    "Don't say DON’T; Anna's l'eau rock'n'roll": "dont say dont anna s l eau rock n roll",
    "1,000 1.000.000 3.5 12:30 ٣٤ ３": "1000 1000000 3 5 12 30 34 3",
    "東京の会議 ｶﾞﾗｽ": "東 京 の 会 議 ガ ラ ス",
    "हिन्दी में": "हिन्दी में",
    "ภาษาไทย": "ภาษาไทย",
    "سَلام": "سلام",
    "각": "각",
    "soft\u00adhyphen no\u200bwidth": "softhyphen no width",
    "a_b<i>c</i> 'DROP TABLE'; -- \x00\x01": "a b i c i drop table",
    "\ud800 😀 !?": "",
}


@pytest.mark.parametrize("text", CASES)
def test_what_is_typed_and_what_is_said_become_the_same(text: str) -> None:
    assert tokens(text) == CASES[text]


def test_they_know_where_they_stand() -> None:
    text = "İn Cafe\u0301, DON’T pay 1,000 ½ 東京 ｶﾞ"
    assert [text[t.start : t.end] for t in found(text)] == [
        "İn", "Cafe\u0301", "DON’T", "pay", "1,000", "½", "½", "東", "京", "ｶﾞ",
    ]  # fmt: skip


@given(st.text(max_size=80))
def test_tokens_of_tokens_are_the_same_and_hold_nothing_but_letters_and_digits(text: str) -> None:
    told = tokens(text)
    assert tokens(told) == told
    assert " ".join(t.text for t in found(text)) == told
    assert not any(c.isascii() and not (c.isalnum() or c == " ") for c in told)
    assert all(0 <= t.start < t.end <= len(text) for t in found(text))
    assert tokens(unicodedata.normalize("NFC", text)) == tokens(unicodedata.normalize("NFD", text))


@given(st.text(alphabet="aB1'.,’é \u0301", max_size=40))
def test_the_short_way_for_ascii_leads_to_the_same(text: str) -> None:
    assert tokens(text) == tokens(f"{text} é").removesuffix("e").removesuffix(" ")


def test_what_is_endless_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tokens("x" * 1000) == "x" * search.LONGEST
    assert len(tokens("la " * 1000).split()) == search.MOST_ALIKE
    assert len(tokens(" ".join(f"w{n}" for n in range(9000))).split()) == search.MOST
