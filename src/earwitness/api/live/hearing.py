"""What clients send becomes samples for a session: raw sound of a named kind, or a container that comes in pieces.

Decoding of containers happens in a thread; what it gives is handed to the session in order, and the client is made to
wait while the session is behind.
"""

import asyncio
from contextlib import suppress
from typing import Protocol

from earwitness.api.live.hosted import Line
from earwitness.audio.flowing import Flow
from earwitness.audio.pcm import Pcm, Wire
from earwitness.types import Samples

CONTAINER = "container"
"""The encoding of sound whose container says what it is."""

SETTLE_S = 0.1

ENCODINGS = {"pcm_s16le": "s16le", "linear16": "s16le", "pcm_f32le": "f32le", "g711_ulaw": "mulaw", "g711_alaw": "alaw"}
"""Other names of encodings, as clients of other servers write them."""


class Taking(Protocol):
    """Takes the bytes of one client."""

    line: Line
    """Where its sound goes."""

    async def take(self, data: bytes) -> None:
        """Some more bytes. Raises BadInput, and Cancelled where the session is no longer this client's."""
        ...

    async def flush(self) -> None:
        """The session hears all that came so far, as far as it can be decoded yet. More may come."""
        ...

    async def end(self) -> None:
        """No more bytes come: the session hears all of them. It is not ended by this."""
        ...

    def stop(self) -> None:
        """Nobody is there any more: what is held for decoding is let go of."""
        ...


def taking(line: Line, encoding: str, rate: int, channels: int, channel: int | None = None, *, skip: int = 0) -> Taking:
    """What takes the bytes of a client of a line, less the first `skip` samples at 16 kHz.

    Raises BadInput for what is not read here.
    """
    found = wire(encoding, rate, channels)
    return _Container(line, channel, skip) if found is None else _Raw(line, Pcm(found, channel), skip)


def wire(encoding: str, rate: int, channels: int) -> Wire | None:
    """How raw sound lies on the wire; None where its container says so. Raises BadInput for what is not read here."""
    name = encoding.strip().lower()
    return None if name == CONTAINER else Wire(ENCODINGS.get(name, name), rate, channels)


class _Skipping:
    """Hands samples to a line, but for the first ones."""

    def __init__(self, line: Line, skip: int) -> None:
        self.line, self._skip = line, skip

    async def _hear(self, samples: Samples) -> None:
        fresh, self._skip = samples[self._skip :], max(0, self._skip - len(samples))
        if len(fresh):
            await self.line.hear(fresh)


class _Raw(_Skipping):
    def __init__(self, line: Line, pcm: Pcm, skip: int) -> None:
        super().__init__(line, skip)
        self._pcm = pcm

    async def take(self, data: bytes) -> None:
        await self._hear(self._pcm.take(data))

    async def flush(self) -> None:
        await self._hear(self._pcm.end())

    async def end(self) -> None:
        await self.flush()

    def stop(self) -> None:
        pass


class _Container(_Skipping):
    def __init__(self, line: Line, channel: int | None, skip: int) -> None:
        super().__init__(line, skip)
        self._loop = asyncio.get_running_loop()
        self._given: asyncio.Queue[Samples] = asyncio.Queue()
        self._flow = Flow(self._give, channel=channel)

    async def take(self, data: bytes) -> None:
        self._flow.feed(data)
        await self._hand_over()

    async def flush(self) -> None:
        await asyncio.sleep(SETTLE_S)  # the decoder is told of no flush: it has this long for what it was given
        await self._hand_over()

    async def end(self) -> None:
        try:
            await asyncio.to_thread(self._flow.end)
        finally:
            await asyncio.sleep(0)  # what the thread gave last is on its way to the queue
            await self._hand_over()

    def stop(self) -> None:
        self._flow.stop()

    def _give(self, samples: Samples) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._given.put_nowait, samples)

    async def _hand_over(self) -> None:
        while not self._given.empty():
            await self._hear(self._given.get_nowait())
