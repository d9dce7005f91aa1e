"""What a decoder left out of a stretch: where the rest begins, and which words are in both parts."""

import numpy as np
import pytest

from earwitness.audio import timebase
from earwitness.stages.resume import LEAST_REST_S, doubled, parted, without
from earwitness.stages.speech import Stretch
from earwitness.types import Audio, Segment, Span, Token, Word

START_S = 100.0


def _span(low_s: float, high_s: float) -> Span:
    return Span(timebase.samples(START_S + low_s), timebase.samples(START_S + high_s))


def _stretch(*spans: tuple[float, float], quiet_s: float | None = None) -> Stretch:
    """Loud sound with 0.3 s around its speech, silent for 60 ms around `quiet_s`."""
    inside = tuple(_span(*s) for s in spans)
    audio = Audio(
        np.full(inside[-1].end - inside[0].start + 9_600, 0.5, np.float32), inside[0].start - timebase.samples(0.3)
    )
    if quiet_s is not None:
        loud, at = audio.samples.copy(), timebase.samples(START_S + quiet_s) - audio.start
        loud[at - 480 : at + 480] = 0.0
        audio = Audio(loud, audio.start)
    return Stretch(audio, inside, 0.9, 0.95, voices=tuple(0.9 - 0.1 * i for i in range(len(inside))))


def _said(text: str, end_s: float, start_s: float = 0.0, **more: object) -> Segment:
    return Segment(START_S + start_s, START_S + end_s, text, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spans", "end_s", "rest"),
    [
        ([(0.5, 2.4), (3.2, 4.6), (5.5, 8.4)], 4.62, [(5.5, 8.4)]),
        ([(0.5, 2.4), (3.2, 4.6), (5.5, 8.4)], 2.0, [(3.2, 4.6), (5.5, 8.4)]),
        ([(0.5, 2.4), (3.2, 6.0)], 3.4, [(3.2, 6.0)]),
        ([(0.5, 2.4), (3.2, 6.0)], 2.9, [(3.2, 6.0)]),
        ([(0.5, 2.4), (3.2, 6.0)], 2.0, [(3.2, 6.0)]),
    ],
    ids=["last", "last-two", "stamp-too-late", "stamp-in-the-pause", "stamp-too-early"],
)
def test_the_rest_begins_after_a_pause(
    spans: list[tuple[float, float]], end_s: float, rest: list[tuple[float, float]]
) -> None:
    whole = _stretch(*spans)
    parts = parted([_said("so far", end_s)], whole)
    assert parts is not None
    head, left = parts
    assert list(left.spans) == [_span(*s) for s in rest]
    assert head.spans + left.spans == whole.spans
    assert head.voices + left.voices == whole.voices
    assert not head.forced
    assert head.audio.end == left.audio.start
    assert left.audio.end == whole.audio.end
    assert np.array_equal(np.concatenate([head.audio.samples, left.audio.samples]), whole.audio.samples)
    assert left.voice == pytest.approx(np.average(left.voices, weights=[s.duration_s for s in left.spans]))


def test_speech_without_a_pause_is_cut_where_it_is_quietest() -> None:
    whole = _stretch((0.5, 9.0), quiet_s=4.1)
    parts = parted([_said("so far", 4.0)], whole)
    assert parts is not None
    head, left = parts
    assert left.span.start_s == pytest.approx(START_S + 4.1, abs=0.04)
    assert (head.span.start, left.span.end) == (whole.span.start, whole.span.end)
    assert head.span.end == left.span.start
    assert head.forced


@pytest.mark.parametrize(
    ("spans", "end_s"),
    [
        ([(0.5, 2.4), (3.2, 8.4)], 8.3),
        ([(0.5, 2.4), (3.2, 8.4)], 8.0),
        ([(0.5, 2.4), (3.2, 8.4)], 9.0),
        ([(0.5, 2.4), (3.2, 3.2 + LEAST_REST_S)], 2.4),
        ([(0.5, 2.4)], 0.55),
        ([(3.0, 6.0), (7.0, 9.0)], 1.0),
    ],
    ids=["to-the-end", "a-little-early", "spans-its-clip", "little-speech", "in-the-slack", "before-all-speech"],
)
def test_there_is_no_rest(spans: list[tuple[float, float]], end_s: float) -> None:
    assert parted([_said("all of it", end_s)], _stretch(*spans)) is None


def test_without_words_there_is_no_rest() -> None:
    assert parted([], _stretch((0.5, 2.4), (3.2, 8.4))) is None


@pytest.mark.parametrize(
    ("before", "end_s", "rest", "expected"),
    [
        ("we walked home", 5.2, "Home, and then", 1),
        ("and we walked home", 5.2, "we walked home and slept", 3),
        ("it's late", 5.2, "It’s late, I said", 2),
        ("we walked home", 4.9, "Home, and then", 0),
        ("we walked home", 5.2, "and then home", 0),
        ("one two three four five", 5.2, "one two three four five", 0),
        ("no", 5.2, "no", 1),
    ],
    ids=["one", "three", "marks", "a-pause-between", "elsewhere", "too-many", "all"],
)
def test_words_at_a_seam_are_doubled_where_the_segment_before_reaches_into_the_rest(
    before: str, end_s: float, rest: str, expected: int
) -> None:
    assert doubled([_said("well", 1.0), _said(before, end_s)], [_said(rest, 8.0)], _stretch((5.0, 8.0))) == expected


def test_nothing_is_doubled_without_words() -> None:
    assert doubled([], [_said("home", 8.0)], _stretch((5.0, 8.0))) == 0
    assert doubled([_said("home", 5.2)], [], _stretch((5.0, 8.0))) == 0


def test_words_are_taken_with_their_times_and_steps() -> None:
    texts, starts = ["walked", "home", "late"], [5.0, 5.5, 6.0]
    words = tuple(Word(t, START_S + s, START_S + s + 0.4) for t, s in zip(texts, starts, strict=True))
    tokens = tuple(Token(i, raw, -0.1) for i, raw in enumerate([b" wal", b"ked", b" home", b" late"]))
    whole = _said("walked home late", 7.0, 5.0, words=words, tokens=tokens, token_ids=(0, 1, 2, 3))
    (left,) = without(whole, 1)
    assert (left.text, left.words, left.token_ids, left.start_s) == ("home late", words[1:], (2, 3), START_S + 5.5)
    assert left.tokens == tokens[2:]
    assert without(whole, 3) == ()


def test_steps_that_nobody_can_spell_go() -> None:
    (left,) = without(_said("walked home", 7.0, 5.0, token_ids=(1, 2, 3)), 1)
    assert (left.text, left.token_ids, left.start_s) == ("home", (), START_S + 5.0)
