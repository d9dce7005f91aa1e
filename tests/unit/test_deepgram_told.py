"""Events become Deepgram's messages, without a socket."""

from dataclasses import replace
from typing import Any

from earwitness.api.deepgram import Asked
from earwitness.api.live.deepgram_told import LABEL_S, LAST_CALL_S, Told
from earwitness.events import (
    Failed,
    Final,
    Flushed,
    Gap,
    Noted,
    Partial,
    Revised,
    Settled,
    SpeechEnded,
    SpeechStarted,
)
from earwitness.stages.recipe import OFF, Diarizing, Recipe
from earwitness.types import Notice, Segment, Suppressed, Word

ALONE = Asked(Recipe(diarizing=Diarizing(OFF)), interim=True)
WHO = Asked(Recipe(diarizing=Diarizing()))


def said(text: str, start_s: float, end_s: float, **further: Any) -> Segment:
    return Segment(start_s, end_s, text, confidence=0.9, **further)


def now(told: Told, clock: float = 0.0, heard_s: float = 0.0, *, labelling: bool = False) -> list[Any]:
    return told.ready(clock, heard_s, labelling=labelling)


def begun(asked: Asked) -> Told:
    return Told(asked, (0, 1), {"request_id": "x"})


def text_of(message: Any) -> str:
    return str(message["channel"]["alternatives"][0]["transcript"])


def test_only_the_last_segment_of_an_utterance_is_the_end_of_speech() -> None:
    told = begun(ALONE)
    for event in (SpeechStarted(1, 0.5), Final(1, 1, said("One.", 0.5, 1)), Final(2, 1, said("Two.", 1, 2))):
        told.take(event)
    told.take(Settled(1, 0.5, 2))
    first, second = now(told)
    assert (text_of(first), first["speech_final"], first["is_final"]) == ("One.", False, True)
    assert (text_of(second), second["speech_final"], second["is_final"]) == ("Two.", True, True)
    told.take(Final(3, 2, said("Three", 2, 3)))
    told.take(Settled(2, 2, 3, forced=True))
    (third,) = now(told)
    assert not third["speech_final"], "it was cut, and goes on"


def test_drafts_say_what_two_looks_agree_on() -> None:
    told = begun(ALONE)
    told.take(Partial(1, "we laugh", "less hardly", 1.0, 3.0))
    (draft,) = now(told)
    assert not draft["is_final"]
    assert (draft["start"], draft["duration"]) == (1.0, 2.0)
    (found,) = draft["channel"]["alternatives"]
    assert [w["confidence"] for w in found["words"]] == [1.0, 1.0, 0.0, 0.0]
    assert found["confidence"] == 0.5
    quiet = begun(replace(ALONE, interim=False))
    quiet.take(Partial(1, "we", "laugh", 1.0, 3.0))
    assert not now(quiet)


def test_what_was_held_back_is_an_end_without_text() -> None:
    told = begun(ALONE)
    told.take(Settled(1, 1.0, 2.0, (Suppressed(1.0, 2.0, "loop", "la la la"),)))
    (found,) = now(told)
    assert (text_of(found), found["is_final"], found["speech_final"]) == ("", True, True)
    assert found["suppressed"] == [{"start": 1.0, "end": 2.0, "reason": "loop"}]
    assert "la la" not in str(found)


def test_gaps_failures_and_notes_reach_the_client() -> None:
    told = begun(ALONE)
    told.take(Failed("engine_failed", "it broke", "Report it."))
    told.take(Gap(1.5, 4.0, "engine_failed"))
    told.take(Settled(1, 1.5, 4.0))
    told.take(Noted(Notice("not_honoured", "hotwords")))
    failed, gap, end = now(told)
    assert (failed["type"], failed["code"]) == ("Error", "engine_failed")
    assert (gap["type"], gap["variant"], gap["start"], gap["duration"]) == ("Error", "Gap", 1.5, 2.5)
    assert end["is_final"]
    assert told.noted == [("not_honoured", "hotwords")]
    broken = [told.broken]
    told.take(Failed("engine_failed", "it broke", "Report it.", fatal=True))
    assert [*broken, told.broken] == [False, True]


def test_a_flush_is_answered_with_the_last_result_or_an_empty_one() -> None:
    told = begun(ALONE)
    told.flush("a")
    told.take(Final(1, 1, said("One.", 0.5, 1)))
    told.take(Settled(1, 0.5, 1))
    assert not now(told), "it may be the last before the flush"
    told.take(Flushed("a"))
    (found,) = now(told, heard_s=1.5)
    assert (text_of(found), found["from_finalize"]) == ("One.", True)
    told.flush("b")
    told.take(Flushed("b"))
    (empty,) = now(told)
    assert (text_of(empty), empty["from_finalize"], empty["start"]) == ("", True, 1.5)
    told.take(Flushed("shutdown"))
    assert not now(told), "nobody asked for that one"


def test_a_result_waits_for_its_speaker_a_while() -> None:
    told = begun(WHO)
    one = said("One.", 0.5, 1, words=(Word("One.", 0.5, 1, 0.8),))
    told.take(Final(1, 1, one))
    told.take(Settled(1, 0.5, 1))
    assert not now(told, 10.0, labelling=True)
    assert told.waiting
    named = replace(one, speaker="S2", words=(replace(one.words[0], speaker="S2"),))
    told.take(Revised(1, 1, "speaker", named))
    (found,) = now(told, 10.1)
    assert found["channel"]["alternatives"][0]["words"][0]["speaker"] == 1

    told.take(Final(2, 2, one))
    told.take(Settled(2, 0.5, 1))
    assert not now(told, 20.0, labelling=True)
    assert not now(told, 20.0 + LABEL_S / 2, labelling=True)
    (late,) = now(told, 20.0 + LABEL_S, labelling=True)
    assert "speaker" not in late["channel"]["alternatives"][0]["words"][0]

    told.take(Final(3, 3, one))
    told.take(Settled(3, 0.5, 1))
    assert not now(told, 30.0, labelling=False), "its label may be on its way"
    assert now(told, 30.0 + LAST_CALL_S, labelling=False)


def test_nothing_is_left_at_the_end() -> None:
    told = begun(WHO)
    told.take(Final(1, 1, said("One.", 0.5, 1)))
    assert not now(told)
    assert [text_of(m) for m in told.rest()] == ["One."]


def test_the_end_of_an_utterance_is_told_after_words_and_a_pause() -> None:
    told = begun(replace(ALONE, utterance_end_s=1.0))
    for event in (SpeechStarted(1, 0.5), SpeechEnded(1, 2.0), Final(1, 1, said("One.", 0.5, 2)), Settled(1, 0.5, 2)):
        told.take(event)
    assert [m["type"] for m in now(told, heard_s=2.5)] == ["Results"]
    waited = told.waiting
    told.take(SpeechStarted(2, 2.6))
    assert not now(told, heard_s=6.0), "somebody speaks"
    told.take(Settled(2, 2.6, 3.0))  # it was noise
    assert [m["type"] for m in now(told, heard_s=6.0)] == ["Results", "UtteranceEnd"]
    assert (waited, told.waiting) == (True, False)
    told.take(Final(2, 3, said("Two.", 6.0, 7.0)))
    told.take(Settled(3, 6.0, 7.0))
    told.take(Final(3, 4, said("Three.", 9.0, 9.5)))
    told.take(Settled(4, 9.0, 9.5))
    kinds = [m["type"] for m in now(told, heard_s=9.6)]
    assert kinds == ["Results", "UtteranceEnd", "Results"], "a pause that is over is told in its place"
