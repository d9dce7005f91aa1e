"""Short-lived keys that open one door: made for web pages and apps that must not hold the server's own key.

Held in memory, at most `MOST` of them, each until its time. What a key was made with is kept beside it, and by whom:
whoever has it is taken for them.
"""

import secrets
from collections.abc import Mapping
from time import time
from typing import Any

from earwitness.api.caller import CALLER, Caller
from earwitness.errors import Busy

MOST = 1_000
REALTIME = "/v1/realtime"
"""The one path they open."""

PREFIX = "ek_"


class Passes:
    """The keys that were handed out."""

    def __init__(self) -> None:
        self._held = dict[str, tuple[int, Mapping[str, Any], Caller]]()

    def issue(self, about: Mapping[str, Any], seconds: int) -> tuple[str, int]:
        """A new key that is good for so long, and when it ends, by the epoch. Raises Busy when all are out."""
        now = time()
        self._held = {key: kept for key, kept in self._held.items() if kept[0] > now}
        if len(self._held) >= MOST:
            first = min(until for until, *_ in self._held.values())
            raise Busy(f"all {MOST} client secrets are handed out", retry_after_s=max(1.0, first - now))
        key, until = f"{PREFIX}{secrets.token_hex(24)}", int(now) + seconds
        self._held[key] = until, about, CALLER.get()
        return key, until

    def about(self, key: str) -> Mapping[str, Any] | None:
        """What a key was made with; None for one that is unknown or over."""
        until, about, _ = self._held.get(key, (0, {}, None))
        return about if until > time() else None

    def issuer(self, path: str, key: str) -> Caller | None:
        """Who made a key that opens a path now; None for one that does not."""
        return self._held[key][2] if path == REALTIME and self.about(key) is not None else None
