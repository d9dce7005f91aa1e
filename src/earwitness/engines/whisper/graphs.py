"""The network of runtimes that run the two graphs of `models/convert/onnx`: what is fed in, taken out and kept.

A runtime gives a function that runs one of them. Values are arrays, or what stands for them on a card.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earwitness.engines.whisper.loop import LAST, Out, Step, Tokens

Values = Mapping[str, Any]
Run = Callable[[str, Values, Sequence[str]], Sequence[Any]]
"""Runs `encoder` or `decoder` on inputs by name, and gives the outputs of the names that are wanted, in that order."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """What the graphs tell of themselves: the encoder's input and outputs, and heads and size of each past value."""

    bands: int
    frames: int
    kept: tuple[str, ...]
    past: Mapping[str, tuple[int, int]]


def other(inputs: Iterable[str]) -> str | None:
    """Why graphs are not those, by the names of the decoder's inputs."""
    lacking = {"tokens", "at", "past_key_0", "cross_key_0"} - set(inputs)
    return f"its decoder has other inputs, and no {' and no '.join(sorted(lacking))}" if lacking else None


class Graphs:
    """A `Network` of two graphs. Clips are heard one by one, or all `together`, which is how cards like it."""

    def __init__(self, run: Run, close: Callable[[], None], shapes: Shapes, *, together: bool = False) -> None:
        self._run, self.close, self._shapes, self._together = run, close, shapes, together
        self.bands, self.places = shapes.bands, shapes.frames // 2
        self._present = [name.replace("past", "present") for name in shapes.past]

    def hear(self, mels: NDArray[np.float32]) -> Values:
        """The keys and values of the cross-attention."""
        kept = self._shapes.kept
        if self._together:
            return dict(zip(kept, self._run("encoder", {"mels": mels}, kept), strict=True))
        each = [self._run("encoder", {"mels": mel[None]}, kept) for mel in mels]
        return {name: np.concatenate(parts) for name, parts in zip(kept, zip(*each, strict=True), strict=True)}

    def step(self, heard: Values, past: Any, tokens: Tokens, out: Out = LAST, *, attention: bool = False) -> Step:
        """One call of the decoder. See `Network.step`."""
        if past is None:
            past = {n: np.zeros((len(tokens), h, 0, size), np.float32) for n, (h, size) in self._shapes.past.items()}
        wanted = ["logits", *self._present, *(["attention"] if attention else [])]
        logits, *given = self._run(
            "decoder", {"tokens": tokens, "at": np.array(out, np.int64), **past, **heard}, wanted
        )
        kept = dict(zip(self._shapes.past, given, strict=False))
        return Step(logits, kept, given[-1] if attention else None)

    def only(self, heard: Values, past: Values, rows: list[int]) -> tuple[Values, Values]:
        """Both without the clips that are done."""
        return {n: v[rows] for n, v in heard.items()}, {n: v[rows] for n, v in past.items()}
