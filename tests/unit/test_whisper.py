"""What Whisper engines share: prompts, time stamps, loops, words; on a small vocabulary and on the real one."""

import pytest

from earwitness.engines.whisper.calls import language
from earwitness.engines.whisper.decoded import Decoded, pieces, segments, worded
from earwitness.engines.whisper.languages import LANGUAGES
from earwitness.engines.whisper.vocabulary import Vocabulary, split
from earwitness.errors import EngineFailed
from earwitness.types import Ask, Audio, Clip
from support import sounds, whisper

FIRST = 50_364
"""The stamp of 0.00 s."""


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    return Vocabulary(whisper.MODEL / "tokenizer.json", 51_865)


def _ids(words: Vocabulary, text: str) -> list[int]:
    return words.prompt(Ask(prompt=text), "en")[1:-3]


def _clip(seconds: float = 4.0, start_s: float = 100.0) -> Clip:
    return Clip(Audio(sounds.silence(seconds), round(start_s * 16_000)))


# ── the vocabulary ──
def test_special_tokens_are_where_every_whisper_has_them(words: Vocabulary) -> None:
    assert (words.end, words.start, words.before, words.unstamped) == (50_257, 50_258, 50_361, 50_363)
    assert words.first_stamp == FIRST
    assert len(words.languages) == 99
    assert (words.languages["en"], words.languages["es"]) == (50_259, 50_262)


@pytest.mark.parametrize(
    ("ask", "code", "expected"),
    [
        (Ask(), "en", [50_258, 50_259, 50_359]),
        (Ask(task="translate"), "es", [50_258, 50_262, 50_358]),
        (Ask(), None, [50_258, 50_259, 50_359]),
    ],
)
def test_a_prompt_names_language_and_task(words: Vocabulary, ask: Ask, code: str | None, expected: list[int]) -> None:
    assert words.prompt(ask, code) == expected


def test_a_model_for_english_alone_is_told_neither() -> None:
    assert Vocabulary(whisper.MODEL / "tokenizer.json", 51_864).prompt(Ask(), "en") == [50_258]


def test_earlier_text_stands_before_and_its_end_is_kept(words: Vocabulary) -> None:
    prompt = words.prompt(Ask(prompt="and so on", hotwords=("Nagg", "Nell")), "en")
    assert prompt[0] == words.before
    assert b"".join(map(words.raw, prompt)) == b" Nagg Nell and so on"
    long = words.prompt(Ask(prompt="one two three " * 200 + "the end"), "en")
    assert len(long) == 224  # as much again is left for what is written
    assert b"".join(map(words.raw, long)).endswith(b" the end")


@pytest.mark.parametrize("text", [" Grüß Gott", " 你好，世界", " naïve café 😀"])
def test_tokens_keep_every_byte(words: Vocabulary, text: str) -> None:
    assert b"".join(map(words.raw, _ids(words, text))).decode().strip() == text.strip()


def test_a_file_that_is_no_whispers_is_told(tmp_path: object) -> None:
    with pytest.raises(EngineFailed, match="no Whisper's"):
        Vocabulary(whisper.MODEL / "config.json", 51_865)


# ── time stamps ──
@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([], []),
        ([FIRST], []),
        ([FIRST, 1, 2, FIRST + 50], [(0.0, 1.0, [1, 2])]),
        ([FIRST + 10, 1, FIRST + 50, FIRST + 60, 2, FIRST + 100], [(0.2, 1.0, [1]), (1.2, 2.0, [2])]),
        ([1, 2, 3], [(0.0, 4.0, [1, 2, 3])]),
        ([FIRST + 10, 1], [(0.2, 4.0, [1])]),
        ([FIRST + 100, 1, FIRST + 50], [(2.0, 2.0, [1])]),
        ([FIRST + 50, 1, FIRST + 1500], [(1.0, 4.0, [1])]),
        ([FIRST, 1, FIRST + 50, 2, FIRST + 100], [(0.0, 1.0, [1]), (1.0, 2.0, [2])]),
    ],
    ids=["nothing", "silence", "one", "two", "no-stamps", "no-end", "backwards", "past-the-end", "shared-stamp"],
)
def test_stamps_cut_text_into_segments(ids: list[int], expected: list[tuple[float, float, list[int]]]) -> None:
    assert [(p.start_s, p.end_s, p.ids) for p in pieces(ids, FIRST, 4.0)] == expected


def test_segments_are_absolute_and_carry_what_is_known(words: Vocabulary) -> None:
    text = _ids(words, "good morning")
    found = Decoded([FIRST + 10, *text, FIRST + 50], -0.2, [-0.1] * (len(text) + 2), "en", 0.9, 0.01)
    (segment,) = segments(found, _clip(), words)
    assert [segment.start_s, segment.end_s] == pytest.approx([100.2, 101.0])
    assert segment.text == "good morning"
    assert segment.token_ids == tuple(text)
    assert segment.avg_logprob == pytest.approx(-0.1)
    assert (segment.language, segment.language_prob, segment.no_speech_prob, segment.marks) == ("en", 0.9, 0.01, ())


def test_a_loop_is_cut_and_marked(words: Vocabulary) -> None:
    phrase = _ids(words, "and then we go")
    (segment,) = segments(Decoded([FIRST, *phrase * 30]), _clip(), words)
    assert segment.marks == ("loop_cut",)
    assert segment.text == "and then we go"


def test_text_that_fills_the_decoder_is_marked(words: Vocabulary) -> None:
    (segment,) = segments(Decoded(list(range(1000, 1230))), _clip(), words)
    assert segment.marks == ("token_cap",)


# ── words ──
@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        ("Call Maria, now.", "en", [" Call", " Maria,", " now."]),
        ("你好", "zh", [" ", "你", "好"]),
        ("naïve", "en", [" naïve"]),
    ],
)
def test_tokens_are_grouped_into_words(words: Vocabulary, text: str, code: str, expected: list[str]) -> None:
    groups = split(_ids(words, text), words, code)
    found = [b"".join(map(words.raw, group)).decode() for group in groups]
    assert "".join(found) == "".join(expected)
    assert code == "zh" or found == expected


def test_words_stay_in_order_and_in_their_segment(words: Vocabulary) -> None:
    text = _ids(words, "one two three")
    (segment,) = segments(Decoded([FIRST + 20, *text, FIRST + 100]), _clip(), words)
    (found,) = worded([segment], _clip(), [0.0, 0.9, 0.8, 9.0], [0.9] * len(text), words)
    assert [w.text for w in found.words] == ["one", "two", "three"]
    edges = [t for w in found.words for t in (w.start_s, w.end_s)]
    assert edges == sorted(edges)
    assert (edges[0], edges[-1]) == (segment.start_s, segment.end_s)


# ── the language ──
@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (Ask(), ("en", 0.6)),
        (Ask(language="de"), ("de", None)),
        (Ask(languages=("de", "fr")), ("de", 0.3)),
        (Ask(languages=("xx",)), ("xx", None)),
    ],
)
def test_a_language_is_told_or_the_likeliest_of_those_named(ask: Ask, expected: tuple[str, float | None]) -> None:
    assert language(ask, [("fr", 0.1), ("en", 0.6), ("de", 0.3)]) == expected


def test_the_languages_are_those_of_whisper_cpp_in_its_order() -> None:
    runtime = pytest.importorskip("_pywhispercpp", reason="whisper.cpp is not installed")
    assert [runtime.whisper_lang_str(i) for i in range(runtime.whisper_lang_max_id() + 1)] == list(LANGUAGES)
