"""Who speaks, at the command line: the options, the files, and the conversation on a terminal."""

import contextlib
import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from earwitness.cli import app, speaking, work
from earwitness.errors import BadInput, NotFound
from earwitness.types import Provenance, Segment, Speaker, Transcript
from support import sounds
from support.voices import hearer

LOW, HIGH = sounds.tone(1, 300, peak=0.9), sounds.tone(1, 1200, peak=0.9)
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a talk, a call and a clip, where the double tells speakers apart."""
    quiet = sounds.silence(2)
    silent = sounds.silence(1)
    both = np.stack([np.concatenate([LOW, silent, silent]), np.concatenate([silent, LOW, silent])], axis=1)
    (tmp_path / "my talk.wav").write_bytes(sounds.wav(np.concatenate([LOW, quiet, HIGH, quiet, LOW])))
    (tmp_path / "call.wav").write_bytes(sounds.wav(both))
    (tmp_path / "nell.wav").write_bytes(sounds.wav(np.tile(HIGH, 2)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(work, "Kit", hearer)
    return tmp_path


def transcribe(*words: str) -> Result:
    """Run the command; what it raises is raised."""
    return CliRunner().invoke(app, ["transcribe", *words, "-m", "fake"], catch_exceptions=False)


def speakers(found: Result) -> list[str]:
    """Who says each line of txt."""
    assert found.exit_code == 0, found.output
    return [line.partition(":")[0] for line in found.stdout.splitlines()]


@pytest.mark.parametrize(
    "wish", [["--speakers"], ["--num-speakers", "2"], ["--min-speakers", "1", "--max-speakers", "3"]]
)
def test_lines_have_their_speakers(folder: Path, wish: list[str]) -> None:
    assert speakers(transcribe("my talk.wav", *wish)) == ["S1", "S2", "S1"]


def test_without_a_wish_nobody_is_told_apart(folder: Path) -> None:
    assert ":" not in transcribe("my talk.wav").stdout


def test_a_known_speaker_goes_by_name(folder: Path) -> None:
    assert speakers(transcribe("my talk.wav", "--known", "Nell=nell.wav")) == ["S1", "Nell", "S1"]


def test_a_name_that_fits_nobody_is_noted(folder: Path) -> None:
    (folder / "hamm.wav").write_bytes(sounds.wav(sounds.tone(3, 2500, peak=0.9)))
    found = transcribe("my talk.wav", "--known", "Hamm=hamm.wav")
    assert speakers(found) == ["S1", "S2", "S1"]
    assert "Hamm" in found.stderr


def test_channels_are_speakers(folder: Path) -> None:
    assert speakers(transcribe("call.wav", "--by-channel")) == ["S1", "S2"]
    alone = transcribe("my talk.wav", "--by-channel")
    assert alone.exit_code == 3
    assert "one channel" in alone.stderr


def test_formats_of_speakers_ask_for_them_and_name_the_recording(folder: Path) -> None:
    assert transcribe("my talk.wav", "-f", "rttm", "-f", "diarized_json", "-f", "srt", "-o", "out").exit_code == 0
    rows = [line.split() for line in (folder / "out" / "my talk.rttm").read_text().splitlines()]
    assert [(r[1], r[7]) for r in rows] == [("my_talk", "S1"), ("my_talk", "S2"), ("my_talk", "S1")]
    told = json.loads((folder / "out" / "my talk.diarized.json").read_text())
    assert [s["speaker"] for s in told["segments"]] == ["A", "B", "A"]
    assert "S2: " in (folder / "out" / "my talk.srt").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--known", "Nell"], "NAME=FILE"),
        (["--known", "=nell.wav"], "NAME=FILE"),
        (["--known", "Nell=nell.wav", "--known", "Nell=nell.wav"], "twice"),
        (["--num-speakers", "2", "--max-speakers", "3"], "range"),
        (["--num-speakers", "1000"], "1000"),
        (["--known", "A=short.wav"], "0.5 s"),
        (["--known", "A=long.wav"], "over 60 s"),
        (["--known", "A=silent.wav"], "too little speech"),
        (["--known", "A=notes.txt"], "can't be heard"),
    ],
)
def test_mistakes_are_explained(folder: Path, words: list[str], told: str) -> None:
    (folder / "short.wav").write_bytes(sounds.wav(HIGH[:8000]))
    (folder / "long.wav").write_bytes(sounds.wav(np.tile(HIGH, 62)))
    (folder / "silent.wav").write_bytes(sounds.wav(sounds.silence(3)))
    (folder / "notes.txt").write_text("no sound at all")
    with pytest.raises(BadInput) as failure:
        transcribe("my talk.wav", *words)
    assert told in f"{failure.value.message} {failure.value.remedy}"


def test_a_clip_that_is_not_there(folder: Path) -> None:
    with pytest.raises(NotFound):
        transcribe("my talk.wav", "--known", "Nell=gone.wav")


# ── the conversation on a terminal ──
LONG = "If it is not butter and milk, then I can not tell you what it is, and neither can the cook."
SCENE = Transcript(
    segments=(
        Segment(0.0, 1.0, "Are you there?", speaker="S1"),
        Segment(1.0, 2.0, "I ask you.", speaker="S1"),
        Segment(65.0, 70.0, LONG, speaker="S2"),
        Segment(3700.0, 3701.0, "[bold]Hm[/].", speaker=None),
    ),
    duration_s=3800.0,
    language="en",
    task="transcribe",
    provenance=Provenance("0", "fake", "fake", "test", {}),
    speakers=(Speaker("S1", name="Nell"), Speaker("S2")),
)


def shown(found: Transcript, width: int = 60) -> str:
    """The view on a terminal of that width."""
    out = io.StringIO()
    speaking.show(found, Console(file=out, force_terminal=True, width=width, color_system="standard", soft_wrap=True))
    return out.getvalue()


def test_each_turn_has_its_time_its_name_and_wrapped_text() -> None:
    lines = [line.rstrip() for line in ESCAPES.sub("", shown(SCENE)).splitlines()]
    assert lines[0] == "00:00     Nell     Are you there? I ask you."
    assert lines[1].startswith("01:05     S2       If it is not butter")
    assert lines[2].startswith(" " * 19)
    assert lines[-1] == "01:01:40  Unknown  [bold]Hm[/]."
    assert all(len(line) <= 60 for line in lines)
    assert " ".join(lines).split().count("butter") == 1


def test_each_speaker_has_a_colour_and_none_where_colours_are_unwanted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.search(r"\x1b\[1;36mNell", shown(SCENE))
    assert re.search(r"\x1b\[1;35mS2", shown(SCENE))
    monkeypatch.setenv("NO_COLOR", "1")
    plain = shown(SCENE)
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", plain)
    assert "Nell" in plain


def test_a_long_name_leaves_room_for_the_words() -> None:
    long = replace(SCENE, speakers=(Speaker("S1", name="N" * 90), Speaker("S2")))
    assert all(len(line) <= 60 for line in ESCAPES.sub("", shown(long)).splitlines())
    assert "butter" in shown(long)


def test_nothing_said_shows_nothing_and_without_speakers_there_is_no_name() -> None:
    assert shown(replace(SCENE, segments=())) == ""
    alone = replace(SCENE, segments=(Segment(0.0, 1.0, "Hm."),), speakers=())
    assert "Unknown" not in shown(alone)


def test_the_terminal_shows_the_conversation(folder: Path) -> None:
    script = "from earwitness.cli import app, work; from support.voices import hearer; work.Kit = hearer; app()"
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 60, 0, 0))
    env = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
    env |= {"TERM": "xterm", "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", script, "transcribe", "my talk.wav", "--known", "Nell=nell.wav", "-m", "fake"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=env) as process:
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # Linux says EIO when the last writer is gone
            while chunk := os.read(ours, 65536):
                seen += chunk
    os.close(ours)
    assert process.returncode == 0
    lines = [line.rstrip() for line in ESCAPES.sub("", seen.decode()).splitlines()]
    turns = [line for line in lines if re.match(r"00:0\d +(S1|Nell)  ", line)]
    assert [line.split()[1] for line in turns] == ["S1", "Nell", "S1"]
    assert re.search(rb"\x1b\[1;3\dmNell", seen)
