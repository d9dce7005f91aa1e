"""Writes what whisper.cpp reads: one file with sizes, mel filters, vocabulary and weights (f16, q8_0 or q5_0).

Source: whisper.cpp 1.8, models/convert-h5-to-ggml.py and whisper_model_load for the file; ggml-quants.c for the blocks
of 32 weights. Matrices are quantised; convolutions stay f16, and biases, norms and positions f32, as its own tool does.
"""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from earwitness.audio import features
from earwitness.engines.whisper.ggml import MAGIC
from earwitness.engines.whisper.vocabulary import MULTILINGUAL, bytes_of
from earwitness.models.convert import openai
from earwitness.models.convert.checkpoint import Checkpoint, Tensor

QUANTISED = 2000
"""Version 2 of the quantised blocks, times 1000, is added to the number of the file's type."""

FILE_TYPES = {"f32": 0, "f16": 1, "q8_0": QUANTISED + 7, "q5_0": QUANTISED + 8}
F32, F16, Q5_0, Q8_0 = 0, 1, 6, 8
BLOCK = 32
ALWAYS_F32 = (
    "encoder.conv1.bias",
    "encoder.conv2.bias",
    "encoder.positional_embedding",
    "decoder.positional_embedding",
)


def write(checkpoint: Checkpoint, path: Path, precision: str = "f16") -> None:
    """Convert into the file `path`."""
    told = checkpoint.config
    with path.open("wb") as file:
        sizes = (
            told["vocab_size"],
            told["max_source_positions"],
            told["d_model"],
            told["encoder_attention_heads"],
            told["encoder_layers"],
            told["max_target_positions"],
            told["d_model"],
            told["decoder_attention_heads"],
            told["decoder_layers"],
            told["num_mel_bins"],
            FILE_TYPES[precision],
        )
        file.write(struct.pack("<12i", MAGIC, *sizes))
        bank = features.bank(told["num_mel_bins"])
        file.write(struct.pack("<2i", *bank.shape))
        file.write(bank.astype("<f4").tobytes())
        count = 50_257 if told["vocab_size"] >= MULTILINGUAL else 50_256
        file.write(struct.pack("<i", count))
        for token in checkpoint.tokens[:count]:  # whisper.cpp adds the special ones by itself
            raw = bytes_of(token)
            file.write(struct.pack("<i", len(raw)) + raw)
        for name, tensor in openai.weights(checkpoint):
            _tensor(file, name, tensor, precision)


def _tensor(file: BinaryIO, name: str, tensor: Tensor, precision: str) -> None:
    if name in ("encoder.conv1.bias", "encoder.conv2.bias"):
        tensor = tensor[:, None]
    kind, raw = _stored(name, tensor, precision)
    spelt = name.encode()
    file.write(struct.pack("<3i", tensor.ndim, len(spelt), kind))
    file.write(struct.pack(f"<{tensor.ndim}i", *reversed(tensor.shape)) + spelt)
    file.write(raw)


def _stored(name: str, tensor: Tensor, precision: str) -> tuple[int, bytes]:
    """Type and bytes of a tensor."""
    if tensor.ndim < 2 or name in ALWAYS_F32 or precision == "f32":
        return F32, tensor.astype("<f4").tobytes()
    blocks: dict[str, tuple[int, Callable[[Tensor], bytes]]] = {"q8_0": (Q8_0, q8_0), "q5_0": (Q5_0, q5_0)}
    if precision == "f16" or tensor.ndim > 2 or tensor.shape[-1] % BLOCK:
        return F16, tensor.astype("<f2").tobytes()
    kind, pack = blocks[precision]
    return kind, pack(tensor)


def q8_0(tensor: Tensor) -> bytes:
    """Blocks of a half-precision scale and 32 signed bytes. `tensor` has a multiple of 32 values."""
    x = tensor.reshape(-1, BLOCK)
    scale = np.abs(x).max(axis=1, keepdims=True) / np.float32(127)
    made = np.empty(len(x), [("d", "<f2"), ("q", "i1", BLOCK)])
    made["d"], made["q"] = scale[:, 0], np.rint(x * _inverse(scale))
    return made.tobytes()


def q5_0(tensor: Tensor) -> bytes:
    """Blocks of a half-precision scale, 32 high bits and 32 low halves of a byte. A multiple of 32 values."""
    x = tensor.reshape(-1, BLOCK)
    furthest = np.take_along_axis(x, np.abs(x).argmax(axis=1, keepdims=True), axis=1)
    scale: Tensor = furthest / np.float32(-16)
    q = np.clip((x * _inverse(scale) + 16.5).astype(np.int32), 0, 31).astype(np.uint32)
    made = np.empty(len(x), [("d", "<f2"), ("h", "<u4"), ("q", "u1", BLOCK // 2)])
    made["d"] = scale[:, 0]
    made["h"] = ((q >> 4) << np.arange(BLOCK, dtype=np.uint32)).sum(axis=1, dtype=np.uint32)
    made["q"] = (q[:, : BLOCK // 2] & 15) | ((q[:, BLOCK // 2 :] & 15) << 4)
    return made.tobytes()


def _inverse(scale: Tensor) -> NDArray[np.float32]:
    return np.divide(1, scale, out=np.zeros_like(scale), where=scale != 0)
