"""`POST /diarization/multi-model`: several diarizers vote, and what each said is told."""

from pathlib import Path

import httpx
import pytest

from support import sounds


def ask(http: httpx.Client, recording: bytes, *names: str, **fields: str) -> httpx.Response:
    """A request as a client makes it."""
    return http.post(
        "/diarization/multi-model",
        files={"file": ("a.wav", recording)},
        data={**fields, **({"diarizers[]": list(names)} if names else {})},
    )


def test_the_vote_and_what_each_said(http: httpx.Client, sample: Path) -> None:
    answer = ask(http, sample.read_bytes(), "community")
    assert answer.status_code == 200
    found = answer.json()
    assert (found["task"], found["num_speakers"], found["method"]) == ("diarize", 2, "vote of community")
    (said,) = found["diarizers"]
    assert (said["name"], said["weight"], said["error"], said["num_speakers"]) == ("community", 1.0, 0.0, 2)
    assert said["same_as"] == {"S1": "S1", "S2": "S2"}
    assert [s["id"] for s in found["speakers"]] == ["S1", "S2"]
    assert found["segments"][0]["speaker"] == "S1"
    assert found["exclusive"]
    assert found["failed"] == []
    assert found["duration"] == pytest.approx(28.28, abs=0.01)


def test_without_names_all_that_can_be_used_vote(http: httpx.Client, sample: Path) -> None:
    found = ask(http, sample.read_bytes(), num_speakers="2").json()
    assert "community" in [said["name"] for said in found["diarizers"]]
    assert sum(said["weight"] for said in found["diarizers"]) == pytest.approx(1.0, abs=1e-3)


def test_one_that_is_not_here_is_told_and_the_others_vote(http: httpx.Client, sample: Path) -> None:
    found = ask(http, sample.read_bytes(), "community", "nowhere").json()
    assert [said["name"] for said in found["diarizers"]] == ["community"]
    (failed,) = found["failed"]
    assert (failed["name"], failed["code"]) == ("nowhere", "bad_input")
    assert "there is no diarizer" in failed["message"]
    assert "doctor" in failed["remedy"]
    assert [n["code"] for n in found["notices"]] == ["diarizer_left_out"]


@pytest.mark.parametrize(
    ("names", "fields", "status", "part"),
    [
        (("nowhere",), {}, 400, "here is no diarizer"),
        (("community", "community"), {}, 400, "named twice"),
        (("pocketsphinx",), {}, 400, "its job is aligner"),
        ((), {"num_speakers": "2", "max_speakers": "3"}, 400, "exactly and as a range"),
        ((), {"voices": "5"}, 400, "no field 'voices'"),
    ],
)
def test_wrong_forms_are_told(
    http: httpx.Client, names: tuple[str, ...], fields: dict[str, str], status: int, part: str
) -> None:
    found = ask(http, sounds.wav(sounds.tone(1.0)), *names, **fields)
    assert (found.status_code, part in found.json()["error"]) == (status, True)


def test_bytes_that_are_no_recording_and_none_at_all(http: httpx.Client) -> None:
    assert ask(http, b"no recording", "community").json()["code"] == "not_audio"
    assert http.post("/diarization/multi-model", files={"diarizers[]": (None, "community")}).status_code == 400


def test_silence_has_no_speakers(http: httpx.Client) -> None:
    found = ask(http, sounds.wav(sounds.tone(1.0) * 0), "community").json()
    assert (found["num_speakers"], found["segments"]) == (0, [])
    assert found["diarizers"][0]["error"] is None
    plain = {"speakers": "channels", "diarizer": "community"}
    wrong = http.post("/v1/audio/diarization", files={"file": ("a.wav", sounds.wav(sounds.tone(1.0)))}, data=plain)
    assert wrong.status_code == 400
    named = http.post(
        "/v1/audio/diarization",
        files={"file": ("a.wav", sounds.wav(sounds.tone(1.0)))},
        data={"diarizer": "community,nowhere"},
    )
    assert (named.status_code, "no diarizer 'nowhere'" in named.text) == (400, True)
