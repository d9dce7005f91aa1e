"""Laws of formats: our JSON comes back whole, and subtitles keep every word, their rules and the order of time."""

import html
import json
from dataclasses import replace
from pathlib import Path

import jsonschema_rs
import srt
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.audio import TranscriptionDiarized

from earwitness import export
from earwitness.export import diarized, full, labels, subtitles
from earwitness.export.layout import Layout
from earwitness.export.subtitles import cut
from earwitness.types import (
    Json,
    Notice,
    Provenance,
    Segment,
    SourceInfo,
    Speaker,
    Suppressed,
    Token,
    Transcript,
    Turn,
    Word,
)

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "transcript.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA)

TIMES = st.floats(0, 1e6, allow_nan=False)
SHARES = st.none() | st.floats(0, 1)
CODES = st.none() | st.sampled_from(["en", "de", "yue"])
TEXT = st.text(max_size=40)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
RECIPES: st.SearchStrategy[dict[str, Json]] = st.dictionaries(TEXT, PLAIN, max_size=4)


@st.composite
def tokens(draw: st.DrawFn) -> tuple[Token, ...]:
    """Tokens of any bytes, so that characters are cut in two."""
    raw = draw(TEXT).encode()
    size = draw(st.integers(1, 4))
    return tuple(
        Token(draw(st.integers(0, 60_000)), raw[i : i + size], draw(st.floats(-50, 0)))
        for i in range(0, len(raw), size)
    )


WHO = st.none() | TEXT
WORDS = st.builds(Word, TEXT, TIMES, TIMES, SHARES, st.booleans(), WHO)
SEGMENTS = st.builds(
    Segment,
    TIMES,
    TIMES,
    TEXT,
    language=CODES,
    words=st.lists(WORDS, max_size=3).map(tuple),
    tokens=tokens(),
    token_ids=st.lists(st.integers(0, 60_000), max_size=3).map(tuple),
    avg_logprob=st.none() | st.floats(-50, 0),
    confidence=SHARES,
    no_speech_prob=SHARES,
    language_prob=SHARES,
    temperature=st.floats(0, 2),
    marks=st.lists(TEXT, max_size=2).map(tuple),
    speaker=WHO,
)
VOICES = st.lists(st.floats(-1, 1), max_size=3).map(tuple)
SPEAKERS = st.builds(Speaker, TEXT, TIMES, SHARES, WHO, WHO, VOICES)
SOURCES = st.builds(
    SourceInfo, TEXT, TEXT, st.integers(1, 192_000), st.integers(1, 8), st.none() | TIMES, st.integers(1, 3)
)
PROVENANCES = st.builds(
    Provenance,
    earwitness=TEXT,
    engine=TEXT,
    model=TEXT,
    device=TEXT,
    recipe=RECIPES,
    source=st.none() | SOURCES,
    not_honoured=st.lists(TEXT, max_size=2).map(tuple),
    notices=st.lists(st.builds(Notice, TEXT, TEXT), max_size=2).map(tuple),
    methods=st.dictionaries(TEXT, TEXT, max_size=2),
)
TRANSCRIPTS = st.builds(
    Transcript,
    segments=st.lists(SEGMENTS, max_size=3).map(tuple),
    duration_s=TIMES,
    language=CODES,
    task=st.sampled_from(["transcribe", "translate"]),
    provenance=PROVENANCES,
    suppressed=st.lists(st.builds(Suppressed, TIMES, TIMES, TEXT, TEXT), max_size=2).map(tuple),
    complete=st.booleans(),
    turns=st.lists(st.builds(Turn, TIMES, TIMES, TEXT), max_size=2).map(tuple),
    speakers=st.lists(SPEAKERS, max_size=2).map(tuple),
)


@settings(deadline=None)
@given(TRANSCRIPTS)
def test_our_json_comes_back_whole_and_follows_its_schema(transcript: Transcript) -> None:
    text = full.dumps(transcript)
    assert full.loads(text) == transcript
    VALIDATOR.validate(json.loads(text))


# ── subtitles ──
SPOKEN = st.text("abcdefghijklmnopqrstuvwxyzäß&<>'", min_size=1, max_size=14)
PRINTED = st.builds(str.__add__, SPOKEN, st.sampled_from(["", "", "", "", ",", ".", "?", ":", ".”"]))
LAYOUTS = st.builds(
    Layout,
    line_chars=st.integers(8, 60),
    lines=st.integers(1, 3),
    chars_per_s=st.sampled_from([5.0, 20.0]),
    gap_s=st.just(0.08),
)


@st.composite
def spoken(draw: st.DrawFn) -> Transcript:
    """Segments one after the other, some with words that have times of their own."""
    at, found = draw(st.floats(0, 5_000)), []
    for texts in draw(st.lists(st.lists(PRINTED, min_size=1, max_size=30), max_size=6)):
        start_s, words = at, []
        for text in texts:
            end_s = at + draw(st.floats(0.05, 1.5))
            words.append(Word(text, at, end_s))
            at = end_s
        own = tuple(words) if draw(st.booleans()) else ()
        found.append(Segment(start_s, at, " ".join(texts), words=own))
        at += draw(st.sampled_from([0.0, 0.5, 30.0]))
    return Transcript(tuple(found), at, "en", "transcribe", Provenance("0", "fake", "fake", "test", {}))


@settings(deadline=None)
@given(spoken(), LAYOUTS)
def test_every_word_is_shown_once_and_in_order(transcript: Transcript, layout: Layout) -> None:
    shown = " ".join(line for cue in cut(transcript, layout) for line in cue.lines)
    assert shown.split() == transcript.text.split()


@settings(deadline=None)
@given(spoken(), LAYOUTS)
def test_cues_are_no_larger_than_the_layout_allows(transcript: Transcript, layout: Layout) -> None:
    for cue in cut(transcript, layout):
        assert 1 <= len(cue.lines) <= layout.lines
        assert all(len(line) <= layout.line_chars or " " not in line for line in cue.lines)


@settings(deadline=None)
@given(spoken(), LAYOUTS)
def test_cues_run_forward_inside_the_recording_without_overlap(transcript: Transcript, layout: Layout) -> None:
    at = 0.0
    for cue in cut(transcript, layout):
        assert at <= cue.start_s <= cue.end_s
        at = cue.end_s
    assert at <= transcript.duration_s + 1e-6


@settings(deadline=None)
@given(spoken(), LAYOUTS)
def test_no_cue_stays_longer_than_allowed(transcript: Transcript, layout: Layout) -> None:
    for cue in cut(transcript, layout):
        assert cue.end_s - cue.start_s <= layout.longest_s + 1e-6 or " " not in " ".join(cue.lines)


@settings(deadline=None)
@given(spoken(), LAYOUTS)
def test_subrip_is_read_back_by_another_parser(transcript: Transcript, layout: Layout) -> None:
    found = list(srt.parse(subtitles.srt(transcript, layout)))
    assert [f.content.split("\n") for f in found] == [list(c.lines) for c in cut(transcript, layout)]
    assert all(f.start <= f.end for f in found)


@settings(deadline=None, max_examples=40)
@given(spoken())
def test_line_formats_have_a_line_for_each_segment(transcript: Transcript) -> None:
    count = len(transcript.segments)
    assert len(export.render(transcript, "txt").splitlines()) == count
    assert len(export.render(transcript, "tsv").splitlines()) == count + 1


# ── with speakers ──
NAMES = st.sampled_from([None, "Nell", "Nagg & Co <b>", "Anna  Livia\nP.", "a: b"])


@st.composite
def conversations(draw: st.DrawFn) -> Transcript:
    """Segments said by some of three speakers, with names or without."""
    plain = draw(spoken())
    said = tuple(replace(s, speaker=draw(st.sampled_from([None, "S1", "S2", "S3"]))) for s in plain.segments)
    turns = tuple(Turn(s.start_s, s.end_s, s.speaker) for s in said if s.speaker)
    speakers = tuple(Speaker(f"S{n}", name=draw(NAMES)) for n in (1, 2))
    return replace(plain, segments=said, turns=turns, speakers=speakers)


@settings(deadline=None)
@given(conversations(), LAYOUTS)
def test_a_cue_is_said_by_one_speaker_and_no_word_is_lost(transcript: Transcript, layout: Layout) -> None:
    cues = cut(transcript, layout)
    shown = [(who, w) for cue in cues for who in [cue.speaker] for line in cue.lines for w in line.split()]
    assert shown == [(s.speaker, w) for s in transcript.segments for w in s.text.split()]


@settings(deadline=None)
@given(conversations(), LAYOUTS)
def test_subrip_names_a_speaker_where_they_change(transcript: Transcript, layout: Layout) -> None:
    called, before = labels.names(transcript), None
    for cue in cut(transcript, layout, named=True):
        label = called[cue.speaker] if cue.speaker else labels.UNKNOWN
        assert " ".join(cue.lines).startswith(f"{label}: ") == (cue.speaker != before) or "a: b" in label
        before = cue.speaker


@settings(deadline=None, max_examples=50)
@given(conversations(), LAYOUTS)
def test_webvtt_voices_are_read_back_by_another_parser(transcript: Transcript, layout: Layout) -> None:
    called = labels.names(transcript)
    found = webvtt.from_string(subtitles.vtt(transcript, layout)).captions
    said = [html.unescape(c.voice) if c.voice else None for c in found]
    assert said == [called[c.speaker] if c.speaker else None for c in cut(transcript, layout)]


@settings(deadline=None, max_examples=50)
@given(conversations())
def test_lines_and_tables_name_who_speaks(transcript: Transcript) -> None:
    called, apart = labels.names(transcript), labels.told_apart(transcript)
    lines = export.render(transcript, "txt").splitlines()
    rows = [row.split("\t") for row in export.render(transcript, "tsv").splitlines()]
    assert rows[0][3:] == (["speaker"] if apart else [])
    for segment, line, row in zip(transcript.segments, lines, rows[1:], strict=True):
        who = called[segment.speaker] if segment.speaker else None
        assert line == (f"{who or labels.UNKNOWN}: {segment.text}" if apart else segment.text)
        assert row[2:] == ([segment.text, who or ""] if apart else [segment.text])


@settings(deadline=None, max_examples=50)
@given(conversations())
def test_rttm_holds_every_turn_in_ten_fields(transcript: Transcript) -> None:
    rows = [line.split() for line in export.render(transcript, "rttm").splitlines()]
    assert len(rows) == len(transcript.turns)
    for row, turn in zip(rows, transcript.turns, strict=True):
        assert (len(row), row[0], row[2]) == (10, "SPEAKER", "1")
        assert abs(float(row[3]) - turn.start_s) <= 0.001
        assert abs(float(row[4]) - (turn.end_s - turn.start_s)) <= 0.001


@settings(deadline=None, max_examples=50)
@given(conversations())
def test_openais_letters_are_each_one_speakers(transcript: Transcript) -> None:
    called = labels.letters(transcript)
    unnamed = [called[i] for i in called if not any(s.id == i and s.name for s in transcript.speakers)]
    assert unnamed == list("ABC")[: len(unnamed)]
    found = TranscriptionDiarized.model_validate(diarized.body(transcript), strict=True)
    assert [s.text for s in found.segments] == [s.text for s in transcript.segments]
    assert len({s.id for s in found.segments}) == len(found.segments)
