"""Whisper on ONNX Runtime: processors everywhere, and the cards its execution providers know.

Clips go through the decoder as a batch, through the encoder one by one: that is as fast on a processor, and its
attention over 30 s takes much memory. The graphs are those of `models/convert/onnx`; other exports of a Whisper have
other inputs and are refused by name.

Source: ONNX Runtime 1.20 and later.
"""

from pathlib import Path

from pydantic import BaseModel

from earwitness.engines import Engine
from earwitness.engines.whisper import AGAIN, calls
from earwitness.engines.whisper.graphs import Graphs, Shapes, other
from earwitness.engines.whisper.loop import Looped
from earwitness.engines.whisper.vocabulary import Vocabulary
from earwitness.errors import EngineFailed, Missing
from earwitness.hardware import ort
from earwitness.types import Device, Machine, ModelFiles

BATCH = 8


class Options(calls.Cores):
    """`cache` is a folder for what providers compile. `tensorrt` is for NVIDIA: minutes for each shape."""

    cache: Path | None = None
    tensorrt: bool = False


def graphs(encoder: ort.Session, decoder: ort.Session, *, together: bool = False) -> Graphs:
    """The network of two sessions, which hold no state, so all threads share them. Cards hear all clips `together`."""
    sessions = {"encoder": encoder, "decoder": decoder}
    _, bands, frames = encoder.get_inputs()[0].shape
    shapes = Shapes(
        int(bands),
        int(frames),
        tuple(o.name for o in encoder.get_outputs()),
        {i.name: (int(i.shape[1]), int(i.shape[3])) for i in decoder.get_inputs() if i.name.startswith("past_")},
    )
    return Graphs(
        lambda half, feed, wanted: sessions[half].run(list(wanted), dict(feed)),
        sessions.clear,
        shapes,
        together=together,
    )


class _Spec:
    name = "onnx"
    formats = ("onnx",)
    libraries = ("onnxruntime",)
    Options: type[BaseModel] = Options

    def missing(self) -> str | None:
        return ort.missing() or calls.missing("onnx", "tokenizers")

    def devices(self, machine: Machine) -> tuple[Device, ...]:
        return ort.devices(machine)

    def load(self, files: ModelFiles, device: Device, options: BaseModel) -> Engine:
        if why := self.missing():
            raise Missing(why)
        folder, chosen = files.files["folder"], options if isinstance(options, Options) else Options()
        try:
            told = calls.told(folder)
        except (OSError, ValueError, KeyError) as error:
            raise EngineFailed(f"{files.name} does not load: {error}", remedy=AGAIN) from error
        how = {"what": files.name, **chosen.model_dump(include={"threads", "cache", "tensorrt"})}
        parts = [ort.session(folder / f"{part}.onnx", device, **how) for part in ("encoder", "decoder")]
        if why := other(i.name for i in parts[1].get_inputs()):
            raise EngineFailed(f"{files.name} does not load: {why}", remedy=AGAIN)
        words = Vocabulary(folder / "tokenizer.json", told.size)
        return Looped(graphs(*parts, together=device.kind != "cpu"), words, told.suppressed, batch=BATCH, parallel=True)


spec = _Spec()
