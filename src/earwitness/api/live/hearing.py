"""What clients send becomes samples for a session: raw sound of a named kind, or a container that comes in pieces.

Decoding of containers happens in a thread; what it gives is handed to the session in order, and the client is made to
wait while the decoder or the session is behind. What is wrong with the sound, and can be left out, is told as a notice.
"""

import asyncio
import threading
import time
from collections import deque
from math import inf
from typing import Protocol

from earwitness.api.live.line import Line
from earwitness.audio import timebase
from earwitness.audio.flowing import Flow
from earwitness.audio.pcm import Pcm, Wire
from earwitness.errors import BadInput
from earwitness.types import Notice, Samples

CONTAINER = "container"
"""The encoding of sound whose container says what it is."""

SOON_S, SETTLE_S, LOOK_EACH_S = 0.05, 2.0, 0.002
"""How long the decoder is waited for after some bytes, and after a flush; how often it is looked at meanwhile."""

ENOUGH = 2**18
"""Bytes that may wait for the decoder before the client is made to."""

MOST_AHEAD = timebase.samples(30.0)
"""Samples that may be decoded before the session takes them: some bytes of a codec hold hours of silence."""

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
    if channel is not None and channel < 0:
        raise BadInput(f"there is no channel {channel}", remedy="Count them from 0.", param="channel")
    found = wire(encoding, rate, channels)
    return _Container(line, channel, skip) if found is None else _Raw(line, Pcm(found, channel), skip)


def wire(encoding: str, rate: int, channels: int) -> Wire | None:
    """How raw sound lies on the wire; None where its container says so. Raises BadInput for what is not read here."""
    name = encoding.strip().lower()
    return None if name == CONTAINER else Wire(ENCODINGS.get(name, name), rate, channels)


class _Skipping:
    """Hands samples to a line, but for the first ones, and says once what is wrong with them."""

    def __init__(self, line: Line, skip: int) -> None:
        self.line, self._skip = line, skip
        self._said = set[str]()

    async def _hear(self, samples: Samples) -> None:
        fresh, self._skip = samples[self._skip :], max(0, self._skip - len(samples))
        if len(fresh):
            await self.line.hear(fresh)

    def _say(self, code: str, count: int, what: str) -> None:
        """A notice of that code, if there is anything of it and it is the first."""
        if count and code not in self._said:
            self._said.add(code)
            self.line.note(Notice(code, f"{count} {what}"))


class _Raw(_Skipping):
    def __init__(self, line: Line, pcm: Pcm, skip: int) -> None:
        super().__init__(line, skip)
        self._pcm = pcm

    async def take(self, data: bytes) -> None:
        samples = self._pcm.take(data)
        self._say("not_finite", self._pcm.non_finite, "samples are no numbers, and were taken for silence")
        await self._hear(samples)

    async def flush(self) -> None:
        await self._hear(self._pcm.end())

    async def end(self) -> None:
        await self.flush()
        self._say("not_whole", self._pcm.rest, "bytes at the end are no whole sample, and were left out")

    def stop(self) -> None:
        pass


class _Container(_Skipping):
    def __init__(self, line: Line, channel: int | None, skip: int) -> None:
        super().__init__(line, skip)
        self._ready, self._ahead, self._left = deque[Samples](), 0, False
        self._room = threading.Condition()
        self._flow = Flow(self._give, channel=channel)

    async def take(self, data: bytes) -> None:
        self._flow.feed(data)
        await self._decoded(SOON_S)

    async def flush(self) -> None:
        await self._decoded(SETTLE_S)

    async def end(self) -> None:
        self._flow.close()
        await self._decoded(inf)
        self._flow.check()

    def stop(self) -> None:
        self._flow.stop()
        with self._room:
            self._left = True
            self._room.notify()

    def _give(self, samples: Samples) -> None:
        """In the decoder's thread, which waits here while it is far ahead."""
        with self._room:
            while self._ahead > MOST_AHEAD and not self._left:
                self._room.wait()
            self._ahead += len(samples)
            self._ready.append(samples)

    async def _decoded(self, within_s: float) -> None:
        """Hand over what is decoded, until the decoder is through; or the time is up, and little waits."""
        until = time.monotonic() + within_s
        while True:
            idle = self._flow.idle if within_s < inf else self._flow.done  # looked at first: what it gave is there then
            await self._hand_over()
            if idle or (time.monotonic() > until and self._flow.waiting <= ENOUGH):
                self._flow.check()
                return
            await asyncio.sleep(LOOK_EACH_S)

    async def _hand_over(self) -> None:
        while self._ready:
            samples = self._ready.popleft()
            with self._room:
                self._ahead -= len(samples)
                self._room.notify()
            await self._hear(samples)
        what = "samples are no numbers, and were taken for silence"
        self._say("not_finite", self._flow.non_finite, what)
        self._say("damaged", self._flow.damaged, "packets could not be decoded, and their sound is missing")
