"""Bad input for speakers, through a door, by the embedded diarizer: abstention or a clear error, nothing invented."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from earwitness.audio import decode
from earwitness.types import Samples
from support import sounds

URL = "/v1/audio/diarization"


@pytest.fixture(scope="module")
def scene(sample: Path) -> Samples:
    """Nagg and Nell, 28 s."""
    return decode.decode(sample).samples


def told(http: httpx.Client, samples: Samples, **fields: str) -> Mapping[str, Any]:
    """Who spoke in some sound."""
    answer = http.post(URL, files={"file": ("a.wav", sounds.wav(samples))}, data=fields)
    assert answer.status_code == 200, answer.text
    found: Mapping[str, Any] = answer.json()
    return found


def test_sound_without_speech_has_no_speakers(http: httpx.Client) -> None:
    cough = np.concatenate([sounds.silence(3), sounds.noise(0.25, peak=0.8), sounds.silence(3)])
    for samples in (sounds.silence(4), cough, sounds.noise(4)):
        found = told(http, samples)
        assert (found["num_speakers"], found["segments"]) == (0, [])


def test_very_short_and_single_voices_are_one_speaker_at_most(http: httpx.Client, scene: Samples) -> None:
    assert told(http, scene[16_000:20_800])["num_speakers"] <= 1
    assert told(http, scene, num_speakers="1")["num_speakers"] == 1


def test_a_number_that_is_not_there_is_not_made_up(http: httpx.Client, scene: Samples) -> None:
    found = told(http, scene, num_speakers="20")
    assert found["num_speakers"] < 20
    assert "fewer_speakers" in [n["code"] for n in found["notices"]]


def test_where_all_speak_at_once_turns_stay_inside_and_exclusive_ones_apart(http: httpx.Client, scene: Samples) -> None:
    found = told(http, (scene + scene[::-1] * np.float32(0.8) + np.roll(scene, 100_000)) * np.float32(0.5))
    last_s = 0.0
    for turn in found["exclusive"]:
        assert last_s <= turn["start"] < turn["end"] <= found["duration"] + 0.001
        last_s = turn["end"]
    assert {t["speaker"] for t in found["segments"]} == {s["speaker"] for s in found["speakers"]}


@pytest.mark.parametrize(
    ("clip", "said"),
    [
        (sounds.wav(sounds.silence(5)), "too little speech"),
        (sounds.wav(sounds.tone(0.4)), "0.4 s long"),
        (sounds.wav(sounds.silence(80)), "long"),
        (b"Dear diary", "can't be heard"),
    ],
    ids=["silent", "short", "long", "text"],
)
def test_reference_clips_that_will_not_do_are_named(http: httpx.Client, sample: Path, clip: bytes, said: str) -> None:
    form = {
        "model": "whisper-1",
        "response_format": "diarized_json",
        "known_speaker_names[]": "Nell",
        "known_speaker_references[]": f"data:audio/wav;base64,{base64.b64encode(clip).decode()}",
    }
    answer = http.post("/v1/audio/transcriptions", data=form, files={"file": ("a.wav", sample.read_bytes())})
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]
    assert answer.json()["error"]["param"] == "known_speaker_references"
