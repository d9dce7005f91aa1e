"""An engine's own stream in a live session: it takes its turn, and final text is that of the file all the same."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest

from earwitness import batch, config
from earwitness.audio import decode
from earwitness.events import Ended, Failed, Final, Partial, Settled
from earwitness.kit import Kit
from earwitness.live import desk
from earwitness.live.own import Own
from earwitness.models.lane import Lane, Urgency
from earwitness.stages.recipe import Captioning, Recipe, live
from earwitness.types import Audio, Can, Clip, Samples
from support import sounds, sphinx
from support.listening import Listener, pieces
from support.loudness import FRAME, Loudness
from support.steady import Flow, Flowing, Steady

Listen = Callable[..., Listener]


def said(*runs: float) -> Samples:
    """So many seconds of speech, to the detector, then of silence, and so on."""
    frames = [p for n, s in enumerate(runs) for p in [(0.9, 0.0)[n % 2]] * round(s / 0.032)]
    return np.repeat(np.array(frames, np.float32), FRAME)


def of_clips(sound: Samples, recipe: Recipe) -> list[str]:
    """What an engine without streams says in a session."""
    lane = Lane(Steady(), workers=1)
    with lane.seat() as seat:
        told = Listener(recipe, seat, Loudness())
        told.push(*pieces(sound, range(0, len(sound), 8_000)))
        told.end()
    lane.close()
    return [s.text for s in told.segments]


@contextmanager
def opened(engine: Flowing, recipe: Recipe | None = None, now: float | None = None) -> Iterator[Listener]:
    lane = Lane(engine, workers=2)
    with lane.seat(urgency=Urgency.LIVE_FINAL) as seat:
        yield Listener(recipe or Recipe(), seat, Loudness(), now)
    lane.close()


def test_one_stream_hears_all_utterances_and_each_only_once() -> None:
    engine, sound = Flowing(), said(2.0, 1.0, 3.0, 0.4, 2.0, 1.0, 1.0, 0.0)
    with opened(engine) as told:
        for piece in pieces(sound, range(0, len(sound), 8_000)):
            told.push(piece)
            drain(told)
        told.end()
    (stream,) = engine.streams
    assert stream.ended == len(told.settled) == 3
    assert stream.heard > 3, "while one speaks"
    assert told.of(Partial)
    assert [s.text for s in told.segments] == of_clips(sound, Recipe())
    assert engine.heard == [], "no clip was recognised in one piece"


def drain(told: Listener) -> None:
    """Let the lane catch up, so that each look is of new sound."""
    lane = told.seat._lane
    while lane.waiting or any(s._busy.locked() for s in getattr(lane._engine, "streams", ())):
        told.woken.wait(0.01)
    told.told += told.session.step()


def test_an_utterance_that_is_cut_is_heard_anew_and_says_what_its_clip_says() -> None:
    engine, sound = Flowing(), said(3.0, 0.2, 18.0, 1.0)
    with opened(engine) as told:
        for piece in pieces(sound, range(0, len(sound), 8_000)):
            told.push(piece)
            drain(told)
        told.end()
    assert len(told.settled) >= 2
    assert [s.text for s in told.segments] == of_clips(sound, Recipe())
    assert len(engine.streams) > 1
    assert all(s.closed for s in engine.streams[:-1])


def test_without_drafts_too_the_stream_gives_the_final_text() -> None:
    engine, recipe = Flowing(), Recipe(captioning=Captioning(drafts=False))
    sound = said(2.0, 1.0)
    with opened(engine, recipe) as told:
        told.push(sound)
        told.end()
    assert [s.text for s in told.segments] == of_clips(sound, recipe)
    assert sum(s.ended for s in engine.streams) == 1


def test_a_stream_that_breaks_costs_its_utterance_and_a_new_one_takes_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, whole = Flowing(), Flow.end

    def breaking(stream: Flow) -> object:
        if len(engine.streams) == 1:
            raise ValueError("it broke")
        return whole(stream)

    monkeypatch.setattr(Flow, "end", breaking)
    with opened(engine) as told:
        told.push(said(2.0, 1.0))
        drain(told)  # else the second may have its stream before the first one breaks
        told.push(said(2.0, 1.0))
        told.end()
    assert [e.code for e in told.of(Failed) if isinstance(e, Failed)] == ["engine_failed"]
    assert [g.reason for g in told.gaps] == ["engine_failed"]
    assert [e.utterance for e in told.told if isinstance(e, Final)] == [2]
    assert [s.closed for s in engine.streams] == [True, False]


def test_what_waits_is_left_to_the_lane_and_given_up_when_it_is_too_late() -> None:
    engine = Flowing()
    engine.gate.clear()
    with opened(engine, Recipe(captioning=Captioning(most_lag_s=5.0)), now=100.0) as told:
        for _ in range(12):
            told.push(said(1.0, 1.0))
            told.now = (told.now or 0) + 2.0
        engine.gate.set()
        told.end()
    assert {g.reason for g in told.gaps} == {"overload"}
    assert len(told.gaps) + len({e.utterance for e in told.told if isinstance(e, Final)}) == 12
    assert len(told.settled) == 12


def test_late_steps_do_nothing_and_closing_ends_the_stream() -> None:
    engine = Flowing()
    lane = Lane(engine, workers=2)
    clip, end = Clip(Audio(said(1.0), 16_000)), 16_000 + len(said(1.0))
    with lane.seat() as seat:
        with Own(seat) as own:
            assert own.look(clip, end, Urgency.LIVE_PARTIAL).result()
            assert own.look(clip, end - 8_000, Urgency.LIVE_PARTIAL).result() == ()
            assert own.finish(clip, end).result() == engine.said(clip)
            assert own.look(clip, end, Urgency.LIVE_PARTIAL).result() == ()
            assert own.finish(clip, end).result() == engine.said(clip), "final text is never left out"
        assert own.look(Clip(Audio(said(1.0), 99_000)), end, Urgency.LIVE_PARTIAL).result() == ()
    lane.close()
    assert [s.closed for s in engine.streams] == [True]


def test_steps_are_taken_one_by_one_and_clips_beside_them_in_batches() -> None:
    engine = Flowing()
    engine.can = Can(languages=("en",), batch=8, streams=True)
    engine.gate.clear()
    lane = Lane(engine, workers=1)
    with lane.seat() as one, lane.seat() as other, Own(one) as own:
        first = other.submit(Clip(Audio(said(1.0))))
        clips = [other.submit(Clip(Audio(said(1.0), 32_000 * n))) for n in range(1, 5)]
        sound = Clip(Audio(said(1.0), 7_000))
        step = own.finish(sound, sound.audio.end)
        engine.gate.set()
        assert step.result() == engine.said(sound)
        assert all(f.result() for f in (first, *clips))
    lane.close()


def test_an_engine_that_has_no_streams_after_all_is_told() -> None:
    engine = Steady(can=Can(languages=("en",), streams=True))
    lane = Lane(engine)
    with lane.seat() as seat, Own(seat) as own:
        failure = own.finish(Clip(Audio(said(1.0))), 10).exception()
    assert failure is not None
    assert "says that it has streams, and has none" in str(failure)
    lane.close()


# ── a real one ──
@pytest.fixture(scope="module")
def sphinxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    """A kit whose model `fake` is recognised by PocketSphinx, while one speaks."""
    home = tmp_path_factory.mktemp("sphinx")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as held:
        sphinx.installed(home, patch)
        yield held.enter_context(Kit(config.load(home=home / "home", log_level="error")))


def test_real_speech_through_a_real_stream_is_told_as_in_the_file(sphinxes: Kit, sample: Path) -> None:
    spoken = decode.decode(sample, to_s=3.2).samples
    recipe = Recipe(model="fake")
    heard = batch.run(sounds.encoded(spoken, "wav", "pcm_f32le"), live(recipe), sphinxes)
    assert len(heard.text.split()) > 3
    for step in (320, 7_777):
        told = played(sphinxes, recipe, pieces(spoken, range(0, len(spoken), step)), wait=step > 320)
        finals = tuple(e.segment for e in told if isinstance(e, Final))
        assert finals == heard.segments
        assert tuple(s for e in told if isinstance(e, Settled) for s in e.suppressed) == heard.suppressed
        assert any(isinstance(e, Partial) for e in told) or step == 320


def played(kit: Kit, recipe: Recipe, parts: list[Samples], *, wait: bool) -> list[object]:
    """All that a session tells of a sound, which its own stream heard; it may wait for each draft."""
    woken, told = threading.Event(), list[object]()
    with kit.lane(recipe.model) as (plan, lane):
        assert plan.engine == sphinx.spec.name
        engine = lane._engine
        assert isinstance(engine, sphinx.Sphinx)
        ended = engine.ended
        with desk.opened(recipe, kit, woken.set) as (_, session):
            for part in parts:
                told += session.push(part)
                if wait and (look := session._captions._look) is not None:
                    look.future.result(60)
                    told += session.step()
            told += session.end()
            while not session.over:
                assert woken.wait(60)
                woken.clear()
                told += session.step()
            assert isinstance(told[-1], Ended)
        assert engine.ended - ended == sum(isinstance(e, Settled) for e in told)
    return told
