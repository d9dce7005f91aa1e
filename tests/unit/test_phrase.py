"""Sentences and their times, on cases that can be checked by eye."""

from dataclasses import replace

import pytest

from earwitness.stages.phrase import sentences, split
from earwitness.types import Segment, Span, Token, Word

RATE = 16_000


def _spans(*seconds: tuple[float, float]) -> tuple[Span, ...]:
    return tuple(Span(round(a * RATE), round(b * RATE)) for a, b in seconds)


def _times(segments: tuple[Segment, ...]) -> list[tuple[float, float]]:
    return [(round(s.start_s, 2), round(s.end_s, 2)) for s in segments]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello there. How are you?", ["Hello there.", "How are you?"]),
        ("Wait! Stop… Go on.", ["Wait!", "Stop…", "Go on."]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("Mr. Hale and Dr. Fish came.", ["Mr. Hale and Dr. Fish came."]),
        ("J. R. Tolkien wrote it. I read it.", ["J. R. Tolkien wrote it.", "I read it."]),
        ("So did I. He did not.", ["So did I.", "He did not."]),
        ("It cost 3.50 euros. Really?", ["It cost 3.50 euros.", "Really?"]),
        ("That was in 1984. It was cold.", ["That was in 1984.", "It was cold."]),
        ("no full stop at all", ["no full stop at all"]),
        ("What?! Yes.", ["What?!", "Yes."]),
        ("", [""]),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert list(sentences(text)) == expected


def test_a_boundary_goes_to_the_pause_near_it() -> None:
    whole = Segment(0.0, 10.0, "Twelve letters. Another dozen.")
    found = split(whole, _spans((0.5, 4.0), (5.0, 9.5)))
    assert [s.text for s in found] == ["Twelve letters.", "Another dozen."]
    assert _times(found) == [(0.5, 4.0), (5.0, 9.5)]


def test_without_a_pause_near_the_letters_decide() -> None:
    found = split(Segment(0.0, 10.0, "Abcd efg. Abcd efg."), _spans((1.0, 9.0)))
    assert _times(found) == [(1.0, 5.0), (5.0, 9.0)]


def test_a_pause_far_away_belongs_to_something_else() -> None:
    found = split(Segment(0.0, 20.0, "Abcd efg. Abcd efg."), _spans((0.0, 7.0), (8.0, 20.0)))
    assert _times(found) == [(0.0, 10.5), (10.5, 20.0)]


def test_a_segment_its_engine_has_timed_passes_unchanged() -> None:
    spans = _spans((1.0, 2.0), (3.0, 4.0))
    timed = Segment(1.5, 3.5, "One. Two.")
    assert split(timed, spans) == (timed,)
    worded = Segment(0.0, 5.0, "One. Two.", words=(Word("One.", 1, 2), Word("Two.", 3, 4)))
    assert split(worded, spans) == (worded,)


def test_tokens_go_to_the_sentence_they_print() -> None:
    tokens = tuple(
        Token(i, raw, -0.1 * i) for i, raw in enumerate([b" Na", b"\xc3", b"\xafve", b".", b" Go", b" on", b"."], 1)
    )
    whole = Segment(0.0, 4.0, "Naïve. Go on.", tokens=tokens, token_ids=tuple(range(1, 8)), avg_logprob=-0.4)
    first, second = split(whole, _spans((0.2, 3.8)))
    assert (first.token_ids, second.token_ids) == ((1, 2, 3, 4), (5, 6, 7))
    assert (first.tokens, second.tokens) == (tokens[:4], tokens[4:])
    assert first.avg_logprob == pytest.approx(-0.25)
    assert second.avg_logprob == pytest.approx(-0.6)


def test_token_ids_alone_stay_with_the_first_sentence() -> None:
    whole = Segment(0.0, 4.0, "Go. On.", token_ids=(1, 2, 3), avg_logprob=-0.4)
    first, second = split(whole, _spans((0.2, 3.8)))
    assert (first.token_ids, second.token_ids) == ((1, 2, 3), ())
    assert first.avg_logprob == second.avg_logprob == -0.4


def test_what_else_is_known_of_a_segment_is_kept() -> None:
    whole = Segment(0.0, 4.0, "Go. On.", language="en", confidence=0.7, marks=("loop_cut",))
    for piece in split(whole, _spans((0.2, 3.8))):
        assert replace(piece, start_s=0.0, end_s=4.0, text=whole.text) == whole
