"""ONNX Runtime's sessions, and those that can't be opened."""

import importlib.util
from typing import Any

import pytest

from earwitness.errors import EngineFailed, Missing
from earwitness.hardware import ort
from earwitness.models import catalog


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
