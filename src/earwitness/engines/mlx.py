"""Whisper on MLX: Apple's graphics, where weights and sound lie in one memory.

The network is written here in MLX's own operations; mlx-whisper, whose model files this reads, wants torch and numba
installed and decodes one clip at a time. On Linux MLX computes on the processor, very slowly.
Source: mlx 0.20 and later; openai-whisper 20250625, `whisper/model.py`, for the network.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from earwitness.engines import Engine
from earwitness.engines.whisper import AGAIN, calls
from earwitness.engines.whisper.loop import LAST, Looped, Out, Step, Tokens
from earwitness.engines.whisper.vocabulary import Vocabulary
from earwitness.errors import EngineFailed, Missing
from earwitness.types import Device, Machine, ModelFiles

BATCH = 8
NORM = 1e-5


class Net:
    """The network over its weights, which go by OpenAI's names."""

    def __init__(self, weights: Mapping[str, Any], sizes: Mapping[str, int]) -> None:
        import mlx.core as mx

        self._mx, self._w, self._sizes = mx, dict(weights), sizes
        self.bands, self.places = sizes["n_mels"], sizes["n_audio_ctx"]
        self._kind = self._w["encoder.conv1.weight"].dtype
        heads = np.array(self._w["alignment_heads"]).tolist()
        self._following = {i: [h for layer, h in heads if layer == i] for i in range(sizes["n_text_layer"])}
        steps = np.exp(-np.log(10_000) / (sizes["n_audio_state"] // 2 - 1) * np.arange(sizes["n_audio_state"] // 2))
        angles = np.arange(self.places)[:, None] * steps
        self._places = mx.array(np.concatenate([np.sin(angles), np.cos(angles)], axis=1)).astype(self._kind)
        mx.eval(*self._w.values(), self._places)  # what is still to be computed can be so by this thread alone

    def hear(self, mels: NDArray[np.float32]) -> list[tuple[Any, Any]]:
        """The keys and values of the cross-attention, of each layer."""
        x = self._mx.array(mels.transpose(0, 2, 1)).astype(self._kind)
        for name, stride in (("conv1", 1), ("conv2", 2)):
            weight, bias = self._w[f"encoder.{name}.weight"], self._w[f"encoder.{name}.bias"]
            x = self._gelu(self._mx.conv1d(x, weight, stride=stride, padding=1) + bias)
        x = x + self._places
        for i in range(self._sizes["n_audio_layer"]):
            at, heads = f"encoder.blocks.{i}", self._sizes["n_audio_head"]
            normed = self._norm(x, f"{at}.attn_ln")
            kept = self._pair(normed, f"{at}.attn", heads)
            x = x + self._attended(normed, f"{at}.attn", heads, kept, None)[0]
            x = self._forward(x, at)
        x, heads = self._norm(x, "encoder.ln_post"), self._sizes["n_text_head"]
        return [self._pair(x, f"decoder.blocks.{i}.cross_attn", heads) for i in range(self._sizes["n_text_layer"])]

    def step(self, heard: Any, past: Any | None, tokens: Tokens, out: Out = LAST, *, attention: bool = False) -> Step:
        """One call of the decoder. See `Network.step`."""
        mx, heads = self._mx, self._sizes["n_text_head"]
        before, new = (past[0][0].shape[2] if past else 0), tokens.shape[1]
        places = self._w["decoder.positional_embedding"][before : before + new]
        x = self._w["decoder.token_embedding.weight"][mx.array(tokens)] + places
        later = np.arange(before + new) > np.arange(before, before + new)[:, None]
        mask = mx.array(np.where(later, -np.inf, 0).astype(np.float32)).astype(self._kind)
        now, following = [], []
        for i in range(self._sizes["n_text_layer"]):
            at = f"decoder.blocks.{i}"
            normed = self._norm(x, f"{at}.attn_ln")
            kept = self._pair(normed, f"{at}.attn", heads)
            if past:
                kept = tuple(mx.concatenate(both, axis=2) for both in zip(past[i], kept, strict=True))
            now.append(kept)
            x = x + self._attended(normed, f"{at}.attn", heads, kept, mask)[0]
            normed = self._norm(x, f"{at}.cross_attn_ln")
            found, weights = self._attended(normed, f"{at}.cross_attn", heads, heard[i], None)
            following += [weights[:, h] for h in self._following[i]] if attention else []
            x = self._forward(x + found, at)
        last = self._norm(x[:, mx.array(list(out))], "decoder.ln") @ self._w["decoder.token_embedding.weight"].T
        given = np.array(mx.stack(following, axis=1).astype(mx.float32)) if attention else None
        return Step(np.array(last.astype(mx.float32)), now, given)

    def only(self, heard: Any, past: Any, rows: list[int]) -> tuple[Any, Any]:
        """Both without the clips that are done."""
        index = self._mx.array(rows)
        return tuple([tuple(part[index] for part in pair) for pair in both] for both in (heard, past))  # type: ignore[return-value]

    def close(self) -> None:
        """Give the memory back."""
        self._w.clear()

    def _linear(self, x: Any, at: str) -> Any:
        made, bias = x @ self._w[f"{at}.weight"].T, self._w.get(f"{at}.bias")
        return made if bias is None else made + bias

    def _norm(self, x: Any, at: str) -> Any:
        return self._mx.fast.layer_norm(x, self._w[f"{at}.weight"], self._w[f"{at}.bias"], NORM)

    def _gelu(self, x: Any) -> Any:
        return x * (1 + self._mx.erf(x / 2**0.5)) / 2

    def _forward(self, x: Any, at: str) -> Any:
        return x + self._linear(self._gelu(self._linear(self._norm(x, f"{at}.mlp_ln"), f"{at}.mlp1")), f"{at}.mlp2")

    def _split(self, x: Any, heads: int) -> Any:
        return x.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3)

    def _pair(self, x: Any, at: str, heads: int) -> tuple[Any, ...]:
        return tuple(self._split(self._linear(x, f"{at}.{part}"), heads) for part in ("key", "value"))

    def _attended(self, x: Any, at: str, heads: int, kept: tuple[Any, ...], mask: Any) -> tuple[Any, Any]:
        """What attention finds, and its weights."""
        query, (key, value) = self._split(self._linear(x, f"{at}.query"), heads), kept
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(0, 1, 3, 2)
        weights = self._mx.softmax(scores if mask is None else scores + mask, axis=-1, precise=True)
        joined = (weights @ value).transpose(0, 2, 1, 3).reshape(*x.shape)
        return self._linear(joined, f"{at}.out"), weights


class _Spec:
    name = "mlx"
    formats = ("mlx",)
    libraries = ("mlx",)
    Options: type[BaseModel] = calls.Plain

    def missing(self) -> str | None:
        return calls.missing("mlx", "mlx", "tokenizers")

    def devices(self, machine: Machine) -> tuple[Device, ...]:
        cards = tuple(d for d in machine.devices if "metal" in d.apis)
        return cards or tuple(d for d in machine.devices if d.kind == "cpu" and machine.system.startswith("Linux"))

    def load(self, files: ModelFiles, device: Device, options: BaseModel) -> Engine:
        if why := self.missing():
            raise Missing(why)
        import mlx.core as mx

        folder: Path = files.files["folder"]
        try:
            told = calls.told(folder, "n_vocab")
            weights: Any = mx.load(str(folder / "weights.safetensors"))
            net = Net(weights, told.config)
        except Exception as error:
            raise EngineFailed(f"{files.name} does not load: {error}", remedy=AGAIN) from error
        words = Vocabulary(folder / "tokenizer.json", told.size)
        return Looped(net, words, told.suppressed, batch=BATCH, parallel=False)


spec = _Spec()
