"""`POST /alignment/word-level`: a given text, a recording, and when each word is said."""

from pathlib import Path

import httpx
import pytest

from support import sounds


def align(http: httpx.Client, recording: bytes, **fields: str) -> httpx.Response:
    """A request as a client makes it."""
    return http.post("/alignment/word-level", files={"file": ("a.wav", recording)}, data=fields)


def test_words_have_times(http: httpx.Client, sample: Path) -> None:
    said = "Do you hear me? Yes, do you hear me?"
    found = align(http, sample.read_bytes(), text=said).json()
    assert [w["word"] for w in found["words"]] == said.split()
    assert found["words"][0]["start"] == pytest.approx(0.0, abs=0.1)
    assert found["words"][3]["end"] == pytest.approx(0.93, abs=0.1)
    assert (found["method"], found["language"], found["matches"]) == ("pocketsphinx", "en", True)
    assert found["duration"] == pytest.approx(28.28, abs=0.01)


def test_a_text_of_another_recording_is_told(http: httpx.Client) -> None:
    found = align(http, sounds.wav(sounds.noise(3.0)), text="hello my old friend").json()
    assert found["matches"] is False
    assert found["share_found"] < 0.5
    assert "not what is said" in found["notices"][0]


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({}, "no field 'text'"),
        ({"text": "  "}, "no field 'text'"),
        ({"text": "hello", "language": "de"}, "aligner here knows the language 'de'"),
        ({"text": "hello", "language": "!"}, "no language code"),
        ({"text": "hello", "beams": "5"}, "no field 'beams'"),
    ],
)
def test_wrong_forms_are_told(http: httpx.Client, fields: dict[str, str], part: str) -> None:
    found = align(http, sounds.wav(sounds.tone(1.0)), **fields)
    assert found.status_code == 400
    assert part in found.json()["error"]


def test_a_form_without_a_recording_and_bytes_that_are_none(http: httpx.Client) -> None:
    assert http.post("/alignment/word-level", files={"text": (None, "hello")}).status_code == 400
    assert align(http, b"no recording", text="hello").json()["code"] == "not_audio"
