"""Whisper on PyTorch, straight from the checkpoint: NVIDIA and AMD cards, Apple's, and processors.

Needs no conversion and is the largest to install. On cards it computes in half precision, on processors in single. The
network is transformers'; the decoding loop is the one of all engines that only run networks.

Source: PyTorch 2, transformers 5, `WhisperForConditionalGeneration`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from earwitness.engines import Engine
from earwitness.engines.whisper import AGAIN, calls, follow
from earwitness.engines.whisper.loop import LAST, Looped, Out, Step, Tokens
from earwitness.engines.whisper.vocabulary import Vocabulary
from earwitness.errors import EngineFailed, Missing
from earwitness.types import Device, Machine, ModelFiles

BATCH_ON_CARDS, BATCH = 16, 8


class Options(calls.Plain):
    """`threads` is for processors; `precision` is float16 on cards and float32 on processors where none is told."""

    threads: int = 0
    precision: Literal["default", "float32", "float16", "bfloat16"] = "default"


class Net:
    """The checkpoint's network on its device."""

    def __init__(self, model: Any, device: str, heads: Sequence[tuple[int, int]]) -> None:
        import torch

        self._torch, self._model, self._device, self._heads = torch, model, device, heads
        self.bands, self.places = int(model.config.num_mel_bins), int(model.config.max_source_positions)

    def hear(self, mels: NDArray[np.float32]) -> Any:
        """The encoder's last layer; shape (clips, positions, width)."""
        with self._torch.inference_mode():
            sound = self._torch.from_numpy(mels).to(self._device, self._model.dtype)
            return self._model.model.encoder(sound).last_hidden_state

    def step(self, heard: Any, past: Any | None, tokens: Tokens, out: Out = LAST, *, attention: bool = False) -> Step:
        """One call of the decoder. See `Network.step`."""
        with self._torch.inference_mode(), self._weighing(attention):
            given = self._model.model.decoder(
                input_ids=self._torch.from_numpy(tokens).to(self._device),
                encoder_hidden_states=heard,
                past_key_values=past,
                use_cache=True,
                output_attentions=attention,
            )
            logits = self._model.proj_out(given.last_hidden_state[:, list(out)]).float().cpu().numpy()
            if not attention:
                return Step(logits, given.past_key_values)
            heads = [given.cross_attentions[layer][:, head] for layer, head in self._heads]
            return Step(logits, given.past_key_values, self._torch.stack(heads, 1).float().cpu().numpy())

    def only(self, heard: Any, past: Any, rows: list[int]) -> tuple[Any, Any]:
        """Both without the clips that are done."""
        index = self._torch.tensor(rows, device=self._device)
        past.batch_select_indices(index)
        return heard[index], past

    def close(self) -> None:
        """Give the memory back."""
        self._model = None
        if self._device.startswith("cuda"):
            self._torch.cuda.empty_cache()

    @contextmanager
    def _weighing(self, wanted: bool) -> Iterator[None]:
        """Only the plain attention gives its weights; the fused one is faster and does not."""
        if not wanted:
            yield
            return
        self._model.set_attn_implementation("eager")
        try:
            yield
        finally:
            self._model.set_attn_implementation("sdpa")


class _Spec:
    name = "torch"
    formats = ("base",)
    libraries = ("torch", "transformers")
    Options: type[BaseModel] = Options

    def missing(self) -> str | None:
        return calls.missing("torch", "torch", "transformers", "safetensors", "tokenizers")

    def devices(self, machine: Machine) -> tuple[Device, ...]:
        return tuple(d for d in machine.devices if {"cuda", "rocm", "metal"} & {*d.apis} or d.kind == "cpu")

    def load(self, files: ModelFiles, device: Device, options: BaseModel) -> Engine:
        if why := self.missing():
            raise Missing(why)
        import torch
        from transformers import WhisperForConditionalGeneration
        from transformers.utils import logging

        logging.disable_progress_bar()  # files that are here take no time worth a bar
        folder, chosen = files.files["folder"], options if isinstance(options, Options) else Options()
        where = "cpu" if device.kind == "cpu" else "mps" if "metal" in device.apis else f"cuda:{device.index}"
        kind = chosen.precision.replace("default", "float32" if where == "cpu" else "float16")
        if chosen.threads:
            torch.set_num_threads(chosen.threads)
        try:
            told = calls.told(folder)
            model: Any = WhisperForConditionalGeneration.from_pretrained(
                folder, dtype=getattr(torch, kind), attn_implementation="sdpa", use_safetensors=True,
                local_files_only=True, trust_remote_code=False,
            )  # fmt: skip
            model.eval().to(where)
        except Exception as error:
            raise EngineFailed(f"{files.name} does not load: {str(error).strip()[:300]}", remedy=AGAIN) from error
        net = Net(model, where, follow.heads(told.config, told.generation))
        words = Vocabulary(folder / "tokenizer.json", told.size)
        return Looped(net, words, told.suppressed, batch=BATCH if where == "cpu" else BATCH_ON_CARDS, parallel=False)


spec = _Spec()
