"""The promise of live text: what is final is what a recording of the same sound gives, however the sound came in."""

import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earwitness import batch
from earwitness.audio import decode
from earwitness.events import Ended, Final, Gap, Partial, Settled, SpeechEnded, SpeechStarted
from earwitness.kit import Kit
from earwitness.live import desk, pace
from earwitness.live.session import Since
from earwitness.models.lane import Lane, Urgency
from earwitness.stages import speech
from earwitness.stages.guard import NO_CREDIT, Credit, Guarding
from earwitness.stages.recipe import Recipe, live
from earwitness.stages.recognise import recognise
from earwitness.types import Ask, Audio, Samples, Segment, Suppressed
from support import sounds
from support.listening import Listener, pieces
from support.loudness import FRAME, Loudness
from support.steady import Flowing, Steady


@pytest.fixture(scope="module")
def spoken(sample: Path) -> Samples:
    """The first half of the sample conversation."""
    return decode.decode(sample).samples[: 14 * 16_000]


@pytest.fixture(scope="module")
def of_file(spoken: Samples, kit: Kit) -> tuple[Segment, ...]:
    """What a recording of it says, by the recipe of live sessions."""
    return batch.run(sounds_file(spoken), live(Recipe()), kit).segments


def sounds_file(samples: Samples) -> bytes:
    """A file that decodes to just these samples."""
    return sounds.encoded(samples, "wav", "pcm_f32le")


@settings(deadline=None, max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 10**6), max_size=40), st.sampled_from([None, 320, 1_024, 7_777]))
def test_final_text_and_times_are_those_of_the_file(
    spoken: Samples, of_file: tuple[Segment, ...], kit: Kit, cuts: list[int], step: int | None
) -> None:
    edges = range(0, len(spoken), step) if step else cuts
    with kit.lane("default") as (_, lane), lane.seat(urgency=Urgency.LIVE_FINAL) as seat:
        told = Listener(Recipe(), seat, kit.vad)
        told.push(*pieces(spoken, edges))
        assert told.end().segments == of_file
        assert of_file
        assert not told.gaps


def test_a_sample_at_a_time_is_enough(kit: Kit, spoken: Samples) -> None:
    part = spoken[: 3 * 16_000]
    whole = batch.run(sounds_file(part), live(Recipe()), kit).segments
    with kit.lane("default") as (_, lane), lane.seat(urgency=Urgency.LIVE_FINAL) as seat:
        told = Listener(Recipe(), seat, kit.vad)
        told.push(*(part[n : n + 1] for n in range(2_000)), part[2_000:])
        assert told.end().segments == whole


def test_one_word_is_believed_of_whom_was_well_understood_before_whatever_process_heard_it(
    kit: Kit, sample: Path
) -> None:
    word = Audio(decode.decode(sample, from_s=19.0, to_s=20.2).samples)
    heard = list[list[str]]()
    for credit in (NO_CREDIT, Credit(3.0, 8, "en")):
        woken = threading.Event()
        with desk.opened(Recipe(), kit, woken.set, Since(credit=credit)) as (_, session):
            told = list(pace.play([word], session, woken, fast=True))
        heard.append([e.segment.text for e in told if isinstance(e, Final)])
    assert heard == [[], ["Laughed."]]


@st.composite
def scripts(draw: st.DrawFn) -> Samples:
    """Sound whose every frame says how likely it is speech."""
    runs = st.tuples(st.integers(1, 90), st.sampled_from([0.0, 0.0, 0.0, 0.1, 0.2, 0.6, 0.95]))
    parts = draw(st.lists(runs, min_size=1, max_size=30))
    probs = np.concatenate([np.full(n, p) for n, p in parts])
    wobble = np.random.default_rng(draw(st.integers(0, 99))).uniform(0.001, 0.04, len(probs))
    sound = np.repeat((probs + wobble).astype(np.float32), FRAME)
    return sound[: len(sound) - draw(st.integers(0, FRAME - 1))]


@pytest.fixture(scope="module", params=[Steady, Flowing])
def lane(request: pytest.FixtureRequest) -> Iterator[Lane]:
    """A lane of an engine for clips, and one of an engine that recognises while one speaks."""
    made = Lane(request.param(), workers=2)
    yield made
    made.close()


def of_recording(sound: Samples, recipe: Recipe, lane: Lane) -> tuple[tuple[Segment, ...], tuple[Suppressed, ...]]:
    """What the stages of a file make of a sound."""
    with lane.seat() as seat:
        found = speech.stretches([Audio(sound)], Loudness(), recipe.listening)
        said = list(recognise(found, seat.submit, Ask(), lane.can, Guarding()))
    return tuple(s for r in said for s in r.segments), tuple(s for r in said for s in r.suppressed)


@settings(deadline=None, max_examples=60)
@given(scripts(), st.lists(st.integers(0, 10**6), max_size=30))
def test_any_sound_in_any_pieces_is_told_as_in_a_file(lane: Lane, sound: Samples, cuts: list[int]) -> None:
    with lane.seat(urgency=Urgency.LIVE_FINAL) as seat:
        told = Listener(Recipe(), seat, Loudness())
        told.push(*pieces(sound, cuts))
        told.end()
    segments, suppressed = of_recording(sound, live(Recipe()), lane)
    assert told.segments == segments
    assert tuple(s for e in told.settled for s in e.suppressed) == suppressed
    in_order(told)


def in_order(told: Listener) -> None:
    """Each utterance starts, ends, is told, and is settled once; drafts belong to the open one; times only grow."""
    utterances = [e.utterance for e in told.settled]
    assert utterances == list(range(1, len(utterances) + 1))
    assert [e.utterance for e in told.told if isinstance(e, SpeechStarted)] == utterances
    assert [e.utterance for e in told.told if isinstance(e, SpeechEnded)] == utterances
    assert [e.id for e in told.told if isinstance(e, Final)] == list(range(1, len(told.segments) + 1))
    assert all(a.start_s <= b.start_s for a, b in pairwise(told.segments))
    assert all(a.end_s <= b.start_s for a, b in pairwise(told.settled))
    assert isinstance(told.told[-1], Ended)
    seen: dict[int, int] = {}
    for n, event in enumerate(told.told):
        if isinstance(event, SpeechStarted | SpeechEnded):
            seen[event.utterance] = n
        elif isinstance(event, Partial):
            assert not any(isinstance(e, SpeechEnded) and e.utterance == event.utterance for e in told.told[:n])
        elif isinstance(event, Final | Settled):
            assert event.utterance in seen
        else:
            assert not isinstance(event, Gap)
