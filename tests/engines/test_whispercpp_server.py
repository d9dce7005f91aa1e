"""The engine around a whisper-server program: its process with a stand-in, its words with a real one if one is set."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from earwitness import config
from earwitness.engines import Engine
from earwitness.engines.whispercpp_server import spec
from earwitness.engines.wire import local
from earwitness.errors import EngineFailed, Missing
from earwitness.hardware import probe
from earwitness.kit import Kit
from earwitness.types import Ask, Audio, Clip, ModelFiles
from support import whisper, whisper_server
from support.clips import late
from support.faults import until

SETTING = "EARWITNESS_WHISPERCPP_SERVER"
REAL = os.environ.get(SETTING)


@dataclass
class StandIn:
    """The stand-in program, and a model that it is started with."""

    program: Path
    files: ModelFiles
    held: ExitStack

    @property
    def folder(self) -> Path:
        """Where its model is, and what tells it how to behave."""
        return self.files.files["model"].parent

    @property
    def started(self) -> list[int]:
        """The processes that were started."""
        told = self.folder / "started"
        return [int(line) for line in told.read_text().split()] if told.exists() else []

    def tell(self, name: str, text: str = "") -> None:
        """Make it misbehave."""
        (self.folder / name).write_text(text)

    def load(self, **told: object) -> Engine:
        """The engine with it."""
        made = spec.load(self.files, probe.machine().devices[0], spec.Options(**told))
        self.held.callback(made.close)
        return made


@pytest.fixture
def stand_in(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """The stand-in, named by the setting, with a model of its own."""
    program = tmp_path / "whisper-server"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {whisper_server.__file__} "$@"\n')
    program.chmod(0o700)
    own = shutil.copy(model, tmp_path / "ggml-own.bin")
    monkeypatch.setenv(SETTING, str(program))
    with ExitStack() as held:
        yield StandIn(program, ModelFiles("own/ggml-f16", "ggml", {"model": Path(own)}), held)


def lives(process: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        told = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return told.rpartition(")")[2].split()[0] != "Z"


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")


# ── what it asks, and what comes of it ──
def test_tokens_are_spelt_by_the_models_own_vocabulary(stand_in: StandIn) -> None:
    ((segment,),) = stand_in.load().transcribe([late(Ask(word_times=True, prompt="Nell", hotwords=("Nagg",)))])
    assert (segment.text, segment.start_s, segment.end_s, segment.language) == ("Is Bob?", 10.2, 11.0, "es")
    assert [(w.text, w.start_s, w.end_s) for w in segment.words] == [("Is", 10.2, 10.5), ("Bob?", 10.5, 11.0)]
    assert segment.token_ids == (1119, 6085, 30)
    form = (stand_in.folder / "asked").read_bytes()
    for part in (b'name="language"\r\n\r\nauto', b"Nagg Nell", b'name="translate"\r\n\r\nfalse', b"RIFF"):
        assert part in form


def test_a_choice_of_languages_takes_the_likeliest_of_them(stand_in: StandIn) -> None:
    ((segment,),) = stand_in.load().transcribe([late(Ask(languages=("es", "de")))])
    assert segment.language == "es"
    assert b'name="language"\r\n\r\nes' in (stand_in.folder / "asked").read_bytes()


def test_a_translation_and_a_short_clip(stand_in: StandIn) -> None:
    ((segment,),) = stand_in.load().transcribe([late(Ask(language="de", task="translate"), seconds=0.1)])
    assert 10.0 <= segment.start_s <= segment.end_s <= 10.1
    form = (stand_in.folder / "asked").read_bytes()
    assert b'name="translate"\r\n\r\ntrue' in form
    assert len(form) > 2 * 16_000


@pytest.mark.parametrize(
    "text",
    [
        '"hello"',
        '{"text": "a", "segments": [{"text": "a", "start": 0, "end": 1, "tokens": [1119]}]}',
        '{"text": "a", "segments": [{"text": "a", "start": 0, "end": 1, "tokens": [-4], "words": []}]}',
    ],
)
def test_babble_is_an_engine_failure(stand_in: StandIn, text: str) -> None:
    engine = stand_in.load()
    stand_in.tell("babbles", text)
    with pytest.raises(EngineFailed):
        engine.transcribe([late()])
    assert len(stand_in.started) == 1


# ── its process ──
@needs_proc
def test_closing_ends_the_program(stand_in: StandIn) -> None:
    engine = stand_in.load()
    (process,) = stand_in.started
    assert lives(process)
    engine.close()
    engine.close()
    until(lambda: not lives(process))


def test_a_program_that_ends_over_a_clip_is_started_anew_once(stand_in: StandIn) -> None:
    engine = stand_in.load()
    stand_in.tell("dies-of-clips", "1")
    assert engine.transcribe([late()])[0]
    assert len(stand_in.started) == 2


def test_a_clip_it_always_ends_over_is_an_engine_failure_and_the_next_one_is_done(stand_in: StandIn) -> None:
    engine = stand_in.load()
    stand_in.tell("dies-of-clips", "2")
    with pytest.raises(EngineFailed, match="ended with code 11 over a clip of own/ggml-f16"):
        engine.transcribe([late()])
    assert engine.transcribe([late()])[0]


def test_a_program_that_could_not_be_started_anew_is_tried_again_with_the_next_clip(stand_in: StandIn) -> None:
    engine = stand_in.load()
    stand_in.tell("dies-of-clips", "1")
    stand_in.tell("dies-loading", "3")
    for _ in range(2):
        with pytest.raises(EngineFailed, match="while it loaded"):
            engine.transcribe([late()])
    (stand_in.folder / "dies-loading").unlink()
    assert engine.transcribe([late()])[0]


@needs_proc
def test_a_program_that_was_killed_between_clips_is_started_anew(stand_in: StandIn) -> None:
    engine = stand_in.load()
    os.kill(stand_in.started[0], signal.SIGKILL)
    until(lambda: not lives(stand_in.started[0]))
    assert engine.transcribe([late()])[0]
    assert len(stand_in.started) == 2


@pytest.mark.parametrize(("code", "times"), [(3, 1), (local.NO_PORT, local.PORTS)])
def test_a_program_that_ends_while_it_loads_is_told(stand_in: StandIn, code: int, times: int) -> None:
    stand_in.tell("dies-loading", str(code))
    with pytest.raises(EngineFailed, match="own/ggml-f16"):
        stand_in.load()
    assert len(stand_in.started) == times


@needs_proc
def test_a_program_that_never_gets_ready_is_ended(stand_in: StandIn) -> None:
    stand_in.tell("slow")
    with pytest.raises(EngineFailed, match="not ready"):
        local.Local("own", stand_in.program, ["--model", str(stand_in.files.files["model"])], load_s=1.0)
    until(lambda: not lives(stand_in.started[0]))


def test_a_program_that_is_none_is_told(stand_in: StandIn) -> None:
    stand_in.program.write_bytes(b"\x7fELF no program")
    with pytest.raises(EngineFailed, match="ended with code 126"):
        stand_in.load()


@needs_proc
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_program_ends_with_us_however_we_end(stand_in: StandIn, how: signal.Signals) -> None:
    code = (
        "import sys, time; from pathlib import Path; from earwitness.engines.wire.local import Local;"
        "made = Local('own', Path(sys.argv[1]), ['--model', sys.argv[2]]); print('up', flush=True); time.sleep(60)"
    )
    words = [sys.executable, "-c", code, str(stand_in.program), str(stand_in.files.files["model"])]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as ours:
        assert ours.stdout is not None
        assert ours.stdout.readline() == b"up\n"
        (process,) = stand_in.started
        ours.send_signal(how)
    until(lambda: not lives(process))


# ── the setting ──
def test_without_the_setting_it_is_missing_with_how_to_set_it(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(SETTING, raising=False)
    assert SETTING in (spec.missing() or "")
    with pytest.raises(Missing, match=SETTING):
        spec.load(stand_in.files, probe.machine().devices[0], spec.Options())
    monkeypatch.setenv(SETTING, str(tmp_path / "absent"))
    assert "no program" in (spec.missing() or "")
    monkeypatch.setenv(SETTING, str(stand_in.program))
    assert spec.missing() is None


def test_with_the_setting_ggml_models_run_in_it_and_the_engine_inside_is_next(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("EARWITNESS_WHISPERCPP_CLI", raising=False)
    settings = config.load(home=tmp_path / "home", log_level="error")
    (settings.models_folder / "ggml").mkdir(parents=True)
    shutil.copy(stand_in.files.files["model"], settings.models_folder / "ggml" / "ggml-micro.bin")
    with Kit(settings) as kit:
        assert [p.engine for p in kit.plans("whisper-micro")][:2] == ["whispercpp_server", "whispercpp"]
        with kit.lane("whisper-micro") as (_, lane), lane.seat() as seat:
            assert seat.submit(late()).result(30)[0].text == "Is Bob?"


# ── the real program ──
@pytest.mark.skipif(not REAL, reason=f"{SETTING} names no whisper-server program")
def test_a_real_program_gets_the_exact_clips_right(model: Path) -> None:
    files = ModelFiles("whisper-micro/ggml-f16", "ggml", {"model": model})
    engine = spec.load(files, probe.machine().devices[0], spec.Options())
    try:
        found = engine.transcribe([Clip(Audio(r.samples)) for r in whisper.exact()])
    finally:
        engine.close()
    assert [" ".join(s.text for s in segments) for segments in found] == [r.text for r in whisper.exact()]
    assert [segments[0].language for segments in found] == [r.language for r in whisper.exact()]


def test_the_program_for_single_recordings_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "whisper-cli"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    monkeypatch.setenv(SETTING, str(program))
    assert "EARWITNESS_WHISPERCPP_CLI" in (spec.missing() or "")
