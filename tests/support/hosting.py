"""A hosted session whose session is a double, on an event loop of its own."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import numpy as np

from earwitness.api.live.hosted import Hosted
from earwitness.api.live.line import Line
from earwitness.events import Ended, Event, Flushed, Numbered, Partial, SpeechStarted
from earwitness.live.journal import Journal
from earwitness.stages.guard import NO_CREDIT
from earwitness.types import Samples

if TYPE_CHECKING:
    from earwitness.live.session import Session

WAIT_S = 20.0


class Double:
    """A session that tells what it is told to tell: each sample is the number of events it gives."""

    def __init__(self, received: int = 0) -> None:
        self.received, self.full, self.busy, self.over, self.lag_s, self.strain = (
            received,
            False,
            False,
            False,
            0.0,
            0.0,
        )
        self.heard = list[Samples]()
        self.needed, self.count = 0, 0
        self.credit = NO_CREDIT
        self.breaks: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.threads = set[str]()

    def push(self, samples: Samples) -> list[Event]:
        self.threads.add(threading.current_thread().name)
        self.gate.wait(WAIT_S)
        self.heard.append(samples)
        self.received += len(samples)
        found = list[Event]()
        for wanted in samples[samples > 0].tolist():
            for _ in range(round(wanted)):
                self.count += 1
                found.append(SpeechStarted(self.count, 0.0))
        if (samples < 0).any():
            found.append(Partial(1, "so", f"far {self.received}", 0.0, 1.0))
        return found

    def step(self) -> list[Event]:
        if self.breaks is not None:
            raise self.breaks
        return []

    def flush(self, ident: str) -> list[Event]:
        self.gate.wait(WAIT_S)
        return [Flushed(ident)]

    def end(self) -> list[Event]:
        self.over = True
        return [Ended(float(self.received))]


def wanted(events: int, *, samples: int = 10) -> Samples:
    """Sound for which the double tells so many events."""
    found = np.zeros(samples, np.float32)
    found[0] = events
    return found


@asynccontextmanager
async def hosting(
    double: Double, written: Journal | None = None, told: int = 0, first: tuple[Event, ...] = ()
) -> AsyncIterator[tuple[Hosted, list[Hosted]]]:
    closed = list[Hosted]()
    with ThreadPoolExecutor(1) as pool:
        hosted = Hosted(
            "it", cast("Session", double), pool, written=written, told=told, first=first, closed=closed.append
        )
        try:
            yield hosted, closed
        finally:
            double.gate.set()
            await hosted.close()


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(WAIT_S):
            await test()

    asyncio.run(limited())


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(0.002)


async def all_of(line: Line, after: int = 0) -> list[Numbered]:
    return [event async for event in line.events(after)]
