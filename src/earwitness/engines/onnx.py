"""Whisper on ONNX Runtime: processors everywhere, and the cards its execution providers know.

Clips go through the decoder as a batch, through the encoder one by one: that is as fast on a processor, and its
attention over 30 s takes much memory. The graphs are those of `models/convert/onnx`; other exports of a Whisper have
other inputs and are refused by name.

Source: ONNX Runtime 1.20 and later.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from earwitness.engines import Engine
from earwitness.engines.whisper import AGAIN, calls
from earwitness.engines.whisper.loop import Looped, Step, Tokens
from earwitness.engines.whisper.vocabulary import Vocabulary
from earwitness.errors import EngineFailed, Missing
from earwitness.hardware import ort
from earwitness.types import Device, Machine, ModelFiles

BATCH = 8

Values = Mapping[str, NDArray[Any]]


class Options(calls.Cores):
    """`cache` is a folder for what providers compile. `tensorrt` is for NVIDIA: minutes for each shape."""

    cache: Path | None = None
    tensorrt: bool = False


class Graphs:
    """Encoder and decoder in their sessions; they hold no state, so all threads share them.

    Cards are given all clips `together`; what they compute stays there.
    """

    def __init__(self, encoder: ort.Session, decoder: ort.Session, *, together: bool = False) -> None:
        self._together = together
        self._sessions = {"encoder": encoder, "decoder": decoder}
        self._kept = [o.name for o in encoder.get_outputs()]
        self._given = [o.name for o in decoder.get_outputs() if o.name != "attention"]
        self.bands, frames = map(int, encoder.get_inputs()[0].shape[1:])
        self.places = frames // 2
        self._empty = {
            i.name: (int(i.shape[1]), int(i.shape[3])) for i in decoder.get_inputs() if i.name.startswith("past_")
        }

    def hear(self, mels: NDArray[np.float32]) -> Values:
        """The keys and values of the cross-attention."""
        if self._together:
            return dict(zip(self._kept, self._sessions["encoder"].run(self._kept, {"mels": mels}), strict=True))
        each = [self._sessions["encoder"].run(self._kept, {"mels": mel[None]}) for mel in mels]
        return {name: np.concatenate(parts) for name, parts in zip(self._kept, zip(*each, strict=True), strict=True)}

    def step(self, heard: Values, past: Values | None, tokens: Tokens, *, attention: bool = False) -> Step:
        """One call of the decoder. See `Network.step`."""
        if past is None:
            past = {n: np.zeros((len(tokens), h, 0, size), np.float32) for n, (h, size) in self._empty.items()}
        wanted = [*self._given, "attention"] if attention else self._given
        found = self._sessions["decoder"].run(wanted, {"tokens": tokens, **past, **heard})
        given = dict(zip(wanted, found, strict=True))
        kept = {name: given[name.replace("past", "present")] for name in self._empty}
        return Step(given["logits"], kept, given.get("attention"))

    def only(self, heard: Values, past: Values, rows: list[int]) -> tuple[Values, Values]:
        """Both without the clips that are done."""
        return {n: v[rows] for n, v in heard.items()}, {n: v[rows] for n, v in past.items()}

    def close(self) -> None:
        """Let go of the sessions."""
        self._sessions.clear()


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
        words = Vocabulary(folder / "tokenizer.json", told.size)
        return Looped(Graphs(*parts, together=device.kind != "cpu"), words, told.suppressed, batch=BATCH, parallel=True)


spec = _Spec()
