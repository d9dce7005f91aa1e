"""Laws of giving words their speakers: no letter is lost or moved, whoever is said to have spoken."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.stages.attribute import attribute
from earwitness.types import Diarization, Segment, Token, Turn, Word

PRINTED = st.builds(str.__add__, st.text("abcdeäß“'", min_size=1, max_size=8), st.sampled_from(["", "", ",", ".", "?"]))
WHO = st.sampled_from(["S1", "S2", "S3"])


@st.composite
def spoken(draw: st.DrawFn) -> tuple[Segment, ...]:
    """Segments one after the other, some with times of their words, some with the decoder's steps."""
    at, found = draw(st.floats(0, 100)), []
    for texts in draw(st.lists(st.lists(PRINTED, min_size=1, max_size=12), max_size=4)):
        start_s, words = at, []
        for text in texts:
            end_s = at + draw(st.floats(0.0, 1.5))
            words.append(Word(text, at, end_s, aligned=draw(st.booleans())))
            at = end_s + draw(st.sampled_from([0.0, 0.0, 0.4]))
        own = tuple(words) if draw(st.booleans()) else ()
        steps = tuple(Token(n, f" {t}".encode(), -0.1) for n, t in enumerate(texts)) if draw(st.booleans()) else ()
        ids = tuple(t.id for t in steps)
        found.append(Segment(start_s, at, " ".join(texts), "en", own, steps, ids, marks=("resumed",), confidence=0.5))
    return tuple(found)


@st.composite
def told(draw: st.DrawFn) -> Diarization:
    """Turns that do not overlap."""
    at, turns = draw(st.floats(0, 100)), []
    for who in draw(st.lists(WHO, max_size=12)):
        end_s = at + draw(st.floats(0.01, 4))
        turns.append(Turn(at, end_s, who))
        at = end_s + draw(st.sampled_from([0.0, 0.0, 0.3, 5.0]))
    return Diarization(tuple(turns), tuple(turns))


@settings(deadline=None)
@given(spoken(), told())
def test_no_letter_is_lost_or_moved(segments: tuple[Segment, ...], who: Diarization) -> None:
    found = attribute(segments, who)
    assert " ".join(s.text for s in found) == " ".join(s.text for s in segments)
    assert all(s.text for s in found)


@settings(deadline=None)
@given(spoken(), told())
def test_words_keep_all_but_their_speaker_and_a_segment_has_one(
    segments: tuple[Segment, ...], who: Diarization
) -> None:
    found = attribute(segments, who)
    before, after = (
        [(w.text, w.start_s, w.end_s, w.aligned) for s in all_ for w in s.words] for all_ in (segments, found)
    )
    assert before == after
    for segment in found:
        assert {w.speaker for w in segment.words} <= {segment.speaker}
        assert segment.speaker in {None, "S1", "S2", "S3"}
        assert (segment.marks, segment.confidence, segment.language) == (("resumed",), 0.5, "en")
    steps = [[(t.id, t.raw) for s in all_ for t in s.tokens] for all_ in (segments, found)]
    assert steps[0] == steps[1]


@settings(deadline=None)
@given(spoken(), told())
def test_times_stay_in_order_and_inside(segments: tuple[Segment, ...], who: Diarization) -> None:
    found = attribute(segments, who)
    assert all(s.start_s <= s.end_s for s in found)
    assert all(a.start_s <= b.start_s for a, b in pairwise(found))
    if segments:
        assert (found[0].start_s, found[-1].end_s) == (segments[0].start_s, segments[-1].end_s)


@settings(deadline=None)
@given(spoken(), WHO)
def test_where_one_speaks_all_is_said_by_them(segments: tuple[Segment, ...], who: str) -> None:
    turn = Turn(0.0, 1_000.0, who)
    found = attribute(segments, Diarization((turn,), (turn,)))
    assert [s.text for s in found] == [s.text for s in segments]
    assert {s.speaker for s in found} <= {who}


@settings(deadline=None)
@given(spoken(), told())
def test_it_does_no_more_when_done_again(segments: tuple[Segment, ...], who: Diarization) -> None:
    once = attribute(segments, who)
    assert " ".join(s.text for s in attribute(once, who)) == " ".join(s.text for s in segments)


@settings(deadline=None)
@given(spoken())
def test_without_turns_nothing_changes(segments: tuple[Segment, ...]) -> None:
    assert attribute(segments, Diarization()) == segments
