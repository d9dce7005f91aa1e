"""`earwitness bench`, run for real: what it prints, what it keeps, and what is chosen from then on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from earwitness import config, trial
from earwitness.hardware import measure
from earwitness.hardware.choose import Candidate
from earwitness.kit import Kit
from earwitness.models.catalog import sample
from earwitness.types import Device

CPU = Device("cpu", "a processor")


def _run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "earwitness", "bench", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "EARWITNESS_HOME": str(home), "COLUMNS": "120"},
    )


def test_the_default_model_is_measured_kept_and_its_plan_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = _run(tmp_path, "--models", "default")
    assert done.returncode == 0, done.stderr
    assert "moonshine-tiny-en" in done.stdout
    assert "100%" in done.stdout
    (found,) = measure.read(tmp_path / "measured.json").values()
    assert found.speed > 0.1
    assert found.first_s > 0
    assert not found.error
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path))
    with Kit(config.load()) as kit:
        plan = kit.plan("default")
        assert f"measured on {found.day}, {found.speed:.1f}x real time" in plan.why


def test_json_names_what_failed_and_why(tmp_path: Path) -> None:
    done = _run(tmp_path, "-m", "fake", "--limit", "60", "--json", "--audio", str(tmp_path / "absent.wav"))
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert found["engine"] == "fake"
    assert "absent.wav" in found["error"]


def test_nothing_to_measure_is_an_error(tmp_path: Path) -> None:
    done = _run(tmp_path, "-m", "default", "-e", "whispercpp")
    assert done.returncode == 3
    assert "nothing to measure" in done.stderr
    assert _run(tmp_path, "-m", "no-such-model").returncode == 4


def test_a_candidate_that_takes_too_long_or_is_unknown_has_failed() -> None:
    found, _ = trial.apart(Candidate("moonshine", "moonshine-tiny-en", CPU, 1), sample(), limit_s=0.05)
    assert "more than 0 s" in found.error
    found, _ = trial.apart(Candidate("no-such-engine", "moonshine-tiny-en", CPU, 1), sample())
    assert "no-such-engine" in found.error


def test_a_candidate_that_dies_takes_nobody_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found, text = trial.apart(Candidate("moonshine", "moonshine-tiny-en", CPU, 1), sample())
    assert "SIGSEGV" in found.error
    assert text == ""


def test_what_was_measured_is_measured_again_when_its_key_is_another(tmp_path: Path) -> None:
    settings = config.load(home=tmp_path)
    with Kit(settings) as kit:
        assert trial.void(kit) == {}
        old = measure.Measured("moonshine", "moonshine-tiny-en", "cpu", 1, "2026-01-01T00:00:00+00:00", speed=1.0)
        measure.write(settings.measured, {"an older library": old})
        (name,) = trial.void(kit)
        assert trial.again(kit) == (name,) == ("moonshine-tiny-en",)
        assert trial.void(kit) == {}
        assert "measured on" in kit.plan("default").why
        assert "2026-01-01" not in kit.plan("default").why
