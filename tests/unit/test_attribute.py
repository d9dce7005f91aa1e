"""Who said which word: edges of turns, interjections, pauses, and names of known voices."""

from itertools import permutations

import numpy as np
import pytest

from earwitness.errors import BadInput
from earwitness.stages.attribute import _matched, attribute, name_known
from earwitness.stages.recipe import Known
from earwitness.types import Diarization, Segment, Speaker, Turn, Word


def said(*words: tuple[str, float, float]) -> Segment:
    """A segment of words with their times."""
    found = tuple(Word(text, start_s, end_s) for text, start_s, end_s in words)
    return Segment(found[0].start_s, found[-1].end_s, " ".join(w.text for w in found), "en", found, token_ids=(1, 2))


def turns(*given: tuple[float, float, str]) -> Diarization:
    """Who spoke when."""
    found = tuple(Turn(*turn) for turn in given)
    return Diarization(found, found)


def told(segment: Segment, who: Diarization) -> list[tuple[str | None, str]]:
    """Speaker and text of each piece."""
    return [(s.speaker, s.text) for s in attribute([segment], who)]


TALK = said(
    ("Are", 0.0, 0.3), ("you", 0.3, 0.5), ("there?", 0.5, 1.0),
    ("Yes,", 1.2, 1.5), ("I", 1.5, 1.6), ("am.", 1.6, 2.0),
)  # fmt: skip


def test_a_segment_is_parted_where_the_speaker_changes() -> None:
    found = attribute([TALK], turns((0.0, 1.1, "S1"), (1.1, 2.0, "S2")))
    assert [(s.speaker, s.text, s.start_s, s.end_s) for s in found] == [
        ("S1", "Are you there?", 0.0, 1.0),
        ("S2", "Yes, I am.", 1.2, 2.0),
    ]
    assert [w.speaker for s in found for w in s.words] == ["S1"] * 3 + ["S2"] * 3
    assert [s.token_ids for s in found] == [(), ()]


def test_a_segment_of_one_speaker_stays_as_it_is() -> None:
    (found,) = attribute([TALK], turns((0.0, 2.0, "S1")))
    assert (found.text, found.speaker, found.token_ids) == (TALK.text, "S1", (1, 2))


@pytest.mark.parametrize("edge_s", [0.7, 0.85, 1.1, 1.4])
def test_a_change_falls_on_the_end_of_the_sentence(edge_s: float) -> None:
    assert told(TALK, turns((0.0, edge_s, "S1"), (edge_s, 2.0, "S2"))) == [
        ("S1", "Are you there?"),
        ("S2", "Yes, I am."),
    ]


def test_a_word_inside_a_sentence_does_not_flip() -> None:
    line = said(("we", 0.0, 0.3), ("went", 0.3, 0.6), ("there", 0.6, 0.9), ("and", 0.9, 1.2), ("back", 1.2, 1.5))
    assert told(line, turns((0.0, 0.6, "S1"), (0.6, 0.9, "S2"), (0.9, 1.5, "S1"))) == [("S1", line.text)]


def test_a_real_change_inside_a_sentence_is_followed() -> None:
    line = said(*((w, i * 0.4, i * 0.4 + 0.4) for i, w in enumerate("a b c d e f".split())))
    assert told(line, turns((0.0, 1.2, "S1"), (1.2, 2.4, "S2"))) == [("S1", "a b c"), ("S2", "d e f")]


def test_words_without_times_share_those_of_their_segment() -> None:
    line = Segment(0.0, 8.0, "One two three four. Five six seven eight.")
    assert told(line, turns((0.0, 3.8, "S1"), (3.8, 8.0, "S2"))) == [
        ("S1", "One two three four."),
        ("S2", "Five six seven eight."),
    ]
    assert all(not s.words for s in attribute([line], turns((0.0, 3.8, "S1"), (3.8, 8.0, "S2"))))


def test_a_word_out_of_all_turns_belongs_to_the_nearest_one_or_to_nobody() -> None:
    line = said(("Hm.", 3.0, 3.3))
    assert told(line, turns((0.0, 2.7, "S1"), (3.4, 9.0, "S2"))) == [("S2", "Hm.")]
    assert told(line, turns((0.0, 1.0, "S1"), (9.0, 9.5, "S2"))) == [(None, "Hm.")]


def test_overlapping_words_that_are_not_in_the_text_leave_it_whole() -> None:
    odd = Segment(0.0, 4.0, "2019", words=(Word("twenty", 0.0, 2.0), Word("nineteen", 2.0, 4.0)))
    (found,) = attribute([odd], turns((0.0, 2.0, "S1"), (2.0, 4.0, "S2")))
    assert found.text == "2019"
    assert found.speaker in {"S1", "S2"}


def test_text_without_spaces_is_parted_at_its_words() -> None:
    words = tuple(Word(c, i * 1.0, i + 1.0) for i, c in enumerate("你好吗。我好。"))
    line = Segment(0.0, 7.0, "你好吗。我好。", "zh", words)
    assert told(line, turns((0.0, 4.0, "S1"), (4.0, 7.0, "S2"))) == [("S1", "你好吗。"), ("S2", "我好。")]


# ── known voices ──
A, B, C = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def crowd(*voices: tuple[float, ...]) -> Diarization:
    """Speakers with these voices."""
    return Diarization(speakers=tuple(Speaker(f"S{n}", voice=v) for n, v in enumerate(voices, 1)))


def names(found: Diarization) -> list[str | None]:
    """The speakers' names."""
    return [s.name for s in found.speakers]


def test_a_known_voice_gets_its_name_and_a_stranger_none() -> None:
    found = name_known(crowd(A, B), [Known("Nell", (0.1, 0.9, 0.0))])
    assert names(found) == [None, "Nell"]
    assert found.notices == ()


def test_a_name_that_fits_nobody_is_told() -> None:
    found = name_known(crowd(A), [Known("Nagg", C)])
    assert names(found) == [None]
    assert [n.code for n in found.notices] == ["known_speaker_not_heard"]
    assert "Nagg" in found.notices[0].message


def test_each_name_is_given_once_and_to_the_best_of_all_ways() -> None:
    near = (0.8, 0.6, 0.0)
    found = name_known(crowd(near, A), [Known("Nell", A), Known("Nagg", near)])
    assert names(found) == ["Nagg", "Nell"]
    assert names(name_known(crowd(A, near), [Known("Nell", A)])) == ["Nell", None]


def test_a_voice_of_another_part_is_refused_and_none_is_no_matter() -> None:
    with pytest.raises(BadInput, match="another part"):
        name_known(crowd(A), [Known("Nell", (1.0, 0.0))])
    assert names(name_known(crowd(()), [Known("Nell", A)])) == [None]
    assert name_known(crowd(A), []) == crowd(A)


def test_the_threshold_decides() -> None:
    like = [Known("Nell", (0.6, 0.8, 0.0))]
    assert names(name_known(crowd(A), like, 0.61)) == [None]
    assert names(name_known(crowd(A), like, 0.59)) == ["Nell"]


@pytest.mark.parametrize("seed", range(30))
def test_the_best_way_of_all_is_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = (int(n) for n in rng.integers(1, 5, 2))
    gain = np.maximum(rng.uniform(-0.5, 1.0, (rows, columns)), 0.0)
    found = _matched(gain)
    taken = [c for c in found if c is not None]
    assert len(set(taken)) == len(taken)
    options = [*range(columns), *[None] * rows]
    best = max(
        sum(float(gain[r, c]) for r, c in enumerate(way) if c is not None) for way in permutations(options, rows)
    )
    assert sum(float(gain[r, c]) for r, c in enumerate(found) if c is not None) == pytest.approx(best)
