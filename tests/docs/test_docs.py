"""The documentation says what the code does: its tables are compared, its links followed, its code blocks run."""

import difflib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import httpx
import pytest

from earwitness import batch, config, gathering
from earwitness.api.errors import STATUS, status_of
from earwitness.archive.likeness import TIERS
from earwitness.cli import app
from earwitness.cli.exits import EXITS, code_of
from earwitness.config import Settings
from earwitness.engines import Spec
from earwitness.errors import Busy, EarwitnessError
from earwitness.export import FORMATS
from earwitness.kit import Kit
from earwitness.plugins import ENGINES, Plugins
from earwitness.stages.recipe import Diarizing, Recipe
from support import sounds
from support.server import running

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
SETS_UP = re.compile(r"^(make|pip|earwitness serve)", re.MULTILINE)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def page(name: str) -> str:
    """The text of a page."""
    return (ROOT / name).read_text()


def rows(name: str) -> dict[str, list[str]]:
    """The rows of a page's tables by their first cell, without backticks."""
    found: dict[str, list[str]] = {}
    for line in page(name).splitlines():
        if line.startswith("| "):
            cells = [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]
            found[cells[0]] = cells[1:]
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    for target in LINK.findall(path.read_text()):
        assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_every_setting_is_documented_with_its_default() -> None:
    told = rows("docs/configuration.md")
    names = {f"EARWITNESS_{name.upper()}" for name in Settings.model_fields}
    assert {n for n in told if n.startswith("EARWITNESS_")} == names
    for name, field in Settings.model_fields.items():
        default = told[f"EARWITNESS_{name.upper()}"][0]
        if field.default is None or field.default == () or field.default_factory:
            assert default in {"none", "the user's data folder"}
        elif isinstance(field.default, bool):
            assert default == str(field.default).lower()
        elif isinstance(field.default, float):
            assert default == f"{field.default:g}", name
        else:
            assert default == (json.dumps(field.default) if isinstance(field.default, tuple) else str(field.default)), (
                name
            )


def leaves(kind: type[EarwitnessError]) -> Iterator[type[EarwitnessError]]:
    """All classes of the tree."""
    yield kind
    for child in kind.__subclasses__():
        yield from leaves(child)


def test_every_error_is_documented_with_its_status_and_exit_code() -> None:
    told = rows("docs/errors.md")
    kinds = [kind for kind in leaves(EarwitnessError) if kind.__module__ == "earwitness.errors"]
    assert {k.code for k in kinds} == set(told) - {"code", "---"}
    for kind in kinds:
        error = kind("x", retry_after_s=1) if issubclass(kind, Busy) else kind("x")
        status, code, meaning, again = told[kind.code]
        assert (int(status), int(code)) == (status_of(error), code_of(error)), kind
        assert again == ("yes" if kind.retry else "no")
        assert meaning
    assert set(STATUS) <= set(kinds)
    assert set(EXITS) <= set(kinds)


def test_every_exit_code_is_documented() -> None:
    told = {int(k) for k in rows("docs/cli.md") if k.isdigit()}
    assert told == {0, 2, *EXITS.values()} - {1}


def test_every_format_is_documented() -> None:
    told = rows("docs/formats.md")
    assert {k for k in told if k in FORMATS} == set(FORMATS)
    for name, form in FORMATS.items():
        assert told[name] == [f".{form.extension}", form.about.replace("`", "")]


def test_every_reason_to_hold_text_back_is_documented() -> None:
    assert set(gathering.REASONS) <= set(rows("docs/formats.md"))


def test_the_tiers_of_people_are_documented() -> None:
    told = rows("docs/people.md")
    assert told["auto"][0] == f"{TIERS.auto:.2f} or more, and the runner-up {TIERS.margin:.2f} behind"
    assert told["suggest"][0] == f"{TIERS.suggest:.2f} or more"
    assert f"from {TIERS.twice:.2f} on" in page("docs/people.md")


def test_every_engine_has_a_page() -> None:
    plugins: Plugins[Spec] = Plugins(ENGINES)
    for found in plugins:
        assert found.name == "fake" or (ROOT / "docs" / "engines" / f"{found.name}.md").is_file()


def test_every_command_is_documented() -> None:
    names = [c.name or "" for c in app.registered_commands] + [str(g.name) for g in app.registered_groups]
    told = page("docs/cli.md") + page("docs/api.md") + page("README.md")
    for name in names:
        assert f"earwitness {name}" in told


def test_every_metric_and_every_route_is_documented(settings: Settings) -> None:
    with running(settings) as address:
        metrics = httpx.get(f"{address}/metrics").text
        routes = httpx.get(f"{address}/openapi.json").json()["paths"]
    names = {line.split()[2] for line in metrics.splitlines() if line.startswith("# TYPE")}
    told = page("docs/operations.md")
    for name in names:
        assert name.removesuffix("_created") in told, name
    doors = page("docs/api.md")
    for route in routes:
        assert route in doors, route


def test_the_readme_shows_real_output(kit: Kit, sample: Path) -> None:
    shown = re.findall(r"^\d\d:\d\d  (S\d  .+)$", page("README.md"), re.MULTILINE)
    said = batch.run(sample, Recipe(diarizing=Diarizing()), kit).segments
    turns = [(who, " ".join(s.text for s in of_turn)) for who, of_turn in groupby(said, key=lambda s: s.speaker)]
    real = [f"{who}  {text}" for who, text in turns]
    alike = difflib.SequenceMatcher(None, " ".join(shown).split(), " ".join(real).split()).ratio()
    assert alike > 0.9  # a word may differ with what a clip was batched with


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    """A folder with the recordings that the pages speak of."""
    import numpy as np

    from earwitness.audio import decode

    folder = tmp_path_factory.mktemp("workshop")
    voice = decode.decode(sample, to_s=16.0).samples
    film = sounds.encoded(voice, "mp4", "aac")
    for name in ("talk.mp4", "meeting.mp4", "talks/first.mp4", "more/second.mp3"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(film)
    (folder / "manifest.jsonl").write_text('{"file": "talk.mp4", "text": "Do you hear me?"}\n')
    (folder / "call.wav").write_bytes(sounds.wav(np.stack([voice, voice], axis=1)))
    return folder


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server for the blocks that call one."""
    with running(config.load(home=tmp_path_factory.mktemp("served"), log_level="error")) as found:
        yield found


def blocks() -> list[tuple[str, str, str]]:
    """Page, language and text of every block that can be run."""
    found: list[tuple[str, str, str]] = []
    for path in PAGES:
        for language, text in BLOCK.findall(path.read_text()):
            runs = language == "python" or (language == "sh" and not SETS_UP.search(text))
            found += [(path.relative_to(ROOT).as_posix(), language, text)] if runs else []
    return found


@pytest.mark.parametrize(("name", "language", "text"), blocks(), ids=lambda v: v[:40].splitlines()[0])
def test_code_blocks_run(name: str, language: str, text: str, workshop: Path, address: str) -> None:
    text = text.replace("http://127.0.0.1:8000", address)
    command = [sys.executable, "-c", text] if language == "python" else ["bash", "-euo", "pipefail", "-c", text]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=workshop, capture_output=True, text=True, timeout=240, check=False, env=os.environ | {"PATH": path}
    )
    assert done.returncode == 0, done.stderr
    expected = "earwitness.transcript/1 true" if "import json" in text else "hear me"
    assert expected in done.stdout.lower()


def test_there_are_blocks_to_run() -> None:
    assert len(blocks()) >= 7
