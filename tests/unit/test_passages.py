"""Passages: which segments belong together, and vectors in 8 bits."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from earwitness.archive.search.passages import (
    LEAST,
    LONGEST_S,
    MOST,
    PAUSE_S,
    Line,
    Passage,
    cut,
    packed,
    said,
    unpacked,
)

EN = ("en",)


def lines(*texts: str, gap_s: float = 1.0, language: str | None = "en") -> list[Line]:
    """A second each."""
    return [Line(n * (1 + gap_s), n * (1 + gap_s) + 1, text, language) for n, text in enumerate(texts)]


def words(count: int) -> str:
    return " ".join(["word"] * count)


def sizes(found: tuple[Passage, ...]) -> list[int]:
    return [len(one.text.split()) for one in found]


def test_short_segments_are_joined_and_long_ones_stand_alone() -> None:
    assert sizes(cut(lines(words(LEAST), words(3), words(4), words(5), words(20)), EN)) == [LEAST, 12, 20]
    assert sizes(cut(lines(words(3), words(MOST)), EN)) == [3, MOST]
    assert sizes(cut(lines("yes", "no", gap_s=PAUSE_S + 1), EN)) == [1, 1]
    assert sizes(cut(lines("yes", " ", "no"), EN)) == [2]
    assert sizes(cut([Line(0, LONGEST_S, "yes", "en"), Line(LONGEST_S + 1, LONGEST_S + 2, "no", "en")], EN)) == [1, 1]
    assert cut((), EN) == ()
    (one,) = cut(lines("yes ", "of course"), EN)
    assert (one.first_s, one.last_s, one.text) == (0.0, 2.0, "yes of course")


def test_what_may_go_on_waits() -> None:
    assert sizes(cut(lines(words(LEAST), words(2)), EN, whole=False)) == [LEAST]
    assert sizes(cut(lines(words(2)), EN, whole=False)) == []


def test_languages_that_are_not_known_are_in_none() -> None:
    some = [Line(0, 1, "hello", "en-GB"), Line(2, 3, "guten Tag", "de"), Line(4, 5, "again", None)]
    assert [one.text for one in cut(some, EN)] == ["hello again"]
    assert said(some, EN) == "hello again"


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 70), st.sampled_from(["en", "de", None])), max_size=40),
    st.booleans(),
)
def test_a_passage_is_the_lines_that_begin_within_it(given_: list[tuple[int, int, str | None]], whole: bool) -> None:
    some = sorted((Line(float(at), at + 2.0, words(count), language) for at, count, language in given_),
                  key=lambda one: one.start_s)  # fmt: skip
    found = cut(some, EN, whole=whole)
    for one in found:
        inside = [line for line in some if one.first_s <= line.start_s <= one.last_s]
        assert said(inside, EN) == one.text
    known = said(some, EN)
    assert known.startswith(" ".join(one.text for one in found))
    if whole:
        assert " ".join(one.text for one in found) == known
    assert all(one.first_s <= one.last_s < after.first_s for one, after in pairwise(found))


def test_eight_bits_are_enough() -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    whole, scales = unpacked(list(packed(vectors)), 384)
    assert np.abs(whole * scales[:, None] - vectors).max() < 0.002
    assert np.abs(vectors @ vectors.T - (whole * scales[:, None]) @ vectors.T).max() < 0.01
    whole, scales = unpacked(list(packed(np.zeros((1, 384), np.float32))), 384)
    assert not whole.any()
