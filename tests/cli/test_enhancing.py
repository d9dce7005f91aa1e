"""Sound and text made better, at the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from earwitness.cli import app, work
from earwitness.errors import BadInput
from support import sounds
from support.voices import hearer


@pytest.fixture
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A quiet recording, and the fake engine, which writes how loud it is."""
    monkeypatch.setattr(work, "Kit", hearer)
    path = tmp_path / "quiet.wav"
    path.write_bytes(sounds.wav(np.concatenate([sounds.clicks(1.5), sounds.silence(1)])))
    return str(path)


def transcribe(*words: str) -> Result:
    """Run the command; what it raises is raised."""
    return CliRunner().invoke(app, ["transcribe", *words, "-m", "fake", "-f", "json"], catch_exceptions=False)


def test_what_is_switched_on_is_done_and_told(quiet: str) -> None:
    plain = json.loads(transcribe(quiet).stdout)
    found = json.loads(transcribe(quiet, "--gain", "on", "--denoise", "spectral", "--punctuate", "on").stdout)
    assert set(plain["text"].split()) == {"mid"}
    assert found["provenance"]["methods"] == {"noise": "spectral", "gain": "loudness", "punctuation": "rules"}
    assert found["provenance"]["recipe"]["enhancing"] == {
        "separate": None, "denoise": "spectral", "gain": "auto", "punctuate": "auto",
    }  # fmt: skip
    assert found["text"].endswith(".")


def test_the_settings_count_and_may_be_overruled(quiet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENABLE_GAIN", "1")
    monkeypatch.setenv("ENABLE_SPEAKER_DIARIZATION", "true")
    on = json.loads(transcribe(quiet).stdout)
    off = json.loads(transcribe(quiet, "--gain", "off", "--no-speakers").stdout)
    assert (on["provenance"]["methods"]["gain"], len(on["speakers"])) == ("loudness", 1)
    assert (off["provenance"]["methods"], off["speakers"]) == ({}, [])


def test_separation_without_its_network_says_what_to_put_where(quiet: str) -> None:
    found = transcribe(quiet, "--separate", "on")
    assert found.exit_code == 6
    assert "htdemucs.onnx into phenome/enhancement/demucs" in " ".join(found.stderr.split())


def test_wishes_that_make_no_sense_are_refused(quiet: str) -> None:
    with pytest.raises(BadInput, match="--denoise is"):
        transcribe(quiet, "--denoise", "../x")
    with pytest.raises(BadInput, match="--no-speakers"):
        transcribe(quiet, "--no-speakers", "--num-speakers", "2")
