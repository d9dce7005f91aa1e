"""Plays sound into a session: at the pace at which it was spoken, as it arrives, or as fast as the session takes it."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator

from earwitness.audio import timebase
from earwitness.events import Event
from earwitness.live.session import Session
from earwitness.types import Audio

BLOCK = timebase.samples(0.1)
"""Samples that are handed over at a time."""


def play(
    blocks: Iterable[Audio | None],
    session: Session,
    woken: threading.Event,
    *,
    fast: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Event]:
    """All that the session tells of sound that comes in blocks; `woken` is what its `wake` sets.

    None among the blocks says that none has come yet. `fast` takes them as they come.

    Ends when everything was told. Where whoever iterates closes it early, the session is left as it is.
    """
    began, first = clock(), None
    for block in blocks:
        if block is None:
            yield from _step(session, woken, 0.0)
            continue
        first = block.start_s if first is None else first
        due = began + block.end_s - first
        while session.full or (not fast and clock() < due):
            yield from _step(session, woken, 0.1 if session.full else max(0.0, due - clock()))
        yield from session.push(block.samples)
    yield from session.end()
    while not session.over:
        yield from _step(session, woken, 1.0)


def _step(session: Session, woken: threading.Event, wait_s: float) -> list[Event]:
    if woken.wait(wait_s):
        woken.clear()
        return session.step()
    return []
