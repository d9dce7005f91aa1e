"""Nobody is reported to: the runtimes that would do so by themselves are kept from it, and leave no traces of it."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ONNX = (
    "from earwitness.hardware import ort\n"
    "from earwitness.models import catalog\n"
    "ort.cpu_session(catalog.locate(catalog.default()).files['encoder'], what='the model')\n"
)
OPENVINO = "from earwitness.hardware import ov\nov.runtime().Core()\n"
TOLD = ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "CI", "TF_BUILD", "JENKINS_URL")
"""Variables that would hide what a runtime does by itself."""


@pytest.mark.parametrize(("package", "code"), [("onnxruntime", ONNX), ("openvino", OPENVINO)])
def test_a_runtime_leaves_no_traces_of_reports(tmp_path: Path, package: str, code: str) -> None:
    """ONNX Runtime from 1.29 on, and OpenVINO, keep a machine's number at home, and queues of reports."""
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    env = {name: value for name, value in os.environ.items() if name not in TOLD} | {"HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
    assert list(tmp_path.rglob("*")) == []
