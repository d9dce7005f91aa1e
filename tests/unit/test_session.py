"""A live session at its edges: flushes, overload, engines that break, drafts, and sound that is none."""

import gc
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack

import numpy as np
import pytest

from earwitness.events import Ended, Failed, Final, Flushed, Gap, Noted, Partial, Settled, SpeechEnded, SpeechStarted
from earwitness.hardware.power import BALANCED, PERFORMANCE, POWER_SAVER, Power
from earwitness.hardware.probe import limits
from earwitness.live.captions import Captions
from earwitness.live.session import AHEAD
from earwitness.models.lane import Lane, Seat, Urgency
from earwitness.stages.guard import Credit, Guarding
from earwitness.stages.recipe import Captioning, Recipe
from earwitness.stages.speech import Stretch
from earwitness.types import Audio, Clip, Samples, Segment
from support.listening import Listener
from support.loudness import FRAME, Loudness
from support.steady import Steady

Listen = Callable[..., Listener]


def said(speech_s: float, pause_s: float = 1.0) -> Samples:
    """Speech, to the detector, and silence behind it."""
    frames = [0.9] * round(speech_s / 0.032) + [0.0] * round(pause_s / 0.032)
    return np.repeat(np.array(frames, np.float32), FRAME)


@pytest.fixture
def engine() -> Steady:
    return Steady()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


@pytest.fixture
def listen(engine: Steady, stack: ExitStack) -> Listen:
    """Makes sessions on one lane, with the clock standing still unless it is moved."""
    lane = Lane(engine, workers=1)
    stack.callback(lane.close)

    def make(
        recipe: Recipe | None = None, *, now: float | None = None, relief: Seat | None = None, frame: int = FRAME
    ) -> Listener:
        seat = stack.enter_context(lane.seat(urgency=Urgency.LIVE_FINAL))
        return Listener(recipe or Recipe(), seat, Loudness(frame), now, relief=relief)

    return make


def test_a_flush_ends_the_open_utterance_and_is_answered_after_its_text(listen: Listen) -> None:
    told = listen()
    told.push(said(1.0, 0.0))
    told.flush("a")
    kinds = [type(e) for e in told.told if not isinstance(e, Partial)]
    assert kinds == [SpeechStarted, SpeechEnded, Final, Settled, Flushed]
    told.push(said(1.0, 0.0))
    told.end()
    assert len(told.segments) == 2
    assert told.segments[1].start_s >= 1.0 - 0.032


def test_a_flush_of_silence_is_answered_too(listen: Listen) -> None:
    told = listen()
    told.push(said(0.0, 2.0))
    told.flush("nothing")
    assert told.told == [Flushed("nothing")]


def test_what_is_shorter_than_a_frame_is_heard_at_the_end(listen: Listen) -> None:
    told = listen()
    told.push(said(0.32, 0.0), np.full(FRAME // 2, 0.9, np.float32))
    told.end()
    (settled,) = told.settled
    assert settled.end_s == pytest.approx(told.session.received_s)


def test_nothing_at_all_ends_at_once(listen: Listen) -> None:
    assert listen().end().told == [Ended(0.0)]


def test_after_the_end_nothing_more_is_taken(listen: Listen) -> None:
    told = listen().end()
    told.push(said(3.0))
    assert told.told == [Ended(0.0)]


def test_what_an_engine_cannot_do_is_told_as_a_gap_and_the_rest_goes_on(listen: Listen, engine: Steady) -> None:
    sound = np.concatenate([said(1.0), said(1.0), said(1.0)])
    second = len(said(1.0))
    engine.breaks = (second,)
    told = listen(Recipe(captioning=Captioning(drafts=False)))
    told.push(sound)
    told.end()
    (failed,) = told.of(Failed)
    assert isinstance(failed, Failed)
    assert (failed.code, failed.fatal) == ("engine_failed", False)
    (gap,) = told.gaps
    assert gap.reason == "engine_failed"
    assert gap.start_s == pytest.approx(second / 16_000, abs=0.04)
    assert [e.utterance for e in told.settled] == [1, 2, 3]
    assert {e.utterance for e in told.told if isinstance(e, Final)} == {1, 3}


def test_a_smaller_model_takes_what_would_come_late_and_its_text_is_marked(
    listen: Listen, engine: Steady, stack: ExitStack
) -> None:
    smaller = Lane(Steady(), workers=1)
    stack.callback(smaller.close)
    engine.gate.clear()
    seat = stack.enter_context(smaller.seat(urgency=Urgency.LIVE_FINAL))
    told = listen(Recipe(captioning=Captioning(drafts=False)), now=100.0, relief=seat)
    for _ in range(4):
        told.push(said(1.0))
        told.now = (told.now or 0) + 2.0
    engine.gate.set()
    told.end()
    assert not told.gaps
    assert [("smaller_model" in s.marks) for s in told.segments] == [False, False, True, True]
    assert [n.notice.code for n in told.of(Noted) if isinstance(n, Noted)] == ["smaller_model"]


def test_what_would_come_too_late_is_given_up_and_marked(listen: Listen, engine: Steady) -> None:
    engine.gate.clear()
    told = listen(Recipe(captioning=Captioning(drafts=False, most_lag_s=5.0)), now=100.0)
    for _ in range(10):
        told.push(said(1.0))
        told.now = (told.now or 0) + 2.0
    assert told.session.lag_s > 15
    engine.gate.set()
    told.end()
    assert told.gaps
    assert {g.reason for g in told.gaps} == {"overload"}
    spans = [(e.start_s, e.end_s) for e in (*told.gaps, *told.segments) if isinstance(e, Gap)]
    assert all(round(end - start, 1) == 1.0 for start, end in spans)
    assert [e.utterance for e in told.settled] == list(range(1, 11))
    told_of = {e.utterance for e in told.told if isinstance(e, Final)}
    assert len(told_of) + len(told.gaps) == 10


def test_a_source_ahead_of_the_clock_waits_and_loses_nothing(listen: Listen, engine: Steady) -> None:
    engine.gate.clear()
    told = listen(Recipe(captioning=Captioning(drafts=False, most_lag_s=0.01)), now=100.0)
    for _ in range(20):
        told.push(said(1.0))
        told.now = (told.now or 0) + 0.1
    assert told.session.full
    engine.gate.set()
    told.end()
    assert not told.gaps
    assert len(told.segments) == 20


def test_drafts_come_while_somebody_speaks_and_grow_stable(listen: Listen, engine: Steady) -> None:
    told = listen()
    for _ in range(40):
        told.push(np.full(2 * FRAME, 0.9, np.float32))
        told.woken.wait(0.05)
        told.woken.clear()
        told.told += told.session.step()
    drafts = told.of(Partial)
    assert len(drafts) >= 3
    assert all(isinstance(p, Partial) and p.utterance == 1 and p.text for p in drafts)
    before = len(told.of(Partial))
    told.push(said(0.0, 1.0))
    told.end()
    assert len(told.segments) == 1
    assert len(told.of(Partial)) <= before + 1


def test_where_others_wait_drafts_are_not_asked_for(listen: Listen, engine: Steady) -> None:
    engine.gate.clear()
    told, other = listen(), listen()
    seat = other.session._seat
    for n in range(engine.can.batch + 3):
        seat.submit(Clip(Audio(np.ones(16_000, np.float32), n * 16_000)), Urgency.INTERACTIVE)
    speech = np.full(FRAME, 0.9, np.float32)
    told.push(*[speech] * 40)
    assert not looks_waiting(seat)
    engine.gate.set()
    for _ in range(400):
        told.push(speech)
        told.woken.wait(0.01)
        if told.of(Partial):
            break
    assert told.of(Partial), "they come again when nobody waits"


def test_while_final_text_is_held_drafts_are_not_asked_for(engine: Steady, stack: ExitStack) -> None:
    lane = Lane(engine, workers=2 * AHEAD)
    stack.callback(lane.close)
    seat = stack.enter_context(lane.seat(urgency=Urgency.LIVE_FINAL))
    told = Listener(Recipe(), seat, Loudness(), 100.0)
    engine.gate.clear()
    for _ in range(AHEAD + 2):
        told.push(said(1.0))
        told.now = (told.now or 0) + 2.0
    told.push(*[np.full(FRAME, 0.9, np.float32)] * 60)
    assert not seat.pressed, "there are workers enough"
    assert told.session._captions._look is None
    engine.gate.set()
    told.end()
    assert len(told.segments) == AHEAD + 3, "finals are never fewer"


def looks_waiting(seat: Seat) -> list[Urgency]:
    return [item.urgency for item in seat._lane._waiting if item.urgency is Urgency.LIVE_PARTIAL]


@pytest.mark.parametrize(("power", "looks"), [(PERFORMANCE, 8), (BALANCED, 4), (POWER_SAVER, 2)])
def test_drafts_are_rarer_where_power_is_saved(engine: Steady, stack: ExitStack, power: Power, looks: int) -> None:
    lane = Lane(engine, power=lambda: power)
    stack.callback(lane.close)
    seat, asked = stack.enter_context(lane.seat()), list[Stretch]()

    def ask(stretch: Stretch, *, soon: bool) -> Future[tuple[Segment, ...]]:
        asked.append(stretch)
        found = Future[tuple[Segment, ...]]()
        found.set_result(())
        return found

    how = Captioning(cadence_s=0.5)
    made = Captions(how, Guarding(), ask, single_language=True, slower=lambda: seat.slower, clock=lambda: 0.0)
    for n in range(1, 33):
        audio = Audio(np.zeros(n * 2000, np.float32))
        made.see(Stretch(audio, (audio.span,), 1.0, 0.5), n / 8, Credit(), paused=False)
    assert len(asked) == looks


def test_the_look_in_a_pause_is_the_one_the_final_text_is_made_of(listen: Listen, engine: Steady) -> None:
    told = listen(Recipe(captioning=Captioning(drafts=False)))
    told.push(said(1.0, 0.0), *(np.zeros(FRAME, np.float32) for _ in range(20)))
    told.end()
    assert len(told.segments) == 1
    assert len(engine.heard) == 1


def test_no_drafts_where_none_are_wanted(listen: Listen) -> None:
    told = listen(Recipe(captioning=Captioning(drafts=False)))
    told.push(*(said(0.3, 0.0) for _ in range(10)), said(0.0))
    assert not told.end().of(Partial)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_silence(listen: Listen, value: float) -> None:
    told = listen()
    told.push(np.full(16_000, value, np.float32), said(1.0))
    told.end()
    (settled,) = told.settled
    assert settled.start_s == pytest.approx(1.0, abs=0.04) or np.isinf(value)


def test_memory_stays_the_same_over_a_day(listen: Listen, engine: Steady) -> None:
    told, segments = (
        listen(Recipe(captioning=Captioning(drafts=False)), frame=8 * FRAME),
        0,
    )  # a coarse ear is a fast one
    half_minute, held, sizes = np.concatenate([said(2.0), said(1.0, 26.0)]), list[int](), list[int]()
    for n in range(24 * 120):
        told.push(half_minute)
        while told.session.full:
            told.woken.wait(0.05)
            told.woken.clear()
            told.told += told.session.step()
        segments += len(told.segments)
        told.told.clear()
        engine.heard.clear()
        if n % 480 == 240:  # each four hours
            held.append(len(gc.get_objects()))
            sizes.append(limits.resident() or 0)
    told.end()
    assert segments + len(told.segments) == 2 * 24 * 120
    assert max(held) - held[0] < 1_000, held
    assert max(sizes) - sizes[0] < 20 * 2**20, "a megabyte an hour"
    assert len(told.session._heard.kept) < 2 * 16_000
