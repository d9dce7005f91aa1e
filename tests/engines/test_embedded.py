"""The graphs of the embedded recogniser against those in its wheel, and files that are not the wheel's."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from earwitness.audio import decode
from earwitness.audio.decode import Report
from earwitness.engines.embedded import graphs, weights
from earwitness.engines.moonshine import END, SHORTEST, START, spec
from earwitness.errors import EngineFailed, NotFound
from earwitness.hardware import ort, packed, probe, sketch
from earwitness.models import catalog
from earwitness.types import Samples

MOST = 60
Floats = NDArray[np.float32]

exact = pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="other processors round differently")


@dataclass(frozen=True)
class Wheel:
    """The wheel's own graphs."""

    encoder: ort.Session
    decoder: ort.Session

    def logits(self, sound: Samples) -> Floats:
        """Of each token up to the end, greedily: shape (tokens, 32768)."""
        mask = np.ones((1, len(sound)), np.int64)
        hidden = self.encoder.run(None, {"input_values": sound[None], "attention_mask": mask})[0]
        shapes = {i.name: i.shape for i in self.decoder.get_inputs() if i.name.startswith("past_key_values")}
        feed: dict[str, NDArray[Any]] = {
            n: np.zeros((1, int(s[1]), 0, int(s[3])), np.float32) for n, s in shapes.items()
        }
        feed |= {"encoder_attention_mask": mask, "encoder_hidden_states": hidden}
        feed["input_ids"], found = np.full((1, 1), START, np.int64), list[Floats]()
        while not found or (found[-1].argmax() != END and len(found) < MOST):
            kept = [n for n in shapes if not found or ".decoder." in n]
            feed["use_cache_branch"] = np.array([bool(found)])
            names = [n.replace("past_key_values", "present") for n in kept]
            logits, *cache = self.decoder.run(["logits", *names], feed)
            feed |= dict(zip(kept, cache, strict=True))
            found.append(logits[0, 0])
            feed["input_ids"] = logits.argmax(axis=2)
        return np.array(found)


@dataclass(frozen=True)
class Ours:
    """Our graphs."""

    listening: ort.Session
    saying: ort.Session

    def logits(self, sound: Samples) -> Floats:
        """As the wheel's."""
        heard = dict(zip(graphs.HEARD, self.listening.run(graphs.HEARD, {"sound": sound[None]}), strict=True))
        past = dict.fromkeys(graphs.PAST, np.zeros((1, graphs.HEADS, 0, graphs.SIZE), np.float32))
        token, found = np.full((1, 1), START, np.int64), list[Floats]()
        while not found or (found[-1].argmax() != END and len(found) < MOST):
            feed = {"token": token, "place": np.array([len(found)], np.int64), **heard, **past}
            logits, *grown = self.saying.run(["logits", *graphs.GROWN], feed)
            past = dict(zip(graphs.PAST, grown, strict=True))
            found.append(logits[0, 0])
            token = logits.argmax(axis=2)
        return np.array(found)


@pytest.fixture(scope="module")
def wheel() -> Wheel:
    """The wheel's own graphs, opened."""
    return Wheel(*(ort.cpu_session(_files()[role], what=role) for role in ("encoder", "decoder")))


def _files() -> Mapping[str, Path]:
    return catalog.locate(catalog.default()).files


def _ours(*, signed: bool) -> Ours:
    encoder, decoder = weights.read(_files(), what="tiny")
    written = (graph(encoder, decoder, signed=signed) for graph in (graphs.listening, graphs.saying))
    return Ours(*(ort.cpu_session(graph, what="ours") for graph in written))


def _sounds(sample: Path) -> list[Samples]:
    read = [
        np.concatenate([a.samples for a in decode.stream(sample.parent / name, Report())])
        for name in ("beckett.wav", "two_cities.wav")
    ]
    noise = np.random.default_rng(1).normal(0, 0.1, SHORTEST).astype(np.float32)
    return [read[0], read[1][: 9 * 16_000 + 17], read[1][30_000:61_234], noise]


@exact
@pytest.mark.parametrize("signed", [False, True])
def test_the_graphs_give_the_numbers_of_the_wheels_own(wheel: Wheel, sample: Path, *, signed: bool) -> None:
    if signed and not sketch.multiplies_signed():
        pytest.skip("this processor does not multiply signed weights rightly")
    ours = _ours(signed=signed)
    for sound in _sounds(sample):
        np.testing.assert_array_equal(ours.logits(sound), wheel.logits(sound))


def test_they_say_the_same_words_of_clear_speech(wheel: Wheel, sample: Path) -> None:
    sound = _sounds(sample)[0]
    found = _ours(signed=sketch.multiplies_signed()).logits(sound)
    assert found.argmax(axis=1).tolist() == wheel.logits(sound).argmax(axis=1).tolist()
    assert len(found) > 15


@pytest.mark.parametrize(("found", "rightly"), [(255.0 * 255 * 32, True), (32_767.0 * 16, False)])
def test_a_processor_is_tried_before_it_gets_signed_weights(
    monkeypatch: pytest.MonkeyPatch, found: float, *, rightly: bool
) -> None:
    class Processor:
        def run(self, _: object, feed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
            assert (feed["x"] == 255).all()
            return [np.full((1, 32), found, np.float32)]

    monkeypatch.setattr(ort, "cpu_session", lambda *_, **__: Processor())
    assert sketch.multiplies_signed() == rightly


@pytest.mark.parametrize("role", ["encoder", "decoder"])
@pytest.mark.parametrize("damage", ["changed", "cut", "empty"])
def test_files_of_other_content_are_refused(tmp_path: Path, role: str, damage: str) -> None:
    whole = _files()[role].read_bytes()
    content = bytearray(whole)
    content[len(content) // 2] ^= 1
    path = tmp_path / f"{role}.ort"
    path.write_bytes({"changed": bytes(content), "cut": whole[:-9], "empty": b""}[damage])
    model = catalog.locate(catalog.default())
    with pytest.raises(EngineFailed, match=f"is not the {role} this version knows") as refused:
        spec.load(replace(model, files={**model.files, role: path}), probe.machine().devices[0], spec.Options())
    assert "pip install moonshine-voice" in refused.value.remedy


def test_a_file_that_is_not_there_or_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="the decoder of tiny is not at"):
        weights.read({**_files(), "decoder": tmp_path / "gone.ort"}, what="tiny")
    with pytest.raises(EngineFailed, match="the encoder of tiny can't be read"):
        weights.read({**_files(), "encoder": tmp_path}, what="tiny")


def test_a_graph_in_the_runtimes_own_format_is_read() -> None:
    graph = packed.graph(_files()["encoder"].read_bytes())
    kinds = [node.kind for node in packed.nodes(graph)]
    assert (kinds.count("Conv"), kinds.count("DynamicQuantizeMatMul")) == (2, 18)
    conv = next(node for node in packed.nodes(graph) if node.kind == "Conv")
    assert conv.told["strides"] == [3]
    assert conv.told["auto_pad"] == "NOTSET"
    held = packed.values(graph)
    assert held["conv2.bias"].shape == (576,)
    assert held[conv.takes[1]].dtype == np.float32
