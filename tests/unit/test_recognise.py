"""Stretches through a lane: order, the window, second looks, and an account of everything."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from typing_extensions import override

from earwitness.engines.fake import Fake, Options
from earwitness.errors import EngineFailed
from earwitness.models.lane import Lane
from earwitness.stages.guard import Guarding
from earwitness.stages.recognise import LEAD, SECOND_LEAD, SECOND_TAIL, Recognised, edges_s, framed, recognise
from earwitness.stages.speech import Stretch
from earwitness.types import Ask, Audio, Can, Clip, Segment, Span, Word
from support import sounds

Segments = tuple[Segment, ...]
ENGLISH = Can(languages=("en",))


def _stretch(start_s: float, seconds: float = 1.0, *, peak: float = 0.9, voice: float = 0.9) -> Stretch:
    start = round(start_s * 16_000)
    audio = Audio(sounds.tone(seconds, peak=peak), start)
    return Stretch(audio, (audio.span,), voice, voice)


class Looks:
    """An engine for which every look is scripted; `clips` are those that it was shown."""

    def __init__(self, *answers: Sequence[Segment]) -> None:
        self._answers = iter(answers)
        self.clips: list[Clip] = []

    def submit(self, clip: Clip) -> Future[Segments]:
        self.clips.append(clip)
        future: Future[Segments] = Future()
        future.set_result(tuple(replace(s, start_s=0.0, end_s=999.0) for s in next(self._answers)))
        return future


def _said(text: str, confidence: float = 0.95, logprob: float = -0.05, **more: object) -> Segments:
    return (Segment(0, 999, text, avg_logprob=logprob, confidence=confidence, token_ids=(1, 2), **more),)  # type: ignore[arg-type]


def _run(
    stretches: Sequence[Stretch], *answers: Segments, can: Can = ENGLISH, how: Guarding | None = None
) -> tuple[list[Recognised], Looks]:
    looks = Looks(*answers)
    return list(recognise(stretches, looks.submit, Ask(), can, how or Guarding())), looks


def test_results_come_in_the_order_of_the_recording_through_a_real_lane() -> None:
    lane = Lane(Fake(Options(batch=3)), workers=3)
    stretches = [_stretch(10.0 * i, 0.3 + (i * 7 % 5) / 10) for i in range(40)]
    try:
        with lane.seat() as seat:
            found = list(recognise(stretches, seat.submit, Ask(), lane.can, Guarding()))
    finally:
        lane.close()
    assert [f.done for f in found] == [s.span.end for s in stretches]
    starts = [f.segments[0].start_s for f in found]
    assert starts == sorted(starts)
    assert all(
        s.span.start_s - 0.1 <= f.segments[0].start_s <= f.segments[-1].end_s <= s.span.end_s + 0.1
        for f, s in zip(found, stretches, strict=True)
    )


class Lazy(Future[Segments]):
    """A future that is not done until somebody waits for it."""

    @override
    def result(self, timeout: float | None = None) -> Segments:
        if not self.done():
            self.set_result(_said("all is well"))
        return super().result(timeout)


@pytest.mark.parametrize("window", [1, 5])
def test_no_more_than_a_window_waits_in_the_lane(window: int) -> None:
    futures: list[Lazy] = []

    def submit(clip: Clip) -> Future[Segments]:
        futures.append(Lazy())
        assert sum(not f.done() for f in futures) <= window
        return futures[-1]

    stretches = (_stretch(float(n)) for n in count())
    found = recognise(stretches, submit, Ask(), ENGLISH, Guarding(), window=window)
    for taken in range(8):
        assert next(found).segments
        assert len(futures) == window + taken


def test_clear_speech_gets_one_look_and_doubtful_speech_two() -> None:
    _, looks = _run([_stretch(2)], _said("all is well"))
    assert len(looks.clips) == 1
    (found,), looks = _run([_stretch(2)], _said("al is wel", 0.6, -0.5), _said("all is well", 0.7, -0.35))
    assert [s.text for s in found.segments] == ["all is well"]
    first, second = looks.clips
    assert first.audio.start == 2 * 16_000 - LEAD
    assert second.audio.start == 2 * 16_000 - SECOND_LEAD
    assert second.audio.end == 3 * 16_000 + SECOND_TAIL


def test_the_first_look_stands_if_it_was_better() -> None:
    (found,), _ = _run([_stretch(2)], _said("all is well", 0.7, -0.35), _said("al is wel", 0.6, -0.5))
    assert [s.text for s in found.segments] == ["all is well"]


def test_two_poor_looks_that_differ_are_held_back_with_the_words() -> None:
    (found,), _ = _run([_stretch(2)], _said("the soft way", 0.3, -1.2), _said("a heathen", 0.2, -1.6))
    assert found.segments == ()
    (held,) = found.suppressed
    assert (held.reason, held.text) == ("foreign_or_unclear", "the soft way")
    assert (held.start_s, held.end_s) == (2.0, 3.0)


def test_the_language_gate_may_be_off_or_not_apply() -> None:
    poor = _said("the soft way", 0.3, -1.2), _said("a heathen", 0.2, -1.6)
    assert _run([_stretch(2)], *poor, how=Guarding(language_gate=False))[0][0].segments
    assert _run([_stretch(2)], *poor, can=Can(languages=None))[0][0].segments


def test_nothing_is_lost() -> None:
    answers = [
        _said("good morning"),
        *((), ()),
        *(_said("Thank you.", 0.9), _said("Thank you.", 0.9)),
        *(_said("♪"), _said("♪")),
        _said("good night"),
    ]
    voices = [0.9, 0.9, 0.6, 0.6, 0.9]
    stretches = [_stretch(10.0 * i, voice=v) for i, v in enumerate(voices)]
    found, _ = _run(stretches, *answers)
    assert [bool(f.segments) + len(f.suppressed) for f in found] == [1] * 5
    assert [f.suppressed[0].reason if f.suppressed else None for f in found] == [
        None,
        "nothing_heard",
        "phantom",
        "not_speech",
        None,
    ]


def test_trust_that_was_earned_helps_a_later_clip() -> None:
    mumbled = _said("over their", 0.55, -0.6), _said("over there", 0.55, -0.61)
    alone, _ = _run([_stretch(0)], *mumbled)
    assert alone[0].suppressed
    stretches = [_stretch(10.0 * i) for i in range(4)]
    after_clear, _ = _run(stretches, *[_said("we walked all the way home")] * 3, *mumbled)
    assert after_clear[-1].segments


def test_a_forced_cut_and_the_voice_are_noted_on_each_sentence() -> None:
    stretch = replace(_stretch(2, 4.0), forced=True, voice=0.8)
    text = "Here I am. There you are."
    (found,), _ = _run([stretch], _said(text, marks=("token_cap",)), _said(text, 0.6, -0.5, marks=("token_cap",)))
    assert [s.text for s in found.segments] == ["Here I am.", "There you are."]
    for segment in found.segments:
        assert segment.marks == ("token_cap", "forced_cut")
        assert segment.no_speech_prob == pytest.approx(0.2)


def test_a_failure_ahead_takes_nothing_from_what_was_said_before_it() -> None:
    first, broken = Lazy(), Future[Segments]()
    broken.set_exception(EngineFailed("told to fail"))
    futures = iter([first, broken])
    found = recognise([_stretch(0), _stretch(2)], lambda _: next(futures), Ask(), ENGLISH, Guarding())
    assert next(found).segments[0].text == "all is well"
    with pytest.raises(EngineFailed, match="told to fail"):
        next(found)


# ── tries with a temperature ──
SAMPLES = Can(languages=None, temperature=True)
BAD, POOR, FINE = -1.4, -1.2, -0.3


def _guess(text: str, logprob: float, **more: object) -> Segments:
    return tuple(replace(s, confidence=None) for s in _said(text, 0.5, logprob, **more))


LOOP = _guess("and then we go " * 20, FINE)


def test_what_went_wrong_is_tried_again_and_warmer_until_it_is_right() -> None:
    answers = [_guess("a", BAD), _guess("b", POOR), _guess("c", BAD), _guess("d", FINE)]
    (found,), looks = _run([_stretch(2)], *answers, can=SAMPLES, how=Guarding(least_logprob=-1.0))
    assert [s.text for s in found.segments] == ["d"]
    assert [clip.ask.temperature for clip in looks.clips] == [0.0, 0.0, 0.2, 0.6]
    starts = [2 * 16_000 - lead for lead in (LEAD, SECOND_LEAD, LEAD, LEAD)]
    assert [clip.audio.start for clip in looks.clips] == starts


def test_the_surest_stands_where_no_try_is_right_and_loops_stand_last() -> None:
    answers = [LOOP, _guess("b", POOR), _guess("c", BAD), LOOP]
    (found,), looks = _run(
        [_stretch(2)], *answers, can=SAMPLES, how=Guarding(temperatures=(0.2, 1.0), least_logprob=-1.0)
    )
    assert [s.text for s in found.segments] == ["b"]
    assert len(looks.clips) == 4
    loops = [_guess("and then we go " * n, FINE) for n in (20, 30, 40, 50)]
    (found,), _ = _run([_stretch(2)], *loops, can=SAMPLES, how=Guarding(temperatures=(0.2, 1.0)))
    assert [h.reason for h in found.suppressed] == ["repetition"]


def test_a_temperature_that_was_asked_for_is_kept() -> None:
    looks = Looks(LOOP, LOOP)
    list(recognise([_stretch(2)], looks.submit, Ask(temperature=0.4), SAMPLES, Guarding()))
    assert [clip.ask.temperature for clip in looks.clips] == [0.4, 0.4]


def test_a_loop_is_looked_at_twice_by_an_engine_that_cannot_draw_by_lot() -> None:
    (found,), looks = _run([_stretch(2)], LOOP, _guess("we go home", FINE), can=Can(languages=None))
    assert [clip.ask.temperature for clip in looks.clips] == [0.0, 0.0]
    assert [s.text for s in found.segments] == ["we go home"]
    _, looks = _run([_stretch(2)], LOOP, LOOP, can=SAMPLES, how=Guarding(temperatures=()))
    assert len(looks.clips) == 2


def test_a_guess_is_tried_again_only_where_that_is_wished() -> None:
    _, looks = _run([_stretch(2)], _guess("a", BAD), can=SAMPLES)
    assert len(looks.clips) == 1


# ── what a decoder left out ──
PARTS = (Span(0, 32_000), Span(48_000, 80_000), Span(96_000, 128_000))


def _three(**more: object) -> Stretch:
    return Stretch(Audio(sounds.tone(8)), PARTS, 0.9, 0.9, **more)  # type: ignore[arg-type]


class Short(Looks):
    """Each answer ends with its own time."""

    @override
    def submit(self, clip: Clip) -> Future[Segments]:
        self.clips.append(clip)
        future: Future[Segments] = Future()
        future.set_result(tuple(next(self._answers)))
        return future


def _timed(text: str, low_s: float, high_s: float) -> Segments:
    return (Segment(low_s, high_s, text, avg_logprob=-0.1, token_ids=(1,)),)


def _walk(stretch: Stretch, *answers: Segments, how: Guarding | None = None) -> tuple[list[Recognised], Short]:
    looks = Short(*answers)
    return list(recognise([stretch], looks.submit, Ask(), Can(languages=None), how or Guarding())), looks


def test_the_rest_is_asked_for_and_comes_after() -> None:
    found, looks = _walk(_three(), _timed("one", 0.0, 2.1), _timed("two", 3.0, 5.0), _timed("three", 6.0, 8.0))
    assert [(s.text, s.marks) for f in found for s in f.segments] == [
        ("one", ()),
        ("two", ("resumed",)),
        ("three", ("resumed",)),
    ]
    assert [f.done for f in found] == [32_000, 80_000, 128_000]
    assert [clip.audio.start for clip in looks.clips] == [-LEAD, 48_000 - LEAD, 96_000 - LEAD]


def test_it_is_asked_for_no_more_often_than_there_are_spans() -> None:
    long = Stretch(Audio(sounds.tone(30)), (Span(0, 480_000),), 0.9, 0.9)
    found, looks = _walk(long, _timed("one", 0.0, 3.0), _timed("two", 3.2, 6.0))
    assert len(looks.clips) == 2
    assert [s.text for f in found for s in f.segments] == ["one", "two"]
    (held,) = found[-1].suppressed
    assert (held.reason, held.end_s) == ("nothing_heard", 30.0)
    assert held.start_s == pytest.approx(6.0, abs=0.3)


def test_a_rest_without_words_is_told() -> None:
    found, looks = _walk(_three(), _timed("one", 0.0, 4.9), (), ())
    assert len(looks.clips) == 3
    assert [(h.reason, h.start_s, h.end_s) for f in found for h in f.suppressed] == [("nothing_heard", 6.0, 8.0)]


def test_no_word_is_doubled_at_the_seam_and_the_doubled_one_is_told() -> None:
    found, _ = _walk(_three(), _timed("one and two", 0.0, 3.2), _timed("Two and three", 3.0, 8.0))
    assert [s.text for f in found for s in f.segments] == ["one and two", "and three"]
    assert [(h.reason, h.text) for f in found for h in f.suppressed] == [("repetition", "Two")]


def test_the_rest_may_be_left_out() -> None:
    _, looks = _walk(_three(), _timed("one", 0.0, 2.1), how=Guarding(resume=False))
    assert len(looks.clips) == 1


def test_a_credit_alone_is_told_once() -> None:
    (found,), _ = _run([_stretch(2)], _said("Sous-titrage ST' 501"))
    assert found.segments == ()
    assert [(h.reason, h.text) for h in found.suppressed] == [("phantom", "Sous-titrage ST' 501")]


def test_a_rest_is_judged_by_its_own_voice() -> None:
    stretch = _three(voices=(0.95, 0.95, 0.6))
    found, _ = _walk(stretch, _timed("one", 0.0, 5.0), _timed("Thank you.", 6.0, 8.0), _timed("Thank you.", 6.0, 8.0))
    assert [(h.reason, h.text) for f in found for h in f.suppressed] == [("phantom", "Thank you.")]


def test_a_phrase_over_noise_goes_and_what_was_said_beside_it_stays() -> None:
    stretch = _three(voices=(0.95, 0.95, 0.6))
    looks = (*_timed("We walked home.", 0.0, 5.0), *_timed("Thank you.", 6.0, 8.0))
    (found,), _ = _walk(stretch, looks)
    assert [s.text for s in found.segments] == ["We walked home."]
    assert [(h.start_s, h.end_s, h.reason) for h in found.suppressed] == [(6.0, 8.0, "phantom")]


# ── what is told of a segment ──
def test_the_models_own_chance_of_silence_is_told_where_there_is_one() -> None:
    said = replace(_timed("hello", 0.0, 8.0)[0], no_speech_prob=0.123456)
    (found,), _ = _walk(_three(), (said,))
    assert found.segments[0].no_speech_prob == 0.1235


def test_times_stay_inside_the_sound_whatever_the_engine_says() -> None:
    words = (Word("one", -0.3, 0.2), Word("two", 8.4, 9.0))
    early, late = replace(_timed("one two", -0.3, 9.0)[0], words=words), _timed("three", 7.0, 6.0)[0]
    (found,), _ = _walk(_three(), (early, late))
    assert [(s.start_s, s.end_s) for s in found.segments] == [(0.0, 8.0), (7.0, 7.0)]
    assert [(w.start_s, w.end_s) for w in found.segments[0].words] == [(0.0, 0.2), (8.0, 8.0)]


def test_what_the_engine_raises_is_raised() -> None:
    lane = Lane(Fake(Options(fail_above=0.8)))
    try:
        with lane.seat() as seat, pytest.raises(EngineFailed, match="told to fail"):
            list(recognise([_stretch(0, peak=0.9)], seat.submit, Ask(), lane.can, Guarding()))
    finally:
        lane.close()


@pytest.mark.parametrize(("before", "after"), [(0, 0), (3_200, 1_600), (8_000, 8_000)])
def test_framing_adds_only_what_is_lacking_and_keeps_positions_true(before: int, after: int) -> None:
    audio = Audio(sounds.tone(1), 50_000)
    speech = Span(50_000 + 4_800, 50_000 + 16_000 - 1_600)
    found = framed(audio, speech, before, after)
    assert speech.start - found.start >= before
    assert found.end - speech.end >= after
    inside = found.samples[audio.start - found.start :][: len(audio.samples)]
    assert np.array_equal(inside, audio.samples)
    assert len(found.samples) == max(before, 4_800) + (speech.end - speech.start) + max(after, 1_600)
    assert (np.delete(found.samples, slice(audio.start - found.start, audio.end - found.start)) == 0).all()


@pytest.mark.parametrize("margin_s", [0.0, 0.3, 2.0])
def test_the_edges_are_what_framing_may_add(margin_s: float) -> None:
    margin = round(margin_s * 16_000)
    speech = Span(100_000, 116_000)
    audio = Audio(np.zeros(16_000 + 2 * margin, np.float32), 100_000 - margin)
    longest = max(framed(audio, speech, *pair).duration_s for pair in ((LEAD, LEAD), (SECOND_LEAD, SECOND_TAIL)))
    assert longest - speech.duration_s == pytest.approx(edges_s(margin_s))


MANY = Can(languages=("en", "es", "de"), detects_language=True)


def _spoken(language: str, prob: float, logprob: float = -0.2) -> Segments:
    return _said(f"something in {language}", 0.95, logprob, language=language, language_prob=prob)


def test_a_few_words_do_not_change_the_language() -> None:
    stretches = [_stretch(0, 5), _stretch(10, 1), _stretch(20, 5)]
    answers = _spoken("en", 0.99), _spoken("es", 0.9, -0.8), _spoken("en", 1.0, -0.3), _spoken("en", 0.97)
    found, looks = _run(stretches, *answers, can=MANY)
    assert [f.segments[0].language for f in found] == ["en", "en", "en"]
    assert [clip.ask.language for clip in looks.clips] == [None, None, "en", None]


def test_another_language_is_believed_where_it_is_likelier() -> None:
    answers = _spoken("en", 0.99), _spoken("es", 0.9, -0.2), _spoken("en", 1.0, -0.9)
    found, _ = _run([_stretch(0, 5), _stretch(10, 1)], *answers, can=MANY)
    assert [f.segments[0].language for f in found] == ["en", "es"]


def test_long_and_sure_speech_changes_the_language_at_once() -> None:
    stretches = [_stretch(0, 5), _stretch(10, 5), _stretch(20, 5)]
    found, looks = _run(stretches, _spoken("en", 0.99), _spoken("es", 0.95), _spoken("es", 0.5), can=MANY)
    assert [f.segments[0].language for f in found] == ["en", "es", "es"]
    assert len(looks.clips) == len(stretches)


def test_a_language_that_is_asked_for_is_never_in_doubt() -> None:
    looks = Looks(_spoken("en", 0.99), _spoken("en", 0.3))
    list(recognise([_stretch(0, 5), _stretch(10, 1)], looks.submit, Ask(language="en"), MANY, Guarding()))
    assert [clip.ask.language for clip in looks.clips] == ["en", "en"]
