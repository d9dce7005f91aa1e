"""A client of the server's own socket, for tests."""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from websockets.sync.client import ClientConnection, connect

from earwitness.types import Samples

Told = dict[str, Any]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Client:
    """One connection; keeps all it was told."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.told = list[Told]()

    def say(self, **message: object) -> None:
        self.socket.send(json.dumps(message))

    def sound(self, samples: Samples, chunk: int = 8_000) -> None:
        for low in range(0, len(samples), chunk):
            self.socket.send(np.asarray(samples[low : low + chunk], "<f4").tobytes())

    def next(self, timeout_s: float = 60.0) -> Told:
        found: Told = json.loads(self.socket.recv(timeout_s))
        self.told.append(found)
        return found

    def until(self, kind: str, **fields: object) -> Told:
        """The next message of a type, with all before it in `told`."""
        while True:
            found = self.next()
            if found["type"] == kind and all(found[k] == v for k, v in fields.items()):
                return found

    def until_safe(self, position_s: float) -> float:
        """Wait until so much sound is acknowledged; up to where it is."""
        while (safe := max([0.0, *(m["position"] for m in self.told if m["type"] == "ack")])) < position_s:
            self.next()
        return float(safe)

    @property
    def finals(self) -> list[tuple[str, float, float]]:
        segments = [m["segment"] for m in self.told if m["type"] == "final"]
        return [(s["text"], s["start_s"], s["end_s"]) for s in segments]


@contextmanager
def joined(
    address: str, path: str = "/ws", headers: Mapping[str, str] | None = None, **hello: object
) -> Iterator[Client]:
    """A client that has said hello."""
    url = address.replace("http", "ws", 1) + path
    with connect(url, open_timeout=60, additional_headers=headers) as opened:
        client = Client(opened)
        client.say(**{"type": "hello", "encoding": "f32le", **hello})
        yield client
