"""Laws of sentences: nothing is lost or reordered, and times run forward inside the speech."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.stages.phrase import sentences, split
from earwitness.types import Segment, Span, Token

WORDS = st.text("abcdéß中,;'", min_size=1, max_size=9)
ENDS = st.sampled_from(["", "", "", ".", "?", "!", "…", '."', "...", "?!"])
ABBREVIATED = st.sampled_from(["Mr.", "St.", "J.", "3.", "I.", "No.", "U.S."])
TEXTS = st.lists(st.one_of(st.builds(str.__add__, WORDS, ENDS), ABBREVIATED), min_size=1, max_size=40).map(" ".join)


@st.composite
def spans(draw: st.DrawFn) -> tuple[Span, ...]:
    """Speech with pauses, hours into a recording."""
    at, found = draw(st.integers(0, 10**9)), []
    for length, pause in draw(st.lists(st.tuples(st.integers(512, 99_999), st.integers(512, 24_000)), min_size=1)):
        found.append(Span(at, at + length))
        at += length + pause
    return tuple(found)


@st.composite
def tokenised(draw: st.DrawFn, text: str) -> tuple[Token, ...]:
    """The text's bytes in tokens, cut anywhere, also inside a character; some print nothing."""
    raw = f" {text}".encode()
    cuts = sorted(draw(st.lists(st.integers(0, len(raw)), max_size=30)))
    edges = [0, *cuts, len(raw)]
    return tuple(Token(i, raw[a:b], -i / 10) for i, (a, b) in enumerate(pairwise(edges)))


def _whole(text: str, inside: tuple[Span, ...], tokens: tuple[Token, ...] = ()) -> Segment:
    """A segment as an engine without times gives it: from before the speech to after it."""
    ids = tuple(t.id for t in tokens)
    return Segment(inside[0].start_s - 0.3, inside[-1].end_s + 0.3, text, tokens=tokens, token_ids=ids)


@settings(deadline=None)
@given(TEXTS)
def test_sentences_joined_are_the_text(text: str) -> None:
    assert " ".join(sentences(text)) == text
    assert all(sentences(text))


@settings(deadline=None)
@given(TEXTS, spans())
def test_times_run_forward_inside_the_speech(text: str, inside: tuple[Span, ...]) -> None:
    found = split(_whole(text, inside), inside)
    assert " ".join(s.text for s in found) == text
    edges = [t for s in found for t in (s.start_s, s.end_s)]
    assert edges == sorted(edges)
    assert edges[0] == inside[0].start_s
    assert edges[-1] == inside[-1].end_s


@settings(deadline=None)
@given(TEXTS, spans())
def test_every_sentence_has_time_to_be_said(text: str, inside: tuple[Span, ...]) -> None:
    found = split(_whole(text, inside), inside)
    spoken_s = sum(s.duration_s for s in inside)
    letters = sum(len(s.text) for s in found)
    for piece in found:
        spoken = sum(max(0.0, min(piece.end_s, s.end_s) - max(piece.start_s, s.start_s)) for s in inside)
        assert spoken > 0.3 * spoken_s * len(piece.text) / letters


@settings(deadline=None)
@given(st.data(), TEXTS, spans())
def test_every_token_belongs_to_one_sentence_in_order(data: st.DataObject, text: str, inside: tuple[Span, ...]) -> None:
    tokens = data.draw(tokenised(text))
    found = split(_whole(text, inside, tokens), inside)
    assert tuple(t for s in found for t in s.tokens) == tokens
    assert [s.token_ids for s in found] == [tuple(t.id for t in s.tokens) for s in found]
