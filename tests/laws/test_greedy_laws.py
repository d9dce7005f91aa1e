"""Laws of loop cutting: it only ever takes away repetition, and ordinary text passes whole."""

from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.engines.greedy import LONGEST_PATTERN, Row, repeated

END = 0
IDS = st.integers(1, 4)


def _fed(ids: list[int]) -> Row:
    row = Row(10_000, END)
    for token in ids:
        row.take(token, -float(token))
    return row


@settings(deadline=None)
@given(st.lists(IDS, max_size=120))
def test_what_is_cut_only_repeats_what_stands_before_it(ids: list[int]) -> None:
    surplus = repeated(ids)
    assert 0 <= surplus < max(1, len(ids))
    kept, cut = ids[: len(ids) - surplus], ids[len(ids) - surplus :]
    periods = [p for p in range(1, LONGEST_PATTERN + 1) if surplus % p == 0 and len(kept) >= p]
    assert not cut or any(cut == kept[-p:] * (surplus // p) for p in periods)


@settings(deadline=None)
@given(st.lists(IDS, max_size=120))
def test_a_row_keeps_a_beginning_of_what_it_was_fed(ids: list[int]) -> None:
    row = _fed(ids)
    assert row.ids == ids[: len(row.ids)]
    assert row.logprobs == [-float(i) for i in row.ids]
    assert row.done == bool(row.marks)
    if not row.marks:
        assert row.ids == ids


@settings(deadline=None)
@given(st.lists(st.integers(1, 10_000), max_size=80, unique=True))
def test_text_that_never_repeats_passes_whole(ids: list[int]) -> None:
    assert _fed(ids).ids == ids


@settings(deadline=None)
@given(st.lists(IDS, max_size=20), st.lists(IDS, min_size=1, max_size=LONGEST_PATTERN))
def test_an_endless_pattern_always_ends(before: list[int], pattern: list[int]) -> None:
    row = _fed([*before, *pattern * 60])
    assert row.marks == ["loop_cut"]
    assert len(row.ids) <= len(before) + 3 * LONGEST_PATTERN + 18
