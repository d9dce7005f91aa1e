"""Moonshine tiny-en on ONNX Runtime: the embedded English recogniser, by the graphs of `engines/embedded`.

One session serves all threads; the graphs hold no state. Clips are decoded one by one: 8-bit products are scaled by the
largest number of their input, so in a batch the words of one client would depend on who else is speaking. Greedy
decoding that begins to repeat itself is cut and marked `loop_cut`; one that reaches the model's limit of 6.5 tokens a
second is marked `token_cap`. Gives no word times and takes no prompt.

Source: Jeffries et al., "Moonshine: Speech Recognition for Live Transcription and Voice Commands", 2024
(arXiv 2410.15608); weights and tokenizer as the wheel moonshine-voice 0.0.73 carries them (MIT).
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from earwitness.engines import Engine, honour
from earwitness.engines.embedded import graphs, weights
from earwitness.engines.greedy import Row, best, segments
from earwitness.errors import EngineFailed
from earwitness.hardware import ort, sketch
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

    def __init__(self, listening: ort.Session, saying: ort.Session, vocabulary: Sequence[bytes]) -> None:
        self._listening, self._saying, self._vocabulary = listening, saying, vocabulary

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
        heard = dict(zip(graphs.HEARD, self._listening.run(graphs.HEARD, {"sound": sound}), strict=True))
        past = dict.fromkeys(graphs.PAST, np.zeros((1, graphs.HEADS, 0, graphs.SIZE), np.float32))
        row, token = Row(int(clip.audio.duration_s * TOKENS_A_SECOND) + 2, END), np.full((1, 1), START, np.int64)
        while not row.done:
            feed = {"token": token, "place": np.array([len(row.ids)], np.int64), **heard, **past}
            logits, *grown = self._saying.run(["logits", *graphs.GROWN], feed)
            past = dict(zip(graphs.PAST, grown, strict=True))
            tokens, logprobs = best(logits[:, -1])
            row.take(int(tokens[0]), float(logprobs[0]))
            token = tokens[:, None]
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
        return ort.missing() or (None if find_spec("onnx") else "onnx is not installed: pip install onnx")

    def devices(self, machine: Machine) -> tuple[Device, ...]:
        return tuple(d for d in machine.devices if d.kind == "cpu")

    def load(self, files: ModelFiles, device: Device, options: BaseModel) -> Engine:
        encoder, decoder = weights.read(files.files, what=files.name)
        signed = sketch.multiplies_signed()
        listening, saying = (  # one after the other: each takes 50 MB while it is opened
            ort.cpu_session(written(encoder, decoder, signed=signed), what=files.name)
            for written in (graphs.listening, graphs.saying)
        )
        return Moonshine(listening, saying, read_vocabulary(files.files["tokenizer"]))


spec = _Spec()
