"""What may be believed: each guard on made-up segments of known confidence."""

import math
from dataclasses import replace

import numpy as np
import pytest

from earwitness.stages import guard
from earwitness.stages.guard import (
    Credit,
    Guarding,
    Verdict,
    agreement,
    better,
    derailed,
    judge,
    needs_second_look,
    sifted,
    trust,
)
from earwitness.stages.speech import Stretch
from earwitness.types import Audio, Segment, Span

ALL = Guarding()
NONE = Credit()
GOOD, POOR = -0.1, -1.2
"""Mean log-probabilities of clear English and of a language the model does not know."""


def _stretch(voice: float = 0.9, seconds: float = 4.0) -> Stretch:
    end = round(seconds * 16_000)
    return Stretch(Audio(np.zeros(end, np.float32)), (Span(0, end),), voice, voice)


def _said(text: str = "we walked home", logprob: float | None = GOOD, **more: object) -> tuple[Segment, ...]:
    confidence = None if logprob is None else math.exp(logprob)
    ids = tuple(range(len(text.split())))
    return (Segment(0, 4, text, avg_logprob=logprob, confidence=confidence, token_ids=ids, **more),)  # type: ignore[arg-type]


def _judged(
    kept: tuple[Segment, ...],
    other: tuple[Segment, ...] | None = None,
    stretch: Stretch | None = None,
    credit: Credit = NONE,
    how: Guarding = ALL,
    *,
    single_language: bool = True,
) -> Verdict:
    return judge(kept, other, stretch or _stretch(), credit, how, single_language=single_language)


# ── the second look ──
@pytest.mark.parametrize(
    ("segments", "voice", "doubtful"),
    [
        (_said(), 0.9, False),
        ((), 0.9, True),
        (_said(logprob=-0.4), 0.9, True),
        (_said(marks=("loop_cut",)), 0.9, True),
        (_said(), 0.7, True),
        (_said("Thank you."), 0.9, True),
        (_said(logprob=None), 0.9, False),
        (_said() + _said(logprob=-0.4), 0.9, True),
    ],
    ids=["sure", "nothing", "unsure", "loop", "faint-voice", "phantom", "no-confidence", "one-of-two-unsure"],
)
def test_a_doubt_asks_for_a_second_look(segments: tuple[Segment, ...], voice: float, doubtful: bool) -> None:
    assert needs_second_look(segments, _stretch(voice)) is doubtful


def test_the_better_look_is_the_surer_one_without_a_loop() -> None:
    sure, unsure, loop = _said("a", -0.1), _said("b", -0.5), _said("c", -0.05, marks=("loop_cut",))
    assert better(sure, unsure) is better(unsure, sure) is sure
    assert better(loop, unsure) is better(unsure, loop) is unsure
    assert better((), loop) is better(loop, ()) is loop
    assert better(sure, (first := _said("a", -0.1))) is sure
    assert better(first, sure) is first


LOOP = "and then we go " * 20


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        (_said(), False),
        ((), False),
        (_said(logprob=-0.99), False),
        (_said(logprob=-1.01), True),
        (_said(logprob=None), False),
        (_said(LOOP), True),
        (_said(logprob=-0.1) + _said(logprob=-2.5), True),
        (_said(marks=("loop_cut",)), True),
        (tuple(s for _ in range(20) for s in _said("Thank you so much.")), True),
    ],
    ids=["sure", "nothing", "just-sure", "guessed", "unknown", "loop", "half-guessed", "cut", "loop-of-segments"],
)
def test_a_decoder_that_lost_its_way_is_told_by_whispers_signs(segments: tuple[Segment, ...], expected: bool) -> None:
    assert derailed(segments, None, Guarding(least_logprob=-1.0)) is expected
    looping = expected and all(s.avg_logprob == GOOD for s in segments)
    assert derailed(segments, None, ALL) is looping


def test_what_is_said_ten_times_by_two_looks_is_no_loop() -> None:
    said = _said("No, " * 12)
    assert derailed(said, _said("no " * 13), ALL)
    assert not derailed(said, _said("no " * 12), ALL)
    assert derailed(_said("No.", marks=("loop_cut",)), _said("No."), ALL)


def test_a_look_that_repeats_itself_is_believed_last() -> None:
    loop, unsure = _said(LOOP, -0.05), _said("b", -0.9)
    assert better(loop, unsure) is better(unsure, loop) is unsure


# ── the verdict ──
def test_clear_speech_is_given_out() -> None:
    verdict = _judged(_said())
    assert verdict.reason is None
    assert verdict.trust > 3


@pytest.mark.parametrize(
    ("kept", "other", "voice", "seconds", "reason"),
    [
        ((), (), 0.9, 4.0, "nothing_heard"),
        (_said("..."), None, 0.9, 4.0, "not_speech"),
        (_said("♪ la la ♪"), None, 0.9, 4.0, "not_speech"),
        (_said("Transcript by nobody"), None, 0.9, 4.0, "not_speech"),
        (_said("it hums", -0.6), _said("he comes", -0.7), 0.45, 1.0, "not_speech"),
        (_said("Thank you."), _said("Thank you."), 0.7, 1.0, "phantom"),
        (_said("You"), _said("You"), 0.9, 0.1, "phantom"),
        (_said("the soft way", POOR), _said("a heathen there", POOR), 0.9, 4.0, "foreign_or_unclear"),
        (_said("the soft way", POOR), _said("a heathen there", POOR), 0.7, 4.0, "not_speech"),
    ],
)
def test_each_reason_to_hold_text_back(
    kept: tuple[Segment, ...], other: tuple[Segment, ...] | None, voice: float, seconds: float, reason: str
) -> None:
    assert _judged(kept, other, _stretch(voice, seconds)).reason == reason


@pytest.mark.parametrize(
    ("no_speech", "logprob", "reason"),
    [
        (0.7, -1.1, "not_speech"),
        (0.7, -0.9, None),
        (0.5, -1.1, None),
        (None, -1.1, None),
        (0.7, None, None),
    ],
)
def test_a_model_that_hears_nobody_and_only_guesses_is_not_believed(
    no_speech: float | None, logprob: float | None, reason: str | None
) -> None:
    kept = tuple(replace(s, confidence=None, no_speech_prob=no_speech) for s in _said(logprob=logprob))
    assert _judged(kept, single_language=False).reason == reason


def test_text_that_repeats_itself_is_held_back() -> None:
    assert _judged(_said(LOOP)).reason == "repetition"
    assert _judged(_said(LOOP), _said(LOOP + LOOP)).reason == "repetition"
    assert _judged(_said("No, no, no, I said no.")).reason is None
    assert _judged(_said("no " * 12), _said("No, " * 12)).reason is None
    assert _judged(_said(LOOP), how=Guarding(repetition=False)).reason is None


@pytest.mark.parametrize("text", ["Thank you.", "Bye bye!", "Mm-hmm.", "Vielen Dank.", "ありがとうございました。"])
def test_people_with_a_clear_voice_may_say_what_phantoms_say(text: str) -> None:
    assert _judged(_said(text), _said(text), _stretch(0.9, 1.0)).reason is None


def test_a_faint_voice_that_is_understood_well_is_given_out() -> None:
    assert _judged(_said(), _said(), _stretch(0.4, 4.0)).reason is None


def test_guards_that_are_off_hold_nothing_back() -> None:
    foreign = _said("the soft way", POOR), _said("a heathen there", POOR)
    assert _judged(*foreign, how=Guarding(language_gate=False)).reason is None
    assert _judged(*foreign, single_language=False).reason is None
    phantom = _said("Thank you.", -0.3)
    assert _judged(phantom, phantom, _stretch(0.7, 1.0), how=Guarding(phantoms=False)).reason is None


def test_the_language_gate_judges_no_model_that_it_was_not_fitted_to() -> None:
    poor = [(replace(s, confidence=None),) for (s,) in (_said("the soft way", POOR), _said("a heathen there", POOR))]
    assert _judged(poor[0], poor[1]).reason is None


# ── one segment of several ──
def _at(text: str, low_s: float, high_s: float) -> Segment:
    return replace(_said(text)[0], start_s=low_s, end_s=high_s)


def _two_voices() -> Stretch:
    """A clear voice from 0 to 3 s, and from 4 to 6 s something that hums."""
    spans = (Span(0, 48_000), Span(64_000, 96_000))
    return Stretch(Audio(np.zeros(100_000, np.float32)), spans, 0.8, 0.9, voices=(0.95, 0.6))


@pytest.mark.parametrize(
    ("text", "low_s", "high_s", "reason"),
    [
        ("Good night.", 4.0, 6.0, None),
        ("Thank you.", 1.0, 3.0, None),
        ("Thank you.", 4.0, 6.0, "phantom"),
        ("Thank you.", 3.0, 4.1, "phantom"),
        ("Thank you.", 2.9, 3.5, "phantom"),
        ("Untertitel der Amara.org-Community", 1.0, 3.0, "phantom"),
        ("♪ la la ♪", 1.0, 3.0, "not_speech"),
        ("...", 1.0, 3.0, "not_speech"),
    ],
)
def test_a_segment_that_is_wrong_by_itself_is_taken_out(
    text: str, low_s: float, high_s: float, reason: str | None
) -> None:
    told, other = _at("We walked home.", 0.0, 1.0), _at(text, low_s, high_s)
    kept, held = sifted((told, other), _two_voices(), ALL)
    assert kept == ((told,) if reason else (told, other))
    assert [(h.start_s, h.end_s, h.reason, h.text) for h in held] == ([(low_s, high_s, reason, text)] if reason else [])
    assert sifted((told, other), _two_voices(), Guarding(phantoms=False)) == ((told, other), ())


def test_alone_only_a_credit_is_taken_out() -> None:
    credit, saying = _said("Sous-titrage ST' 501"), _said("Thank you.")
    assert sifted(credit, _stretch(), ALL)[0] == ()
    assert sifted(saying, _stretch(0.6), ALL) == (saying, ())


# ── trust ──
def test_trust_grows_with_the_decoders_certainty() -> None:
    found = [trust(_said(logprob=p), None, _stretch()) for p in np.linspace(-3, 0, 31).tolist()]
    assert found == sorted(found)
    assert found[0] < found[-1]


def test_trust_grows_with_agreement_and_length() -> None:
    same, unlike = (trust(_said("one two three"), _said(t), _stretch()) for t in ("one two three", "four five six"))
    assert same > unlike
    long, short = (trust(_said(), None, _stretch(seconds=s)) for s in (8.0, 0.5))
    assert long > short


def test_segments_count_by_their_tokens() -> None:
    long, short = _said("a b c d e f g h i", -0.1), _said("x", -2.0)
    assert trust(long + short, None, _stretch()) > trust(_said(logprob=-1.05), None, _stretch())


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("We walked home.", "we walked, home", 1.0),
        ("we walked home", "they ran off", 0.0),
        ("we walked home", "we walked", 0.8),
        ("it's late", "its late", 0.5),
        ("", "", 1.0),
        ("", "you", 0.0),
    ],
)
def test_agreement_is_counted_in_words(one: str, other: str, expected: float) -> None:
    assert agreement(one, other) == pytest.approx(expected)


# ── credit ──
def test_credit_is_bounded_both_ways() -> None:
    good, bad = Credit(), Credit()
    for _ in range(50):
        good, bad = good.after(Verdict(None, 100.0)), bad.after(Verdict("foreign_or_unclear", -100.0))
        assert abs(good.worth) <= guard.MOST_CREDIT
        assert abs(bad.worth) <= guard.MOST_CREDIT
    assert good.worth == guard.MOST_CREDIT
    assert bad.worth == -guard.MOST_CREDIT
    assert Credit().worth == 0.0


def test_old_clips_fade_from_the_credit() -> None:
    credit = Credit()
    for _ in range(20):
        credit = credit.after(Verdict(None, 6.0))
    for _ in range(40):
        credit = credit.after(Verdict("foreign_or_unclear", -6.0))
    assert credit.worth < -1.4


def test_a_mumbled_clip_is_kept_in_a_clear_recording_and_a_lucky_one_is_not_in_a_foreign_one() -> None:
    logprob = next(
        p for p in np.linspace(-0.1, -3, 300).tolist() if trust(_said(logprob=p), None, _stretch()) < guard.LEAST_TRUST
    )
    mumbled, lucky = _said(logprob=logprob), _said(logprob=logprob + 0.05)
    clear, foreign = Credit(4.0, 5), Credit(-4.0, 5)
    assert _judged(mumbled).reason == "foreign_or_unclear"
    assert _judged(mumbled, credit=clear).reason is None
    assert _judged(lucky).reason is None
    assert _judged(lucky, credit=foreign).reason == "foreign_or_unclear"
