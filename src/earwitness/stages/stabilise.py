"""Which words of an open utterance may be shown as stable: those that two looks in a row agree on.

LocalAgreement-2: the longest common prefix of the words of the last two hypotheses. What was stable stays so until the
utterance ends, whatever later looks say: the final text alone is binding. Pure; knows no engine.

Source: Macháček, Dabre and Bojar, 2023 (arXiv 2307.14743).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreed:
    """The state: the words that are stable, and the last hypothesis, word by word."""

    stable: tuple[str, ...] = ()
    last: tuple[str, ...] = ()

    @property
    def draft(self) -> tuple[str, ...]:
        """The words of the last hypothesis behind the stable ones."""
        return self.last[len(self.stable) :]


def agree(state: Agreed, text: str) -> Agreed:
    """The state after one more hypothesis about the same utterance, of which more has been heard now."""
    words = tuple(text.split())
    common = _common(state.last, words)
    stable = words[:common] if common > len(state.stable) else state.stable
    kept = _common(stable, words) == len(stable)
    return Agreed(stable, words if kept else (*stable, *words[len(stable) :]))


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words from the first on are the same, but for case and punctuation."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if _plain(a) != _plain(b)), min(len(one), len(other)))


def _plain(word: str) -> str:
    return re.sub(r"[\W_]+", "", word).lower() or word
