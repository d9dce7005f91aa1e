"""Fetching a model from a hub on loopback: what comes, what breaks off, what is refused."""

import errno
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from earwitness.errors import BadInput, EarwitnessError, HubFailed, NotFound, StorageFailed
from earwitness.models import directory, hub, manifest
from earwitness.models.convert import convert
from earwitness.models.manifest import Kept, Origin
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
    """Everything in the directory but locks, manifests, and the store that holds the same files."""
    found = (p for p in root.rglob("*") if p.is_file() and p.suffix != ".lock" and "blobs" not in p.parts)
    return sorted(p.name for p in found if p.name != ".earwitness.json")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("whisper-base", "openai/whisper-base"),
        ("Turbo", "openai/whisper-large-v3-turbo"),
        ("whisper-unheard-of", "openai/whisper-unheard-of"),
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


def test_a_second_copy_of_the_weights_and_other_folders_stay_on_the_hub(served: Hub, tmp_path: Path) -> None:
    served.files |= {"model.fp32.safetensors": b"more", "model.safetensors.index.fp32.json": b"{}", "onnx/m.onnx": b"x"}
    _pull(served, tmp_path)
    assert not served.sent.keys() & {"model.fp32.safetensors", "onnx/m.onnx"}


def test_a_pulled_model_knows_where_it_came_from(served: Hub, tmp_path: Path) -> None:
    served.tags = ["license:apache-2.0"]
    found = manifest.read(_pull(served, tmp_path))
    assert found is not None
    assert found.origin == Origin(
        "pull", f"{served.address}/{served.repo}", double.COMMIT, "apache-2.0", found.origin.tools
    )
    assert found.files[WEIGHTS] == Kept(served.sha256(WEIGHTS), len(served.files[WEIGHTS]))


def test_another_model_of_the_same_name_is_not_taken_for_it(served: Hub, tmp_path: Path) -> None:
    _pull(served, tmp_path)
    served.repo = "other/whisper-micro"
    with pytest.raises(BadInput, match=r"came from .*/someone/whisper-micro"):
        _pull(served, tmp_path)
    _pull(served, tmp_path, model="other-micro")
    served.commit = "f" * 40
    with pytest.raises(BadInput, match="in revision 0123456789ab"):
        hub.pull(served.repo, tmp_path, endpoint=served.address, revision="v2", model="other-micro")


# ── what others converted already ──
@pytest.fixture
def converted(served: Hub, tmp_path: Path) -> Hub:
    """A hub with a CTranslate2 folder as old converters made it, and GGML files."""
    made = convert(whisper.MODEL, tmp_path / "made", model="m", form="ctranslate2", precision="float16")
    ggml = convert(whisper.MODEL, tmp_path / "made", model="m", form="ggml", precision="f16")
    served.files = {p.name: p.read_bytes() for p in made.path.iterdir() if not p.name.startswith(".")}
    words = json.loads(served.files.pop("vocabulary.json"))
    served.files["vocabulary.txt"] = "\n".join(words).encode()
    served.files["ggml-base-q5_1.bin"] = ggml.path.read_bytes()
    served.repo = "Someone/faster-whisper-base"
    return served


def test_a_model_in_ctranslate2s_format_comes_as_it_is(converted: Hub, tmp_path: Path) -> None:
    found = _pull(converted, tmp_path / "models")
    assert found.name == "whisper-base/ctranslate2-float16"
    assert len(json.loads((found.path / "vocabulary.json").read_text("utf-8"))) == 51865
    assert _pull(converted, tmp_path / "models") == found
    assert converted.sent["model.bin"] == len(converted.files["model.bin"])


def test_a_ggml_file_is_taken_from_among_others(converted: Hub, tmp_path: Path) -> None:
    del converted.files["model.bin"]
    with pytest.raises(BadInput, match="several models") as failure:
        _pull(converted, tmp_path / "models")
    assert "--file" in failure.value.remedy
    with pytest.raises(NotFound, match="no file"):
        _pull(converted, tmp_path / "models", file="ggml-base.bin")
    found = _pull(converted, tmp_path / "models", file="ggml-base-q5_1.bin")
    assert found.name == "whisper-base/ggml-q5_1"
    assert found.path.name == "ggml-base-q5_1.bin"
    assert _pull(converted, tmp_path / "models", file="ggml-base-q5_1.bin") == found
    assert list(converted.sent) == ["ggml-base-q5_1.bin"]
    assert _left(tmp_path / "models") == [".ggml-base-q5_1.bin.earwitness.json", "ggml-base-q5_1.bin"]


def test_a_damaged_model_in_ctranslate2s_format_is_refused(converted: Hub, tmp_path: Path) -> None:
    converted.files["model.bin"] = converted.files["model.bin"][:100_000]
    with pytest.raises(BadInput, match="cut short"):
        _pull(converted, tmp_path / "models")
    assert _left(tmp_path / "models") == []


def test_a_full_disk_is_told_and_the_next_try_goes_on(
    served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "rename", full)
        with pytest.raises(StorageFailed, match="No space"):
            _pull(served, tmp_path)
    assert directory.scan(tmp_path) == ()
    before = served.sent[WEIGHTS]
    _pull(served, tmp_path)
    assert served.sent[WEIGHTS] == before


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
    assert size <= served.sent[WEIGHTS] < size + 3_000_000


def test_a_process_that_was_killed_is_gone_on_with(served: Hub, tmp_path: Path) -> None:
    size, served.holds = len(served.files[WEIGHTS]), threading.Event()
    command = [sys.executable, "-m", "earwitness", "models", "pull", served.repo]
    env = os.environ | {"EARWITNESS_MODELS": str(tmp_path), "HF_ENDPOINT": served.address}
    with subprocess.Popen(command, env=env) as process:
        deadline = time.monotonic() + 60
        while sum(p.stat().st_size for p in tmp_path.rglob(f"*/{WEIGHTS}")) < size // 2:
            assert time.monotonic() < deadline, "nothing comes"
            time.sleep(0.05)
        process.kill()
    served.holds.set()
    here = sum(p.stat().st_size for p in tmp_path.rglob(f"*/{WEIGHTS}"))
    served.sent.clear()
    assert _pull(served, tmp_path).path.is_dir()
    assert served.sent[WEIGHTS] == size - here


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
