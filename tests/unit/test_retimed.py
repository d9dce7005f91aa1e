"""Segments of a part of a recording, and what of them lies beside others."""

from dataclasses import replace

import pytest

from earwitness.archive.retimed import moved, outside
from earwitness.types import Provenance, Segment, Suppressed, Transcript, Turn, Word

WORDS = tuple(Word(w, n, n + 0.8, 0.9) for n, w in enumerate("one two three four five.".split(), 10))
SAID = Segment(10.0, 14.8, "one two three four five.", "en", WORDS, token_ids=(1, 2), speaker="S1")


def test_a_transcript_of_a_part_lies_where_the_part_does() -> None:
    plain = Provenance("", "", "", "", {})
    held, spoken = (Suppressed(1.0, 2.0, "loop", "x"),), (Turn(0.1, 0.2, "S1"),)
    found = moved(Transcript((SAID,), 20.0, "en", "transcribe", plain, held, turns=spoken), 0.1)
    (segment,) = found.segments
    assert (segment.start_s, segment.end_s, segment.words[1].start_s) == (10.1, 14.9, 11.1)
    assert (found.suppressed[0].start_s, found.turns[0], found.duration_s) == (1.1, Turn(0.2, 0.3, "S1"), 20.1)


@pytest.mark.parametrize(
    ("spans", "texts"),
    [
        ([], ["one two three four five."]),
        ([(0.0, 10.0), (15.0, 20.0)], ["one two three four five."]),
        ([(9.9, 14.9)], []),
        ([(0.0, 11.9)], ["three four five."]),
        ([(12.0, 12.9)], ["one two", "four five."]),
        ([(0.0, 10.1)], ["one two three four five."]),
    ],
)
def test_what_lies_beside_others(spans: list[tuple[float, float]], texts: list[str]) -> None:
    found = outside(SAID, spans)
    assert [s.text for s in found] == texts
    for segment in found:
        assert [w.text for w in segment.words] == segment.text.split()
        assert segment.speaker == "S1"
        if segment is not SAID:
            assert segment.token_ids == ()
            assert segment.start_s <= segment.words[0].start_s
            assert segment.words[-1].end_s <= segment.end_s
    without = outside(replace(SAID, words=()), spans)
    assert [s.text for s in without] == texts
    assert all(s.words == () for s in without)
