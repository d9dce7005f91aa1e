"""Sound goes through an enhancer and comes out in step with the recording: a fold over blocks, in bounded memory.

What comes out begins and ends where what goes in does, sample by sample, so times stay as they are; and it is the same,
bit by bit, however the recording was cut into blocks. Knows enhancers by their Protocol only. Pure functions.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np

from earwitness.errors import EngineFailed
from earwitness.parts import Enhancer
from earwitness.types import Audio, Samples

S = TypeVar("S")


@dataclass(frozen=True, slots=True, eq=False)
class Midway(Generic[S]):
    """The fold's state: how far a recording is through an enhancer."""

    part: S
    """What the enhancer remembers."""
    end: int
    """Position after the last sample that came in."""
    held: Samples
    """What came in and is no whole step yet."""
    given: int
    """Position of the next sample that goes out."""
    late: int
    """Samples that come out of the enhancer before the first one of the recording does."""


def begin(enhancer: Enhancer[S], origin: int = 0) -> Midway[S]:
    """The state before a recording, or a range of it that starts at `origin`."""
    return Midway(enhancer.begin(), origin, np.zeros(0, np.float32), origin, enhancer.delay)


def enhance(state: Midway[S], audio: Audio, enhancer: Enhancer[S]) -> tuple[Midway[S], Audio]:
    """The state after `audio`, which must follow what came before, and the sound that is ready by then.

    Raises EngineFailed where the enhancer breaks or gives no sound.
    """
    unit, part, out = enhancer.unit, state.part, list[Samples]()
    held = np.concatenate([state.held, audio.samples])
    whole = len(held) - len(held) % unit
    for low in range(0, whole, unit):
        made, part = enhancer.step(held[low : low + unit], part)
        if made.shape != (unit,) or not np.isfinite(made).all():
            raise EngineFailed(f"{type(enhancer).__name__} made no sound of the recording near {audio.start_s:.1f} s")
        out.append(made)
    ready = np.concatenate([np.zeros(0, np.float32), *out])
    late = min(state.late, len(ready))
    fresh = Audio(ready[late:], state.given)
    return Midway(part, audio.end, held[whole:].copy(), fresh.end, state.late - late), fresh


def finish(state: Midway[S], enhancer: Enhancer[S]) -> Audio:
    """The sound still inside when the recording ends: up to its last sample. Raises what `enhance` does."""
    left = state.end - state.given
    owed = len(state.held) + enhancer.delay
    silence = Audio(np.zeros(-owed % enhancer.unit + enhancer.delay, np.float32), state.end)
    _, rest = enhance(state, silence, enhancer)
    return replace(rest, samples=rest.samples[:left])


def through(blocks: Iterable[Audio], enhancers: Sequence[Enhancer[Any]]) -> Iterator[Audio]:
    """A recording that comes in blocks, through one enhancer after the other."""
    whole: Iterable[Audio] = blocks
    for enhancer in enhancers:
        whole = _through(whole, enhancer)
    yield from whole


def _through(blocks: Iterable[Audio], enhancer: Enhancer[S]) -> Iterator[Audio]:
    state = None
    for block in blocks:
        state = state or begin(enhancer, block.start)
        state, fresh = enhance(state, block, enhancer)
        if len(fresh.samples):
            yield fresh
    if state is not None and state.end > state.given:
        yield finish(state, enhancer)
