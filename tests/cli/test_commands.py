"""The other commands: help that teaches, demo, doctor, models, serve."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from earwitness.__about__ import __version__
from earwitness.cli import app, exits
from earwitness.cli.times import seconds
from earwitness.errors import EarwitnessError

COMMANDS = ("transcribe", "serve", "demo", "doctor", "models", "speakers")


def run(*words: str) -> str:
    """Output of a command that succeeds."""
    found = CliRunner().invoke(app, list(words), env={"COLUMNS": "200", "TERM": "dumb"})
    assert found.exit_code == 0, found.output
    return found.output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    assert command in run("--help")
    assert "--help" in run(command, "--help")
    assert command in run(command, "-h")


def test_help_of_transcribe_names_formats_and_exit_codes() -> None:
    told = run("transcribe", "--help")
    for word in ("srt", "verbose_json", "--from", "Exit codes", "stdin"):
        assert word in told


def test_the_version() -> None:
    assert run("--version") == f"earwitness {__version__}\n"


def test_the_demo_prints_real_words_and_what_comes_next() -> None:
    told = run("demo")
    assert "do you hear me" in told.lower()
    assert "earwitness serve" in told
    assert "times real time" in told


def test_the_doctor_finds_this_install_well() -> None:
    told = run("doctor")
    assert "FAIL" not in told
    assert "moonshine" in told
    found = json.loads(run("doctor", "--json"))
    assert {f["about"] for f in found} >= {
        "earwitness",
        "machine",
        "instructions",
        "power",
        "home folder",
        "engine moonshine",
        "model",
        "trial",
    }
    (community,) = [f["detail"] for f in found if f["about"] == "part community"]
    assert community == "usable; weights: CC BY 4.0, pyannote/speaker-diarization-community-1"


def test_the_doctor_names_what_is_broken(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x")
    found = CliRunner().invoke(app, ["doctor"], env={"EARWITNESS_HOME": str(blocked / "home")})
    assert found.exit_code == 6
    assert "FAIL" in found.output
    assert "EARWITNESS_HOME" in found.output


def test_the_doctor_explains_wrong_settings() -> None:
    found = CliRunner().invoke(app, ["doctor"], env={"EARWITNESS_PORT": "eighty"})
    assert found.exit_code == 6
    assert "EARWITNESS_PORT" in found.output


def test_the_models_are_listed() -> None:
    told = run("models", "list")
    assert "moonshine-tiny-en" in told
    assert "whisper-1" in told
    listed = json.loads(run("models", "list", "--json"))
    assert listed[0]["licence"] == "MIT"
    assert "worker" in listed[0]["state"]


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        found = subprocess.run(
            [sys.executable, "-m", "earwitness", "serve", "--port", port],
            capture_output=True, text=True, timeout=60, check=False, env={"EARWITNESS_HOME": str(tmp_path)},
        )  # fmt: skip
    assert found.returncode == 3
    assert "--port" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    ("written", "meant"), [("90", 90.0), ("1:30", 90.0), ("0:01:30.5", 90.5), ("100:00:00", 360_000.0), ("0.25", 0.25)]
)
def test_times_as_people_type_them(written: str, meant: float) -> None:
    assert seconds(written) == meant


def leaves(kind: type[EarwitnessError]) -> list[type[EarwitnessError]]:
    """All classes of the tree."""
    return [kind, *(leaf for child in kind.__subclasses__() for leaf in leaves(child))]


def test_every_error_has_an_exit_code() -> None:
    for kind in leaves(EarwitnessError):
        code = next(exits.EXITS[k] for k in kind.__mro__ if k in exits.EXITS)
        assert 1 <= code <= 130
        assert code != 2
