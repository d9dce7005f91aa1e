"""A text and its recording are cut where they agree."""

from hypothesis import given
from hypothesis import strategies as st

from earwitness.stages.anchor import LONG_S, Chunk, chunks, finer
from earwitness.types import Word

WORDS = [f"word{n}" for n in range(60)]


def said(words: list[str], *, pause_after: tuple[int, ...] = (), step_s: float = 1.0) -> list[Word]:
    """A word every `step_s` seconds, half as long; nine tenths where a pause follows none."""
    ends = [0.3 if i in pause_after else 0.9 for i in range(len(words))]
    return [Word(w, step_s * i, step_s * (i + ends[i])) for i, w in enumerate(words)]


def test_cuts_lie_in_the_longest_pauses_that_are_near() -> None:
    found = chunks(said(WORDS, pause_after=(9, 25, 40)), WORDS, 60.0)
    assert [(c.first, c.last) for c in found[:3]] == [(0, 10), (10, 26), (26, 41)]
    assert found[0].end_s == 9.65


def test_capitals_and_points_do_not_matter() -> None:
    text = [f"{w.upper()}," for w in WORDS]
    assert chunks(said(WORDS, pause_after=(9,)), text, 60.0)[0].last == 10


def test_what_was_heard_wrong_lies_inside_a_chunk() -> None:
    text = [*WORDS[:20], "some", "other", "text", *WORDS[24:]]
    found = chunks(said(WORDS), text, 60.0)
    assert len(found) > 3
    assert not any(c.first in {21, 22} for c in found)


def test_a_text_that_does_not_agree_is_one_chunk() -> None:
    assert chunks(said(WORDS), ["other"] * 9, 60.0) == (Chunk(0.0, 60.0, 0, 9),)
    assert chunks([], WORDS, 60.0) == (Chunk(0.0, 60.0, 0, 60),)


@given(
    st.lists(st.sampled_from(WORDS[:8]), max_size=200),
    st.lists(st.sampled_from(WORDS[:8]), min_size=1, max_size=200),
    st.lists(st.integers(0, 199), max_size=30),
)
def test_chunks_hold_all_words_and_all_sound_once(heard: list[str], text: list[str], pauses: list[int]) -> None:
    found = chunks(said(heard, pause_after=tuple(pauses)), text, 250.0)
    assert [c.first for c in found] == [0, *(c.last for c in found[:-1])]
    assert [c.start_s for c in found] == [0.0, *(c.end_s for c in found[:-1])]
    assert (found[-1].last, found[-1].end_s) == (len(text), 250.0)
    assert all(c.start_s <= c.end_s and c.first <= c.last for c in found)


def test_a_chunk_is_cut_finer_around_what_is_wrong() -> None:
    text = [*WORDS[:20], "some", "other", "text", *WORDS[23:]]
    whole = Chunk(10.0, 30.0, 10, 30)
    found = finer(said(WORDS), text, whole)
    assert [c.first for c in found] == [10, *(c.last for c in found[:-1])]
    assert [c.start_s for c in found] == [10.0, *(c.end_s for c in found[:-1])]
    assert (found[-1].last, found[-1].end_s) == (30, 30.0)
    assert max(c.duration_s for c in found) < 8.0


def test_chunks_of_a_text_that_agrees_are_short() -> None:
    assert all(c.duration_s <= LONG_S for c in chunks(said(WORDS * 20), WORDS * 20, 1200.0)[:-1])
