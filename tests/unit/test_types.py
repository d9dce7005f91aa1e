"""What the domain values promise: positions, seconds, read-only samples."""

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from earwitness.errors import BadInput
from earwitness.types import Audio, Provenance, Segment, Span, Token, Transcript, compression_ratio


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(8, np.float64),
        np.zeros(8, np.int16),
        np.zeros((8, 1), np.float32),
        np.zeros((2, 4), np.float32),
        np.zeros((), np.float32),
    ],
    ids=lambda a: f"{a.dtype}{a.shape}",
)
def test_audio_takes_float32_of_one_dimension_only(samples: NDArray[np.float32]) -> None:
    with pytest.raises(BadInput, match=r"float32 of shape \(n,\)"):
        Audio(samples)


def test_audio_hands_out_a_read_only_view_and_leaves_the_array_of_the_caller_alone() -> None:
    own = np.zeros(4, np.float32)
    audio = Audio(own)
    with pytest.raises(ValueError, match="read-only"):
        audio.samples[0] = 1.0
    own[0] = 1.0
    assert audio.samples[0] == 1.0


def test_audio_knows_where_it_lies() -> None:
    audio = Audio(np.zeros(8000, np.float32), start=16_000)
    assert (audio.start, audio.end, audio.span) == (16_000, 24_000, Span(16_000, 24_000))
    assert (audio.start_s, audio.end_s, audio.duration_s) == (1.0, 1.5, 0.5)


def test_empty_audio_is_audio() -> None:
    assert Audio(np.zeros(0, np.float32), start=3).span == Span(3, 3)


def test_a_span_is_told_in_seconds() -> None:
    span = Span(8000, 24_000)
    assert (span.start_s, span.end_s, span.duration_s) == (0.5, 1.5, 1.0)


def test_values_are_frozen_and_have_slots() -> None:
    span = Span(0, 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        span.start = 2  # type: ignore[misc]
    assert not hasattr(span, "__dict__")


def test_a_token_with_part_of_a_character_is_still_text() -> None:
    assert Token(1, "é".encode()[:1], -0.1).text == "�"
    assert Token(1, "é".encode(), -0.1).text == "é"


def test_the_text_of_a_transcript_is_its_segments_in_order() -> None:
    provenance = Provenance("0", "fake", "fake", "cpu", {})
    segments = (Segment(0.0, 1.5, "One."), Segment(2.0, 3.0, "Two."))
    transcript = Transcript(segments, 3.0, "en", "transcribe", provenance)
    assert transcript.text == "One. Two."
    assert [s.duration_s for s in transcript.segments] == [1.5, 1.0]


def test_repetition_shows_in_the_compression_ratio() -> None:
    assert compression_ratio("") == 0.0
    assert Segment(0, 1, "Good night.").compression_ratio == compression_ratio("Good night.") < 1
    assert compression_ratio("Good night. " * 40) > 2.4
