"""What becomes of a live session's events in OpenAI's Realtime API; what can't be had at will is made here."""

from typing import Any

import pytest

from earwitness.api import passes
from earwitness.api.caller import the_house
from earwitness.api.live.realtime_items import Items
from earwitness.api.passes import MOST, REALTIME, Passes
from earwitness.errors import Busy
from earwitness.events import Event, Failed, Final, Flushed, Gap, Revised, Settled, SpeechEnded, SpeechStarted
from earwitness.types import Segment, Suppressed


def items(*, turns: bool) -> Items:
    found = Items(beta=False)
    found.turns = turns
    found.begin(10.0)
    return found


def said(found: Items, *events: Event) -> list[Any]:
    return [body for event in events for body in found.told(event)]


def final(number: int, utterance: int, text: str) -> Final:
    return Final(number, utterance, Segment(1.0, 2.0, text))


def short(bodies: list[Any]) -> list[str]:
    return [str(body["type"]).rpartition(".")[2] for body in bodies]


def test_an_utterance_that_was_given_up_has_failed() -> None:
    told = said(
        items(turns=True),
        SpeechStarted(1, 1.0),
        SpeechEnded(1, 2.0),
        Gap(1.0, 2.0, "overload"),
        Settled(1, 1.0, 2.0),
    )
    assert short(told) == ["speech_started", "speech_stopped", "committed", "added", "done", "failed"]
    assert told[-1]["error"]["code"] == "overload"
    assert "11.00 to 12.00 s" in told[-1]["error"]["message"], "by the clock of the whole conversation"
    assert (told[0]["audio_start_ms"], told[1]["audio_end_ms"]) == (11_000, 12_000)


def test_why_an_engine_left_a_gap_is_told_with_it() -> None:
    told = said(
        items(turns=True),
        SpeechStarted(1, 1.0),
        SpeechEnded(1, 2.0),
        Failed("engine_failed", "it broke", "mend it"),
        Gap(1.0, 2.0, "engine_failed"),
        Settled(1, 1.0, 2.0),
    )
    assert short(told)[-1] == "failed"
    assert "it broke" in told[-1]["error"]["message"]
    assert "error" not in short(told)


def test_text_beside_a_gap_is_given_out_and_the_gap_told() -> None:
    found = items(turns=False)
    told = said(found, final(1, 1, "One."), Settled(1, 1.0, 2.0), Gap(3.0, 4.0, "overload"), Settled(2, 3.0, 4.0))
    told += found.commit("a", 4.0) + said(found, final(2, 3, "Two."), Settled(3, 4.0, 5.0), Flushed("a"))
    assert short(told) == ["delta", "committed", "added", "done", "delta", "error", "completed"]
    assert told[-1]["transcript"] == "One. Two." == told[0]["delta"] + told[4]["delta"]
    assert told[-2]["error"]["code"] == "overload"


def test_a_failure_that_cost_no_sound_is_an_error_of_its_own() -> None:
    told = said(items(turns=False), Failed("missing_package", "nobody is named", "install it"), final(1, 1, "One."))
    assert short(told) == ["error", "delta"]


def test_what_is_said_between_two_commits_is_one_item_and_what_comes_later_another() -> None:
    found = items(turns=False)
    first = found.commit("a", 1.0)
    told = said(found, final(1, 1, "One."))
    second = found.commit("b", 1.0)
    told += said(found, Flushed("a"), final(2, 2, "Two."), Flushed("b"))
    assert [body["transcript"] for body in told if "transcript" in body] == ["One.", "Two."]
    assert second[0]["previous_item_id"] == first[0]["item_id"]


def test_what_is_cleared_is_not_told() -> None:
    found = items(turns=False)
    told = found.clear("a") + said(found, final(1, 1, "Gone."), Settled(1, 1.0, 2.0), Flushed("a"))
    told += found.commit("b", 1.0) + said(found, final(2, 2, "Kept."), Flushed("b"))
    assert [body.get("delta") or body.get("transcript") for body in told if "content_index" in body] == ["Kept."] * 2


def test_an_item_that_is_cleared_after_some_text_has_failed() -> None:
    found = items(turns=False)
    item = said(found, final(1, 1, "Gone."))[0]["item_id"]
    cleared: list[Any] = found.clear("a")
    assert short(cleared) == ["cleared", "failed"]
    assert cleared[1]["item_id"] == item


def test_a_turn_that_is_cleared_is_not_committed() -> None:
    found = items(turns=True)
    told = said(found, SpeechStarted(1, 1.0)) + found.clear("a")
    told += said(found, SpeechEnded(1, 2.0), final(1, 1, "Gone."), Settled(1, 1.0, 2.0), Flushed("a"))
    assert short(told) == ["speech_started", "cleared", "speech_stopped"]


def test_a_commit_of_silence_is_answered_by_an_empty_item() -> None:
    found = items(turns=True)
    assert found.commit("a", 1.0) == []
    told = said(found, Flushed("a"))
    assert short(told) == ["committed", "added", "done", "completed"]
    assert told[-1]["transcript"] == ""


def test_text_is_not_lost_where_no_commit_comes() -> None:
    found = items(turns=False)
    said(found, final(1, 1, "One."), Flushed("shutdown"))
    assert short(found.settle(1.0)) == ["committed", "added", "done", "completed"]
    assert found.settle(1.0) == []


def test_what_has_no_end_has_failed_when_the_session_breaks() -> None:
    found = items(turns=True)
    said(found, SpeechStarted(1, 1.0), SpeechEnded(1, 2.0), SpeechStarted(2, 3.0))
    assert short(found.broken({"code": "engine_failed"})) == ["failed", "failed"]
    assert found.broken({}) == []


def test_what_was_held_back_is_named_with_its_reason() -> None:
    found = items(turns=True)
    held = Suppressed(1.0, 2.0, "foreign_or_unclear", "text that may be nonsense")
    told = said(found, SpeechStarted(1, 1.0), SpeechEnded(1, 2.0), Settled(1, 1.0, 2.0, (held,)))
    assert told[-1]["suppressed"] == [{"start": 11.0, "end": 12.0, "reason": "foreign_or_unclear"}]
    assert "nonsense" not in str(told)


def test_speakers_are_told_of_segments_once_they_are_known() -> None:
    found = items(turns=True)
    delta = said(found, SpeechStarted(1, 1.0), SpeechEnded(1, 2.0), final(1, 1, "One."))[-1]
    told = said(found, Revised(1, 1, "speaker", Segment(1.0, 2.0, "One.", speaker="S1")))
    assert told == [
        {
            "type": "conversation.item.input_audio_transcription.segment",
            "item_id": delta["item_id"],
            "content_index": 0,
            "start": 11.0,
            "end": 12.0,
            "id": "seg_1_1",
            "speaker": "S1",
            "text": "One.",
        }
    ]


def test_passes_end_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    held, clock = Passes(), 1_000.0
    monkeypatch.setattr(passes, "time", lambda: clock)
    key, until = held.issue({"a": 1}, 60)
    assert (until, held.about(key), held.issuer(REALTIME, key)) == (1_060, {"a": 1}, the_house())
    assert held.issuer("/v1/models", key) is None
    assert held.issuer(REALTIME, "ek_other") is None
    for _ in range(MOST - 1):
        held.issue({}, 100)
    with pytest.raises(Busy):
        held.issue({}, 60)
    clock = 1_060.0
    assert held.about(key) is None
    assert held.issue({}, 60)[0].startswith("ek_")
