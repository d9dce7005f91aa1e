"""Sound and text made better at every door: by a field, or by the installation's settings."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from earwitness import config
from support import sounds
from support.server import running
from support.voices import hearer

QUIET = sounds.wav(np.concatenate([sounds.clicks(1.5), sounds.silence(1)]))
FILE = {"file": ("quiet.wav", QUIET)}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with the fake engine, which writes how loud each tenth of a second is, in small letters."""
    settings = config.load(home=tmp_path_factory.mktemp("home"), log_level="error", preload=False, workers=1)
    with running(settings, hearer(settings)) as found:
        yield found


@pytest.fixture(scope="module")
def switched_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One where much is on by itself."""
    home = tmp_path_factory.mktemp("on")
    settings = config.load(
        home=home, log_level="error", preload=False, workers=1, enable_gain=True, enable_speaker_diarization=True,
        enable_punctuation_restoration=True,
    )  # fmt: skip
    with running(settings, hearer(settings)) as found:
        yield found


DOORS = [
    ("/v1/audio/transcriptions", {"model": "fake", "response_format": "verbose_json"}),
    ("/v1/audio/translations", {"model": "fake", "response_format": "json"}),
    ("/transcribe/enhanced", {"model": "fake"}),
    ("/transcribe/diarized", {"model": "fake"}),
]


@pytest.mark.parametrize(("door", "fields"), DOORS, ids=[d for d, _ in DOORS])
def test_every_door_takes_the_switches(address: str, door: str, fields: dict[str, str]) -> None:
    plain = httpx.post(address + door, files=FILE, data=fields, timeout=60).json()
    better = httpx.post(address + door, files=FILE, data={**fields, "gain": "on", "punctuate": "yes"}, timeout=60)
    assert better.status_code == 200
    assert "x-earwitness-not-honoured" not in better.headers
    text = better.json()["text"]
    assert set(plain["text"].split()) == {"mid"}
    assert text.endswith(".")
    assert text.split()[0][0].isupper()
    assert "high" in text.lower()


def test_the_plain_door_has_them_in_its_address(address: str) -> None:
    query = {"gain": "loudness", "denoise": "spectral", "punctuate": "rules"}
    found = httpx.post(f"{address}/transcribe/fake", params=query, content=QUIET, timeout=60).json()
    assert found["provenance"]["methods"] == {"noise": "spectral", "gain": "loudness", "punctuation": "rules"}
    assert found["text"].endswith(".")


def test_whispercpps_door_has_them_too(address: str) -> None:
    wrong = httpx.post(f"{address}/inference", files=FILE, data={"denoise": "nobody"}, timeout=60)
    assert (wrong.status_code, wrong.json()["error"].startswith("There is no denoiser")) == (400, True)


@pytest.mark.parametrize("field", ["separate", "denoise", "gain", "punctuate"])
def test_a_part_that_is_not_here_is_refused(address: str, field: str) -> None:
    for value in ("nobody", "../x"):
        data = {"model": "fake", field: value}
        found = httpx.post(f"{address}/v1/audio/transcriptions", files=FILE, data=data, timeout=60)
        assert found.status_code == 400
        assert found.json()["error"]["param"] == field


def test_separation_without_its_network_says_what_to_put_where(address: str) -> None:
    data = {"model": "fake", "separate": "on"}
    error = httpx.post(f"{address}/v1/audio/transcriptions", files=FILE, data=data, timeout=60).json()["error"]
    assert error["code"] == "missing_package"
    assert "htdemucs.onnx into phenome/enhancement/demucs" in error["message"]


def test_the_installation_switches_on_and_a_request_off(switched_on: str) -> None:
    found = httpx.post(f"{switched_on}/transcribe/fake", content=QUIET, timeout=60).json()
    assert found["provenance"]["methods"] == {"gain": "loudness", "punctuation": "rules", "speakers": "double"} | {
        key: value for key, value in found["provenance"]["methods"].items() if key == "words"
    }
    off = {"model": "fake", "gain": "off", "punctuate": "off", "speakers": "off"}
    plain = httpx.post(f"{switched_on}/transcribe/enhanced", files=FILE, data=off, timeout=60).json()
    assert set(plain["text"].split()) == {"mid"}
    assert plain["speakers"] == []


def test_speakers_that_do_not_show_are_not_told_apart(switched_on: str) -> None:
    for shape, shown in (("verbose_json", True), ("json", False)):
        data = {"model": "fake", "response_format": shape}
        found = httpx.post(f"{switched_on}/v1/audio/transcriptions", files=FILE, data=data, timeout=60)
        assert ("speaker" in found.text) == shown


@pytest.mark.parametrize(
    "fields", [{"response_format": "diarized_json"}, {"response_format": "srt", "num_speakers": "2"}], ids=str
)
def test_speakers_off_contradicts_what_is_asked_about_them(address: str, fields: dict[str, str]) -> None:
    data = {"model": "fake", "speakers": "off", **fields}
    found = httpx.post(f"{address}/v1/audio/transcriptions", files=FILE, data=data, timeout=60)
    assert (found.status_code, found.json()["error"]["param"]) == (400, "speakers")


def test_speakers_off_leaves_nothing_to_say_who_spoke(address: str) -> None:
    found = httpx.post(f"{address}/v1/audio/diarization", files=FILE, data={"speakers": "off"}, timeout=60)
    assert found.status_code == 400


def test_the_document_names_the_switches(address: str) -> None:
    paths = httpx.get(f"{address}/openapi.json").json()["paths"]
    named = {p["name"] for p in paths["/transcribe"]["post"]["parameters"]}
    assert named == {"language", "separate", "denoise", "gain", "punctuate"}


def test_a_network_of_the_model_directory_is_found_by_name(tmp_path: Path) -> None:
    from support import graphs

    graphs.gtcrn(tmp_path / "models/phenome/enhancement/gtcrn/gtcrn_simple.onnx")
    settings = config.load(home=tmp_path, log_level="error", preload=False, workers=1)
    with running(settings, hearer(settings)) as found:
        query = {"denoise": "gtcrn_simple"}
        told = httpx.post(f"{found}/transcribe/fake", params=query, content=QUIET, timeout=60).json()
    assert told["provenance"]["methods"] == {"noise": "gtcrn_simple"}
