"""Whisper on ONNX Runtime: what a card is given, tried on the processor, and cards that do not start."""

import shutil
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from earwitness.audio import features
from earwitness.engines.onnx import graphs, spec
from earwitness.engines.whisper import calls
from earwitness.engines.whisper.graphs import Graphs
from earwitness.engines.whisper.loop import Looped
from earwitness.engines.whisper.vocabulary import Vocabulary
from earwitness.errors import EngineFailed, Missing
from earwitness.hardware import ort
from earwitness.types import Ask, Audio, Clip, Device, Machine, ModelFiles
from support import subjects, whisper

CPU = Device("cpu", "a processor")
CARD = Device("gpu", "a card", vendor="nvidia", apis=("cuda",))
MAC = Device("gpu", "M9 GPU", vendor="apple", apis=("metal",))
NPU = Device("npu", "Intel NPU", vendor="intel", apis=("openvino",))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ModelFiles:
    """The small Whisper, float32."""
    return subjects.micro("onnx", tmp_path_factory.mktemp("onnx"))


def _graphs(folder: Path, *, card: bool) -> Graphs:
    sessions = [ort.cpu_session(folder / f"{part}.onnx", what="micro") for part in ("encoder", "decoder")]
    parts = [cast("ort.Session", ort.Bound(s, "cpu", 0)) if card else s for s in sessions]
    return graphs(*parts, together=card)


def _looped(folder: Path, *, card: bool) -> Looped:
    told = calls.told(folder)
    words = Vocabulary(folder / "tokenizer.json", told.size)
    return Looped(_graphs(folder, card=card), words, told.suppressed, batch=8, parallel=True)


def test_what_stays_on_the_card_gives_the_same_text_and_times(files: ModelFiles) -> None:
    clips = [Clip(Audio(r.samples), Ask(word_times=True)) for r in whisper.recordings()[:5]]
    here, card = (_looped(files.files["folder"], card=card).transcribe(clips) for card in (False, True))
    assert [[s.text for s in some] for some in card] == [[s.text for s in some] for some in here]
    assert [[s.words for s in some] for some in card] == [[s.words for s in some] for some in here]


def test_only_what_is_read_here_leaves_the_card(files: ModelFiles) -> None:
    net = _graphs(files.files["folder"], card=True)
    mels = np.stack([features.log_mel(r.samples) for r in whisper.recordings()[:2]])
    heard = net.hear(mels)
    assert all(isinstance(value, ort.Held) for value in heard.values())
    step = net.step(heard, None, np.array([[50_258], [50_258]], np.int64), attention=True)
    assert isinstance(step.logits, np.ndarray)
    assert step.attention is not None
    assert all(isinstance(value, ort.Held) for value in step.past.values())
    fewer, past = net.only(heard, step.past, [1])
    again = net.step(fewer, past, np.array([[50_259]], np.int64))
    assert again.logits.shape == (1, 1, 51_865)


def test_a_graph_of_another_kind_is_told_by_its_inputs(files: ModelFiles, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(files.files["folder"], tmp_path / "other"))
    shutil.copyfile(folder / "encoder.onnx", folder / "decoder.onnx")
    with pytest.raises(EngineFailed, match="other inputs, and no at and no cross_key_0") as told:
        spec.load(ModelFiles(files.name, files.format, {"folder": folder}), CPU, spec.Options())
    assert "--replace" in (told.value.remedy or "")


def test_devices_are_those_that_the_installed_runtime_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    machine = Machine("Linux", "p", 2, 0, (CPU, CARD, NPU, MAC))
    for provider, reached in {
        "CUDAExecutionProvider": [CARD, CPU],
        "OpenVINOExecutionProvider": [NPU, CPU],
        "CoreMLExecutionProvider": [MAC, CPU],
        "DmlExecutionProvider": [CARD, MAC, CPU],
        "AzureExecutionProvider": [CPU],
    }.items():
        here = [provider, ort.CPU]
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda here=here: here)
        assert list(spec.devices(machine)) == reached


def test_a_card_that_the_runtime_does_not_reach_or_start_is_an_error(
    files: ModelFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = files.files["folder"] / "encoder.onnx"
    with pytest.raises(Missing, match="does not reach a card"):
        ort.session(graph, CARD, what="micro")

    class Fallen:
        def get_providers(self) -> list[str]:
            return [ort.CPU]

    with pytest.raises(EngineFailed, match="TensorrtExecutionProvider"):
        ort.session(graph, CARD, what="micro", tensorrt=True)
    monkeypatch.setattr(ort, "_provider", lambda _: "CUDAExecutionProvider")
    monkeypatch.setattr(ort, "_opened", lambda *_: Fallen())
    with pytest.raises(EngineFailed, match="CUDAExecutionProvider does not start on a card"):
        ort.session(graph, CARD, what="micro")
