"""Moonshine straight on ONNX Runtime: the embedded English recogniser, batched over clips.

One session serves all threads; the graphs hold no state. A batch is split into groups of like length, because padding
to the longest costs as much as sound. Greedy decoding that begins to repeat itself is cut and marked `loop_cut`; one
that reaches the model's limit of 6.5 tokens a second is marked `token_cap`. Gives no word times and takes no prompt.

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
BATCH = 6
SPACE = "\u2581".encode()
CAN = Can(
    languages=("en",),
    tasks=("transcribe", "translate"),
    logprobs=True,
    max_clip_s=30.0,
    batch=BATCH,
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
        for clip in clips:
            honour(clip.ask, CAN)
        order = sorted(range(len(clips)), key=lambda i: len(clips[i].audio.samples))
        found: list[tuple[Segment, ...]] = [()] * len(clips)
        for first in range(0, len(order), BATCH):
            group = order[first : first + BATCH]
            try:
                rows = self._decode([clips[i] for i in group])
            except Exception as error:
                raise EngineFailed(f"moonshine failed on a batch of {len(group)} clips: {error}") from error
            for i, row in zip(group, rows, strict=True):
                found[i] = segments(row, clips[i], [self._vocabulary[n] for n in row.ids], language="en")
        return found

    def close(self) -> None:
        """Nothing to give back: the sessions go with the object."""

    def _encode(self, clip: Clip) -> NDArray[np.float32]:
        """The encoder's frames, shape (1, frames, width). One clip at a time: padding would leak into its norms."""
        sound = np.zeros((1, max(SHORTEST, len(clip.audio.samples))), np.float32)
        sound[0, : len(clip.audio.samples)] = clip.audio.samples
        hidden: NDArray[np.float32] = self._encoder.run(
            None, {"input_values": sound, "attention_mask": np.ones(sound.shape, np.int64)}
        )[0]
        return hidden

    def _decode(self, clips: Sequence[Clip]) -> list[Row]:
        frames = [self._encode(clip) for clip in clips]
        lengths = [max(SHORTEST, len(clip.audio.samples)) for clip in clips]
        hidden = np.zeros((len(clips), max(f.shape[1] for f in frames), frames[0].shape[2]), np.float32)
        mask = np.zeros((len(clips), max(lengths)), np.int64)
        for i, (f, n) in enumerate(zip(frames, lengths, strict=True)):
            hidden[i, : f.shape[1]] = f[0]
            mask[i, :n] = 1
        feed: dict[str, NDArray[Any]] = {"encoder_attention_mask": mask, "encoder_hidden_states": hidden}
        feed |= {n: np.zeros((len(clips), int(h), 0, int(d)), np.float32) for n, (h, d) in self._cache.items()}
        feed["input_ids"] = np.full((len(clips), 1), START, np.int64)
        rows = [Row(int(clip.audio.duration_s * TOKENS_A_SECOND) + 2, END) for clip in clips]
        going, growing = rows, self._cache.keys()  # the first step gives the encoder's half of the cache too
        while going:
            feed["use_cache_branch"] = np.array([growing is self._growing])
            present = [name.replace("past_key_values", "present") for name in growing]
            logits, *cache = self._decoder.run(["logits", *present], feed)
            feed |= dict(zip(growing, cache, strict=True))
            tokens, logprobs = best(logits[:, -1])
            for row, token, logprob in zip(going, tokens, logprobs, strict=True):
                row.take(int(token), float(logprob))
            left = [i for i, row in enumerate(going) if not row.done]
            if len(left) < len(going):  # rows that have ended leave the batch
                going, tokens = [going[i] for i in left], tokens[left]
                for name in feed.keys() - {"use_cache_branch"}:  # one at a time: a copy of the cache is 80 MB
                    feed[name] = feed[name][left]
            feed["input_ids"], growing = tokens[:, None], self._growing
        return rows


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
