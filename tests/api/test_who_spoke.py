"""Speakers at every door: OpenAI's diarized_json by its own client, whisper.cpp's, and our own routes."""

import base64
import json
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from openai import OpenAI
from openai.types.audio import TranscriptionDiarized

from earwitness import api, config
from earwitness.errors import EngineFailed
from earwitness.export import full
from earwitness.types import Samples
from support import sounds
from support.server import running
from support.voices import hearer


def low(seconds: float) -> Samples:
    """A low voice."""
    return sounds.tone(seconds, 300, peak=0.9)


def high(seconds: float) -> Samples:
    """A high one."""
    return sounds.tone(seconds, 1200, peak=0.9)


def talk() -> bytes:
    """Low, high, low, with two seconds between."""
    quiet = sounds.silence(2)
    return sounds.wav(np.concatenate([low(1), quiet, high(1), quiet, low(1), quiet]))


def url(sound: bytes, kind: str = "audio/wav") -> str:
    """A data URL."""
    return f"data:{kind};base64,{base64.b64encode(sound).decode()}"


TALK = ("talk.wav", talk())
HIGH, LOW = url(sounds.wav(high(3))), url(sounds.wav(low(2)))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with the fake engine, a detector of loudness and the double for a diarizer."""
    settings = config.load(home=tmp_path_factory.mktemp("home"), log_level="error", preload=False, workers=1)
    with running(settings, hearer(settings)) as found:
        yield found


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[OpenAI]:
    """OpenAI's own client."""
    with OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0, timeout=60) as found:
        yield found


@pytest.fixture(scope="module")
def http(address: str) -> Iterator[httpx.Client]:
    """A plain client."""
    with httpx.Client(base_url=address, timeout=60) as found:
        yield found


def diarized(client: OpenAI, **options: Any) -> TranscriptionDiarized:
    """The answer in `diarized_json`."""
    wanted: dict[str, Any] = {"file": TALK, "model": "fake", "response_format": "diarized_json"} | options
    found = client.audio.transcriptions.create(**wanted)
    assert isinstance(found, TranscriptionDiarized)
    return found


# ── OpenAI's door ──
def test_speakers_are_letters(client: OpenAI) -> None:
    found = diarized(client)
    assert [s.speaker for s in found.segments] == ["A", "B", "A"]
    assert " ".join(s.text for s in found.segments) == found.text
    assert (found.task, found.duration) == ("transcribe", 9.0)
    assert [s.type for s in found.segments] == ["transcript.text.segment"] * 3
    assert len({s.id for s in found.segments}) == 3
    assert all(0 <= s.start < s.end <= 9 for s in found.segments)
    assert found.usage is not None
    assert found.usage.type == "duration"


def test_a_known_speaker_has_their_name_and_a_stranger_a_letter(client: OpenAI) -> None:
    found = diarized(client, known_speaker_names=["Nell"], known_speaker_references=[HIGH], chunking_strategy="auto")
    assert [s.speaker for s in found.segments] == ["A", "Nell", "A"]
    both = diarized(client, known_speaker_names=["Nell", "Nagg"], known_speaker_references=[HIGH, LOW])
    assert [s.speaker for s in both.segments] == ["Nagg", "Nell", "Nagg"]


@pytest.mark.parametrize(("container", "codec"), [("mp3", "libmp3lame"), ("mp4", "aac")])
def test_a_reference_may_be_in_any_format(client: OpenAI, container: str, codec: str) -> None:
    clip = url(sounds.encoded(high(3), container, codec), "application/octet-stream")
    found = diarized(client, known_speaker_names=["Nell"], known_speaker_references=[clip])
    assert [s.speaker for s in found.segments] == ["A", "Nell", "A"]


def test_a_stream_tells_each_segment_as_a_delta_and_as_a_whole(client: OpenAI) -> None:
    with client.audio.transcriptions.create(
        file=TALK, model="fake", response_format="diarized_json", stream=True, known_speaker_names=["Nell"],
        known_speaker_references=[HIGH],
    ) as events:  # fmt: skip
        found = list(events)
    assert [e.type for e in found] == ["transcript.text.delta", "transcript.text.segment"] * 3 + [
        "transcript.text.done"
    ]
    deltas = [e for e in found if e.type == "transcript.text.delta"]
    segments = [e for e in found if e.type == "transcript.text.segment"]
    assert [s.speaker for s in segments] == ["A", "Nell", "A"]
    assert [d.segment_id for d in deltas] == [s.id for s in segments]
    assert [d.delta.strip() for d in deltas] == [s.text for s in segments]
    assert found[-1].type == "transcript.text.done"
    assert found[-1].text == "".join(d.delta for d in deltas)
    assert all(a.end <= b.start for a, b in pairwise(segments))


def test_a_stream_says_that_it_is_alive_while_there_is_nothing_to_tell(
    client: OpenAI, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.openai, "ALIVE_S", 0.05)
    long = ("long.wav", sounds.wav(np.tile(np.concatenate([low(1), sounds.silence(2)]), 60)))
    form = {"model": "fake", "response_format": "diarized_json", "stream": "true"}
    body = http.post("/v1/audio/transcriptions", data=form, files={"file": long}).text
    comments = [line for line in body.split("\n\n") if line.startswith(":")]
    assert comments[0].endswith("s are heard")
    assert any(" of 180 s" in line for line in comments)
    with client.audio.transcriptions.create(
        file=long, model="fake", response_format="diarized_json", stream=True
    ) as events:
        assert [e.type for e in events][-1] == "transcript.text.done"


def test_what_fails_after_a_sign_of_life_is_told_as_an_event(
    client: OpenAI, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        time.sleep(0.4)
        raise EngineFailed("the end of it")

    monkeypatch.setattr("earwitness.api.house.batch.run", fails)
    for alive_s, status in ((0.05, 200), (15.0, 500)):
        monkeypatch.setattr(api.openai, "ALIVE_S", alive_s)
        form = {"model": "fake", "response_format": "diarized_json", "stream": "true"}
        told = http.post("/v1/audio/transcriptions", data=form, files={"file": TALK})
        assert told.status_code == status
        assert "end of it" in told.text
    monkeypatch.setattr(api.openai, "ALIVE_S", 0.05)
    with (
        pytest.raises(openai.APIError, match="end of it"),
        client.audio.transcriptions.create(
            file=TALK, model="fake", response_format="diarized_json", stream=True
        ) as events,
    ):
        list(events)


def test_runs_without_words_are_counted(http: httpx.Client) -> None:
    def seconds() -> float:
        lines = http.get("/metrics").text.splitlines()
        return sum(
            float(line.split()[-1])
            for line in lines
            if line.startswith('earwitness_audio_seconds_total{model="double"}')
        )

    before = seconds()
    assert http.post("/v1/audio/diarization", files={"file": TALK}).status_code == 200
    assert seconds() - before == pytest.approx(9.0)


def test_silence_is_said_by_nobody(client: OpenAI) -> None:
    quiet = ("quiet.wav", sounds.wav(sounds.silence(3)))
    assert diarized(client, file=quiet).segments == []
    with client.audio.transcriptions.create(
        file=quiet, model="fake", response_format="diarized_json", stream=True
    ) as events:
        assert [e.type for e in events] == ["transcript.text.done"]


def test_the_number_of_speakers_may_be_told(client: OpenAI) -> None:
    assert diarized(client, extra_body={"num_speakers": 2}).segments
    assert diarized(client, extra_body={"num_speakers": 0, "min_speakers": 1, "max_speakers": 3}).segments


NAMES, REFERENCES = "known_speaker_names", "known_speaker_references"


@pytest.mark.parametrize(
    ("names", "references", "param", "told"),
    [
        (["a"], [], REFERENCES, "1 known_speaker_names and 0"),
        ([], [HIGH], REFERENCES, "0 known_speaker_names and 1"),
        (["a", "a"], [HIGH, LOW], NAMES, "differ"),
        (["a" * 101], [HIGH], NAMES, "100 characters"),
        (list("abcdefghijklmnopq"), [LOW] * 17, NAMES, "17"),
        (["a"], ["http://127.0.0.1/a.wav"], REFERENCES, "data URL"),
        (["a"], ["data:audio/wav;base64,@@"], REFERENCES, "base64"),
        (["a"], ["data:,hello"], REFERENCES, "can't be heard"),
        (["a"], [url(b"")], REFERENCES, "can't be heard"),
        (["a"], [url(sounds.wav(high(1)))], REFERENCES, "1.0 s"),
        (["a"], [url(sounds.wav(high(11)))], REFERENCES, "over 10 s"),
        (["a"], [url(sounds.wav(sounds.silence(4)))], REFERENCES, "too little speech"),
    ],
)
def test_a_reference_that_will_not_do_is_named(
    client: OpenAI, names: list[str], references: list[str], param: str, told: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=told) as caught:
        diarized(client, known_speaker_names=names, known_speaker_references=references)
    assert (caught.value.param, caught.value.code) == (param, "bad_input")


@pytest.mark.parametrize(
    ("fields", "param", "told"),
    [
        ({"num_speakers": 101}, "num_speakers", "100"),
        ({"num_speakers": "two"}, "num_speakers", "number"),
        ({"num_speakers": 1.5}, "num_speakers", "whole"),
        ({"num_speakers": 2, "max_speakers": 3}, "num_speakers", "range"),
        ({"min_speakers": 3, "max_speakers": 2}, "num_speakers", "contradict"),
        ({"speakers": "teams"}, "speakers", "channels"),
    ],
)
def test_a_wrong_number_is_named(client: OpenAI, fields: dict[str, Any], param: str, told: str) -> None:
    with pytest.raises(openai.BadRequestError, match=told) as caught:
        diarized(client, extra_body=fields)
    assert (caught.value.param, caught.value.code) == (param, "bad_input")


def test_a_name_that_fits_nobody_is_no_error(client: OpenAI) -> None:
    other = url(sounds.wav(sounds.tone(3, 2500, peak=0.9)))
    found = diarized(client, known_speaker_names=["Hamm"], known_speaker_references=[other])
    assert [s.speaker for s in found.segments] == ["A", "B", "A"]


def test_speakers_stand_in_other_formats_where_they_are_wished_for(client: OpenAI) -> None:
    plain = client.audio.transcriptions.create(file=TALK, model="fake", response_format="vtt")
    assert "<v " not in plain
    vtt = client.audio.transcriptions.create(
        file=TALK, model="fake", response_format="vtt", extra_body={"speakers": "auto"}
    )
    assert vtt.count("<v S1>") == 2
    verbose: Any = client.audio.transcriptions.create(
        file=TALK, model="fake", response_format="verbose_json", timestamp_granularities=["word", "segment"],
        known_speaker_names=["Nell"], known_speaker_references=[HIGH],
    )  # fmt: skip
    assert [s.speaker for s in verbose.segments] == ["S1", "Nell", "S1"]
    assert {w.speaker for w in verbose.words} == {"S1", "Nell"}


def test_where_speakers_do_not_show_the_wish_is_named(client: OpenAI) -> None:
    found = client.audio.transcriptions.with_raw_response.create(
        file=TALK, model="fake", extra_body={"num_speakers": 2}
    )
    assert found.headers["x-earwitness-not-honoured"] == "num_speakers"


def test_channels_may_be_speakers(client: OpenAI) -> None:
    left, right = (
        np.concatenate([low(1), sounds.silence(3)]),
        np.concatenate([sounds.silence(2), low(1), sounds.silence(1)]),
    )
    call = ("call.wav", sounds.wav(np.stack([left, right], axis=1)))
    found = diarized(client, file=call, extra_body={"speakers": "channels"})
    assert [(s.speaker, round(s.start)) for s in found.segments] == [("A", 0), ("B", 2)]
    with pytest.raises(openai.BadRequestError, match="one channel"):
        diarized(client, extra_body={"speakers": "channels"})


def test_identical_requests_with_other_references_are_not_one(client: OpenAI) -> None:
    names = [
        [s.speaker for s in diarized(client, known_speaker_names=["Nell"], known_speaker_references=[clip]).segments]
        for clip in (HIGH, LOW)
    ]
    assert names == [["A", "Nell", "A"], ["Nell", "A", "Nell"]]


# ── whisper.cpp's door ──
@pytest.mark.parametrize("flag", ["diarize", "tinydiarize"])
def test_inference_tells_speakers_apart(http: httpx.Client, monkeypatch: pytest.MonkeyPatch, flag: str) -> None:
    def infer(shape: str, **fields: str) -> httpx.Response:
        return http.post("/inference", files={"file": TALK}, data={"response_format": shape, **fields})

    assert "speaker" not in infer("verbose_json").json()["segments"][0]
    found = infer("verbose_json", **{flag: "true"}).json()
    assert len({s["speaker"] for s in found["segments"]}) == 2
    assert "<v S1>" in infer("vtt", **{flag: "true"}).text
    assert infer("json", **{flag: "true"}).json()["text"].startswith("S1: ")


# ── our own routes ──
def test_a_transcript_with_speakers(http: httpx.Client) -> None:
    found = full.loads(http.post("/transcribe/diarized?model=fake", content=TALK[1]).text)
    assert [s.speaker for s in found.segments] == ["S1", "S2", "S1"]
    assert [s.id for s in found.speakers] == ["S1", "S2"]
    assert len(found.turns) == 3
    assert all(s.words and {w.speaker for w in s.words} == {s.speaker} for s in found.segments)


def test_a_form_takes_known_speakers_and_a_format(http: httpx.Client) -> None:
    fields = {"model": "fake", "response_format": "rttm", f"{NAMES}[]": "Nell Gwyn", f"{REFERENCES}[]": HIGH}
    found = http.post("/transcribe/diarized", files={"file": TALK}, data=fields)
    assert [line.split()[7] for line in found.text.splitlines()] == ["S1", "Nell_Gwyn", "S1"]


def test_words_have_times_speakers_and_confidence_where_it_is_enhanced(http: httpx.Client) -> None:
    found = full.loads(http.post("/transcribe/enhanced?model=fake", content=TALK[1]).text)
    words = [w for s in found.segments for w in s.words]
    assert " ".join(w.text for w in words) == found.text
    assert {w.speaker for w in words} == {"S1", "S2"}
    assert all(w.confidence for w in words)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/transcribe/diarized?model=nobody", "model_not_found"),
        ("/transcribe/diarized?model=fake&beams=5", "bad_input"),
        ("/transcribe/enhanced?model=fake&response_format=docx", "bad_input"),
        ("/transcribe/enhanced?model=fake&num_speakers=-1", "bad_input"),
    ],
)
def test_what_is_wrong_is_told(http: httpx.Client, path: str, code: str) -> None:
    found = http.post(path, content=TALK[1])
    assert found.json()["code"] == code


def test_who_spoke_when_without_words(http: httpx.Client) -> None:
    found = http.post("/v1/audio/diarization", files={"file": TALK}, data={"max_speakers": "4", "model": "x"})
    body = found.json()
    assert [(round(t["start"]), t["speaker"]) for t in body["segments"]] == [(0, "S1"), (3, "S2"), (6, "S1")]
    assert body["exclusive"] == body["segments"]
    assert (body["task"], body["duration"], body["num_speakers"], body["method"]) == ("diarize", 9.0, 2, "double")
    assert [s["id"] for s in body["speakers"]] == ["S1", "S2"]
    assert "text" not in json.dumps(body["segments"])
    assert found.headers["x-earwitness-not-honoured"] == "model"


def test_who_spoke_when_with_names_and_as_rttm(http: httpx.Client) -> None:
    fields = {"response_format": "rttm", "known_speaker_names": "Nell", "known_speaker_references": HIGH}
    found = http.post("/v1/audio/diarization", files={"file": TALK}, data=fields)
    assert found.headers["content-type"].startswith("text/plain")
    assert [line.split()[7] for line in found.text.splitlines()] == ["S1", "Nell", "S1"]


def test_who_spoke_when_has_errors_in_openais_shape(http: httpx.Client) -> None:
    found = http.post("/v1/audio/diarization", files={"file": ("a.wav", b"nothing of the kind")})
    assert (found.status_code, found.json()["error"]["code"]) == (400, "not_audio")
    by_channel = http.post("/v1/audio/diarization", files={"file": TALK}, data={"speakers": "channels"})
    assert by_channel.json()["error"]["code"] == "unsupported"
