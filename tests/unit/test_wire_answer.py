"""What a server's answer becomes: times, words, languages, and nonsense that is refused."""

import json
from typing import Any

import pytest

from earwitness.engines.wire import answer
from earwitness.errors import EngineFailed, Unsupported
from earwitness.types import Ask, Audio, Clip, Segment
from support import sounds

CLIP = Clip(Audio(sounds.silence(4), 16_000 * 100))
WORDS = Ask(word_times=True)


def read(ask: Ask | None = None, **body: Any) -> tuple[Segment, ...]:
    """The segments of an answer about 4 s that begin at 100 s."""
    return answer.segments(answer.read(json.dumps({"text": "x"} | body).encode(), "office"), CLIP, ask or Ask())


def piece(text: str, start: float, end: float, **more: Any) -> dict[str, Any]:
    """One element of `segments`."""
    return {"text": text, "start": start, "end": end} | more


def test_text_alone_is_one_segment_over_the_clip() -> None:
    (found,) = read(text=" Good night. ")
    assert (found.start_s, found.end_s, found.text) == (100.0, 104.0, "Good night.")
    assert (found.avg_logprob, found.no_speech_prob, found.token_ids) == (None, None, ())


def test_no_text_is_no_segment() -> None:
    assert read(text="") == ()
    assert read(text=" \n", segments=[]) == ()
    assert read(text="", segments=[piece("  ", 0, 1)]) == ()


def test_segments_keep_what_the_server_knows_of_them() -> None:
    more = {"tokens": [7, 8], "temperature": 0.4, "avg_logprob": -0.25, "no_speech_prob": 0.125, "seek": 0, "id": 0}
    (found,) = read(language="german", segments=[piece(" Gute Nacht.", 1.0, 2.5, **more)])
    assert found == Segment(
        101.0, 102.5, "Gute Nacht.", "de", token_ids=(7, 8), avg_logprob=-0.25, no_speech_prob=0.125, temperature=0.4
    )


def test_a_log_probability_of_nought_is_what_servers_say_for_not_known() -> None:
    (found,) = read(segments=[piece("a", 0, 1, avg_logprob=0.0)])
    assert found.avg_logprob is None


def test_times_out_of_range_and_order_are_held_inside_the_clip() -> None:
    found = read(segments=[piece("a", -3, 1.5), piece("b", 1.0, 0.5), piece("c", 3.0, 99.0), piece("d", 50.0, 60.0)])
    assert [(s.start_s, s.end_s) for s in found] == [(100.0, 101.5), (101.0, 101.0), (103.0, 104.0), (104.0, 104.0)]
    (back,) = read(segments=[piece("a", 1e308, -1e308)])
    assert (back.start_s, back.end_s) == (104.0, 104.0)
    assert [s.start_s for s in read(segments=[piece("a", 3.0, 3.5), piece("b", 1.0, 2.0)])] == [103.0, 103.0]


@pytest.mark.parametrize(
    ("told", "expected"),
    [("english", "en"), ("English", "en"), ("en", "en"), ("yue", "yue"), ("unknown", None), ("", None), (None, None)],
)
def test_languages_come_by_code_or_full_name(told: str | None, expected: str | None) -> None:
    assert read(language=told)[0].language == expected
    assert read(Ask(language="fr"), language=told)[0].language == (expected or "fr")


def test_a_translation_says_nothing_of_the_language_that_was_spoken() -> None:
    assert read(Ask(task="translate"), language="english")[0].language is None


def test_control_characters_never_reach_a_terminal() -> None:
    (found,) = read(text="a\x1b[31mb\r\nc\x00\x9b d")
    assert found.text == "a [31mb c d"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'{"text": 7}',
        b'{"text": "a", "segments": {}}',
        b'{"text": "a", "segments": [{"text": "a", "start": "soon", "end": 1}]}',
        b'{"text": "a", "segments": [{"text": "a", "start": NaN, "end": 1}]}',
        b'{"text": "a", "segments": [{"text": "a", "start": 0, "end": Infinity}]}',
        b'{"text": "a", "segments": [{"text": "a", "start": 0, "end": 1e999}]}',
        b'{"text": "a", "segments": [{"text": "a", "start": 0, "end": 1, "tokens": [-1]}]}',
        b'{"text": "a", "segments": [{"text": "a", "start": 0, "end": 1, "avg_logprob": "high"}]}',
        b'{"text": "\\ud800"}',
        b'{"text": "\xff"}',
        b'{"text": "cut o',
        b"[" * 100_000,
    ],
    ids=lambda b: b[:60].decode("latin-1") or "nothing",
)
def test_nonsense_is_an_engine_failure_that_names_the_server(body: bytes) -> None:
    with pytest.raises(EngineFailed, match="office gave an answer that makes no sense"):
        answer.read(body, "office")


# ── words ──
def word(text: str, start: float, end: float, **more: Any) -> dict[str, Any]:
    """One element of `words`."""
    return {"word": text, "start": start, "end": end} | more


TWO = [piece("Good night.", 0.5, 1.5), piece("Bye, then!", 2.0, 3.5)]


def texts(found: tuple[Segment, ...]) -> list[list[str]]:
    """The words of each segment."""
    return [[w.text for w in s.words] for s in found]


def test_words_of_one_list_go_to_their_segments() -> None:
    words = [word("Good", 0.5, 1), word("night.", 1, 1.5), word("Bye,", 2, 2.5), word("then!", 2.5, 3.5)]
    found = read(WORDS, segments=TWO, words=words)
    assert texts(found) == [["Good", "night."], ["Bye,", "then!"]]
    assert (found[1].words[0].start_s, found[1].words[0].end_s, found[1].words[0].confidence) == (102.0, 102.5, None)


def test_words_without_punctuation_get_that_of_the_text() -> None:
    words = [word("Good", 0.5, 1), word("night", 1, 1.4), word("Bye", 2, 2.5), word("then", 2.5, 3.5)]
    assert texts(read(WORDS, segments=TWO, words=words)) == [["Good", "night."], ["Bye,", "then!"]]


def test_words_that_are_others_than_the_texts_stay_as_they_are_and_go_by_time() -> None:
    words = [word("God", 0.5, 1), word("knight", 1, 1.4), word("Bye", 2, 3.5)]
    assert texts(read(WORDS, segments=TWO, words=words)) == [["God", "knight"], ["Bye"]]


def test_words_inside_segments_are_read_too() -> None:
    inside = [piece("Good night.", 0, 2, words=[word(" Good", 0, 1, probability=0.9), word(" night.", 1, 2)])]
    (found,) = read(WORDS, segments=inside)
    assert [w.text for w in found.words] == ["Good", "night."]
    assert found.words[0].confidence == 0.9


def test_times_of_words_run_forward_inside_their_segment() -> None:
    words = [word("Good", -5, 99), word("night.", 0.1, 0.2), word("Bye,", 99, 98), word("then!", 0, 0)]
    for segment in read(WORDS, segments=TWO, words=words):
        edges = [segment.start_s, *(t for w in segment.words for t in (w.start_s, w.end_s)), segment.end_s]
        assert edges == sorted(edges)


def test_words_nobody_asked_for_are_left_out() -> None:
    assert read(segments=TWO, words=[word("Good", 0.5, 1)])[0].words == ()


def test_a_server_without_words_is_told_unless_they_were_a_hint() -> None:
    with pytest.raises(Unsupported) as failure:
        read(WORDS, segments=TWO)
    assert failure.value.param == "word_times"
    assert len(read(Ask(word_times=True, optional=frozenset({"word_times"})), segments=TWO)) == 2
    assert read(WORDS, text="", segments=[]) == ()
