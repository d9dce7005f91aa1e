"""Events as plain values: every kind comes back as it was, as JSON that any client reads; damage is told."""

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness import events
from earwitness.errors import BadInput
from earwitness.events import Event, Numbered
from earwitness.live import told
from earwitness.types import Notice, Segment, Speaker, Suppressed, Token, Word

KINDS: tuple[type[Event], ...] = get_args(Event)

numbers = st.floats(-1e6, 1e6, allow_nan=False)
maybe = st.none() | numbers
words = st.builds(
    Word, st.text(max_size=9), numbers, numbers, confidence=maybe, aligned=st.booleans(), speaker=st.none() | st.text()
)
tokens = st.builds(Token, st.integers(0, 10**6), st.binary(max_size=5), numbers)
segments = st.builds(
    Segment, numbers, numbers, st.text(), language=st.none() | st.just("en"),
    words=st.lists(words, max_size=2).map(tuple),
    tokens=st.lists(tokens, max_size=2).map(tuple), token_ids=st.lists(st.integers(), max_size=2).map(tuple),
    avg_logprob=maybe, confidence=maybe, no_speech_prob=maybe, marks=st.lists(st.text(), max_size=2).map(tuple),
    speaker=st.none() | st.just("S1"),
)  # fmt: skip
count = st.integers(1, 10**6)
held_back = st.lists(st.builds(Suppressed, numbers, numbers, st.text(), st.text()), max_size=2).map(tuple)
CASES: dict[type[Event], st.SearchStrategy[Any]] = {
    events.SpeechStarted: st.builds(events.SpeechStarted, count, numbers),
    events.Partial: st.builds(events.Partial, count, st.text(), st.text(), numbers, numbers),
    events.SpeechEnded: st.builds(events.SpeechEnded, count, numbers, forced=st.booleans()),
    events.Final: st.builds(events.Final, count, count, segments),
    events.Settled: st.builds(events.Settled, count, numbers, numbers, held_back, forced=st.booleans()),
    events.Revised: st.builds(events.Revised, count, count, st.text(), segments),
    events.Named: st.builds(
        events.Named, st.builds(Speaker, st.text(), numbers, maybe, st.none() | st.text(), st.none() | st.text())
    ),
    events.Spotted: st.builds(events.Spotted, count, st.text(), numbers),
    events.Noted: st.builds(events.Noted, st.builds(Notice, st.text(), st.text())),
    events.Gap: st.builds(events.Gap, numbers, numbers, st.text()),
    events.Flushed: st.builds(events.Flushed, st.text()),
    events.Failed: st.builds(events.Failed, st.text(), st.text(), st.text(), fatal=st.booleans()),
    events.Ended: st.builds(events.Ended, numbers),
}


def there_and_back(numbered: Numbered) -> Numbered:
    """Over a wire, as a strict reader of JSON sees it."""
    wire = json.dumps(told.to_json(numbered), allow_nan=False)
    return told.from_json(json.loads(wire))


def test_there_is_a_name_and_a_case_for_every_kind() -> None:
    assert [kind for kind, _ in told.KINDS] == list(KINDS)
    assert set(CASES) == set(KINDS)
    assert len({name for _, name in told.KINDS}) == len(KINDS)


@given(st.integers(1, 10**9), st.one_of(*CASES.values()))
def test_every_event_comes_back_as_it_was(seq: int, event: Event) -> None:
    assert there_and_back(Numbered(seq, event)) == Numbered(seq, event)


def test_a_voice_never_leaves() -> None:
    heard = Numbered(1, events.Named(Speaker("S1", 2.0, voice=(0.5, 0.5))))
    found = there_and_back(heard)
    assert isinstance(found.event, events.Named)
    assert found.event.speaker == Speaker("S1", 2.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_nothing_on_the_wire(value: float) -> None:
    segment = Segment(0.0, 1.0, "yes", avg_logprob=value, tokens=(Token(1, b"y", value),))
    found = there_and_back(Numbered(3, events.Final(1, 1, segment)))
    assert isinstance(found.event, events.Final)
    assert found.event.segment.avg_logprob is None
    assert replace(found.event.segment, tokens=()) == Segment(0.0, 1.0, "yes")


def test_half_a_character_survives() -> None:
    odd = Numbered(1, events.Flushed("\ud800"))
    assert there_and_back(odd) == odd


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(list(KINDS)), st.data())
def test_damage_is_told_as_such_and_as_nothing_else(kind: type[Event], data: st.DataObject) -> None:
    whole = told.to_json(Numbered(1, data.draw(CASES[kind])))
    whole[data.draw(st.sampled_from([*whole, "other"]))] = data.draw(plain)
    with suppress(BadInput):
        assert isinstance(told.from_json(whole).event, KINDS)


@pytest.mark.parametrize("given", [{}, [], None, "final", {"type": "final"}, {"type": ["final"], "seq": 1}])
def test_what_is_no_event_is_refused(given: Any) -> None:
    with pytest.raises(BadInput):
        told.from_json(given)
