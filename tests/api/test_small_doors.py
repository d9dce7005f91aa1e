"""The small doors: health, models, the machine, metrics, documents, whisper.cpp's and the raw one."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
import srt
from prometheus_client.parser import text_string_to_metric_families

from earwitness.export import full
from support import sounds

SAID = "do you hear me"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health"])
def test_it_is_well(http: httpx.Client, path: str) -> None:
    found = http.get(path)
    assert (found.status_code, found.json()) == (200, {"status": "ok"})


def test_the_models_in_detail(http: httpx.Client) -> None:
    http.get("/models/default").raise_for_status()  # which loads it
    found = http.get("/models").json()
    assert found["default"] == "moonshine-tiny-en"
    first = found["models"][0]
    assert first["name"] == found["default"]
    assert first["loaded"] is True
    assert first["licence"] == "MIT"


def test_a_model_tells_what_it_can_do(http: httpx.Client) -> None:
    found = http.get("/models/whisper-1").json()
    assert (found["name"], found["loaded"]) == ("moonshine-tiny-en", True)
    assert found["can"] == {
        "languages": ["en"], "tasks": ["transcribe", "translate"], "word_times": False, "logprobs": True,
        "prompt": False, "hotwords": False, "temperature": False, "detects_language": False,
    }  # fmt: skip
    missing = http.get("/models/whisper-9")
    assert (missing.status_code, missing.json()["code"]) == (404, "model_not_found")


def test_the_machine(http: httpx.Client) -> None:
    found = http.get("/api/device-info").json()
    assert found["cores"] >= 1
    assert found["devices"][0]["kind"] == "cpu"
    assert {"name": "moonshine", "usable": True, "why_not": None} in found["engines"]
    assert found["loaded"][0]["workers"] >= 1
    assert found["logical"] >= found["cores"]
    assert found["power"]["name"] in {"performance", "balanced", "power_saver"}
    assert found["power"]["why"]
    assert {"available", "on_battery", "charge", "temperature_c"} <= set(found["readings"])
    assert isinstance(found["notes"], list)
    assert "worker" in found["loaded"][0]["why"]


def value(text: str, name: str, **labels: str) -> float:
    """The sum of a metric's samples with these labels."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and all(sample.labels.get(k) == v for k, v in labels.items())
    )


def test_the_sample_is_given_out(http: httpx.Client, sample: Path) -> None:
    found = http.get("/api/sample")
    assert (found.headers["content-type"], found.content) == ("audio/wav", sample.read_bytes())
    assert "sample conversation.wav" in unquote(found.headers["content-disposition"])


def test_metrics_count_what_was_done(http: httpx.Client, sample: Path) -> None:
    before = http.get("/metrics").text
    http.post("/transcribe", content=sample.read_bytes())
    http.post("/transcribe", content=b"no sound")
    after = http.get("/metrics").text

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert grown("earwitness_audio_seconds_total", model="moonshine-tiny-en") == pytest.approx(28.277, abs=0.01)
    assert grown("earwitness_words_total", model="moonshine-tiny-en") > 50
    assert grown("earwitness_work_seconds_total", model="moonshine-tiny-en") > 0
    assert grown("earwitness_failures_total", code="not_audio") == 1
    assert grown("earwitness_requests_total", route="/transcribe", status="200") == 1
    assert grown("earwitness_requests_total", route="/transcribe", status="400") == 1
    assert grown("earwitness_request_seconds_count", route="/transcribe") == 2
    assert value(after, "earwitness_loaded_models") == 1
    assert value(after, "earwitness_ready") == 1


def test_the_documents_need_no_network(http: httpx.Client) -> None:
    page = http.get("/docs").text
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert links
    for link in links:
        assert link.startswith("/"), f"{link} is fetched from elsewhere"
        assert http.get(link).status_code == 200
    document = http.get("/openapi.json").json()
    assert document["info"]["title"] == "Earwitness"
    form = document["paths"]["/v1/audio/transcriptions"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert {"file", "model", "response_format", "stream", "timestamp_granularities[]"} <= set(
        form["schema"]["properties"]
    )


def test_every_route_is_documented(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()
    for path, routes in document["paths"].items():
        for method, route in routes.items():
            assert route.get("summary"), f"{method} {path} has no summary"
            assert route.get("description"), f"{method} {path} has no description"


# ── the raw door ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_recording_as_the_body(http: httpx.Client, sample: Path) -> None:
    found = http.post("/transcribe", content=sample.read_bytes(), headers={"content-type": "audio/wav"})
    transcript = full.loads(found.text)
    assert SAID in transcript.text.lower()
    assert found.json()["text"] == transcript.text
    assert transcript.provenance.model == "moonshine-tiny-en"


def test_a_recording_in_a_form_and_a_model_in_the_path(http: httpx.Client, sample: Path) -> None:
    with sample.open("rb") as file:
        found = http.post("/transcribe/whisper-1?language=en", files={"file": file})
    assert SAID in found.json()["text"].lower()


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/transcribe/nothing-like-that", 404, "model_not_found"),
        ("/transcribe?language=de", 400, "unsupported"),
        ("/transcribe?language=x", 400, "bad_input"),
        ("/transcribe", 400, "empty_audio"),
        ("/nowhere", 404, "not_found"),
    ],
)
def test_errors_of_the_small_doors(http: httpx.Client, path: str, status: int, code: str) -> None:
    found = http.post(path, content=b"")
    assert found.status_code == status
    assert found.json()["code"] == code
    assert len(found.json()["error"]) > 20


def test_fields_that_the_raw_door_does_not_know_are_an_error(http: httpx.Client, sample: Path) -> None:
    found = http.post("/transcribe", files={"file": ("a.wav", b"x"), "beams": (None, "5")})
    assert found.status_code == 400
    assert "beams" in found.json()["error"]


# ── whisper.cpp's door ───────────────────────────────────────────────────────────────────────────────────────────────
def infer(http: httpx.Client, sample: Path, **fields: str) -> httpx.Response:
    """A request as its clients make it."""
    with sample.open("rb") as file:
        return http.post("/inference", files={"file": file}, data=fields)


def test_inference_gives_json(http: httpx.Client, sample: Path) -> None:
    found = infer(http, sample, temperature="0.0", temperature_inc="0.2", response_format="json")
    assert list(found.json()) == ["text"]
    assert SAID in found.json()["text"].lower()
    assert found.headers["x-earwitness-not-honoured"] == "temperature_inc"


def test_inference_gives_text_and_subtitles(http: httpx.Client, sample: Path) -> None:
    text = infer(http, sample, response_format="text")
    assert text.headers["content-type"].startswith("text/html")
    assert text.text.endswith("\n")
    narrow = list(srt.parse(infer(http, sample, response_format="srt", max_len="20").text))
    assert max(len(line) for cue in narrow for line in cue.content.splitlines()) <= 20
    assert infer(http, sample, response_format="vtt").text.startswith("WEBVTT")


def test_inference_gives_verbose_json(http: httpx.Client, sample: Path) -> None:
    found = infer(http, sample, response_format="verbose_json", language="auto").json()
    assert found["language"] == found["detected_language"] == "english"
    assert {"id", "text", "start", "end", "tokens", "words", "temperature", "avg_logprob", "no_speech_prob"} == set(
        found["segments"][0]
    )


def test_inference_takes_a_range(http: httpx.Client, sample: Path) -> None:
    found = infer(http, sample, response_format="verbose_json", offset_t="12000", duration="3000").json()
    assert found["segments"]
    assert all(12 <= s["start"] < s["end"] <= 15.01 for s in found["segments"])


@pytest.mark.parametrize(
    "fields", [{"response_format": "pdf"}, {"diarize": "perhaps"}, {"language": "de"}, {"offset_t": "soon"}]
)
def test_inference_refuses_what_it_can_not_do(http: httpx.Client, sample: Path, fields: dict[str, str]) -> None:
    found: Any = infer(http, sample, **fields)
    assert found.status_code == 400
    assert isinstance(json.loads(found.text)["error"], str)


def test_silence_over_the_raw_door(http: httpx.Client) -> None:
    found = http.post("/transcribe", content=sounds.wav(sounds.silence(2))).json()
    assert found["segments"] == []
    assert found["complete"] is True
