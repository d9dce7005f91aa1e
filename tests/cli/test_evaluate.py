"""`earwitness evaluate`, run for real over small manifests."""

import io
import json
import os
import shutil
import threading
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from earwitness.cli import app, paths
from earwitness.cli import evaluate as command
from earwitness.cli.exits import code_of
from earwitness.errors import BadInput, EarwitnessError, Missing, NotFound, StorageFailed, UnknownModel
from earwitness.rollout import evaluate, scores
from earwitness.rollout.manifest import Row
from earwitness.rollout.scores import Wording
from support import sounds

TEXT = (
    "Do you hear me? Yes, do you hear me? Yes. We laugh less heartily, so we have still that resource. "
    "Laugh less heartily, so we have still that resource. No, not heartily, just less heartily. "
    "Ah, that's a good story. Ah, that's a good story."
)
"""What is said in the first 17 s of the sample; the rest is left to be added."""


@pytest.fixture
def manifest(tmp_path: Path, sample: Path) -> Path:
    """The sample recording and silence, and what is known of them."""
    shutil.copy(sample, tmp_path / "sample.wav")
    (tmp_path / "silence.wav").write_bytes(sounds.wav(sounds.silence(3)))
    (tmp_path / "sample.rttm").write_text("SPEAKER sample 1 0.5 20.0 <NA> <NA> Nagg <NA> <NA>\n")
    rows = [
        {"file": "sample.wav", "kind": "talk", "text": TEXT, "rttm": "sample.rttm", "words": [["story.", 15.0, 15.7]]},
        {"file": "silence.wav", "kind": "nothing", "text": ""},
    ]
    path = tmp_path / "manifest.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def run(*words: str | Path) -> Result:
    """Run the command; what it raises is raised."""
    return CliRunner().invoke(app, ["evaluate", *map(str, words)], catch_exceptions=False, env={"COLUMNS": "120"})


def test_tables_by_kind_and_over_all_and_the_numbers_as_json(manifest: Path, tmp_path: Path) -> None:
    done = run(manifest, "--json", tmp_path / "made" / "numbers.json")
    assert done.exit_code == 0, done.output
    for title in ("Words", "Speakers", "Times of words"):
        assert f"\n{title}" in f"\n{done.stdout}"
    for row in ("talk", "nothing", "all"):
        assert f"\n{row} " in done.stdout
    assert "2 recordings, 0 failed" in done.stdout
    told = json.loads((tmp_path / "made" / "numbers.json").read_text())
    assert told["complete"] is True
    assert list(told["kinds"]) == ["talk", "nothing"]
    words = told["all"]["wer"]
    assert words["reference"] == told["kinds"]["talk"]["wer"]["reference"] == len(TEXT.split()) + 2  # "that is" twice
    assert words["inserted"] >= 15
    assert words["deleted"] + words["substituted"] <= 6
    assert told["kinds"]["nothing"]["wer"] == Wording().as_json()
    assert told["all"]["words"]["found"] == 1
    assert told["all"]["der"]["recordings"] == 1
    assert [r["file"] for r in told["recordings"]] == ["sample.wav", "silence.wav"]


def test_only_what_is_asked_for(manifest: Path) -> None:
    done = run(manifest, "--kinds", "nothing", "--what", "wer,der", "--limit", "1", "-q")
    assert done.exit_code == 0, done.output
    assert "1 recordings, 0 failed" in done.stdout
    assert "Speakers" not in done.stdout
    assert "talk" not in done.stdout
    assert "\nall" not in done.stdout


def test_recordings_that_fail_are_named_and_decide_the_exit_code(manifest: Path, tmp_path: Path) -> None:
    (tmp_path / "silence.wav").write_bytes(b"this is no recording")
    with manifest.open("a") as file:
        file.write('\n{"file": "absent.wav", "kind": "nothing", "text": ""}\n{"file": "song.wav", "kind": "nothing"}')
    done = run(manifest, "--kinds", "nothing", "--json", tmp_path / "numbers.json")
    assert done.exit_code == code_of(BadInput("x")) == 3
    assert "silence.wav: " in done.stderr
    assert "(not_audio)" in done.stderr
    assert "absent.wav" in done.stderr
    assert "3 recordings, 2 failed, 0 refused as foreign speech, 1 without a reference for this" in done.stdout
    told = json.loads((tmp_path / "numbers.json").read_text())
    assert (told["all"]["failed"], told["all"]["recordings"]) == (2, 3)


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (["--what", "wer,bleu"], BadInput, "wer,der,cpwer,words"),
        (["--what", ","], BadInput, "wer,der,cpwer,words"),
        (["--kinds", "song"], BadInput, "talk, nothing"),
        (["--model", "none"], UnknownModel, "models list"),
        (["--diarizer", "none", "--what", "der"], BadInput, "doctor"),
    ],
)
def test_wrong_words(manifest: Path, words: list[str], error: type[EarwitnessError], says: str) -> None:
    with pytest.raises(error) as raised:
        run(manifest, *words)
    assert says in raised.value.remedy


def test_broken_manifests(manifest: Path, tmp_path: Path) -> None:
    manifest.write_text('{"file": "silence.wav", "text": ""}\n{"file": "sil')
    with pytest.raises(BadInput, match="line 2 of "):
        run(manifest)
    with pytest.raises(NotFound):
        run(tmp_path / "absent.jsonl")


def test_a_missing_package_is_named_before_any_work(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "NEEDS", {**scores.NEEDS, "der": ("no_such_package",)})
    monkeypatch.setattr(evaluate, "one", lambda *_: pytest.fail("it was run"))
    with pytest.raises(Missing, match="der needs no-such-package") as raised:
        run(manifest)
    assert "earwitness[evaluate]" in raised.value.remedy


def test_what_was_measured_before_an_interruption_is_shown(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(row: Row, *rest: object) -> evaluate.Scored:
        if row.kind == "nothing":
            raise KeyboardInterrupt
        return evaluate.Scored(row.file, row.kind, ("wer",), 1.0, 1.0, words=Wording(4, 1))

    monkeypatch.setattr(evaluate, "one", interrupted)
    done = run(manifest, "--json", tmp_path / "numbers.json")
    assert done.exit_code == 130
    assert "25.0" in done.stdout
    assert "stopped after 1 of 2 recordings" in done.stderr
    assert json.loads((tmp_path / "numbers.json").read_text())["complete"] is False


def test_numbers_that_are_not_there_are_dashes() -> None:
    console = Console(width=120, file=io.StringIO(), record=True)
    found = [evaluate.Scored("a", "[b]x\x1b[31m", ("wer",), words=Wording(invented=2), times=scores.Timing(3))]
    command.show(found, console)
    shown = console.export_text()
    assert "[b]x" in shown
    assert "\x1b" not in shown
    assert "–" in shown


def test_what_is_no_file_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe, came = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: came.append(pipe.read_text()))
    reader.start()
    paths.write(pipe, "numbers\n")
    reader.join(timeout=10)
    assert came == ["numbers\n"]
    assert pipe.is_fifo()


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="wants a file whose beginning can't be read")
def test_what_can_not_be_read_is_a_failure_and_the_rest_is_done(manifest: Path) -> None:
    files = ("/proc/self/mem", "x" * 5000, "\0", ".", "silence.wav")
    manifest.write_text("\n".join(json.dumps({"file": file, "text": ""}) for file in files))
    done = run(manifest)
    assert done.exit_code == code_of(StorageFailed("x"))
    assert "5 recordings, 4 failed" in done.stdout
