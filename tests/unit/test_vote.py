"""The vote over several diarizations: cases worked by hand, its measure of error, and the reference implementation."""

from importlib.util import find_spec
from itertools import combinations

import numpy as np
import pytest

from earwitness.stages.vote import differs, vote
from earwitness.types import Turn


def turns(*told: tuple[float, float, str]) -> tuple[Turn, ...]:
    return tuple(Turn(*t) for t in told)


TALK = turns((0, 4, "S1"), (4, 8, "S2"), (8, 12, "S1"))


def test_one_hypothesis_is_the_vote() -> None:
    found = vote([TALK])
    assert found.turns == found.exclusive == TALK
    assert found.weights == (1.0,)
    assert found.names == ({"S1": "S1", "S2": "S2"},)


def test_the_majority_decides_whatever_the_labels_are() -> None:
    other = turns((0, 4, "b"), (4, 8, "a"), (8, 12, "b"))
    wrong = turns((0, 8, "x"), (8, 12, "y"))
    found = vote([wrong, TALK, other])
    assert found.turns == TALK
    assert found.names[1] == {"S1": "S1", "S2": "S2"}
    assert found.names[2] == {"b": "S1", "a": "S2"}
    assert found.names[0] == {"x": "S2", "y": "S1"}
    assert found.weights[0] < min(found.weights[1:])


def test_overlap_is_voted_on_by_the_mean_number_of_speakers() -> None:
    heard = turns((0, 6, "a"), (4, 10, "b"))
    deaf = turns((0, 5, "a"), (5, 10, "b"))
    assert vote([heard, heard, deaf]).turns == turns((0, 6, "S1"), (4, 10, "S2"))
    assert vote([deaf, deaf, heard]).turns == turns((0, 5, "S1"), (5, 10, "S2"))


def test_the_exclusive_turns_are_those_of_whom_most_name() -> None:
    one, two = turns((0, 10, "a"), (4, 6, "b")), turns((0, 10, "a"), (4, 6, "b"))
    three = turns((0, 10, "a"))
    found = vote([one, two, three])
    assert found.turns == turns((0, 10, "S1"), (4, 6, "S2"))
    assert found.exclusive == turns((0, 10, "S1"))


def test_a_speaker_whom_most_do_not_hear_is_left_out() -> None:
    ghost = (*TALK, Turn(14, 15, "ghost"))
    found = vote([ghost, TALK, TALK])
    assert found.turns == TALK
    assert "ghost" not in found.names[0]


def test_speakers_that_only_the_second_hears_are_matched_with_the_third() -> None:
    first = turns((0, 5, "a"))
    second, third = turns((0, 5, "x"), (5, 9, "y")), turns((0, 5, "q"), (5, 9, "p"))
    assert vote([first, second, third]).turns == turns((0, 5, "S1"), (5, 9, "S2"))


def test_where_two_disagree_the_first_counts_more() -> None:
    here, there = turns((0, 4, "a")), turns((4, 8, "b"))
    assert [vote([here, there]).turns, vote([there, here]).turns] == [turns((0, 4, "S1")), turns((4, 8, "S1"))]


@pytest.mark.parametrize(
    ("hypotheses", "expected"),
    [([], ()), ([()], ()), ([(), ()], ()), ([TALK, (), ()], ()), ([TALK, TALK, ()], TALK), ([(Turn(3, 3, "a"),)], ())],
    ids=["none", "nobody", "nobody twice", "most hear nobody", "most hear them", "turns of no length"],
)
def test_hypotheses_without_speech(hypotheses: list[tuple[Turn, ...]], expected: tuple[Turn, ...]) -> None:
    assert vote(hypotheses).turns == expected


def test_many_speakers_take_little_time() -> None:
    crowd = tuple(Turn(float(n), n + 1.5, f"p{n % 100}") for n in range(2_000))
    found = vote([crowd] * 4)
    assert len({t.speaker for t in found.turns}) == 100


# ── the measure ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_error_of_what_is_equal_is_nothing_and_of_nobody_everything() -> None:
    assert differs(TALK, turns((0, 4, "z"), (4, 8, "y"), (8, 12, "z"))) == 0.0
    assert differs(TALK, ()) == 1.0
    assert differs((), TALK) is None


def scattered(seed: int, voices: int = 3, most: int = 30) -> tuple[Turn, ...]:
    """Turns of no sense, in order."""
    dice = np.random.default_rng(seed)
    starts = np.round(dice.uniform(0, 60, most), 2)
    return tuple(
        Turn(float(s), float(s + dice.integers(1, 400) / 100), f"v{dice.integers(voices)}") for s in sorted(starts)
    )


@pytest.mark.parametrize("seed", range(8))
def test_the_error_is_that_of_the_tool_that_measures(seed: int) -> None:
    if not find_spec("pyannote") or not find_spec("pyannote.metrics"):
        pytest.skip("pyannote.metrics is not installed")
    from pyannote.core import Annotation, Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    one, other = scattered(seed), scattered(seed + 100)
    told = []
    for some in (one, other):
        found = Annotation()
        for n, t in enumerate(some):
            found[Segment(t.start_s, t.end_s), n] = t.speaker
        told.append(found.support())
    inside = Timeline([Segment(0, 70)])
    expected = DiarizationErrorRate(collar=0.0, skip_overlap=False)(told[0], told[1], uem=inside)
    assert differs(one, other) == pytest.approx(expected, abs=1e-6)


# ── the reference implementation ─────────────────────────────────────────────────────────────────────────────────────
def smeared(truth: tuple[Turn, ...], seed: int, by_s: float) -> tuple[Turn, ...]:
    """What a diarizer that errs by so much makes of it: shifted edges, swapped and lost turns, names of its own."""
    dice, found = np.random.default_rng(seed), []
    names = {t.speaker: f"{seed}-{n}" for n, t in enumerate(truth)}
    for t in truth:
        if dice.uniform() < by_s / 4:
            continue
        who = dice.choice(sorted(names)) if dice.uniform() < by_s / 4 else t.speaker
        start_s, end_s = t.start_s + by_s * dice.uniform(0, 1), t.end_s + by_s * dice.uniform(0, 1)
        found.append(Turn(round(start_s, 3), round(max(end_s, start_s + 0.1), 3), names[who]))
    return tuple(found)


TRUTH = tuple(Turn(6.0 * n, 6.0 * n + 5.5 + (n % 3), f"p{n % 4}") for n in range(20))


def merged(some: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """The turns with those of one speaker that touch made one, as the reference wants them."""
    return vote([some]).turns


@pytest.mark.parametrize("seed", range(6))
def test_it_votes_like_the_reference_implementation(seed: int) -> None:
    """`pip install dover-lap`; it weighs hypotheses in the order of their error where that is the order given."""
    if not find_spec("dover_lap"):
        pytest.skip("dover-lap is not installed")
    from dover_lap.libs.turn import Turn as Theirs
    from dover_lap.src import DOVERLap

    some = [merged(smeared(TRUTH, 10 * seed + n, by_s)) for n, by_s in enumerate((0.2, 0.4, 0.6))]
    ours = vote(some)
    order = sorted(range(3), key=lambda n: -ours.weights[n])
    given = [[Theirs(t.start_s, t.end_s, speaker_id=t.speaker, file_id="f") for t in some[n]] for n in order]
    weights = [ours.weights[n] for n in order]
    theirs = DOVERLap.combine_turns_list(
        given, "f", label_mapping="hungarian", weight_type="custom", custom_weight=weights
    )
    told = tuple(Turn(float(t.onset), float(t.offset), str(t.speaker_id)) for t in theirs)
    assert differs(told, ours.turns) == pytest.approx(0.0, abs=0.005)  # its times are 32-bit, and 1 ms is nothing to it


def test_the_vote_is_better_than_any_of_those_who_vote() -> None:
    some = [smeared(TRUTH, seed, 0.5) for seed in range(5)]
    alone = [differs(TRUTH, heard) or 0.0 for heard in some]
    assert (differs(TRUTH, vote(some).turns) or 0.0) < min(alone)
    assert all((differs(a, b) or 0.0) > 0.05 for a, b in combinations(some, 2))
