"""The token loop's own rules: what a loop is, when a row ends, and what becomes of it."""

import numpy as np
import pytest

from earwitness.engines.greedy import Row, best, repeated, segments
from earwitness.types import Audio, Clip

END = 2


def _fed(ids: list[int], limit: int = 200) -> Row:
    row = Row(limit, END)
    for token in ids:
        row.take(token, -0.5)
    return row


@pytest.mark.parametrize(
    ("pattern", "times", "surplus"),
    [
        ([7], 7, 0),  # no, no, no, no ...
        ([7], 8, 7),
        ([7, 8], 7, 0),
        ([7, 8], 8, 14),
        ([7, 8, 9], 5, 0),
        ([7, 8, 9], 6, 15),
        (list(range(10, 26)), 2, 0),
        (list(range(10, 26)), 3, 32),
        (list(range(10, 27)), 5, 0),  # longer than any pattern that is looked for
    ],
)
def test_a_loop_is_a_pattern_that_comes_too_often(pattern: list[int], times: int, surplus: int) -> None:
    assert repeated([3, 4, *pattern * times]) == surplus


def test_a_loop_is_cut_to_its_first_round() -> None:
    row = _fed([3, 4, 5, *[7, 8, 9] * 20])
    assert row.ids == [3, 4, 5, 7, 8, 9]
    assert len(row.logprobs) == 6
    assert row.marks == ["loop_cut"]
    assert row.done


def test_the_end_token_ends_a_row_and_leaves_its_logprob() -> None:
    row = _fed([3, 4, END, 5, 6])
    assert (row.ids, row.done, row.marks) == ([3, 4], True, [])
    assert len(row.logprobs) == 3


def test_a_row_stops_at_its_limit() -> None:
    row = _fed([3, 4, 5, 6, 7], limit=4)
    assert row.ids == [3, 4, 5, 6]
    assert row.marks == ["token_cap"]
    assert row.done


def test_an_open_row_is_not_done() -> None:
    assert not _fed([3, 4, 5]).done


def test_best_gives_the_likeliest_token_and_its_share() -> None:
    shares = np.array([[0.1, 0.7, 0.2], [0.5, 0.25, 0.25]], np.float32)
    tokens, logprobs = best(np.log(shares) + np.array([[100.0], [-100.0]], np.float32))
    assert tokens.tolist() == [1, 0]
    np.testing.assert_allclose(np.exp(logprobs), [0.7, 0.5], rtol=1e-4)


def test_a_row_becomes_a_segment_over_its_clip() -> None:
    row = Row(9, END)
    for token, logprob in ((5, -0.25), (6, -0.5), (END, -0.75)):
        row.take(token, logprob)
    clip = Clip(Audio(np.zeros(16_000, np.float32), 32_000))
    (found,) = segments(row, clip, [b" caf\xc3", b"\xa9"], language="en")
    assert (found.start_s, found.end_s, found.text, found.language) == (2.0, 3.0, "café", "en")
    assert [(t.id, t.raw, t.logprob) for t in found.tokens] == [(5, b" caf\xc3", -0.25), (6, b"\xa9", -0.5)]
    assert found.token_ids == (5, 6)
    assert found.avg_logprob == pytest.approx(-0.5)
    assert found.confidence == pytest.approx(np.exp(-0.5))


def test_a_row_without_text_becomes_nothing() -> None:
    clip = Clip(Audio(np.zeros(16_000, np.float32)))
    assert segments(_fed([END]), clip, [], language="en") == ()
    assert segments(_fed([3, END]), clip, [b"  "], language="en") == ()
