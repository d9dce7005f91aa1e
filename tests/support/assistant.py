"""A voice assistant, by Wyoming's own client, for tests."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import numpy as np
from numpy.typing import NDArray
from wyoming.asr import Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event

from earwitness import config
from earwitness.types import Samples
from support.server import running
from support.sockets import free_port

RATE = 16_000


@contextmanager
def assisting(**settings: object) -> Iterator[tuple[int, str]]:
    """A server with a port for Wyoming: that port, and the address of the other doors."""
    port = free_port()
    with running(config.load(wyoming_port=port, log_level="error", **settings)) as address:
        yield port, address


@asynccontextmanager
async def joined(port: int) -> AsyncIterator[AsyncTcpClient]:
    client = AsyncTcpClient("127.0.0.1", port, connect_timeout=10, read_timeout=60)
    async with client:
        yield client


def whole(samples: Samples, width: int = 2) -> NDArray[np.int64]:
    """The samples as integers of so many bytes."""
    found: NDArray[np.int64] = (np.clip(samples.astype(np.float64), -1, 1) * (2 ** (8 * width - 1) - 1)).astype(
        np.int64
    )
    return found


def chunks(samples: Samples, rate: int = RATE, width: int = 2, channels: int = 1) -> Iterator[Event]:
    """The sound as Home Assistant sends it, or in other widths."""
    values = whole(samples, width) + (128 if width == 1 else 0)
    data = np.repeat(values, channels).astype("<i8").view(np.uint8).reshape(-1, 8)[:, :width].tobytes()
    yield AudioStart(rate, width, channels).event()
    size = 1024 * width * channels
    for low in range(0, len(data), size):
        yield AudioChunk(rate, width, channels, data[low : low + size]).event()
    yield AudioStop().event()


async def until(client: AsyncTcpClient, kind: str) -> list[Event]:
    """All events up to one of a type."""
    told = list[Event]()
    while not told or told[-1].type != kind:
        event = await client.read_event()
        assert event is not None, [e.type for e in told]
        told.append(event)
    return told


async def rest(client: AsyncTcpClient) -> list[Event]:
    """All events up to the end."""
    told = list[Event]()
    while (event := await client.read_event()) is not None:
        told.append(event)
    return told


async def heard(port: int, *events: Event) -> Transcript:
    async with joined(port) as client:
        for event in events:
            await client.write_event(event)
        return Transcript.from_event((await until(client, "transcript"))[-1])
