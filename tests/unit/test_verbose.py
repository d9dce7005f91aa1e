"""OpenAI's verbose_json, read with the models of OpenAI's own package."""

import json
from dataclasses import replace
from typing import Literal

import pytest
from openai.types.audio import TranscriptionVerbose

from earwitness.export import verbose
from earwitness.types import Provenance, Segment, Transcript, Word

ORIGIN = Provenance("0", "fake", "fake", "test", {})
WORDS = (Word("Good", 1.0004, 1.5), Word("night.", 1.5, 2.0))
SPOKEN = Segment(
    1.0004, 2.0, "Good night.", "en", WORDS, (), (7, 8), avg_logprob=-0.123456, no_speech_prob=0.25, temperature=0.5
)
TRANSCRIPT = Transcript((SPOKEN, Segment(3.0, 4.5, "Bye.")), 12.3456, "en", "transcribe", ORIGIN)


def test_openais_own_model_reads_it() -> None:
    found = TranscriptionVerbose.model_validate_json(verbose.dumps(TRANSCRIPT), strict=True)
    assert (found.text, found.language, found.duration) == ("Good night. Bye.", "english", 12.346)
    assert found.segments is not None
    first, second = found.segments
    assert (first.id, first.seek, first.start, first.end, first.text) == (0, 100, 1.0, 2.0, "Good night.")
    assert (first.tokens, first.avg_logprob, first.no_speech_prob, first.temperature) == ([7, 8], -0.1235, 0.25, 0.5)
    assert (second.id, second.avg_logprob, second.no_speech_prob) == (1, 0.0, 0.0)
    assert found.words is not None
    assert [(w.word, w.start, w.end) for w in found.words] == [("Good", 1.0, 1.5), ("night.", 1.5, 2.0)]
    assert found.usage is not None
    assert (found.usage.type, found.usage.seconds) == ("duration", 12)


def test_nothing_is_written_that_openais_model_does_not_know() -> None:
    found = TranscriptionVerbose.model_validate_json(verbose.dumps(TRANSCRIPT))
    written = json.loads(verbose.dumps(TRANSCRIPT))
    extra = found.model_extra or {}
    assert set(extra) <= {"task"}, "`task` is what Whisper's answers have always had"
    assert set(written) == set(found.model_fields_set)


def test_the_lists_are_those_that_are_wanted() -> None:
    assert "words" not in json.loads(verbose.dumps(replace(TRANSCRIPT, segments=TRANSCRIPT.segments[1:])))
    assert "words" not in verbose.body(TRANSCRIPT)
    assert {"segments", "words"} & set(verbose.body(TRANSCRIPT, words=True, segments=False)) == {"words"}


@pytest.mark.parametrize(
    ("language", "task", "expected"),
    [
        ("en", "transcribe", "english"),
        ("de", "transcribe", "german"),
        ("de", "translate", "english"),
        ("yue", "transcribe", "yue"),
        (None, "transcribe", "unknown"),
    ],
)
def test_languages_have_their_full_names(
    language: str | None, task: Literal["transcribe", "translate"], expected: str
) -> None:
    assert verbose.language_name(replace(TRANSCRIPT, language=language, task=task)) == expected
