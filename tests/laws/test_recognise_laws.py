"""Laws of recognising, whatever an engine says: all words accounted for, in order, a lane that never stands still."""

import random
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.models.lane import Lane
from earwitness.stages.guard import Guarding
from earwitness.stages.recognise import recognise
from earwitness.stages.speech import Stretch
from earwitness.types import Ask, Audio, Can, Clip, Segment, Span

CAN = Can(languages=None, temperature=True, batch=2, parallel=True)


@dataclass
class Wild:
    """An engine that says anything, at any time, with any certainty; each look has words of its own."""

    seed: int
    can: Can = CAN
    said: list[Counter[str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def transcribe(self, clips: Sequence[Clip]) -> list[tuple[Segment, ...]]:
        return [self._one(clip) for clip in clips]

    def close(self) -> None:
        pass

    def _one(self, clip: Clip) -> tuple[Segment, ...]:
        dice = random.Random(f"{self.seed} {clip.audio.start} {clip.audio.end} {clip.ask.temperature}")
        with self.lock:
            number = len(self.said)
            self.said.append(Counter())
        found, at_s = list[Segment](), clip.audio.start_s
        for part in range(dice.choice([0, 1, 1, 2, 3])):
            texts = [f"w{number}x{part}x{i}" for i in range(dice.randint(1, 4))] * dice.choice([1, 1, 1, 60])
            end_s = min(clip.audio.end_s + 1, at_s + dice.uniform(0, clip.audio.duration_s))
            marks = ("loop_cut",) if dice.random() < 0.1 else ()
            silent = dice.choice([None, 0.1, 0.9])
            sure = dice.choice([None, -0.1, -0.8, -1.5])
            found.append(
                Segment(
                    at_s, end_s, " ".join(texts), avg_logprob=sure, no_speech_prob=silent, token_ids=(1,), marks=marks
                )
            )
            if dice.random() < 0.2:  # one that is held back by itself
                found[-1] = replace(found[-1], text="Subtitles by " + found[-1].text)
            at_s = end_s
            self.said[number].update(texts)
        return tuple(found)


@st.composite
def recordings(draw: st.DrawFn) -> list[Stretch]:
    """Stretches in order, of one to four spans each, heard more or less well."""
    at, found = 0, list[Stretch]()
    for _ in range(draw(st.integers(1, 6))):
        lengths = draw(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 15)), min_size=1, max_size=4))
        spans, begin = list[Span](), at
        at += 4_000
        for speech, pause in lengths:
            spans.append(Span(at, at + speech * 1_600))
            at += (speech + pause) * 1_600
        voices = tuple(draw(st.sampled_from([0.4, 0.7, 0.95])) for _ in spans)
        audio = Audio(np.full(at - begin, 0.1, np.float32), begin)
        found.append(Stretch(audio, tuple(spans), min(voices), max(voices), voices=voices))
    return found


@settings(deadline=None, max_examples=60)
@given(
    recordings(),
    st.integers(0, 10**6),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from([(), (0.2,), (0.2, 0.6, 1.0)]),
)
def test_every_word_is_accounted_for_in_order_and_the_lane_never_stands_still(
    stretches: list[Stretch], seed: int, window: int, room: int, temperatures: tuple[float, ...]
) -> None:
    engine = Wild(seed)
    lane = Lane(engine, workers=2, window=room)
    try:
        with lane.seat() as seat:
            walk = recognise(
                stretches, seat.submit, Ask(), lane.can, Guarding(temperatures=temperatures), window=window
            )
            found = list(walk)
    finally:
        lane.close()

    told = Counter(w for f in found for s in f.segments for w in s.text.split())
    told += Counter(w for f in found for h in f.suppressed for w in h.text.split())
    del told["Subtitles"], told["by"]
    for look in engine.said:  # a look is believed as a whole or not at all
        assert {told[w] - n for w, n in look.items()} <= {0} or not any(told[w] for w in look)
    assert sum(told.values()) == sum(sum(look.values()) for look in engine.said if any(told[w] for w in look))

    assert all(f.segments or f.suppressed for f in found)
    assert all(a.done <= b.done for a, b in pairwise(found))
    assert {s.span.end for s in stretches} <= {f.done for f in found}
    segments = [s for f in found for s in f.segments]
    assert all(a.start_s <= b.start_s for a, b in pairwise(segments))
    sounds = [s.audio for s in stretches]
    assert all(any(a.start_s <= s.start_s <= s.end_s <= a.end_s for a in sounds) for s in segments)
    most = sum(len(s.spans) + 1 for s in stretches) * (2 + len(temperatures))
    assert len(stretches) <= len(engine.said) <= most
