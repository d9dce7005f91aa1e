"""A quick double of a model that knows what texts mean: those with the same words mean the same."""

import zlib
from collections.abc import Sequence

import numpy as np

from earwitness.archive.search.tokens import tokens
from earwitness.embedding import Vectors

SIZE = 64


class Bag:
    """A `TextEmbedder` whose vectors count words, each at a place of its own."""

    size = SIZE
    languages: tuple[str, ...] = ("en",)
    unlike = 0.1

    def __init__(self, model: str = "bag/1") -> None:
        self.model = model

    def embed(self, texts: Sequence[str]) -> Vectors:
        found = np.zeros((len(texts), SIZE), np.float32)
        for row, text in zip(found, texts, strict=True):
            for word in tokens(text).split():
                row[zlib.crc32(word.encode()) % SIZE] += 1
        found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
        return found

    def rest(self, unused_s: float) -> None:
        pass
