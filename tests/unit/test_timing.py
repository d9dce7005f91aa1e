"""From where pieces lie to the times of words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.parts.timing import Fit, confidence, laid_out
from earwitness.types import Word

GOOD, BAD = -1.5, -9.0


def _times(words: tuple[Word, ...]) -> list[tuple[str, float, float, bool]]:
    return [(w.text, round(w.start_s, 3), round(w.end_s, 3), w.aligned) for w in words]


def test_a_word_lasts_from_its_first_piece_to_its_last() -> None:
    fits = [Fit(1.0, 1.2, GOOD), Fit(1.3, 1.5, GOOD), Fit(1.5, 2.0, GOOD)]
    found = laid_out(["1984", "ended"], [("nineteen", "eighty"), ("ended",)], fits, 0.5, 3.0)
    assert _times(found) == [("1984", 1.0, 1.5, True), ("ended", 1.5, 2.0, True)]
    assert all(w.confidence is not None and w.confidence > 0.9 for w in found)


def test_what_is_not_said_lies_between_its_neighbours() -> None:
    fits = [Fit(1.0, 1.2, GOOD), Fit(1.4, 1.6, GOOD)]
    found = laid_out(["so", "—", "yes"], [("so",), (), ("yes",)], fits, 0.0, 2.0)
    assert _times(found)[1] == ("—", 1.2, 1.4, False)
    assert found[1].confidence is None


def test_words_in_a_row_that_fit_nowhere_share_their_time() -> None:
    fits = [Fit(0.5, 1.0, GOOD), Fit(1.0, 1.1, BAD), Fit(1.1, 1.2, BAD), Fit(2.0, 2.5, GOOD)]
    found = laid_out("it was not so".split(), [(w,) for w in "it was not so".split()], fits, 0.0, 3.0)
    assert _times(found)[1:3] == [("was", 1.0, 1.5, False), ("not", 1.5, 2.0, False)]


def test_a_single_doubtful_word_keeps_its_place_unless_it_is_squeezed() -> None:
    for end_s, kept in ((1.3, True), (1.05, False)):
        fits = [Fit(0.5, 1.0, GOOD), Fit(1.0, end_s, BAD), Fit(1.6, 2.0, GOOD)]
        found = laid_out("a b c".split(), [("a",), ("b",), ("c",)], fits, 0.0, 3.0)
        assert found[1].aligned is kept
        assert found[1].end_s == (end_s if kept else 1.6)


def test_without_any_fit_all_words_share_the_time() -> None:
    found = laid_out(["ab", "cdef"], [("ab",), ("cdef",)], (), 10.0, 18.0)
    assert _times(found) == [("ab", 10.0, 13.0, False), ("cdef", 13.0, 18.0, False)]
    assert laid_out([], [], (), 0.0, 1.0) == ()


def test_confidence_falls_with_the_score() -> None:
    found = [confidence(score) for score in (0.0, -2.0, -4.0, -6.0, -1e6)]
    assert found == sorted(found, reverse=True)
    assert found[2] == pytest.approx(0.5)
    assert found[-1] >= 0.0


@st.composite
def layouts(draw: st.DrawFn) -> tuple[list[str], list[tuple[str, ...]], list[Fit]]:
    counts = draw(st.lists(st.integers(0, 3), max_size=12))
    edges = sorted(draw(st.lists(st.floats(1.0, 9.0), min_size=2 * sum(counts), max_size=2 * sum(counts))))
    scores = draw(st.lists(st.floats(-20.0, 0.0), min_size=sum(counts), max_size=sum(counts)))
    fits = [Fit(edges[2 * i], edges[2 * i + 1], score) for i, score in enumerate(scores)]
    return [f"w{i}" for i in range(len(counts))], [("x",) * n for n in counts], fits if draw(st.booleans()) else []


@given(layouts())
def test_there_is_one_word_each_in_order_inside_and_apart(
    layout: tuple[list[str], list[tuple[str, ...]], list[Fit]],
) -> None:
    words, pieces, fits = layout
    found = laid_out(words, pieces, fits, 1.0, 9.0)
    assert [w.text for w in found] == words
    edges = [1.0, *(t for w in found for t in (w.start_s, w.end_s)), 9.0]
    assert edges == sorted(edges)
    assert not any(w.aligned for w in found if not fits)
