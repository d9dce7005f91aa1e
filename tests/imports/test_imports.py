"""What an import may cost: numpy alone, nothing probed, nothing heavy, nothing loaded for help."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import earwitness

HEAVY = (
    "av",
    "onnxruntime",
    "torch",
    "fastapi",
    "uvicorn",
    "pydantic",
    "typer",
    "rich",
    "moonshine_voice",
    "structlog",
    "sqlalchemy",
    "alembic",
)


def loaded_by(code: str) -> set[str]:
    """Top-level modules a fresh interpreter has after running the code."""
    script = f"{code}\nimport sys\nprint(' '.join({{m.partition('.')[0] for m in sys.modules}}))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(found.stdout.splitlines()[-1].split())


def test_the_package_needs_numpy_alone() -> None:
    loaded = loaded_by("import earwitness; earwitness.Transcript, earwitness.Segment, earwitness.Word")
    own = {m for m in loaded if m not in sys.stdlib_module_names and not m.startswith("_")}
    assert own <= {"earwitness", "numpy", "sitecustomize", "usercustomize", "distutils-precedence", "site"}
    assert "earwitness" in own


def test_help_loads_no_runtime() -> None:
    loaded = loaded_by("import earwitness.cli")
    assert not loaded & (set(HEAVY) - {"typer", "rich"})


@pytest.mark.parametrize("package", ["earwitness.engines", "earwitness.parts"])
def test_specs_import_no_runtime(package: str) -> None:
    modules = [m.name for m in pkgutil.iter_modules(importlib.import_module(package).__path__)]
    assert modules
    loaded = loaded_by("\n".join(f"import {package}.{name}" for name in modules))
    assert not loaded & (set(HEAVY) - {"pydantic", "typer"})


def test_public_names_are_there_and_no_others() -> None:
    for name in earwitness.__all__:
        assert getattr(earwitness, name) is not None
    with pytest.raises(AttributeError, match="nothing_like_it"):
        earwitness.nothing_like_it  # noqa: B018


def test_every_module_imports() -> None:
    for module in pkgutil.walk_packages(earwitness.__path__, "earwitness."):
        if module.name != "earwitness.__main__":
            importlib.import_module(module.name)


def test_a_missing_package_is_a_sentence_with_a_command() -> None:
    script = (
        "import sys\n"
        "sys.modules['onnxruntime'] = None\n"
        "import importlib.util as u\n"
        "real = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'onnxruntime' else real(name, *a)\n"
        "from earwitness.cli import main\n"
        "sys.argv = ['earwitness', 'demo']\n"
        "main()\n"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 6
    assert "pip install onnxruntime" in found.stderr
    assert "Traceback" not in found.stderr
