"""Moonshine straight on ONNX Runtime: the embedded English recogniser.

One session serves all threads; the graphs hold no state. Clips are decoded one by one: the decoder scales its 8-bit
sums by the largest value in the batch, so in a batch the words of one client would depend on who else is speaking.
Greedy decoding that begins to repeat itself is cut and marked `loop_cut`; one that reaches the model's limit of 6.5
tokens a second is marked `token_cap`. Gives no word times and takes no prompt.

Source: Jeffries et al., "Moonshine: Speech Recognition for Live Transcription and Voice Commands", 2024
(arXiv 2410.15608); graphs and tokenizer as the wheel moonshine-voice 0.0.73 carries them (MIT).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from earwitness.engines import Engine, honour
from earwitness.engines.greedy import Row, best, segments
from earwitness.errors import EngineFailed
from earwitness.hardware import ort
from earwitness.types import Can, Clip, Device, Machine, ModelFiles, Segment

START, END = 1, 2
TOKENS_A_SECOND = 6.5
SHORTEST = 1_600
SPACE = "\u2581".encode()
CAN = Can(
    languages=("en",),
    tasks=("transcribe", "translate"),
    logprobs=True,
    max_clip_s=30.0,
    parallel=True,
)  # everything it prints is English, so translating into English is the same work


class Moonshine:
    """The loaded model. `transcribe` may run in several threads at once."""

    can = CAN

    def __init__(self, encoder: ort.Session, decoder: ort.Session, vocabulary: Sequence[bytes]) -> None:
        self._encoder, self._decoder, self._vocabulary = encoder, decoder, vocabulary
        self._cache = {i.name: i.shape[1::2] for i in decoder.get_inputs() if i.name.startswith("past_key_values")}
        self._growing = {name: shape for name, shape in self._cache.items() if ".decoder." in name}.keys()

    def transcribe(self, clips: Sequence[Clip]) -> list[tuple[Segment, ...]]:
        """One segment a clip, spanning it; none where nothing was recognised. See `Engine.transcribe`."""
        return [self._one(clip) for clip in clips]

    def close(self) -> None:
        """Nothing to give back: the sessions go with the object."""

    def _one(self, clip: Clip) -> tuple[Segment, ...]:
        honour(clip.ask, CAN)
        try:
            row = self._decode(clip)
        except Exception as error:
            raise EngineFailed(f"moonshine failed on a clip of {clip.audio.duration_s:.1f} s: {error}") from error
        return segments(row, clip, [self._vocabulary[n] for n in row.ids], language="en")

    def _decode(self, clip: Clip) -> Row:
        sound = np.zeros((1, max(SHORTEST, len(clip.audio.samples))), np.float32)
        sound[0, : len(clip.audio.samples)] = clip.audio.samples
        mask = np.ones(sound.shape, np.int64)
        hidden = self._encoder.run(None, {"input_values": sound, "attention_mask": mask})[0]
        feed: dict[str, NDArray[Any]] = {"encoder_attention_mask": mask, "encoder_hidden_states": hidden}
        feed |= {n: np.zeros((1, int(h), 0, int(d)), np.float32) for n, (h, d) in self._cache.items()}
        feed["input_ids"] = np.full((1, 1), START, np.int64)
        row = Row(int(clip.audio.duration_s * TOKENS_A_SECOND) + 2, END)
        growing = self._cache.keys()  # the first step gives the encoder's half of the cache too
        while not row.done:
            feed["use_cache_branch"] = np.array([growing is self._growing])
            present = [name.replace("past_key_values", "present") for name in growing]
            logits, *cache = self._decoder.run(["logits", *present], feed)
            feed |= dict(zip(growing, cache, strict=True))
            tokens, logprobs = best(logits[:, -1])
            row.take(int(tokens[0]), float(logprobs[0]))
            feed["input_ids"], growing = tokens[:, None], self._growing
        return row


def read_vocabulary(path: Path) -> tuple[bytes, ...]:
    """Token bytes by id; specials and `<<ST_n>>` markers come out empty. Each has one or two length bytes before it."""
    raw, at, found = path.read_bytes(), 0, list[bytes]()
    while at < len(raw):
        size, at = raw[at], at + 1
        if size >= 128:
            size, at = raw[at] * 128 + size - 128, at + 1
        found.append(raw[at : at + size].replace(SPACE, b" "))
        at += size
    return tuple(b"" if i <= END or piece.startswith(b"<<ST") else piece for i, piece in enumerate(found))


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Spec:
    name = "moonshine"
    formats = ("moonshine",)
    libraries = ("onnxruntime",)
    Options: type[BaseModel] = _Options

    def missing(self) -> str | None:
        return ort.missing()

    def devices(self, machine: Machine) -> tuple[Device, ...]:
        return tuple(d for d in machine.devices if d.kind == "cpu")

    def load(self, files: ModelFiles, device: Device, options: BaseModel) -> Engine:
        encoder, decoder = (ort.cpu_session(files.files[r], what=files.name) for r in ("encoder", "decoder"))
        return Moonshine(encoder, decoder, read_vocabulary(files.files["tokenizer"]))


spec = _Spec()
