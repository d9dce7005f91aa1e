"""Greedy decoding, as engines with a token loop of their own share it: one row a clip, loops cut, limits kept.

Knows nothing of runtimes, graphs or how a vocabulary is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from earwitness.types import Clip, Segment, Token

LONGEST_PATTERN = 16
LEAST_TOKENS = 18
LEAST_TIMES = 3
LEAST_TIMES_SHORT = 8


@dataclass(slots=True)
class Row:
    """One clip while it is being decoded. `marks` says why it ended if not by its end token."""

    limit: int
    end: int
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    """Natural; one a token, and the end token's last if it came."""
    marks: list[str] = field(default_factory=list)
    done: bool = False

    def take(self, token: int, logprob: float) -> None:
        """Add the next token unless the row is done."""
        if self.done:
            return
        self.logprobs.append(logprob)
        if token == self.end:
            self.done = True
            return
        self.ids.append(token)
        surplus = repeated(self.ids)
        if surplus:
            del self.ids[-surplus:], self.logprobs[-surplus:]
            self.marks.append("loop_cut")
        elif len(self.ids) >= self.limit:
            self.marks.append("token_cap")
        self.done = bool(self.marks)


def best(logits: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The likeliest token of each row and its natural log-probability; `logits` has shape (rows, vocabulary)."""
    top = logits.max(axis=1)
    logprobs: NDArray[np.float32] = -np.log(np.exp(logits - top[:, None]).sum(axis=1))
    return logits.argmax(axis=1), logprobs


def segments(row: Row, clip: Clip, pieces: Sequence[bytes], *, language: str | None) -> tuple[Segment, ...]:
    """What a decoded row says: one segment that spans its clip, or none without text. `pieces` are the ids' bytes."""
    text = b"".join(pieces).decode("utf-8", "replace").strip()
    if not text:
        return ()
    mean = float(np.mean(row.logprobs))
    tokens = zip(row.ids, pieces, row.logprobs, strict=False)  # the end token has a log-probability and no bytes
    return (
        Segment(
            clip.audio.start_s,
            clip.audio.end_s,
            text,
            language=language,
            tokens=tuple(Token(*t) for t in tokens),
            token_ids=tuple(row.ids),
            avg_logprob=mean,
            confidence=float(np.exp(mean)),
            marks=tuple(row.marks),
        ),
    )


def repeated(ids: Sequence[int]) -> int:
    """How many tokens at the end only repeat what stands before them, or 0: the sign of a greedy loop.

    People repeat themselves too ("no, no, no"). A loop is a pattern of three to sixteen tokens that comes three times
    and fills eighteen tokens, or a shorter one that comes eight times. All but the first of them are surplus.
    """
    for period in range(1, min(LONGEST_PATTERN, len(ids) // LEAST_TIMES) + 1):
        least = LEAST_TIMES_SHORT if period < 3 else max(LEAST_TIMES, -(-LEAST_TOKENS // period))
        times, pattern = 1, ids[-period:]
        while ids[-period * (times + 1) : -period * times] == pattern:
            times += 1
        if times >= least:
            return period * (times - 1)
    return 0
