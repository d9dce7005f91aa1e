"""Phrases in text: whole words, whatever their capitals and punctuation, with the time of the first word."""

import pytest

from earwitness.events import Final, Spotted
from earwitness.live.following import Watching
from earwitness.stages.recipe import Captioning
from earwitness.stages.spot import spot
from earwitness.types import Audio, Segment, Word
from support import sounds

SAID = Segment(10.0, 14.0, "Fire! There is a fire, it's a Fire-engine; don’t panic.")


def test_whole_words_are_found_each_time() -> None:
    assert [phrase for phrase, _ in spot(["fire"], SAID)] == ["fire"] * 3
    assert spot(["fir", "ire", "engines"], SAID) == ()
    assert spot(["", "  ", "!"], SAID) == ()


def test_phrases_are_words_in_a_row() -> None:
    assert [p for p, _ in spot(["IT'S A fire engine", "there a"], SAID)] == ["IT'S A fire engine"]
    assert [p for p, _ in spot(["don't panic"], SAID)] == ["don't panic"]


def test_the_place_is_that_of_the_first_word() -> None:
    ((_, at_s),) = spot(["panic"], SAID)
    assert 13.0 < at_s < 14.0
    words = (Word("Fire!", 10.0, 10.5), Word("don’t", 12.0, 12.5), Word("panic.", 13.0, 13.5))
    timed = Segment(10.0, 14.0, "Fire! don’t panic.", words=words)
    assert spot(["don't", "panic"], timed) == (("don't", 12.0), ("panic", 13.0))


def test_other_writings_are_words_too() -> None:
    assert [p for p, _ in spot(["пожар"], Segment(0, 1, "Это ПОЖАР!"))] == ["пожар"]


def test_a_session_tells_the_segment() -> None:
    watching = Watching(lambda segment: spot(["fire"], segment))
    watching.hear(1, Audio(sounds.silence(1)), [Final(7, 1, Segment(1.0, 2.0, "Fire."))])
    assert watching.collect() == [Spotted(7, "fire", 1.0)]
    assert watching.collect() == watching.end() == []


@pytest.mark.parametrize("phrases", [(" ",), ("x" * 101,), ("a",) * 201])
def test_too_much_or_nothing_to_watch_for_is_refused(phrases: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="watched"):
        Captioning(watch=phrases)
