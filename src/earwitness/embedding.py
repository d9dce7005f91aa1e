"""What makes a direction of a text, near to those of texts that mean the like: made in `parts`, used by the archive."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""A row for each text, of length one; the product of two says how alike they are."""


class TextEmbedder(Protocol):
    """A model that does so. Safe to share between threads."""

    model: str
    """Its name and version; vectors of others do not compare."""
    size: int
    """Numbers of a vector."""
    languages: tuple[str, ...]
    """ISO 639-1 codes of those it knows."""
    unlike: float
    """Texts whose vectors have a product below this have nothing to do with each other."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of texts, shape (n, size). What stands beside a text makes no difference. Raises EngineFailed."""
        ...

    def rest(self, unused_s: float) -> None:
        """Give back the memory if nobody has embedded anything for so long; it is loaded again when it is wanted."""
        ...
