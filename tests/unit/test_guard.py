"""What may be believed: each guard on made-up segments of known confidence."""

import math
from dataclasses import replace

import numpy as np
import pytest

from earwitness.stages import guard
from earwitness.stages.guard import Credit, Guarding, Verdict, agreement, better, judge, needs_second_look, trust
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


@pytest.mark.parametrize("text", ["Thank you.", "Bye bye!", "Mm-hmm."])
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
