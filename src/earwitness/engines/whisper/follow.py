"""When each token was said, from the cross-attention that follows the sound.

Source: openai-whisper 20250625, `whisper/timing.py`: the heads' weights are normalised, smoothed and averaged, and
dynamic time warping (Sakoe and Chiba, 1978) finds the path through them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

SMOOTHED = 7
"""Positions over which the median is taken."""

POSITION_S = 0.02
"""One position of the encoder."""

Weights = NDArray[np.float32]


def heads(config: Mapping[str, Any], generation: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
    """Layer and head of the cross-attentions that follow the sound; where none are named, the upper half's.

    Both are as transformers writes them: config.json and generation_config.json.
    """
    named = generation.get("alignment_heads")
    if named:
        return tuple((int(layer), int(head)) for layer, head in named)
    layers, count = config["decoder_layers"], config["decoder_attention_heads"]
    return tuple((layer, head) for layer in range(layers // 2, layers) for head in range(count))


def starts_s(attention: Weights, duration_s: float) -> list[float]:
    """Seconds at which the tokens begin, and the end of the last one.

    `attention` has shape (heads, tokens + 1, positions): its rows are the tokens before each text token, and the last
    one. Positions after the clip's end are left out.
    """
    heard = attention[:, :, : max(2, round(duration_s / POSITION_S))]
    heard = heard / np.maximum(heard.sum(axis=2, keepdims=True), 1e-9)
    spread = np.maximum(heard.std(axis=1, keepdims=True), 1e-9)
    heard = (heard - heard.mean(axis=1, keepdims=True)) / spread
    edges = ((0, 0), (0, 0), (SMOOTHED // 2, SMOOTHED // 2))
    smooth = np.median(sliding_window_view(np.pad(heard, edges, mode="reflect"), SMOOTHED, axis=2), axis=3)
    tokens, positions = path(-smooth.mean(axis=0))
    return [float(p) * POSITION_S for p in positions[np.diff(tokens, prepend=-1) > 0]]


def path(costs: Weights) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The cheapest way from the first cell to the last by steps right, down or both: its rows and its columns.

    All cells of a diagonal are done at once: none needs another.
    """
    rows, columns = costs.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0.0
    for diagonal in range(rows + columns - 1):
        i = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        j = diagonal - i
        before = np.minimum(np.minimum(total[i, j], total[i, j + 1]), total[i + 1, j])
        total[i + 1, j + 1] = costs[i, j] + before
    i_, j_ = rows, columns
    found = [(i_ - 1, j_ - 1)]
    while (i_, j_) != (1, 1):
        steps = ((i_ - 1, j_ - 1), (i_ - 1, j_), (i_, j_ - 1))
        i_, j_ = min(steps, key=lambda step: total[step])
        found.append((i_ - 1, j_ - 1))
    back = np.array(found[::-1], np.int64)
    return back[:, 0], back[:, 1]
