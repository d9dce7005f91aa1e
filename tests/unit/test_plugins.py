"""Entry points become Specs, and what cannot be used keeps its reason."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from earwitness.engines import Spec
from earwitness.errors import Missing, NotFound
from earwitness.parts import PartSpec
from earwitness.plugins import ENGINES, PARTS, Found, Plugins

Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a made-up distribution with one engine: its name and the source of its module."""

    def do(name: str, source: str) -> None:
        module = f"stranger_{name}"
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{ENGINES}]\n{name} = {module}:spec\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    monkeypatch.syspath_prepend(str(tmp_path))
    return do


def _engines() -> dict[str, Found[Spec]]:
    engines: Plugins[Spec] = Plugins(ENGINES)
    return {found.name: found for found in engines}


def test_the_built_ins_are_found_like_anybody_elses() -> None:
    found = _engines()
    assert found["moonshine"].spec is not None
    assert found["moonshine"].why_not is None
    parts: Plugins[PartSpec[object]] = Plugins(PARTS)
    assert parts.get("silero").does == "vad"


def test_a_strangers_engine_is_found(install: Install) -> None:
    install("parrot", "class S:\n    name = 'parrot'\n    def missing(self): return None\nspec = S()\n")
    engines: Plugins[Spec] = Plugins(ENGINES)
    assert engines.get("parrot").name == "parrot"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_runtime\n", "ModuleNotFoundError: No module named 'no_such_runtime'"),
        ("raise RuntimeError('driver too old')\n", "RuntimeError: driver too old"),
        ("other = 1\n", "AttributeError"),
    ],
)
def test_a_broken_engine_keeps_its_reason_and_harms_no_other(install: Install, source: str, reason: str) -> None:
    install("broken", source)
    found = _engines()
    assert found["broken"].spec is None
    assert reason in (found["broken"].why_not or "")
    assert found["moonshine"].why_not is None
    engines: Plugins[Spec] = Plugins(ENGINES)
    with pytest.raises(Missing, match="broken can't be used here") as failure:
        engines.get("broken")
    assert reason in failure.value.message


def test_an_engine_that_lacks_something_is_found_with_its_reason(install: Install) -> None:
    install("bare", "class S:\n    name = 'bare'\n    def missing(self): return 'pip install feathers'\nspec = S()\n")
    assert _engines()["bare"].why_not == "pip install feathers"
    engines: Plugins[Spec] = Plugins(ENGINES)
    with pytest.raises(Missing, match="pip install feathers"):
        engines.get("bare")


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    engines: Plugins[Spec] = Plugins(ENGINES)
    with pytest.raises(NotFound, match="fake, mlx, moonshine"):
        engines.get("moonshin")
