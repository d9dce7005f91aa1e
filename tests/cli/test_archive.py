"""`earwitness archive` as people use it."""

from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from earwitness.archive.viewer import HOUSE
from earwitness.archive.whole import Archive
from earwitness.cli import app
from earwitness.errors import BadInput, Missing, StorageFailed
from earwitness.parts import embed_minilm
from earwitness.types import Provenance, Segment, Transcript

SPOKEN = Transcript((Segment(0.0, 1.0, "Hello."),), 1.0, None, "transcribe", Provenance("0", "f", "f", "t", {}))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def earwitness(*words: str | Path) -> str:
    found = CliRunner().invoke(app, ["archive", *map(str, words)], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.output


def test_an_archive_is_copied_and_comes_back(home: Path, tmp_path: Path) -> None:
    with closing(Archive(home / "archive.db", home / "archive")) as archive:
        ident = archive.recordings.add(SPOKEN, viewer=HOUSE, title="", kind="file", began_s=0.0)
        assert "0 files" in earwitness("backup", tmp_path / "copy")
        archive.recordings.remove(ident)
    with pytest.raises(BadInput, match="there already"):
        earwitness("restore", tmp_path / "copy")
    assert "what was there is now" in earwitness("restore", tmp_path / "copy", "--force")
    assert earwitness("check").startswith("sound: ")
    with closing(Archive(home / "archive.db", home / "archive")) as archive:
        assert archive.recordings.transcript(ident) == SPOKEN


def test_a_damaged_one_is_told(home: Path) -> None:
    home.mkdir()
    (home / "archive.db").write_bytes(b"no database at all, but long enough for one" * 99)
    with pytest.raises(StorageFailed):
        earwitness("check")


def test_what_is_too_old_goes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Archive(home / "archive.db", home / "archive")) as archive:
        archive.recordings.add(SPOKEN, viewer=HOUSE, title="", kind="file", began_s=0.0)
    monkeypatch.setenv("EARWITNESS_KEEP_DAYS", '{"text": 1e-12}')
    monkeypatch.setattr("earwitness.archive.sweeping.UNDER_EDIT_S", -1.0)
    assert earwitness("tidy").startswith("1 recordings, 0 files")
    monkeypatch.setenv("EARWITNESS_KEEP_DAYS", '{"tapes": 1}')
    with pytest.raises(BadInput, match="tapes"):
        earwitness("tidy")


def test_what_is_meant_is_indexed_by_hand(home: Path) -> None:
    if why := embed_minilm.spec.missing():
        pytest.skip(why)
    with closing(Archive(home / "archive.db", home / "archive")) as archive:
        archive.recordings.add(SPOKEN, viewer=HOUSE, title="", kind="file", began_s=0.0)
    assert earwitness("index").strip() == "1 passages were made; there are 1"
    assert earwitness("index").strip() == "0 passages were made; there are 1"


def test_without_the_model_it_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed_minilm, "PACKAGE", "no_such_package")
    with pytest.raises(Missing, match="no_such_package"):
        earwitness("index")
