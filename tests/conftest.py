"""Fixtures of all tests. The embedded model is used for real; nothing needs a network or a GPU."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from earwitness import config
from earwitness.kit import Kit
from earwitness.models.catalog import sample as find_sample
from support import postgres

KEPT = ("EARWITNESS_REFERENCE_DATA", "EARWITNESS_WHISPERCPP_SERVER", "EARWITNESS_WHISPERCPP_CLI")
"""What of the environment tests see: the reference recordings, and programs that are tried where they are there."""

ROOT = Path(__file__).resolve().parent.parent
REFERENCES = Path(os.environ.get("EARWITNESS_REFERENCE_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def sample() -> Path:
    """The sample conversation in the recogniser's package: 28 s, two voices."""
    return find_sample()


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> config.Settings:
    """Settings whose home is a folder of the test run."""
    return config.load(home=tmp_path_factory.mktemp("home"), log_level="error")


@pytest.fixture(scope="session")
def kit(settings: config.Settings) -> Iterator[Kit]:
    """A kit with the embedded model, shared by the run."""
    with Kit(settings) as found:
        yield found


@dataclass(frozen=True)
class Reference:
    """One reference recording: its file, its kind, and what is said in it."""

    path: Path
    kind: str
    text: str


class References:
    """The reference recordings beside the project."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def of(self, kind: str) -> list[Reference]:
        """All of one kind."""
        rows = [json.loads(line) for line in (self.root / "dev" / "manifest.jsonl").read_text().splitlines()]
        return [Reference(self.root / "dev" / r["file"], kind, r.get("text") or "") for r in rows if r["kind"] == kind]


@pytest.fixture(scope="session")
def references() -> References:
    """The reference recordings; tests that want them are skipped where they are absent."""
    if not (REFERENCES / "dev" / "manifest.jsonl").is_file():
        pytest.skip(f"no reference recordings at {REFERENCES}; set EARWITNESS_REFERENCE_DATA to where they are")
    return References(REFERENCES)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a server; without one the tests are skipped, but not where changes are checked."""
    found = postgres.programs()
    if found is None:
        assert not os.environ.get("CI"), "PostgreSQL must be there: apt install postgresql"
        pytest.skip("PostgreSQL is not installed: apt install postgresql")
    with postgres.running(found) as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    """Where an empty database lies: in a file, and on a server."""
    if request.param == "sqlite":
        yield tmp_path / "archive.db"
        return
    with postgres.empty(request.getfixturevalue("postgresql")) as address:
        yield address


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's own home folder, or is changed by its environment."""
    for name in list(os.environ):
        if name.startswith("EARWITNESS_") and name not in KEPT:
            monkeypatch.delenv(name)
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path_factory.getbasetemp() / "own-home"))
