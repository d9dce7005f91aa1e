"""Fetching a model from a hub on loopback: what comes, what breaks off, what is refused."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from earwitness.errors import BadInput, EarwitnessError, HubFailed, NotFound
from earwitness.models import directory, hub
from support import hub as double
from support import whisper
from support.hub import Hub

WEIGHTS = "model.safetensors"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with double.running(whisper.MODEL) as found:
        yield found


def _pull(served: Hub, root: Path, **more: object) -> directory.Stored:
    return hub.pull(served.repo, root, endpoint=served.address, **more)  # type: ignore[arg-type]


def _left(root: Path) -> list[str]:
    """Everything in the directory but locks."""
    return sorted(p.name for p in root.rglob("*") if p.is_file() and p.suffix != ".lock")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("whisper-base", "openai/whisper-base"),
        ("distil-large-v3", "distil-whisper/distil-large-v3"),
        ("someone/whisper", "someone/whisper"),
    ],
)
def test_names_lead_to_repositories(name: str, expected: str) -> None:
    assert hub.repository(name) == expected


def test_a_model_comes_whole(served: Hub, tmp_path: Path) -> None:
    served.files |= {"pytorch_model.bin": b"pickle", "modeling.py": b"import os"}
    found = _pull(served, tmp_path / "models")
    assert found.name == "whisper-micro/base"
    for path in whisper.MODEL.iterdir():
        assert (found.path / path.name).read_bytes() == path.read_bytes()
    assert {"pytorch_model.bin", "modeling.py"}.isdisjoint(served.sent)
    assert _left(tmp_path / "models") == sorted(p.name for p in whisper.MODEL.iterdir())


def test_what_is_there_is_not_fetched_again_unless_told(served: Hub, tmp_path: Path) -> None:
    _pull(served, tmp_path)
    before = dict(served.sent)
    _pull(served, tmp_path)
    assert served.sent == before
    _pull(served, tmp_path, replace=True)
    assert served.sent[WEIGHTS] == 2 * before[WEIGHTS]


def test_what_broke_off_goes_on_where_it_was(served: Hub, tmp_path: Path) -> None:
    size = len(served.files[WEIGHTS])
    served.break_at = 12_000_000  # the library writes 10 MB at a time
    for _ in range(3):  # it tries again by itself, too
        try:
            _pull(served, tmp_path)
            break
        except HubFailed:
            assert directory.scan(tmp_path) == ()
    assert [s.name for s in directory.scan(tmp_path)] == ["whisper-micro/base"]
    assert size < served.sent[WEIGHTS] < size + 3_000_000


def test_a_wrong_checksum_is_refused_and_fetched_anew(served: Hub, tmp_path: Path) -> None:
    served.lie = True
    with pytest.raises(HubFailed, match="checksum"):
        _pull(served, tmp_path)
    assert directory.scan(tmp_path) == ()
    served.lie = False
    assert _pull(served, tmp_path).path.is_dir()


def test_a_gated_model_says_what_to_do(served: Hub, tmp_path: Path) -> None:
    served.gated = True
    with pytest.raises(HubFailed, match="accepted its terms") as failure:
        _pull(served, tmp_path)
    assert "HF_TOKEN" in failure.value.remedy


def test_what_the_hub_does_not_have_is_told(served: Hub, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nobody/nothing"):
        hub.pull("nobody/nothing", tmp_path, endpoint=served.address)
    assert _left(tmp_path) == []


def test_a_hub_that_is_away_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with pytest.raises(HubFailed) as failure:
        hub.pull("someone/whisper", tmp_path, endpoint="http://127.0.0.1:9")
    assert failure.value.retry


def test_a_repository_without_safetensors_is_refused(served: Hub, tmp_path: Path) -> None:
    served.files["pytorch_model.bin"] = served.files.pop(WEIGHTS)
    with pytest.raises(BadInput, match="no safetensors"):
        _pull(served, tmp_path)


def test_a_model_of_another_kind_is_refused(served: Hub, tmp_path: Path) -> None:
    served.files["config.json"] = served.files["config.json"].replace(b'"whisper"', b'"bert"')
    with pytest.raises(BadInput, match="bert"):
        _pull(served, tmp_path / "models")
    assert _left(tmp_path / "models") == []


@pytest.mark.parametrize("name", ["../../etc", "a b/c", "..", "x/.."])
def test_names_that_would_lead_elsewhere_are_refused(served: Hub, tmp_path: Path, name: str) -> None:
    with pytest.raises(EarwitnessError):
        hub.pull(name, tmp_path, endpoint=served.address)
    assert _left(tmp_path) == []


def test_two_that_pull_the_same_fetch_it_once(served: Hub, tmp_path: Path) -> None:
    found: list[directory.Stored] = []
    threads = [threading.Thread(target=lambda: found.append(_pull(served, tmp_path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert served.sent[WEIGHTS] == len(served.files[WEIGHTS])


def test_the_command_fetches_and_converts(served: Hub, tmp_path: Path) -> None:
    import subprocess
    import sys

    words = ["models", "pull", served.repo, "--endpoint", served.address, "--to", "ggml"]
    done = subprocess.run(
        [sys.executable, "-m", "earwitness", *words],
        capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | {"EARWITNESS_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [s.name for s in directory.scan(tmp_path / "models")] == ["whisper-micro/base", "whisper-micro/ggml-q5_0"]
