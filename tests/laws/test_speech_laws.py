"""Laws of finding speech: chunking changes nothing, nothing is lost, nothing is given twice."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earwitness.audio import decode
from earwitness.audio.decode import Report
from earwitness.kit import Kit
from earwitness.parts import Vad
from earwitness.stages.speech import Listening, Stretch, begin, finish, listen
from earwitness.types import Audio, Samples
from support import sounds
from support.loudness import FRAME, Loudness

FRAME_S = 0.032


def _heard(sound: Samples, cuts: list[int], vad: Vad, how: Listening, origin: int = 0) -> list[Stretch]:
    """The stretches of a sound that is handed in as it is cut."""
    state, found = begin(vad, origin), list[Stretch]()
    edges = [0, *sorted(c % (len(sound) + 1) for c in cuts), len(sound)]
    for low, high in pairwise(edges):
        state, some = listen(state, Audio(sound[low:high], origin + low), vad, how)
        found += some
    return [*found, *finish(state, vad, how)]


def _same(one: list[Stretch], other: list[Stretch]) -> None:
    assert [s.spans for s in one] == [s.spans for s in other]
    assert [(s.audio.start, s.forced) for s in one] == [(s.audio.start, s.forced) for s in other]
    for a, b in zip(one, other, strict=True):
        assert np.array_equal(a.audio.samples, b.audio.samples)
        assert (a.voice, a.peak) == pytest.approx((b.voice, b.peak), abs=1e-6)


@st.composite
def scripts(draw: st.DrawFn) -> Samples:
    """Sound whose every frame says how likely it is speech: bursts, pauses, murmur, and a rest of a frame."""
    runs = st.tuples(st.integers(1, 60), st.sampled_from([0.0, 0.0, 0.1, 0.2, 0.35, 0.6, 0.95]))
    parts = draw(st.lists(runs, min_size=1, max_size=30))
    probs = np.concatenate([np.full(n, p) for n, p in parts])
    wobble = np.random.default_rng(draw(st.integers(0, 99))).uniform(0, 0.04, len(probs))
    sound = np.repeat((probs + wobble).astype(np.float32), FRAME)
    return sound[: len(sound) - draw(st.integers(0, FRAME - 1))]


@st.composite
def ways(draw: st.DrawFn) -> Listening:
    """Any sensible way to listen."""
    frames = st.integers
    longest = draw(frames(40, 300))
    return Listening(
        pause_s=draw(frames(1, 15)) * FRAME_S,
        join_s=draw(frames(1, 60)) * FRAME_S,
        margin_s=draw(frames(1, 40)) * FRAME_S,
        longest_s=longest * FRAME_S,
        shortest_s=draw(frames(1, longest)) * FRAME_S,
    )


CUTS = st.lists(st.integers(0, 10**6), max_size=12)


@settings(deadline=None)
@given(scripts(), CUTS, ways())
def test_chunking_changes_nothing(sound: Samples, cuts: list[int], how: Listening) -> None:
    _same(_heard(sound, cuts, Loudness(), how), _heard(sound, [], Loudness(), how))


@settings(deadline=None)
@given(scripts(), ways(), st.integers(0, 10**9))
def test_stretches_stand_in_order_inside_the_recording_and_share_no_sound(
    sound: Samples, how: Listening, origin: int
) -> None:
    at, said = origin, origin
    for stretch in _heard(sound, [], Loudness(), how, origin):
        assert at <= stretch.audio.start <= stretch.span.start < stretch.span.end <= stretch.audio.end
        assert np.array_equal(stretch.audio.samples, sound[stretch.audio.start - origin : stretch.audio.end - origin])
        for span in stretch.spans:
            assert said <= span.start < span.end
            said = span.end
        at = stretch.audio.end
    assert at <= origin + len(sound)


@settings(deadline=None)
@given(scripts(), ways())
def test_no_stretch_is_longer_than_asked(sound: Samples, how: Listening) -> None:
    for stretch in _heard(sound, [], Loudness(), how):
        assert stretch.span.duration_s <= how.longest_s + FRAME_S
        assert stretch.audio.duration_s <= how.longest_s + 2 * how.margin_s + FRAME_S


@settings(deadline=None)
@given(scripts(), ways())
def test_margins_are_as_long_as_asked_at_most(sound: Samples, how: Listening) -> None:
    for stretch in _heard(sound, [], Loudness(), how):
        assert stretch.span.start - stretch.audio.start <= round(how.margin_s / FRAME_S) * FRAME
        assert stretch.audio.end - stretch.span.end <= round(how.margin_s / FRAME_S) * FRAME


@settings(deadline=None)
@given(scripts(), ways())
def test_no_frame_above_the_peak_is_lost(sound: Samples, how: Listening) -> None:
    """What is missing never reached `peak`."""
    found = _heard(sound, [], Loudness(), how)
    padded = np.concatenate([sound, np.zeros(-len(sound) % FRAME, np.float32)])
    probs, _ = Loudness().probabilities(padded, Loudness().begin())
    covered = np.zeros(len(probs), bool)
    for span in (s for stretch in found for s in stretch.spans):
        covered[span.start // FRAME : -(-span.end // FRAME)] = True
    assert covered[probs >= how.peak].all()
    for low, high in _missing_runs(covered):
        assert probs[low:high].max() < how.peak


def _missing_runs(covered: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[1], covered.astype(int), [1]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


@settings(deadline=None)
@given(scripts())
def test_with_no_peak_wanted_every_frame_over_the_threshold_is_given(sound: Samples) -> None:
    how = Listening(peak=0.0)
    padded = np.concatenate([sound, np.zeros(-len(sound) % FRAME, np.float32)])
    probs, _ = Loudness().probabilities(padded, Loudness().begin())
    covered = np.zeros(len(probs), bool)
    for span in (s for stretch in _heard(sound, [], Loudness(), how) for s in stretch.spans):
        covered[span.start // FRAME : -(-span.end // FRAME)] = True
    assert covered[probs >= how.threshold].all()


# ── on real sound, with the real detector ──
@pytest.fixture(scope="module")
def real(sample: Path) -> Samples:
    """Real speech, noise and silence in turn, 26 s."""
    speech = np.concatenate([a.samples for a in decode.stream(sample, Report())])
    return np.concatenate(
        [speech[: 9 * 16_000], sounds.noise(3), sounds.silence(2), speech[9 * 16_000 : 20 * 16_000], sounds.tone(1)]
    )


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=CUTS, longest_s=st.sampled_from([3.0, 15.0]))
def test_chunking_changes_nothing_on_real_sound(kit: Kit, real: Samples, cuts: list[int], longest_s: float) -> None:
    how = Listening(longest_s=longest_s, shortest_s=1.0)
    whole = _heard(real, [], kit.vad, how)
    assert len(whole) >= 2
    _same(_heard(real, cuts, kit.vad, how), whole)
