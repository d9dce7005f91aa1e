"""The engine around a whisper-cli program: its process with a stand-in, its words with a real one if one is set."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from earwitness import config
from earwitness.engines import Engine
from earwitness.engines.whisper import ggml
from earwitness.engines.whispercpp_cli import Called, spec
from earwitness.engines.wire import printed
from earwitness.errors import EngineFailed, Missing, Unsupported
from earwitness.hardware import probe
from earwitness.kit import Kit
from earwitness.types import Ask, Audio, Clip, ModelFiles
from support import whisper, whisper_cli
from support.clips import late
from support.faults import until

SETTING = "EARWITNESS_WHISPERCPP_CLI"
REAL = os.environ.get(SETTING)


@dataclass
class StandIn:
    """The stand-in program, a model for it, and where its temporary folders are."""

    program: Path
    files: ModelFiles
    scratch: Path

    @property
    def folder(self) -> Path:
        """Where its model is, and what tells it how to behave."""
        return self.files.files["model"].parent

    def tell(self, name: str, text: str = "") -> None:
        """Make it misbehave."""
        (self.folder / name).write_text(text)

    def load(self, **told: object) -> Engine:
        """The engine with it; what it was asked while it loaded is forgotten."""
        made = spec.load(self.files, probe.machine().devices[0], spec.Options(**told))
        (self.folder / "asked").unlink()
        return made

    @property
    def asked(self) -> str:
        """The words of all calls."""
        return (self.folder / "asked").read_text("utf-8")


@pytest.fixture
def stand_in(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The stand-in, named by the setting, with a model of its own."""
    program, scratch = tmp_path / "whisper-cli", tmp_path / "scratch"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {whisper_cli.__file__} "$@"\n')
    program.chmod(0o700)
    scratch.mkdir()
    own = shutil.copy(model, tmp_path / "ggml-own.bin")
    monkeypatch.setenv(SETTING, str(program))
    monkeypatch.delenv("EARWITNESS_WHISPERCPP_SERVER", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    return StandIn(program, ModelFiles("own/ggml-f16", "ggml", {"model": Path(own)}), scratch)


# ── what it is told, and what comes of it ──
def test_tokens_are_spelt_by_the_models_own_vocabulary(stand_in: StandIn) -> None:
    ((segment,),) = stand_in.load().transcribe([late(Ask(word_times=True, prompt="Nell\n-x", hotwords=("Nagg",)))])
    assert (segment.text, segment.start_s, segment.end_s, segment.language) == ("Is Bob?", 10.2, 11.0, "es")
    assert [(w.text, w.start_s, w.end_s) for w in segment.words] == [("Is", 10.2, 10.5), ("Bob?", 10.5, 11.0)]
    assert (segment.token_ids, segment.language_prob) == ((1119, 6085, 30), 0.75)
    assert "--language\nauto\n" in stand_in.asked
    assert "--prompt\nNagg Nell -x\n" in stand_in.asked
    assert list(stand_in.scratch.iterdir()) == []


def test_clips_of_like_asks_are_one_process(stand_in: StandIn) -> None:
    engine = stand_in.load(workers=2, threads=3, beam_size=4)
    german = Ask(language="de", task="translate")
    found = engine.transcribe([late(), late(german, seconds=0.1), late(), late(Ask(temperature=0.5))])
    assert [len(segments) for segments in found] == [1, 1, 1, 1]
    assert 10.0 <= found[1][0].start_s <= found[1][0].end_s <= 10.1
    calls = stand_in.asked.split("--model\n")[1:]
    assert [call.count(".wav") for call in calls] == [2, 1, 1]
    assert ["--translate\n" in call for call in calls] == [False, True, False]
    assert ["--beam-size\n4\n" in call for call in calls] == [True, True, False]
    assert all("--threads\n6\n" in call for call in calls)


def test_a_choice_of_languages_is_refused(stand_in: StandIn) -> None:
    engine = stand_in.load()
    with pytest.raises(Unsupported) as failure:
        engine.transcribe([late(Ask(languages=("es", "de"), optional=frozenset()))])
    assert failure.value.param == "languages"


def test_letters_that_take_several_tokens_are_spelt_out(model: Path, tmp_path: Path) -> None:
    tokens = ggml.tokens(ModelFiles("own", "ggml", {"model": model}), model)
    first, second = (tokens.spelling.index(raw) for raw in (b"\xe2\x82", b"\xac"))
    told = json.loads(whisper_cli.SAID)
    told["transcription"][0]["tokens"] = [{"text": "\u20ac", "id": first, "p": 0.5}]
    path = tmp_path / "0.wav.json"
    path.write_text(json.dumps(told, ensure_ascii=False), "utf-8")
    steps = printed.Spelt(tokens).steps(printed.read(path, "it"))
    assert [token for token, *_ in steps if token < tokens.first_stamp] == [first, second]
    path.write_bytes(path.read_bytes().replace("\u20ac".encode(), b"\xe2\x82"))  # the letter is cut off at the end
    steps = printed.Spelt(tokens).steps(printed.read(path, "it"))
    assert [token for token, *_ in steps if token < tokens.first_stamp] == [first]


@pytest.mark.parametrize(
    "text",
    [
        "",
        whisper_cli.SAID[:300],
        '"hello"',
        whisper_cli.SAID.replace("1119", "-4"),
        whisper_cli.SAID.replace("0.99", "NaN"),
    ],
)
def test_babble_is_an_engine_failure(stand_in: StandIn, text: str) -> None:
    engine = stand_in.load()
    stand_in.tell("babbles", text)
    with pytest.raises(EngineFailed, match="makes no sense"):
        engine.transcribe([late()])
    assert list(stand_in.scratch.iterdir()) == []


# ── its process ──
def test_a_program_that_fails_is_told_with_what_it_said(stand_in: StandIn) -> None:
    engine = stand_in.load()
    stand_in.tell("dies", "3")
    with pytest.raises(EngineFailed, match="code 3 over own/ggml-f16: error: failed to initialize"):
        engine.transcribe([late()])
    with pytest.raises(EngineFailed, match="code 3"):
        stand_in.load()
    (stand_in.folder / "dies").unlink()
    assert engine.transcribe([late()])[0]


def test_a_program_that_says_nothing_is_told(stand_in: StandIn) -> None:
    engine = stand_in.load()
    stand_in.tell("says-nothing")
    with pytest.raises(EngineFailed, match="gave no answer"):
        engine.transcribe([late()])


def test_a_program_that_hangs_is_ended(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = stand_in.load()
    stand_in.tell("slow")
    monkeypatch.setattr("earwitness.engines.whispercpp_cli.MOST_S", 1.0)
    with pytest.raises(EngineFailed, match="not done"):
        engine.transcribe([late()])
    assert list(stand_in.scratch.iterdir()) == []


def test_a_program_that_is_none_is_told(stand_in: StandIn) -> None:
    stand_in.program.write_bytes(b"\x7fELF no program")
    with pytest.raises(EngineFailed, match="ended with code 126"):
        stand_in.load()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_a_kill_ends_the_program_and_removes_the_sound(stand_in: StandIn) -> None:
    stand_in.tell("slow")
    code = (
        "import sys, tempfile; from pathlib import Path; from earwitness.engines.whispercpp_cli import spec;"
        "from earwitness.hardware import probe; from earwitness.types import ModelFiles;"
        "tempfile.tempdir = sys.argv[2]; files = ModelFiles('own', 'ggml', {'model': Path(sys.argv[1])});"
        "spec.load(files, probe.machine().devices[0], spec.Options())"
    )
    words = [sys.executable, "-c", code, str(stand_in.files.files["model"]), str(stand_in.scratch)]
    with subprocess.Popen(words) as ours:
        until((stand_in.folder / "asked").exists)
        assert len(list(stand_in.scratch.iterdir())) == 1
        ours.send_signal(signal.SIGKILL)
    process = int((stand_in.folder / "started").read_text())
    until(lambda: not list(stand_in.scratch.iterdir()))
    until(lambda: not Path(f"/proc/{process}").exists())


# ── the setting ──
def test_without_the_setting_it_is_missing_with_how_to_set_it(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert spec.missing() is None
    monkeypatch.setenv(SETTING, str(tmp_path / "absent"))
    assert "no program" in (spec.missing() or "")
    server = tmp_path / "whisper-server"
    shutil.copy(stand_in.program, server)
    monkeypatch.setenv(SETTING, str(server))
    assert "EARWITNESS_WHISPERCPP_SERVER" in (spec.missing() or "")
    monkeypatch.delenv(SETTING)
    assert SETTING in (spec.missing() or "")
    with pytest.raises(Missing, match=SETTING):
        spec.load(stand_in.files, probe.machine().devices[0], spec.Options())


def test_where_it_can_not_run_the_engine_inside_does_the_work_and_says_so(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.tell("dies", "3")
    settings = config.load(home=tmp_path / "home", log_level="error")
    (settings.models_folder / "ggml").mkdir(parents=True)
    (stand_in.folder / "dies").rename(settings.models_folder / "ggml" / "dies")
    shutil.copy(stand_in.files.files["model"], settings.models_folder / "ggml" / "ggml-micro.bin")
    with Kit(settings) as kit:
        assert [p.engine for p in kit.plans("whisper-micro")][:2] == ["whispercpp_cli", "whispercpp"]
        with kit.lane("whisper-micro") as (plan, _):
            assert plan.engine == "whispercpp"
            assert "whispercpp_cli could not be loaded" in plan.fell_from[0]


# ── the real program ──
@pytest.mark.skipif(not REAL, reason=f"{SETTING} names no whisper-cli program")
def test_a_real_program_gets_the_exact_clips_right(model: Path) -> None:
    files = ModelFiles("whisper-micro/ggml-f16", "ggml", {"model": model})
    engine = spec.load(files, probe.machine().devices[0], spec.Options())
    assert isinstance(engine, Called)
    found = engine.transcribe([Clip(Audio(r.samples)) for r in whisper.exact()])
    assert [" ".join(s.text for s in segments) for segments in found] == [r.text for r in whisper.exact()]
    assert [segments[0].language for segments in found] == [r.language for r in whisper.exact()]
    assert all(0 < (segments[0].language_prob or 0) <= 1 for segments in found)
