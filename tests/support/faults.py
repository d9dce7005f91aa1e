"""Servers that share a kit, and what tests of faults ask of them."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from earwitness import config
from earwitness.kit import Kit
from support.server import running
from support.sockets import Client

WAIT_S = 60.0


class Shared:
    """A kit that several servers use, one after the other, and none closes."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def __getattr__(self, name: str) -> object:
        return getattr(self._kit, name)

    def close(self) -> None:
        """Left to its owner."""


@contextmanager
def serving(kit: Kit, home: Path, **settings: Any) -> Iterator[str]:
    made = config.load(home=home, log_level="error", preload=False, **settings)
    with running(made, Shared(kit)) as address:  # type: ignore[arg-type]
        yield address


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def there(address: str) -> int:
    """Live sessions of a server."""
    text = httpx.get(f"{address}/metrics").text
    return round(float(next(x for x in text.splitlines() if x.startswith("earwitness_live_sessions ")).split()[1]))


def nothing_left(address: str) -> None:
    until(lambda: there(address) == 0)
    until(lambda: not any(t.name == "flow" for t in threading.enumerate()))


def ended(client: Client) -> str:
    """End a session; all that it told."""
    client.say(type="end")
    client.until("ended")
    return " ".join(text for text, *_ in client.finals)


def codes(client: Client) -> list[str]:
    return [m["notice"]["code"] for m in client.told if m["type"] == "noted"]


def refused(client: Client, code: str, closed: int) -> dict[str, Any]:
    told = client.until("failed")
    assert (told["code"], told["fatal"]) == (code, True)
    assert told["message"]
    assert told["remedy"]
    with pytest.raises(ConnectionClosed) as caught:
        client.next()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == closed
    return told
