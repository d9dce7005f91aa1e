"""When a draft is looked at again: sooner while nothing is shown, where the session has earned trust, and not late."""

from concurrent.futures import Future

import numpy as np
import pytest

from earwitness.live.captions import Captions, Segments
from earwitness.stages.guard import NO_CREDIT, Credit, Guarding
from earwitness.stages.recipe import Captioning
from earwitness.stages.speech import Stretch
from earwitness.types import Audio, Segment, Span

TRUSTED = Credit(trust=3.0, clips=4, language="en")
UNCLEAR = Segment(0.0, 0.5, "What?", confidence=0.3, avg_logprob=-1.2)
CLEAR = Segment(0.0, 0.5, "What a day.", confidence=0.95, avg_logprob=-0.05)


def looks(segment: Segment, credit: Credit, *, takes_s: float = 0.0) -> list[float]:
    """How long the speech was, in seconds, at each look that was asked for while it grew to a second."""
    asked, clock = list[float](), 0.0

    def ask(stretch: Stretch, *, soon: bool) -> Future[Segments]:
        assert not soon
        asked.append(stretch.span.duration_s)
        done: Future[Segments] = Future()
        done.set_result((segment,))
        return done

    captions = Captions(Captioning(), Guarding(), ask, single_language=True, clock=lambda: clock)
    for n in range(1, 11):
        span = Span(0, n * 1600)
        sound = Audio(np.ones(n * 1600, np.float32), 0)
        captions.see(Stretch(sound, (span,), 0.95, 1.0), n / 10, credit, paused=False)
        clock += takes_s
        captions.collect(credit)
    return [round(s, 1) for s in asked]


def test_while_nothing_is_shown_it_is_looked_at_again_at_once() -> None:
    assert looks(UNCLEAR, TRUSTED) == [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


def test_where_something_is_shown_the_cadence_holds() -> None:
    assert len(looks(CLEAR, TRUSTED)) == 2


@pytest.mark.parametrize("credit", [NO_CREDIT, Credit(trust=-2.0, clips=3)])
def test_without_trust_noise_gets_no_more_chances_to_pass_for_words(credit: Credit) -> None:
    assert len(looks(UNCLEAR, credit)) == 2


def test_where_looks_take_long_they_are_no_oftener() -> None:
    assert len(looks(UNCLEAR, TRUSTED, takes_s=0.35)) <= len(looks(UNCLEAR, NO_CREDIT))
