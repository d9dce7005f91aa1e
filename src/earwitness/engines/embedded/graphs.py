"""The two graphs of Moonshine tiny-en: one hears a clip, one says the next token.

Six layers each, 288 wide, eight heads, of each head's 36 numbers the first 32 turned by place. They give the same
numbers as the graphs that the weights come from, to the last bit: rounding that differs in one place changes words in
every fifth clip, for better or worse, because products in 8 bits make steps of it. So sums are taken in the same order,
and a clip is alone: 8-bit products are scaled by the largest number of their whole input.

Source: Jeffries et al., "Moonshine: Speech Recognition for Live Transcription and Voice Commands", 2024
(arXiv 2410.15608), sections 3.1 and 3.2.
"""

from dataclasses import replace

import numpy as np

from earwitness.engines.embedded.weights import Weights
from earwitness.hardware.sketch import Sketch

LAYERS, WIDTH, HEADS, TURNED = 6, 288, 8, 32
SIZE = WIDTH // HEADS
EPSILON = 1e-5

HEARD = [f"heard.{layer}.{what}" for layer in range(LAYERS) for what in ("key", "value")]
PAST = [f"past.{layer}.{what}" for layer in range(LAYERS) for what in ("key", "value")]
GROWN = [f"grown.{name}" for name in PAST]


def listening(encoder: Weights, decoder: Weights, *, signed: bool) -> bytes:
    """From `sound`, samples of shape (1, n), to what the other graph attends to, `HEARD`.

    Of each layer keys of shape (1, 8, 36, frames) and values of shape (1, 8, frames, 36).
    """
    g = Sketch(signed=signed)
    x = _frames(g, encoder)
    count = g.op("Squeeze", [g.op("Shape", [x], start=1, end=2)])
    _angles(g, g.op("Range", [g.keep("first", 0), count, g.keep("step", 1)]), encoder)
    heads, joined = g.keep("heads", [-1, HEADS, SIZE]), g.keep("joined", [1, -1, WIDTH])
    for layer in range(LAYERS):
        name = f"layers.{layer}"
        turned, v = _turned(g, _normed(g, x, f"{name}.input_layernorm", encoder), name, encoder, one=False)
        q, k = g.ops("Split", [turned, g.keep("both", [WIDTH, WIDTH])], 2, axis=2)
        q, k, v = (g.op("Reshape", [n, heads]) for n in (q, k, v))
        scores = g.op("FusedMatMul", [q, k], ours=True, transBatchA=1, transBatchB=1, transB=1, alpha=SIZE**-0.5)
        out = g.op("FusedMatMul", [g.op("Softmax", [scores], axis=-1), v], ours=True, transBatchB=1)
        out = g.op("Reshape", [g.op("Transpose", [out], perm=[1, 0, 2]), joined])
        x = g.op("Add", [x, _through(g, out, f"{name}.self_attn.o_proj", encoder)])
        normed = _normed(g, x, f"{name}.post_attention_layernorm", encoder)
        wide = g.op("Gelu", [_through(g, normed, f"{name}.mlp.fc1", encoder)], ours=True)
        last = x, _through(g, wide, f"{name}.mlp.fc2", encoder)
        x = g.op("Add", last)
    norm = g.keep("layer_norm", encoder.floats["layer_norm.weight"])
    normed = g.op("SkipLayerNormalization", [*last, norm, "zeros"], ours=True, epsilon=EPSILON)
    _heard(g, normed, decoder)
    return g.model({"sound": (float, [1, "samples"])}, HEARD)


def saying(encoder: Weights, decoder: Weights, *, signed: bool) -> bytes:
    """From a `token` of shape (1, 1) at a `place`, (1,), to the next one's `logits`, (1, 1, 32768).

    It takes `HEARD` and `PAST`, which is empty at first, and gives what `PAST` has grown to: (1, 8, places, 36) each.
    """
    g = Sketch(signed=signed)
    known = decoder.matrices["embed_tokens"]
    row = g.op("Gather", [g.keep("embedding", known.weights), "token"])
    x = g.op("DequantizeLinear", [row, g.keep("embedding.scale", known.scale), g.keep("embedding.zero", known.zero)])
    _angles(g, "place", encoder)
    one, joined = g.keep("one", [1, HEADS, 1, SIZE]), g.keep("joined", [1, 1, WIDTH])
    two, halves = g.keep("two", [1, 2 * HEADS, 1, SIZE]), g.keep("halves", [WIDTH * 4, WIDTH * 4])
    for layer in range(LAYERS):
        name, key, value = f"layers.{layer}", 2 * layer, 2 * layer + 1
        turned, v = _turned(g, _normed(g, x, f"{name}.input_layernorm", decoder), name, decoder, one=True)
        q, k = g.ops("Split", [g.op("Reshape", [turned, two]), g.keep("both", [HEADS, HEADS])], 2, axis=1)
        k = g.op("Concat", [PAST[key], k], GROWN[key], axis=2)
        v = g.op("Concat", [PAST[value], g.op("Reshape", [v, one])], GROWN[value], axis=2)
        scores = g.op("FusedMatMul", [q, k], ours=True, transB=1, alpha=SIZE**-0.5)
        out = g.op("Reshape", [g.op("MatMul", [g.op("Softmax", [scores], axis=-1), v]), joined])
        x = g.op("Add", [x, _through(g, out, f"{name}.self_attn.o_proj", decoder)])
        normed = _normed(g, x, f"{name}.post_attention_layernorm", decoder)
        q = g.op("Reshape", [_through(g, normed, f"{name}.encoder_attn.q_proj", decoder), one])
        scores = g.op("FusedMatMul", [q, HEARD[key]], ours=True, alpha=SIZE**-0.5)
        out = g.op("Reshape", [g.op("MatMul", [g.op("Softmax", [scores], axis=-1), HEARD[value]]), joined])
        x = g.op("Add", [x, _through(g, out, f"{name}.encoder_attn.o_proj", decoder)])
        normed = _normed(g, x, f"{name}.final_layernorm", decoder)
        wide = _through(g, normed, f"{name}.mlp.fc1", decoder)
        straight, gate = g.ops("Split", [wide, halves], 2, axis=2)
        gated = g.op("Mul", [g.op("QuickGelu", [gate], ours=True, alpha=1.0), straight])
        out = _through(g, gated, f"{name}.mlp.fc2", decoder)
        x = g.op("Sum", [x, out])  # it is Add, but one that the runtime does not melt into the last norm
    g.product(_normed(g, x, "norm", decoder), "vocabulary", [decoder.matrices["logits"]], "logits")
    shapes: list[tuple[list[str], list[int | str]]] = [
        (HEARD[::2], [1, HEADS, SIZE, "frames"]),
        (HEARD[1::2], [1, HEADS, "frames", SIZE]),
        (PAST, [1, HEADS, "places", SIZE]),
    ]
    kept = {name: (float, shape) for names, shape in shapes for name in names}
    return g.model({"token": (int, [1, 1]), "place": (int, [1]), **kept}, ["logits", *GROWN])


def _frames(g: Sketch, encoder: Weights) -> str:
    """The convolutions: a frame for each 384 samples, shape (1, frames, 288)."""
    of = encoder.floats
    x = g.op("Reshape", ["sound", g.keep("channel", [1, 1, -1])])
    x = g.op("Tanh", [g.op("Conv", [x, g.keep("conv1", of["conv1.weight"])], strides=[64])])
    ones, none = g.keep("ones", np.ones(1, np.float32)), g.keep("none", np.zeros(1, np.float32))
    flat = g.op("Reshape", [x, g.keep("flat", [0, 1, -1])])
    flat = g.op("InstanceNormalization", [flat, ones, none], epsilon=EPSILON)
    x = g.op("Reshape", [flat, g.keep("channels", [0, WIDTH, -1])])
    x = g.op("Mul", [x, g.keep("groupnorm.weight", of["groupnorm.weight"])])
    x = g.op("Add", [x, g.keep("groupnorm.bias", of["groupnorm.bias"])])
    for name, stride in (("conv2", 3), ("conv3", 2)):
        takes = [x, g.keep(name, of[f"{name}.weight"]), g.keep(f"{name}.bias", of[f"{name}.bias"])]
        x = g.op("Gelu", [g.op("Conv", takes, strides=[stride])], ours=True)
    return g.op("Transpose", [x], perm=[0, 2, 1])


def _angles(g: Sketch, places: str, encoder: Weights) -> None:
    """How far places are turned, for `_turned`: cosines and sines, of shape (places, 576)."""
    rates = np.zeros(SIZE, np.float32)  # the numbers that are not turned have an angle of 0
    rates[:TURNED] = encoder.floats["rates"].ravel().repeat(2)
    signs = np.where(np.arange(SIZE) % 2, 1, -1).astype(np.float32)
    at = g.op("Unsqueeze", [g.op("Cast", [places], to=1), g.keep("last", [-1])])
    angles = g.op("Mul", [at, g.keep("rates", rates[None])])
    every = g.keep("every", [1, 2 * HEADS])
    g.op("Tile", [g.op("Cos", [angles]), every], "cosines")
    g.op("Tile", [g.op("Mul", [g.op("Sin", [angles]), g.keep("signs", signs)]), every], "sines")
    g.keep("zeros", np.zeros(WIDTH, np.float32))


def _turned(g: Sketch, x: str, name: str, of: Weights, *, one: bool) -> tuple[str, str]:
    """Queries and keys side by side, each pair of numbers turned in its plane by their place; and values.

    What the sines are multiplied with are the same numbers, neighbours exchanged. For many places a product with
    exchanged columns gives them sooner than an exchange; for `one` it would be more weights to read.
    """
    q, k, v = (of.matrices[f"{name}.self_attn.{which}_proj"] for which in "qkv")
    if one:
        parts = [2 * WIDTH, WIDTH]
        whole = g.product(x, f"{name}.qkv", [q, k, v])
    else:
        swapped = [replace(m, weights=m.weights[:, np.arange(WIDTH) ^ 1]) for m in (q, k)]
        parts = [2 * WIDTH, 2 * WIDTH, WIDTH]
        whole = g.product(x, f"{name}.qkv", [q, k, *swapped, v])
    straight, *crossed, values = g.ops("Split", [whole, g.keep("turning", parts)], len(parts), axis=2)
    other = crossed[0] if crossed else g.op("Gather", [straight, g.keep("crossing", np.arange(2 * WIDTH) ^ 1)], axis=2)
    turned = g.op("Add", [g.op("Mul", [straight, "cosines"]), g.op("Mul", [other, "sines"])])
    return turned, values


def _heard(g: Sketch, x: str, decoder: Weights) -> None:
    """Keys and values of all layers, in one product."""
    each = [decoder.matrices[f"layers.{n}.encoder_attn.{which}_proj"] for which in "kv" for n in range(LAYERS)]
    parts = g.ops("Split", [g.product(x, "heard", each), g.keep("halves", [WIDTH * LAYERS] * 2)], 2, axis=2)
    layers = g.keep("layers", [HEADS] * LAYERS)
    for first, (part, perm) in enumerate(zip(parts, ([0, 2, 3, 1], [0, 2, 1, 3]), strict=True)):
        apart = g.op("Reshape", [part, g.keep("apart", [1, -1, LAYERS * HEADS, SIZE])])
        g.ops("Split", [g.op("Transpose", [apart], perm=perm), layers], HEARD[first::2], axis=1)


def _normed(g: Sketch, x: str, norm: str, of: Weights) -> str:
    return g.op("LayerNormalization", [x, g.keep(norm, of.floats[f"{norm}.weight"]), "zeros"], epsilon=EPSILON)


def _through(g: Sketch, x: str, name: str, of: Weights) -> str:
    """A product with a matrix."""
    return g.product(x, name, [of.matrices[name]])
