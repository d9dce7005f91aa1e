"""Subtitles as the parsers of other people read them, and how lines are broken."""

from datetime import timedelta

import pytest
import srt
import webvtt

from earwitness.export.layout import Layout
from earwitness.export.subtitles import Cue, cut
from earwitness.export.subtitles import srt as to_srt
from earwitness.export.subtitles import vtt as to_vtt
from earwitness.spread import timed_words
from earwitness.types import Provenance, Segment, Transcript, Word

LAYOUT = Layout()
LONG = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, "
    "it was the age of foolishness, it was the epoch of belief, it was the epoch of incredulity."
)


def _transcript(*segments: Segment, duration_s: float = 4_000.0) -> Transcript:
    return Transcript(segments, duration_s, "en", "transcribe", Provenance("0", "fake", "fake", "test", {}))


STORY = _transcript(
    Segment(0.0, 1.5, "Fish & chips <now>?"),
    Segment(2.0, 2.1, "Yes."),
    Segment(3600.25, 3614.0, LONG),
)


def _of(delta: timedelta) -> float:
    return delta.total_seconds()


def _of_vtt(clock: str) -> float:
    h, m, s = clock.split(":")
    return int(h) * 3600 + int(m) * 60 + float(s)


def test_subrip_is_read_back_as_the_cues() -> None:
    cues = cut(STORY, LAYOUT)
    found = list(srt.parse(to_srt(STORY, LAYOUT)))
    assert [f.index for f in found] == list(range(1, len(cues) + 1))
    assert [f.content for f in found] == ["\n".join(c.lines) for c in cues]
    assert [_of(f.start) for f in found] == pytest.approx([c.start_s for c in cues], abs=0.001)
    assert [_of(f.end) for f in found] == pytest.approx([c.end_s for c in cues], abs=0.001)


def test_webvtt_is_read_back_as_the_cues() -> None:
    cues = cut(STORY, LAYOUT)
    text = to_vtt(STORY, LAYOUT)
    found = webvtt.from_string(text).captions
    unescaped = [f.text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for f in found]
    assert unescaped == ["\n".join(c.lines) for c in cues]
    assert [_of_vtt(f.start) for f in found] == pytest.approx([c.start_s for c in cues], abs=0.001)
    assert [_of_vtt(f.end) for f in found] == pytest.approx([c.end_s for c in cues], abs=0.001)
    assert "Fish &amp; chips &lt;now&gt;?" in text


def test_without_speech_there_are_no_cues() -> None:
    assert to_srt(_transcript(), LAYOUT) == ""
    assert to_vtt(_transcript(), LAYOUT) == "WEBVTT\n\n"
    assert webvtt.from_string(to_vtt(_transcript(), LAYOUT)).captions == []


def test_a_short_text_stays_on_screen_as_long_as_reading_takes() -> None:
    first, second = cut(_transcript(Segment(1.0, 1.1, "Yes."), Segment(9.0, 9.1, "a" * 30 + " b")), LAYOUT)
    assert first.end_s == pytest.approx(1.0 + 5 / 6)
    assert second.end_s == pytest.approx(9.0 + 32 / 20)


def test_it_makes_room_for_the_next_one_and_ends_with_the_recording() -> None:
    first, second = cut(_transcript(Segment(1, 1.1, "Yes."), Segment(1.5, 1.6, "No."), duration_s=2.0), LAYOUT)
    assert first.end_s == pytest.approx(1.5 - LAYOUT.gap_s)
    assert second.end_s == 2.0


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("A short line.", ("A short line.",)),
        ("We waited for a long time, and then home.", ("We waited for a long time, and then home.",)),
        ("We stood there for a long time, and then we went.", ("We stood there for a long time,", "and then we went.")),
        (
            "They found that the garden had been dug up by a fox.",
            ("They found that the garden", "had been dug up by a fox."),
        ),
        ("x" * 50, ("x" * 50,)),
        ("see " + "x" * 50, ("see", "x" * 50)),
    ],
)
def test_lines_are_broken_where_it_reads_well(text: str, lines: tuple[str, ...]) -> None:
    (cue,) = cut(_transcript(Segment(0, 6, text)), LAYOUT)
    assert cue.lines == lines


def test_cues_end_at_the_ends_of_clauses() -> None:
    cues = cut(_transcript(Segment(0, 14, LONG)), LAYOUT)
    assert len(cues) == 3
    assert all(c.lines[-1][-1] in ",." for c in cues)


def test_an_own_layout_is_kept_to() -> None:
    cues = cut(_transcript(Segment(0, 14, LONG)), Layout(line_chars=20, lines=1))
    assert max(len(c.lines) for c in cues) == 1
    assert max(len(line) for c in cues for line in c.lines) <= 20


def test_a_cue_with_words_has_their_times() -> None:
    words = (Word("Hello", 1.0, 1.4), Word("there.", 1.4, 2.5))
    assert cut(_transcript(Segment(0.5, 3.0, "Hello there.", words=words)), LAYOUT) == [
        Cue(1.0, 2.5, ("Hello there.",))
    ]


def test_words_without_times_share_those_of_their_segment_by_letters() -> None:
    found = timed_words(Segment(10.0, 20.0, "abc d efg"))
    assert [w.text for w in found] == ["abc", "d", "efg"]
    assert [(w.start_s, w.end_s) for w in found] == [(10.0, 14.0), (14.0, 16.0), (16.0, 20.0)]
    assert not any(w.aligned for w in found)
