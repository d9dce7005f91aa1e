"""How hits by words and by meaning are put in one order."""

import pytest

from earwitness.archive.search.find import Meant
from earwitness.archive.search.meaning import K, Mode, _fused, _Like


def like(ident: int, likeness: float, *segments: int) -> _Like:
    return _Like(ident, segments, Meant("text", 0.0, 1.0, likeness))


BEST = [(9, 1), (8, 2), (7, 3)]
LIKES = [like(7, 0.6, 4, 3), like(8, 0.5, 5, 6), like(9, 0.4, 2)]


def test_what_both_find_goes_first() -> None:
    found = _fused(BEST, LIKES, "both")
    assert {ident: entry[1] for ident, entry in found.items()} == {1: "words", 2: "both", 3: "both", 5: "meaning"}
    shares = {1: 1 / (K + 1), 2: 1 / (K + 2) + 1 / (K + 3), 3: 1 / (K + 3) + 1 / (K + 1), 5: 1 / (K + 2)}
    assert {ident: entry[0] / 1e9 for ident, entry in found.items()} == pytest.approx(shares, abs=1e-8)
    assert sorted(found, key=lambda ident: -found[ident][0]) == [3, 2, 1, 5]
    assert found[1][2] is None
    assert found[5][2] == LIKES[1].shown


@pytest.mark.parametrize("mode", ["meaning", "both"])
def test_one_way_alone_keeps_its_order(mode: Mode) -> None:
    found = _fused([], LIKES, mode)
    assert sorted(found, key=lambda ident: -found[ident][0]) == [4, 5, 2]
    assert {entry[1] for entry in found.values()} == {"meaning"}
    assert list(_fused(BEST, [], mode)) == [1, 2, 3]
