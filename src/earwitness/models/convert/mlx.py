"""Writes what MLX reads: OpenAI's sizes in config.json, and weights.safetensors under OpenAI's names.

The layout is that of mlx-whisper 0.4, with the tokenizer beside it: convolutions as (out, width, in), the two wide
matrices of a layer as mlp1 and mlp2, no encoder positions (they are sinusoids), alignment heads among the weights.
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earwitness.errors import Missing, StorageFailed
from earwitness.models.convert import openai
from earwitness.models.convert.checkpoint import Checkpoint

SIZES = {
    "n_mels": "num_mel_bins",
    "n_audio_ctx": "max_source_positions",
    "n_audio_state": "d_model",
    "n_audio_head": "encoder_attention_heads",
    "n_audio_layer": "encoder_layers",
    "n_vocab": "vocab_size",
    "n_text_ctx": "max_target_positions",
    "n_text_state": "d_model",
    "n_text_head": "decoder_attention_heads",
    "n_text_layer": "decoder_layers",
}
KINDS = {"float16": np.float16, "float32": np.float32}
BESIDE = ("generation_config.json", "tokenizer.json")


def write(checkpoint: Checkpoint, folder: Path, precision: str = "float16") -> None:
    """Convert into `folder`, which is empty; `precision` is float16 or float32. Raises Missing without safetensors."""
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import save_file
    except ImportError as error:
        raise Missing("safetensors is not installed: pip install safetensors") from error
    made: dict[str, NDArray[np.generic]] = {}
    for name, tensor in openai.weights(checkpoint):
        if name == "encoder.positional_embedding":
            continue
        shaped = tensor.swapaxes(1, 2) if "conv" in name and tensor.ndim == 3 else tensor
        called = name.replace("mlp.0", "mlp1").replace("mlp.2", "mlp2")
        made[called] = np.ascontiguousarray(shaped, KINDS[precision])
    made["alignment_heads"] = np.array(checkpoint.alignment_heads, np.int32)
    try:
        save_file(made, folder / "weights.safetensors")
    except SafetensorError as error:  # which is no OSError, also where the disk is full
        raise StorageFailed(f"the weights can't be written: {error}") from error
    sizes = {ours: checkpoint.config[theirs] for ours, theirs in SIZES.items()}
    (folder / "config.json").write_text(json.dumps({"model_type": "whisper", **sizes}, indent=1), "utf-8")
    checkpoint.copy(BESIDE, folder)
