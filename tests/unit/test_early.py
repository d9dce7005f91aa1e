"""A source that is ahead of the clock, as a recording is: it waits, loses nothing, and others come before it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import numpy as np
import pytest

from earwitness.events import Event, Final, Noted
from earwitness.live.early import EARLY_S, Early
from earwitness.live.session import AHEAD
from earwitness.models.lane import Lane, Urgency
from earwitness.stages.recipe import Captioning, Recipe
from earwitness.types import Audio, Clip, Notice, Samples
from support.listening import Listener
from support.loudness import FRAME, Loudness
from support.steady import Steady

RATE = 16_000
RECIPE = Recipe(captioning=Captioning(drafts=False, most_lag_s=5.0))


def said(speech_s: float, pause_s: float = 1.0) -> Samples:
    """Speech, to the detector, and silence behind it."""
    frames = [0.9] * round(speech_s / 0.032) + [0.0] * round(pause_s / 0.032)
    return np.repeat(np.array(frames, np.float32), FRAME)


@pytest.fixture
def engine() -> Steady:
    return Steady()


@pytest.fixture
def lane(engine: Steady) -> Iterator[Lane]:
    made = Lane(engine, workers=1)
    yield made
    engine.gate.set()
    made.close()


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


class Follower:
    """Learns of utterances when it is allowed to."""

    def __init__(self) -> None:
        self.waiting = self.most = 0

    def hear(self, utterance: int, audio: Audio, finals: Sequence[Final]) -> None:
        self.waiting += 1
        self.most = max(self.most, self.waiting)

    def collect(self) -> list[Event]:
        return []

    def learn(self) -> None:
        self.waiting -= 1

    def end(self) -> list[Event]:
        return [Noted(Notice("learned", "all"))]


def test_a_recording_is_ahead_and_a_microphone_is_not() -> None:
    now = 100.0
    early = Early(lambda: now)
    for second in range(10):  # a second of sound each second, some of it late
        now = 100.0 + second + 0.8 * (second % 2)
        early.comes(second * RATE, waits=True)
        assert not early.ahead((second + 1) * RATE)
    early.comes(10 * RATE, waits=True)
    assert early.ahead((13 + round(EARLY_S)) * RATE)


def test_what_was_kept_while_a_client_was_cut_off_can_wait_and_what_follows_can_not() -> None:
    now = 100.0
    early = Early(lambda: now)
    early.comes(0, waits=False)
    now = 400.0  # nothing came for five minutes
    early.comes(RATE, waits=True)
    assert early.ahead(300 * RATE)
    assert early.late_s(400.0) == 0
    now = 420.0
    early.comes(300 * RATE, waits=False)  # all of it was told
    assert not early.ahead(301 * RATE)
    now = 425.0
    assert early.late_s(420.0) == 5.0


def test_a_source_that_could_wait_is_late_from_when_it_no_longer_can() -> None:
    now = 100.0
    early = Early(lambda: now)
    early.comes(0, waits=True)
    now = 117.0
    assert early.ahead(20 * RATE)
    now = 119.0
    assert not early.ahead(20 * RATE)
    assert early.late_s(100.0) == 2.0


def test_a_recording_makes_no_text_late_and_waits(lane: Lane, engine: Steady, held: ExitStack) -> None:
    engine.gate.clear()
    told = Listener(RECIPE, held.enter_context(lane.seat(urgency=Urgency.LIVE_FINAL)), Loudness(), 100.0)
    for _ in range(20):
        told.push(said(1.0))
        told.now = (told.now or 0) + 1.0
    assert told.session.full
    assert told.session.lag_s == 0, "nobody is turned away for it"
    engine.gate.set()
    told.end()
    assert not told.gaps
    assert len(told.segments) == 20


def test_what_comes_at_once_after_an_interruption_is_not_given_up(lane: Lane, engine: Steady, held: ExitStack) -> None:
    told = Listener(RECIPE, held.enter_context(lane.seat(urgency=Urgency.LIVE_FINAL)), Loudness(), 100.0)
    told.push(said(1.0))
    told.now = 130.0
    engine.gate.clear()
    for _ in range(10):  # twenty seconds that were kept, at once; the machine takes eight for them
        told.push(said(1.0))
    told.now = 138.0
    told.push(said(0.0, 1.0))
    engine.gate.set()
    told.end()
    assert not told.gaps
    assert len(told.segments) == 11


def test_those_who_can_not_wait_come_first(lane: Lane, engine: Steady, held: ExitStack) -> None:
    seats = [held.enter_context(lane.seat(urgency=Urgency.LIVE_FINAL)) for _ in range(2)]
    recording, microphone = (Listener(RECIPE, seat, Loudness(), 100.0) for seat in seats)
    engine.gate.clear()
    held.enter_context(lane.seat()).submit(Clip(Audio(np.ones(RATE, np.float32))))
    while lane.waiting:  # until the one worker is at it
        time.sleep(0.001)
    for _ in range(6):
        recording.push(said(1.0))
    microphone.push(said(0.5))
    waiting = [(item.seat is seats[1], item.urgency) for item in lane._waiting]
    urgent = waiting.index((False, Urgency.INTERACTIVE))  # until it is seen to be ahead of the clock
    assert waiting[urgent:] == [*[(False, Urgency.INTERACTIVE)] * (6 - urgent), (True, Urgency.LIVE_FINAL)]
    assert urgent <= 2
    engine.gate.set()
    recording.end()
    microphone.end()
    seconds = [round(clip.audio.duration_s, 1) for clip in engine.heard]
    assert seconds.index(min(seconds)) <= 1 + urgent, "behind what was in work, and nothing else"
    assert len(recording.segments) == 6


def test_it_waits_for_those_who_learn_more_of_what_was_told(lane: Lane, held: ExitStack) -> None:
    follower = Follower()
    told = Listener(RECIPE, held.enter_context(lane.seat(urgency=Urgency.LIVE_FINAL)), Loudness(), 100.0)
    told.session._following = (follower,)
    for _ in range(4 * AHEAD):
        told.push(said(1.0))
    told.until(Final, AHEAD)
    assert told.session.full
    told.told += told.session.end()
    while follower.waiting:
        follower.learn()
        told.woken.set()
        told.told += told.session.step()
        while told.session._sent:
            assert told.woken.wait(20)
            told.woken.clear()
            told.told += told.session.step()
    assert told.session.over
    assert len(told.segments) == 4 * AHEAD
    assert follower.most < 2 * AHEAD
