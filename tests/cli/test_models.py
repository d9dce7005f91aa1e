"""`earwitness models` as people use it, from a checkpoint to words."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from earwitness.models import directory
from support import whisper


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the small Whisper in two formats."""
    made = tmp_path_factory.mktemp("home")
    told = earwitness(made, "models", "import", whisper.MODEL, "--name", "whisper-micro")
    assert told.stdout.startswith("whisper-micro/base")
    assert "ctranslate2-int8" in earwitness(made, "models", "convert", "whisper-micro").stdout
    assert "ggml-q5_0" in earwitness(made, "models", "convert", "whisper-micro", "--to", "ggml").stdout
    return made


def earwitness(home: Path, *words: str | Path, fails: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "earwitness", *map(str, words)], capture_output=True, text=True, timeout=120,
        check=False, env=os.environ | {"EARWITNESS_HOME": str(home), "COLUMNS": "160"},
    )  # fmt: skip
    assert done.returncode == fails, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.parametrize("model", ["whisper-micro", "whisper-micro/ggml-q5_0"])
def test_a_converted_model_transcribes(home: Path, model: str) -> None:
    recordings = [whisper.RECORDINGS / r.name for r in whisper.exact()[:3]]
    found = earwitness(home, "transcribe", *recordings, "--model", model)
    for spoken in whisper.exact()[:3]:
        assert spoken.text in found.stdout


def test_the_list_shows_what_is_there_and_what_runs_it(home: Path) -> None:
    shown = earwitness(home, "models", "list").stdout
    assert "whisper-micro/ctranslate2-int8" in shown
    block = shown.partition("\nwhisper-micro/ggml-q5_0: ")[2].partition("\n\n")[0]
    assert "\n  whispercpp: the only one here" in block


def test_the_known_whispers_are_listed_with_what_is_here(home: Path) -> None:
    earwitness(home, "models", "convert", "whisper-micro", "--to", "ggml", "--name", "whisper-base")
    shown = earwitness(home, "models", "list", "--known").stdout.splitlines()
    line = next(line for line in shown if line.startswith("whisper-base "))
    assert "290 MB" in line
    assert line.rstrip().endswith("ggml-q5_0")
    told = json.loads(earwitness(home, "models", "list", "--known", "--json").stdout)
    assert next(k for k in told if k["name"] == "whisper-base")["here"] == ["whisper-base/ggml-q5_0"]
    earwitness(home, "models", "rm", "whisper-base")


def test_aliases_of_the_installation_are_listed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARWITNESS_ALIASES", '{"whisper-1": "whisper-micro", "lost": "whisper-tiny"}')
    shown = earwitness(home, "models", "list").stdout
    assert "whisper-micro, whisper-1" in shown
    assert "the alias lost leads to whisper-tiny, which is not here" in shown


def test_what_nobody_holds_is_freed(home: Path) -> None:
    assert earwitness(home, "models", "gc").stdout == "0.0 MB free\n"


def test_verifying_compares_with_the_checkpoint_and_keeps_the_report(home: Path) -> None:
    done = earwitness(home, "models", "verify", "--audio", whisper.RECORDINGS)
    assert "whisper-micro/base  ok" in done.stdout
    for name in ("ctranslate2-int8", "ggml-q5_0"):
        assert f"whisper-micro/{name}  ok  " in done.stdout
        assert "words compared with " in done.stdout
    told = json.loads(earwitness(home, "models", "list", "--json").stdout)
    state = next(m["verified"] for m in told if m["name"] == "whisper-micro/ctranslate2-int8")
    assert float(state.removesuffix(" % of words")) >= 95


@pytest.mark.parametrize(
    ("form", "precision", "norm", "told"),
    [
        ("ctranslate2", "float32", b"encoder/layer_norm/gamma\0\1\x80\0\0\0\0\0\2\0\0", "a bad conversion"),
        ("ggml", "f32", b"decoder.ln.weight", ""),  # whisper.cpp may give up the process
    ],
)
def test_a_bad_conversion_fails_the_command(home: Path, form: str, precision: str, norm: bytes, told: str) -> None:
    name = f"whisper-micro/{form}-{precision}"
    made = earwitness(home, "models", "convert", "whisper-micro", "--to", form, "--precision", precision)
    path = Path(made.stdout.split()[-1])
    weights = path / "model.bin" if path.is_dir() else path
    raw = bytearray(weights.read_bytes())
    at = raw.index(norm) + len(norm)
    raw[at : at + 512] = bytes(512)  # 128 values
    weights.unlink()
    weights.write_bytes(raw)
    directory.beside(path, "earwitness").unlink()
    done = earwitness(home, "models", "verify", name, "--audio", whisper.RECORDINGS, fails=8)
    assert f"{name}  FAILED" in done.stdout
    assert told in done.stderr
    assert "form" in earwitness(home, "models", "verify", name, "--quick").stdout
    earwitness(home, "models", "rm", name)


def test_a_bundle_carries_models_to_another_machine(home: Path, tmp_path: Path) -> None:
    packed = tmp_path / "models.tar"
    told = earwitness(home, "models", "export", "whisper-micro", "-o", packed).stdout
    assert "whisper-micro/ctranslate2-int8, whisper-micro/ggml-q5_0" in told
    there = tmp_path / "there"
    assert len(earwitness(there, "models", "import", packed).stdout.splitlines()) == 3
    assert earwitness(there, "models", "import", packed).stdout.count("is here already") == 3
    assert "FAILED" not in earwitness(there, "models", "verify", "--quick").stdout
    assert "own names" in earwitness(there, "models", "import", packed, "--name", "x", fails=3).stderr


def test_a_model_is_made_ready_for_a_kind_of_machine(home: Path) -> None:
    told = earwitness(home, "models", "optimize", "whisper-micro", "--target", "cpu").stdout
    assert told.count("is here already") == 2
    assert "targets are: cpu" in earwitness(home, "models", "optimize", "x", "--target", "tpu", fails=3).stderr


def test_a_path_leads_to_the_files(home: Path) -> None:
    assert Path(earwitness(home, "models", "path", "whisper-micro/ggml-q5_0").stdout.strip()).is_file()
    assert Path(earwitness(home, "models", "path").stdout.strip()) == home / "models"


def test_mistakes_are_told(home: Path) -> None:
    assert "--replace" in earwitness(home, "models", "convert", "whisper-micro", fails=3).stderr
    assert "no precision" in earwitness(home, "models", "convert", "whisper-micro", "--precision", "q9", fails=3).stderr
    assert "no format" in earwitness(home, "models", "convert", "whisper-micro", "--to", "exe", fails=3).stderr
    assert "config.json" in earwitness(home, "models", "convert", "nowhere", fails=4).stderr


def test_a_remote_model_is_listed_and_removed_like_the_others(home: Path) -> None:
    words = ("models", "remote", "office", "http://127.0.0.1:1/v1", "--model", "whisper-1", "--key-env", "OFFICE_KEY")
    made = earwitness(home, *words)
    assert made.stdout.startswith("office/remote  whisper-1 on http://127.0.0.1:1/v1")
    assert made.stderr == ""
    assert json.loads(Path(earwitness(home, "models", "path", "office").stdout.strip()).read_text()) == {
        "url": "http://127.0.0.1:1/v1", "model": "whisper-1", "key_env": "OFFICE_KEY",
    }  # fmt: skip
    shown = earwitness(home, "models", "list").stdout
    assert "\n  remote: the only one here" in shown.partition("\noffice/remote: ")[2].partition("\n\n")[0]
    assert "--replace" in earwitness(home, *words, fails=3).stderr
    assert (
        "OFFICE_KEY"
        in earwitness(home, "transcribe", whisper.RECORDINGS / "01_en_espeak.wav", "--model", "office", fails=8).stderr
    )
    assert "no format" in earwitness(home, "models", "convert", "whisper-micro", "--to", "remote", fails=3).stderr
    assert "no name" in earwitness(home, "models", "remote", "../office", "http://host/v1", fails=3).stderr
    earwitness(home, "models", "rm", "office")
    assert not (home / "models" / "remote").exists()


@pytest.mark.parametrize("url", ["http://me:hunter2@host/v1", "host:8000", "http://host/v1?key=hunter2"])
def test_an_address_that_is_none_or_holds_a_key_is_refused(home: Path, url: str) -> None:
    told = earwitness(home, "models", "remote", "office", url, fails=3).stderr
    assert "url:" in told
    assert "hunter2" not in told


def test_what_is_removed_is_gone(home: Path) -> None:
    earwitness(home, "models", "convert", "whisper-micro", "--to", "ggml", "--name", "whisper-other")
    assert "removed whisper-other/ggml-q5_0" in earwitness(home, "models", "rm", "whisper-other").stdout
    assert "no 'whisper-other'" in earwitness(home, "models", "rm", "whisper-other", fails=4).stderr
