"""`earwitness speakers` as people use it, with a diarizer that goes by colours."""

import json
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from earwitness import kit
from earwitness.archive.people import People
from earwitness.cli import app
from earwitness.errors import EarwitnessError
from support import sounds
from support.colours import KitOfColours, spoken


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two voices, which is also the home."""
    for name, reader, first, count in (("anna", "espeak", 1, 3), ("anna2", "espeak", 4, 2), ("bert", "flite", 6, 2)):
        (tmp_path / f"{name}.wav").write_bytes(spoken(reader, first, count))
    (tmp_path / "quiet.wav").write_bytes(sounds.wav(sounds.silence(4)))
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(kit, "Kit", KitOfColours)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*words: str) -> Result:
    """A call, whatever comes of it."""
    return CliRunner().invoke(app, ["speakers", *words], env={"COLUMNS": "200", "TERM": "dumb"})


def run(*words: str) -> str:
    """Output of a command that succeeds."""
    found = call(*words)
    assert found.exit_code == 0, (found.output, found.exception)
    return found.output


def refused(*words: str) -> EarwitnessError:
    """The error of a command that is refused."""
    found = call(*words).exception
    assert isinstance(found, EarwitnessError), found
    return found


def ident(name: str) -> str:
    """The id of a person."""
    found = json.loads(run("show", name, "--json"))["id"]
    assert isinstance(found, str)
    return found


def test_from_a_clip_to_a_name_and_back(home: Path) -> None:
    assert "Nobody is known yet" in run("list")
    assert json.loads(run("list", "--json")) == []
    assert not (home / "home").exists()
    assert "colours  anna.wav" in run("enrol", "Anna", "anna.wav")
    assert "colours  bert.wav" in run("enrol", "Bert", "bert.wav")
    listed = run("list")
    assert listed.index("Anna") < listed.index("Bert")
    assert run("identify", "anna2.wav").startswith(f"this is Anna  {ident('Anna')}\n")
    told = json.loads(run("identify", "anna2.wav", "--json"))
    assert (told["tier"], told["name"]) == ("auto", "Anna")
    old = ident("Anna")
    assert run("rename", "Anna", "Anne").startswith(f"Anne  {old}")
    assert "forgotten: Anne" in run("forget", "Anne", "--yes")
    assert run("identify", "anna2.wav").startswith("unknown\n")
    assert b"Anne" not in (home / "home" / "archive.db").read_bytes()


def test_clips_are_added_and_people_merged_and_split() -> None:
    run("enrol", "Anna", "anna.wav", "anna2.wav")
    run("enrol", "Bert", "bert.wav")
    bert = ident("Bert")
    (voice,) = json.loads(run("show", "Bert", "--json"))["voices"]
    told = run("merge", "Bert", "Anna")
    assert f"once {bert}" in told
    assert told.count("colours") == 3
    assert ident(bert) == ident("Anna")
    assert "bert.wav" in run("split", "Anna", voice["id"], "--name", "Bert")
    assert len(json.loads(run("enrol", "Bert", "bert.wav", "--add", "--json"))["voices"]) == 2


def test_the_same_name_needs_a_word() -> None:
    run("enrol", "Anna", "anna.wav")
    assert "--add" in refused("enrol", "Anna", "bert.wav").remedy
    assert "contradict" in refused("enrol", "Anna", "bert.wav", "--add", "--another").message
    run("enrol", "Anna", "bert.wav", "--another")
    assert "2 people are called" in refused("rename", "Anna", "Anne").message


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("enrol", "Anna", "quiet.wav"), "bad_input", "quiet.wav: nobody speaks"),
        (("enrol", "Anna", "anna.wav", "quiet.wav"), "bad_input", "quiet.wav: nobody speaks"),
        (("enrol", "Anna", "nowhere.wav"), "not_found", "nowhere.wav"),
        (("enrol", " ", "anna.wav"), "bad_input", "a name has"),
        (("enrol", "Zoe", "anna.wav", "--add"), "not_found", "nobody is known as 'Zoe'"),
        (("show", "Zoe"), "not_found", "nobody is known as 'Zoe'"),
        (("forget", "Zoe", "--yes"), "not_found", "nobody is known as 'Zoe'"),
        (("merge", "Zoe", "Anna"), "not_found", "nobody is known as 'Zoe'"),
    ],
)
def test_what_can_not_be_done_is_said_and_nothing_is_kept(words: tuple[str, ...], code: str, said: str) -> None:
    error = refused(*words)
    assert error.code == code
    assert said in error.message
    assert json.loads(run("list", "--json")) == []


def test_a_speaker_of_a_recording_becomes_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "makes no voiceprints" in refused("enrol", "Anna", "anna.wav", "--speaker", "S1").message
    monkeypatch.setattr(kit, "Kit", partial(KitOfColours, crowd=2))
    assert "colours  anna.wav, S1" in run("enrol", "Anna", "anna.wav", "--speaker", "S1", "--num-speakers", "2")
    run("enrol", "Bert", "anna.wav", "--speaker", "S2")
    assert run("identify", "anna.wav", "--speaker", "S2").startswith("this is Bert")
    assert "no speaker 'S3': there are S1, S2" in refused("enrol", "Carl", "anna.wav", "--speaker", "S3").message
    assert "goes with --speaker" in refused("enrol", "Carl", "anna.wav", "--num-speakers", "2").message
    assert "one recording" in refused("enrol", "Carl", "anna.wav", "bert.wav", "--speaker", "S2").message
    assert len(json.loads(run("list", "--json"))) == 2


def test_forgetting_asks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    run("enrol", "Anna", "anna.wav")
    assert "--yes" in refused("forget", "Anna").remedy
    assert len(json.loads(run("list", "--json"))) == 1


def test_bytes_that_another_program_holds_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    run("enrol", "Anna", "anna.wav")
    monkeypatch.setattr(People, "forget", lambda self, ident: False)
    assert "Another program was reading" in run("forget", "Anna", "--yes")
    assert json.loads(run("forget", "Anna", "--yes", "--json"))["erased"] is False
