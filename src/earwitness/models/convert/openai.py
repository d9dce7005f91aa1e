"""The names that OpenAI gave a Whisper's weights, which GGML and MLX files use, from those of transformers."""

from collections.abc import Iterator

from earwitness.models.convert.checkpoint import Checkpoint, Tensor

PARTS = (
    (".layers.", ".blocks."),
    (".self_attn_layer_norm", ".attn_ln"),
    (".encoder_attn_layer_norm", ".cross_attn_ln"),
    (".final_layer_norm", ".mlp_ln"),
    (".self_attn.", ".attn."),
    (".encoder_attn.", ".cross_attn."),
    (".q_proj", ".query"),
    (".k_proj", ".key"),
    (".v_proj", ".value"),
    (".out_proj", ".out"),
    (".fc1", ".mlp.0"),
    (".fc2", ".mlp.2"),
    (".embed_tokens", ".token_embedding"),
    (".embed_positions.weight", ".positional_embedding"),
)
ENDS = {"encoder.layer_norm": "encoder.ln_post", "decoder.layer_norm": "decoder.ln"}


def name(theirs: str) -> str:
    """OpenAI's name of a weight."""
    found = theirs.removeprefix("model.")
    for old, new in PARTS:
        found = found.replace(old, new)
    for old, new in ENDS.items():
        if found.startswith(f"{old}."):
            found = new + found.removeprefix(old)
    return found


def weights(checkpoint: Checkpoint) -> Iterator[tuple[str, Tensor]]:
    """All weights under OpenAI's names, float32, one at a time."""
    for theirs in checkpoint.tensors:
        yield name(theirs), checkpoint.tensors[theirs]
