"""`earwitness transcribe` as people use it: a process, its output, its files and its exit code."""

import contextlib
import fcntl
import hashlib
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import srt

from earwitness.archive.whole import Archive
from earwitness.export import full
from support import sounds, whisper

SAID = "do you hear me"


def earwitness(
    *words: str | Path, stdin: bytes | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "earwitness", *map(str, words)],
        input=stdin, capture_output=True, timeout=120, check=False, cwd=cwd,
    )  # fmt: skip
    found = subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in found.stderr
    return found


def test_text_goes_to_the_terminal(sample: Path) -> None:
    found = earwitness("transcribe", sample)
    assert found.returncode == 0
    assert SAID in found.stdout.lower()
    assert found.stderr == ""


def test_what_is_kept_is_what_is_written(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path / "home"))
    found = earwitness("transcribe", sample, "--to", "4", "-f", "json", "--keep", "-q")
    assert found.returncode == 0
    with closing(Archive(tmp_path / "home" / "archive.db", tmp_path / "home" / "archive")) as archive:
        (card,) = archive.recordings.page().recordings
        assert card.id in found.stderr
        assert (card.kind, card.sha256) == ("file", hashlib.sha256(sample.read_bytes()).hexdigest())
        assert full.dumps(archive.recordings.transcript(card.id)) == found.stdout


def test_every_format_into_a_folder(sample: Path, tmp_path: Path) -> None:
    formats = ("txt", "srt", "vtt", "json", "verbose_json", "tsv")
    found = earwitness("transcribe", sample, *(w for f in formats for w in ("-f", f)), "-o", tmp_path / "out")
    assert found.returncode == 0
    assert found.stdout == ""
    written = {p.name.removeprefix("endgame_nagg_nell."): p for p in (tmp_path / "out").iterdir()}
    assert set(written) == {"txt", "srt", "vtt", "json", "verbose.json", "tsv"}
    transcript = full.loads(written["json"].read_text())
    assert SAID in transcript.text.lower()
    assert len(list(srt.parse(written["srt"].read_text()))) > 5
    assert written["txt"].read_text().split() == transcript.text.split()
    assert json.loads(written["verbose.json"].read_text())["text"] == transcript.text


def test_one_format_to_the_terminal(sample: Path) -> None:
    found = earwitness("transcribe", sample, "-f", "srt", "--line-chars", "24", "--lines", "1", "-q")
    cues = list(srt.parse(found.stdout))
    assert max(len(c.content) for c in cues) <= 24
    assert found.stderr == ""


def test_a_range_of_a_recording(sample: Path) -> None:
    found = earwitness("transcribe", sample, "--from", "0:12", "--to", "15", "-f", "json")
    transcript = full.loads(found.stdout)
    assert transcript.segments
    assert all(12 <= s.start_s < s.end_s <= 15 for s in transcript.segments)
    assert "heartily" in transcript.text


def test_one_channel_of_a_stereo_file(sample: Path, tmp_path: Path) -> None:
    import numpy as np

    from earwitness.audio import decode

    voice = decode.decode(sample, to_s=4.0).samples
    stereo = tmp_path / "stereo.wav"
    stereo.write_bytes(sounds.wav(np.stack([np.zeros_like(voice), voice], axis=1)))
    assert earwitness("transcribe", stereo, "--channel", "1").stdout == ""
    assert SAID in earwitness("transcribe", stereo, "--channel", "2").stdout.lower()
    beyond = earwitness("transcribe", stereo, "--channel", "3")
    assert beyond.returncode == 3
    assert "channel" in beyond.stderr


def test_standard_input(sample: Path) -> None:
    found = earwitness("transcribe", "-", stdin=sample.read_bytes())
    assert SAID in found.stdout.lower()


def test_folders_and_patterns(sample: Path, tmp_path: Path) -> None:
    quiet = sounds.wav(sounds.silence(1))
    for name in ("in/a.wav", "in/deep/a.wav", "in/b.mp3", "in/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(quiet)
    found = earwitness("transcribe", "in", "-f", "json", "-o", "out", cwd=tmp_path)
    assert found.returncode == 0
    assert {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.json")} == {
        "a.json", "b.json", "deep/a.json",
    }  # fmt: skip
    starred = earwitness("transcribe", "in/*.wav", "-f", "json", cwd=tmp_path)
    assert full.loads(starred.stdout).segments == ()


def test_same_names_do_not_overwrite_each_other(tmp_path: Path) -> None:
    quiet = sounds.wav(sounds.silence(1))
    (tmp_path / "a.wav").write_bytes(quiet)
    (tmp_path / "a.mp3").write_bytes(quiet)
    assert earwitness("transcribe", "a.wav", "a.mp3", "-o", "out", cwd=tmp_path).returncode == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"a.wav.txt", "a.mp3.txt"}
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.wav").write_bytes(quiet)
    clash = earwitness("transcribe", "a.wav", "other/a.wav", "-o", "out", cwd=tmp_path)
    assert clash.returncode == 3
    assert "two transcripts" in clash.stderr


def test_one_bad_file_does_not_stop_the_others(sample: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_text("no sound at all")
    found = earwitness("transcribe", bad, sample, tmp_path / "gone.wav")
    assert found.returncode == 3
    assert SAID in found.stdout.lower()
    assert "not_audio" in found.stderr
    assert "gone.wav" in found.stderr


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["nowhere.wav"], 4, "not_found"),
        (["http://127.0.0.1:9/a.mp3"], 3, "address"),
        (["nothing*.wav"], 4, "nothing matches"),
        (["."], 4, "no recording in the folder"),
        (["a.wav", "-m", "whisper-9"], 4, "model_not_found"),
        (["a.wav", "-l", "de"], 5, "unsupported"),
        (["a.wav", "-l", "Deutsch!"], 3, "language"),
        (["a.wav", "-f", "docx"], 3, "docx"),
        (["a.wav", "-f", "srt", "-f", "vtt"], 3, "-o"),
        (["a.wav", "--from", "soon"], 2, "time"),
        (["a.wav", "--from", "9"], 3, "ends at"),
        (["a.wav", "--language-gate", "ajar"], 3, "language-gate"),
        (["a.wav", "--beams", "5"], 2, "--beams"),
        (["a.wav", "-o", "/dev/null/x"], 9, "storage_failed"),
        (["empty.wav"], 3, "empty_audio"),
        (["zero.wav"], 3, "empty_audio"),
    ],
)
def test_mistakes_are_explained(tmp_path: Path, words: list[str], code: int, told: str) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    names = [w for w in words if w in {"a.wav", "empty.wav", "zero.wav"}]
    for name in names:
        (folder / name).write_bytes(sounds.wav(sounds.silence(0 if name == "zero.wav" else 1)))
        if name == "empty.wav":
            (folder / name).write_bytes(b"")
    found = earwitness("transcribe", *words, cwd=folder)
    assert found.returncode == code, found.stderr
    assert told in found.stderr


def test_a_name_with_a_newline_stays_on_its_line(tmp_path: Path) -> None:
    odd = tmp_path / "two\nlines\x1b[31m.wav"
    odd.write_text("no sound")
    found = earwitness("transcribe", odd)
    assert found.returncode == 3
    assert "\x1b[31m" not in found.stderr
    assert r"two\nlines" in found.stderr


def test_a_full_disk(sample: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "earwitness", "transcribe", str(sample), "-f", "json", "-o", str(tmp_path)]
    found = subprocess.run(
        ["bash", "-c", 'ulimit -f 1; exec "$@"', "-", *command], capture_output=True, text=True, timeout=60, check=False
    )
    assert found.returncode == 9
    assert "storage_failed" in found.stderr
    assert list(tmp_path.iterdir()) == []


def test_interrupted_work_is_kept_and_says_so(sample: Path, tmp_path: Path) -> None:
    import wave

    long = tmp_path / "long.wav"
    with wave.open(str(sample)) as one, wave.open(str(long), "wb") as many:
        many.setparams(one.getparams())
        frames = one.readframes(one.getnframes())
        for _ in range(60):
            many.writeframes(frames)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "earwitness", "transcribe", str(long), "-f", "json", "-f", "srt", "-o", str(out)]

    def heed() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever runs the tests may have it ignored

    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed) as process:  # noqa: PLW1509
        time.sleep(12)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert "stopped" in told
    transcript = full.loads((out / "long.json").read_text())
    assert not transcript.complete
    assert transcript.segments
    assert transcript.segments[-1].end_s <= transcript.duration_s < 28 * 60
    assert SAID in transcript.text.lower()
    assert list(srt.parse((out / "long.srt").read_text()))


def test_a_reader_that_leaves_early_is_no_failure(sample: Path) -> None:
    command = f"{sys.executable} -m earwitness transcribe '{sample}' '{sample}' | head -n 1"
    found = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, timeout=60, check=False
    )
    assert SAID in found.stdout.lower()
    assert "Traceback" not in found.stderr
    assert "Exception" not in found.stderr


def test_foreign_or_backward_speech_is_refused(sample: Path, tmp_path: Path) -> None:
    from earwitness.audio import decode

    backwards = tmp_path / "backwards.wav"
    backwards.write_bytes(sounds.wav(decode.decode(sample.with_name("two_cities.wav"), to_s=15.0).samples[::-1]))
    found = earwitness("transcribe", backwards)
    assert found.returncode == 5
    assert "foreign_speech" in found.stderr
    assert "--language-gate off" in found.stderr
    believed = earwitness("transcribe", backwards, "--language-gate", "off")
    assert believed.returncode == 0
    assert believed.stdout


@pytest.mark.parametrize("folder", [".", "a folder whose name is long/" * 8])
def test_the_terminal_sees_a_progress_bar(sample: Path, tmp_path: Path, folder: str) -> None:
    recording = tmp_path / folder / sample.name
    recording.parent.mkdir(parents=True, exist_ok=True)
    recording.symlink_to(sample)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    command = [sys.executable, "-m", "earwitness", "transcribe", str(recording), "-f", "srt"]
    env = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}} | {"TERM": "xterm"}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs, env=env
    ) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # Linux says EIO when the last writer is gone
            while chunk := os.read(ours, 65536):
                shown += chunk
    os.close(ours)
    assert process.returncode == 0
    assert re.search(rb"endgame_nagg_nell.*of 00:28, \d+x, 00:\d\d left", shown)


def test_what_was_held_back_is_not_called_silence(tmp_path: Path) -> None:
    for name, samples in {"silence": sounds.silence(3), "short": whisper.exact()[0].samples}.items():
        (tmp_path / f"{name}.wav").write_bytes(sounds.wav(samples))
    silent, short = (earwitness("transcribe", tmp_path / f"{name}.wav") for name in ("silence", "short"))
    assert "no speech was found" in silent.stderr
    assert "left out" in short.stderr
    assert "no speech was found" not in short.stderr


def test_words_have_times_when_asked_for(sample: Path) -> None:
    found = earwitness("transcribe", sample, "-f", "json", "--words")
    assert found.returncode == 0
    transcript = full.loads(found.stdout)
    assert transcript.provenance.methods == {"words": "pocketsphinx"}
    assert all([w.text for w in s.words] == s.text.split() for s in transcript.segments)


def test_an_aligner_must_be_there_and_of_use(sample: Path) -> None:
    unknown = earwitness("transcribe", sample, "--words", "--aligner", "no-such")
    assert unknown.returncode == 3
    assert "there is no aligner 'no-such' here, only: auto, pocketsphinx" in unknown.stderr
    idle = earwitness("transcribe", sample, "--aligner", "pocketsphinx")
    assert idle.returncode == 3
    assert "--aligner goes with --words" in idle.stderr


KILLED = """
import os, signal, sys
from pathlib import Path
from earwitness import batch, config
from earwitness.kit import Kit
from earwitness.stages.recipe import Diarizing, Recipe
from earwitness.unfinished.checkpoint import Checkpoint

def die(now):
    if now.done_s > 60:
        os.kill(os.getpid(), signal.SIGKILL)

settings, source = config.load(), Path(sys.argv[1])
with Kit(settings) as kit, Checkpoint(settings.unfinished, source, every_s=0.0) as place:
    batch.run(source, Recipe(aligner="auto", diarizing=Diarizing()), kit, on_progress=die, checkpoint=place)
"""


def test_work_that_was_killed_goes_on_and_ends_as_if_it_had_not(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from earwitness.audio import decode

    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path / "home"))
    scene, unfinished = decode.decode(sample).samples, tmp_path / "home" / "unfinished"
    (tmp_path / "long.wav").write_bytes(sounds.wav(np.concatenate([scene] * 4)))
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "long.wav"], check=False, timeout=200)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(unfinished.iterdir())) == 1
    command = "transcribe", tmp_path / "long.wav", "--speakers", "-f", "json", "-o"
    after = earwitness(*command, tmp_path / "after")
    assert re.search("goes on at 00:(00:30|01:00) of an earlier run", after.stderr)
    assert list(unfinished.iterdir()) == []
    plain = earwitness(*command, tmp_path / "plain", "--fresh")
    assert "goes on" not in plain.stderr
    one, other = ((tmp_path / name / "long.json").read_text() for name in ("after", "plain"))
    assert full.loads(one) == full.loads(other)
    assert len(full.loads(one).speakers) == 2
