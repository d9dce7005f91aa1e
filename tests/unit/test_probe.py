"""What the probe finds, with control groups made of files, and sessions that can't be opened."""

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

from earwitness.errors import EngineFailed, Missing
from earwitness.hardware import ort, probe
from earwitness.models import catalog


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty control group on a machine that shows eight processors."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        (None, 8),
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("50000 100000", 1),
        ("1600000 100000", 8),
        ("nonsense", 8),
    ],
)
def test_cores_are_those_the_control_group_leaves(group: Path, quota: str | None, cores: int) -> None:
    if quota is not None:
        (group / "cpu.max").write_text(f"{quota}\n")
    assert probe.cores(group) == cores


def test_cores_without_affinity_are_those_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert probe.cores(tmp_path) == 6


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (None, 4096 * 1000),
        ("max", 4096 * 1000),
        ("1000000", 1_000_000),
        ("9999999999", 4096 * 1000),
        ("x", 4096 * 1000),
    ],
)
def test_memory_is_what_the_control_group_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str | None, expected: int
) -> None:
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}.__getitem__, raising=False)
    if limit is not None:
        (tmp_path / "memory.max").write_text(f"{limit}\n")
    assert probe.memory(tmp_path) == expected


def test_memory_that_cannot_be_found_out_is_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> int:
        raise ValueError(name)

    monkeypatch.setattr(os, "sysconf", fail, raising=False)
    assert probe.memory(tmp_path) == 0


def test_the_machine_has_a_processor_with_a_name() -> None:
    found = probe.machine()
    assert found.cores >= 1
    assert [d.kind for d in found.devices] == ["cpu"]
    assert found.devices[0].name == found.processor != ""


def test_a_missing_runtime_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ort.missing() is None
    real = importlib.util.find_spec
    monkeypatch.setattr(ort, "find_spec", lambda name: None if name == "onnxruntime" else real(name))
    assert "pip install onnxruntime" in (ort.missing() or "")
    with pytest.raises(Missing, match="onnxruntime is not installed"):
        ort.cpu_session(b"", what="the model")


def test_a_graph_that_does_not_load_is_named() -> None:
    with pytest.raises(EngineFailed, match="the model does not load"):
        ort.cpu_session(b"no graph", what="the model")


def test_a_session_has_one_thread_on_the_cpu() -> None:
    session: Any = ort.cpu_session(catalog.locate(catalog.default()).files["encoder"], what="the model")
    options = session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert session.get_providers() == ["CPUExecutionProvider"]
