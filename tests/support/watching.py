"""A client of the stream of events, as a browser is one: it comes again by itself, with the last id it has seen."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

WAIT_S = 60.0


@dataclass(frozen=True)
class Event:
    """One event as it came."""

    kind: str
    id: str | None
    data: Any


class Stream:
    """One connection."""

    def __init__(self, address: str, query: str = "", last: str | None = None, **headers: str) -> None:
        self.link = http.client.HTTPConnection(urlsplit(address).netloc, timeout=WAIT_S)
        given = headers if last is None else {**headers, "Last-Event-ID": last}
        self.link.request("GET", f"/api/events{query}", headers=given)
        self.answer = self.link.getresponse()
        self.comments = list[str]()
        self.last = last

    def __iter__(self) -> Iterator[Event]:
        """All events until the server ends the stream."""
        kind, data, ident = "message", list[str](), None
        while line := self.answer.readline().decode():
            name, _, value = line.rstrip("\n").partition(": ")
            if name == "id":
                ident = self.last = value
            elif name == "event":
                kind = value
            elif name == "data":
                data.append(value)
            elif line.startswith(":"):
                self.comments.append(value)
            elif line == "\n":
                if data:
                    yield Event(kind, ident, json.loads("\n".join(data)))
                kind, data, ident = "message", [], None

    def next(self) -> Event:
        return next(iter(self))

    def take(self, count: int) -> list[Event]:
        found = iter(self)
        return [next(found) for _ in range(count)]

    def close(self) -> None:
        self.link.close()
        self.answer.close()


@contextmanager
def watching(address: str, query: str = "", last: str | None = None, **headers: str) -> Iterator[Stream]:
    """A connection that was greeted."""
    stream = Stream(address, query, last, **headers)
    try:
        assert stream.answer.status == 200, stream.answer.read()
        assert stream.next().kind == "hello"
        yield stream
    finally:
        stream.close()


class Watcher:
    """Watches in a thread of its own, and comes again whenever the connection breaks."""

    def __init__(self, address: str) -> None:
        self.numbers = list[int]()
        self.greeted = self.resyncs = 0
        self._address, self._last = address, "0"
        self._over = False
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over:
            try:
                stream = Stream(self._address, last=self._last)
                try:
                    self._read(stream)
                finally:
                    self._last = stream.last or self._last
                    stream.close()
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)

    def _read(self, stream: Stream) -> None:
        for event in stream:
            self.greeted += event.kind == "hello"
            self.resyncs += event.kind == "resync"
            if event.kind == "models":
                self.numbers.append(event.data["about"]["n"])
            if self._over:
                return

    def stop(self) -> None:
        self._over = True


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
