"""What holds of the vote whatever the hypotheses are."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from earwitness.stages.vote import differs, vote
from earwitness.types import Turn

VOICES = "abcd"


@st.composite
def hypotheses(draw: st.DrawFn) -> tuple[Turn, ...]:
    """Turns in order of time, on a grid of tenths of a second; a speaker does not overlap themselves."""
    found = []
    for who in VOICES[: draw(st.integers(0, 4))]:
        edges = sorted(draw(st.sets(st.integers(0, 200), max_size=8)))
        found += [Turn(a / 10, b / 10, who) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    return tuple(sorted(found, key=lambda t: (t.start_s, t.end_s, t.speaker)))


several = st.lists(hypotheses(), min_size=1, max_size=4)


@settings(deadline=None)
@given(hypotheses(), st.integers(1, 5))
def test_those_who_agree_are_right(one: tuple[Turn, ...], times: int) -> None:
    found = vote([one] * times).turns
    assert (differs(one, found) or 0.0) < 1e-9
    assert len(found) == len(one)
    assert [(t.start_s, t.end_s) for t in found] == [(t.start_s, t.end_s) for t in one]


@settings(deadline=None)
@given(several, st.permutations(VOICES))
def test_what_speakers_are_called_does_not_matter(some: list[tuple[Turn, ...]], names: list[str]) -> None:
    called = dict(zip(VOICES, names, strict=True))
    others = [tuple(Turn(t.start_s, t.end_s, called[t.speaker]) for t in turns) for turns in some]
    assert vote(others).turns == vote(some).turns


@settings(deadline=None)
@given(several)
@example([(Turn(0.0, 0.1, "a"), Turn(0.2, 0.6, "a")), (Turn(0.0, 0.2, "a"), Turn(0.0, 0.2, "b"))])
def test_the_vote_is_a_diarization(some: list[tuple[Turn, ...]]) -> None:
    found = vote(some)
    ids = list(dict.fromkeys(t.speaker for t in found.turns))
    assert ids == [f"S{n}" for n in range(1, len(ids) + 1)]
    assert list(found.turns) == sorted(found.turns, key=lambda t: (t.start_s, t.end_s, t.speaker))
    spans = [(t.start_s, t.end_s) for turns in some for t in turns]
    for t in found.turns:
        assert t.start_s < t.end_s
        assert min(a for a, _ in spans) <= t.start_s
        assert t.end_s <= max(b for _, b in spans)
    for earlier, later in zip(found.exclusive, found.exclusive[1:], strict=False):
        assert earlier.end_s <= later.start_s
    assert abs(sum(found.weights) - 1) < 1e-9


@settings(deadline=None)
@given(several)
def test_nobody_talks_where_no_hypothesis_hears_anybody(some: list[tuple[Turn, ...]]) -> None:
    for t in vote(some).turns:
        middle = (t.start_s + t.end_s) / 2
        assert any(h.start_s <= middle <= h.end_s for turns in some for h in turns)


@settings(deadline=None)
@given(several)
def test_where_somebody_talks_somebody_leads(some: list[tuple[Turn, ...]]) -> None:
    found = vote(some)
    for exclusive in found.exclusive:
        assert any(
            t.speaker == exclusive.speaker and t.start_s <= exclusive.start_s and exclusive.end_s <= t.end_s
            for t in found.turns
        )
    length = sum(t.end_s - t.start_s for t in found.exclusive)
    covered = sorted((t.start_s, t.end_s) for t in found.turns)
    union, end = 0.0, -1.0
    for a, b in covered:
        union += max(0.0, b - max(a, end))
        end = max(end, b)
    assert abs(length - union) < 1e-6
