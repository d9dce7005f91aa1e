"""Deepgram's own client, pointed at a server of the tests; plays sound into its socket, keeps all it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
from deepgram import DeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v1.socket_client import V1SocketClient
from deepgram.listen.v1.types import ListenV1Metadata, ListenV1Results
from websockets.exceptions import ConnectionClosed

from earwitness.types import Samples


def environment(address: str) -> DeepgramClientEnvironment:
    """Where the client finds everything."""
    socket = address.replace("http", "ws", 1)
    return DeepgramClientEnvironment(base=address, production=socket, agent=socket, agent_rest=address)


@contextmanager
def client(address: str, key: str = "none") -> Iterator[DeepgramClient]:
    """The client, which closes none of its connections by itself."""
    with httpx.Client(timeout=60) as http:
        yield DeepgramClient(api_key=key, environment=environment(address), httpx_client=http)


def linear16(samples: Samples) -> bytes:
    """Samples of shape (n,) or (n, channels) as they go over the wire."""
    return (np.clip(samples, -1, 1) * 32767).round().astype("<i2").tobytes()


class Stream:
    """One connection and all it was told, which is read in a thread of its own."""

    def __init__(self, socket: V1SocketClient) -> None:
        self.socket = socket
        self.told = list[Any]()
        self.closed: tuple[int, str] = (0, "")
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                found = self.socket.recv()
            except ConnectionClosed as error:
                with self._changed:
                    if error.rcvd is not None:
                        self.closed = (error.rcvd.code, error.rcvd.reason)
                    self._changed.notify_all()
                return
            with self._changed:
                self.told.append(found)
                self._changed.notify_all()

    def sound(self, data: bytes, size: int = 9_600) -> None:
        for low in range(0, len(data), size):
            self.socket.send_media(data[low : low + size])

    def end(self) -> "Stream":
        """Close the stream, and wait for all there is."""
        self.socket.send_close_stream()
        return self.rest()

    def rest(self) -> "Stream":
        self._reader.join(60)
        assert not self._reader.is_alive(), self.told[-3:]
        return self

    def until(self, kind: str, **fields: object) -> Any:
        """The first message of a type with these values."""

        def met() -> Any:
            fitting = (m for m in self.told if m.type == kind)
            return next((m for m in fitting if all(getattr(m, k) == v for k, v in fields.items())), None)

        with self._changed:
            assert self._changed.wait_for(lambda: met() is not None or self.closed[0], 60), self.told[-3:]
            found = met()
        assert found is not None, self.told[-3:]
        return found

    def results(self, channel: int = 0, *, final: bool = True) -> list[ListenV1Results]:
        found = [m for m in self.told if isinstance(m, ListenV1Results) and m.channel_index[0] == channel]
        return [m for m in found if m.is_final is final]

    def text(self, channel: int = 0) -> str:
        return " ".join(t for r in self.results(channel) if (t := r.channel.alternatives[0].transcript))

    @property
    def metadata(self) -> ListenV1Metadata:
        (found,) = [m for m in self.told if isinstance(m, ListenV1Metadata)]
        return found


@contextmanager
def streaming(address: str, **asked: Any) -> Iterator[Stream]:
    """A stream of raw sound at 16 kHz, unless something else is asked for."""
    wire: dict[str, Any] = {"encoding": "linear16", "sample_rate": 16_000} if "encoding" not in asked else {}
    with (
        client(address) as deepgram,
        deepgram.listen.v1.connect(**{"model": "nova-3", **wire, **asked}) as socket,
    ):
        yield Stream(socket)
