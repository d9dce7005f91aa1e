"""`earwitness batch`: each recording of a folder once, however often the command is given."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from earwitness import batch as runs
from earwitness.cli import app, folder
from earwitness.export import full
from support import sounds


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two recordings, and a home of its own."""
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path / "home"))
    talk = tmp_path / "talks"
    (talk / "deep").mkdir(parents=True)
    for name, seconds in (("a.wav", 1.0), ("deep/b.wav", 1.5)):
        (talk / name).write_bytes(sounds.wav(np.concatenate([sounds.tone(seconds), sounds.silence(0.5)])))
    return talk


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the recordings that were worked on."""
    found, plain = list[str](), runs.run

    def counted(source: Any, *given: Any, **more: Any) -> Any:
        found.append(source.name)
        return plain(source, *given, **more)

    monkeypatch.setattr(runs, "run", counted)
    return found


def earwitness(*words: object) -> Result:
    return CliRunner().invoke(app, ["batch", *map(str, words)])


def test_a_folder_is_done_once_and_again_where_something_else_is_wanted(given: Path, heard: list[str]) -> None:
    assert earwitness(given, "-m", "fake", "-f", "json", "-q").exit_code == 0
    assert heard == ["a.wav", "b.wav"]
    assert full.loads((given / "deep" / "b.json").read_text()).duration_s == 2.0
    assert earwitness(given, "-m", "fake", "-f", "json", "-q").exit_code == 0
    assert len(heard) == 2, "nothing is done twice"
    (given / "a.wav").write_bytes(sounds.wav(sounds.tone(0.7)))
    (given / "deep" / "b.json").unlink()
    assert earwitness(given, "-m", "fake", "-f", "json", "-q").exit_code == 0
    assert heard[2:] == ["a.wav", "b.wav"]
    assert earwitness(given, "-m", "fake", "-f", "json", "-q", "-l", "de").exit_code == 0
    assert len(heard) == 6
    assert earwitness(given, "-m", "fake", "-f", "json", "-q", "-l", "de", "--fresh").exit_code == 0
    assert len(heard) == 8


def test_what_fails_is_told_by_the_exit_code_and_tried_again(given: Path, heard: list[str], tmp_path: Path) -> None:
    (given / "broken.wav").write_bytes(b"nothing")
    found = earwitness(given, "-m", "fake", "-o", tmp_path / "out", "-q")
    assert found.exit_code == 3
    assert (tmp_path / "out" / "deep" / "b.txt").exists()
    assert earwitness(given, "-m", "fake", "-o", tmp_path / "out", "-q").exit_code == 3
    assert heard.count("broken.wav") == 2
    assert heard.count("a.wav") == 1
    assert earwitness(given / "a.wav").exit_code != 0


def test_a_watched_folder_is_gone_on_with_until_it_is_interrupted(
    given: Path, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = list[int]()

    def rest() -> None:
        looks.append(len(heard))
        if len(looks) == 2:
            (given / "broken.wav").write_bytes(b"nothing")
        if len(looks) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(folder, "rest", rest)
    found = earwitness(given, "-m", "fake", "--watch", "-q")
    assert looks == [0, 2, 2, 3, 3], "a new one is taken at the second look, and once"
    assert found.exit_code == 3
    assert sorted(heard) == ["a.wav", "b.wav", "broken.wav"]
