"""How far two texts have the same words: by the least number of words to change, as word error rates are counted."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_]+(?:['’][^\W_]+)*")
"""A run of letters and digits, apostrophes within; each character where words are not written apart."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of `words` words, the longer text's, `differing` had to be added, left out or changed."""

    words: int
    differing: int

    @property
    def share(self) -> float:
        """From 0 to 1; 1 where there are no words."""
        return 1 - self.differing / self.words if self.words else 1.0


def words(text: str) -> list[str]:
    """The words of a text without capitals and punctuation."""
    return WORD.findall(unicodedata.normalize("NFKC", text).casefold().replace("’", "'"))


def agreement(one: str, other: str) -> Agreement:
    """How far two texts agree."""
    ours, theirs = words(one), words(other)
    return Agreement(max(len(ours), len(theirs)), _distance(ours, theirs))


def _distance(one: Sequence[str], other: Sequence[str]) -> int:
    """Levenshtein's distance, row by row."""
    row = list(range(len(other) + 1))
    for i, word in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, theirs in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != theirs))
    return row[-1]
