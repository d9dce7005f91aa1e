"""Writes what CTranslate2 reads: model.bin, config.json, vocabulary.json, and the tokenizer beside them.

Source: ctranslate2.specs.WhisperSpec and the project's own converter, which needs torch and transformers; this one
fills the same specification from numpy arrays. Queries, keys and values are fused, as the runtime wants them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from earwitness.errors import Missing
from earwitness.models.convert.checkpoint import Checkpoint, Tensor

BESIDE = ("tokenizer.json", "preprocessor_config.json")


def write(checkpoint: Checkpoint, folder: Path, precision: str = "int8") -> None:
    """Convert into `folder`, which is empty. Raises Missing without ctranslate2."""
    try:
        from ctranslate2.specs import WhisperSpec
    except ImportError as error:
        raise Missing("ctranslate2 is not installed: pip install 'earwitness[ctranslate2]'") from error
    told = checkpoint.config
    spec = WhisperSpec(
        told["encoder_layers"],
        told["encoder_attention_heads"],
        told["decoder_layers"],
        told["decoder_attention_heads"],
    )
    tensors = checkpoint.tensors
    for name in ("encoder", "decoder"):
        _half(getattr(spec, name), tensors, f"model.{name}")
    spec.decoder.embeddings.weight = tensors["model.decoder.embed_tokens.weight"]
    spec.decoder.projection.weight = tensors["model.decoder.embed_tokens.weight"]
    for conv in ("conv1", "conv2"):
        _affine(getattr(spec.encoder, conv), tensors, f"model.encoder.{conv}")
    spec.register_vocabulary(list(checkpoint.tokens))
    spec.config.suppress_ids = checkpoint.generation.get("suppress_tokens") or []
    spec.config.suppress_ids_begin = checkpoint.generation.get("begin_suppress_tokens") or []
    spec.config.lang_ids = sorted((checkpoint.generation.get("lang_to_id") or {}).values())
    spec.config.alignment_heads = [list(pair) for pair in checkpoint.alignment_heads]
    spec.validate()
    spec.optimize(quantization=precision)
    spec.save(str(folder))
    checkpoint.copy(BESIDE, folder)


def _half(spec: Any, tensors: Mapping[str, Tensor], at: str) -> None:
    """The encoder or the decoder: positions, layers, and the norm at the end."""
    spec.position_encodings.encodings = tensors[f"{at}.embed_positions.weight"]
    _norm(spec.layer_norm, tensors, f"{at}.layer_norm")
    for i, layer in enumerate(spec.layer):
        here = f"{at}.layers.{i}"
        _attention(layer.self_attention, tensors, f"{here}.self_attn", [("q_proj", "k_proj", "v_proj"), ("out_proj",)])
        _norm(layer.self_attention.layer_norm, tensors, f"{here}.self_attn_layer_norm")
        if hasattr(layer, "attention"):
            parts = [("q_proj",), ("k_proj", "v_proj"), ("out_proj",)]
            _attention(layer.attention, tensors, f"{here}.encoder_attn", parts)
            _norm(layer.attention.layer_norm, tensors, f"{here}.encoder_attn_layer_norm")
        _affine(layer.ffn.linear_0, tensors, f"{here}.fc1")
        _affine(layer.ffn.linear_1, tensors, f"{here}.fc2")
        _norm(layer.ffn.layer_norm, tensors, f"{here}.final_layer_norm")


def _attention(spec: Any, tensors: Mapping[str, Tensor], at: str, parts: list[tuple[str, ...]]) -> None:
    for linear, names in zip(spec.linear, parts, strict=True):
        weights = [tensors[f"{at}.{name}.weight"] for name in names]
        biases = [  # keys have none
            tensors.get(f"{at}.{name}.bias", np.zeros(len(weight), np.float32))
            for name, weight in zip(names, weights, strict=True)
        ]
        linear.weight, linear.bias = np.concatenate(weights), np.concatenate(biases)


def _affine(spec: Any, tensors: Mapping[str, Tensor], at: str) -> None:
    spec.weight, spec.bias = tensors[f"{at}.weight"], tensors[f"{at}.bias"]


def _norm(spec: Any, tensors: Mapping[str, Tensor], at: str) -> None:
    spec.gamma, spec.beta = tensors[f"{at}.weight"], tensors[f"{at}.bias"]
