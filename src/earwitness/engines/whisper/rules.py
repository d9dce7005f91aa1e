"""Which token comes next: Whisper's rules for time stamps, greedy or sampled.

Source: openai-whisper 20250625, `whisper/decoding.py`: SuppressTokens, ApplyTimestampRules, GreedyDecoder.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from earwitness.engines.greedy import repeated
from earwitness.engines.whisper import MOST_TOKENS, STAMP_S

LATEST_START = round(1.0 / STAMP_S)
"""The first time stamp is one second at most."""

Logits = NDArray[np.float32]


class Rules:
    """What may follow what in a vocabulary of `size` tokens; `suppressed` are the tokens that are never written."""

    def __init__(self, size: int, end: int, first_stamp: int, suppressed: Iterable[int]) -> None:
        self.end, self.first_stamp = end, first_stamp
        self._never: Logits = np.zeros(size, np.float32)
        self._never[[i for i in suppressed if i < size]] = -np.inf
        self._never[end + 1 : first_stamp] = -np.inf

    def allowed(self, logits: Logits, ids: list[int]) -> Logits:
        """A copy in which what may not follow `ids` is minus infinity; shape (vocabulary,)."""
        x: Logits = logits + self._never
        first = self.first_stamp
        if not ids:
            x[:first] = x[first + LATEST_START + 1 :] = -np.inf
            return x
        stamped, pair = ids[-1] >= first, len(ids) < 2 or ids[-2] >= first
        if stamped and pair:
            x[first:] = -np.inf
        elif stamped:
            x[: self.end] = -np.inf
        latest = next((i for i in reversed(ids) if i >= first), None)
        if latest is not None:
            x[first : latest + (not (stamped and not pair))] = -np.inf
        return x


@dataclass(slots=True)
class Row:
    """One clip's text in the making. Stops at the end mark, in a loop, or when it is full."""

    rules: Rules
    temperature: float
    chance: np.random.Generator
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    done: bool = False

    def add(self, logits: Logits) -> None:
        """Choose the next token by the logits after the last one; shape (vocabulary,)."""
        x = self.rules.allowed(logits, self.ids)
        weights = np.exp(x - x.max())
        first = self.rules.first_stamp
        if weights[first:].sum() > weights[:first].max():  # a time stamp, whichever, is likelier than any word
            weights[:first] = 0
        token = self._drawn(weights) if self.temperature else int(weights.argmax())
        if token == self.rules.end:
            self.done = True
            return
        self.ids.append(token)
        self.logprobs.append(min(0.0, float(np.log(weights[token] / weights.sum()))))
        self.done = len(self.ids) >= MOST_TOKENS or repeated(self.ids) > 0

    def _drawn(self, weights: Logits) -> int:
        warm = weights.astype(np.float64) ** (1 / self.temperature)
        return int(self.chance.choice(len(warm), p=warm / warm.sum()))
