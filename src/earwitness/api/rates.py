"""How often somebody may do something: sliding windows, in memory, forgotten when the server stops."""

import time
from ipaddress import IPv6Address, ip_address

from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from earwitness.errors import TooMany

LIMITS = {
    "login": "5/minute; 20/hour",
    "setup": "5/minute; 20/hour",
    "begin": "20/minute; 100/hour",
    "search": "60/minute",
    "upload": "300/minute",
}
"""Per account and address for logins; per address for the setup and for beginning a login by a provider; per user or
key for the rest."""

NETWORK = 64
"""Bits of an IPv6 address that one subscriber has."""


class Rates:
    """What was done lately, by whom."""

    def __init__(self) -> None:
        self._windows = MovingWindowRateLimiter(MemoryStorage())
        self._limits: dict[str, list[RateLimitItem]] = {what: parse_many(told) for what, told in LIMITS.items()}

    def count(self, what: str, *whos: str) -> None:
        """Count one of something for each of some. Raises TooMany where one of them had enough, and counts nothing."""
        asked = [(limit, what, who) for limit in self._limits[what] for who in whos]
        for limit, *names in asked:
            if not self._windows.test(limit, *names):
                until = self._windows.get_window_stats(limit, *names).reset_time
                raise TooMany(
                    f"this was tried too often: {limit.amount} in {limit.get_expiry()} s are let through",
                    retry_after_s=max(1.0, until - time.time()),
                )
        for limit, *names in asked:
            self._windows.hit(limit, *names)


def network(address: str) -> str:
    """What counts as one address: the network of a subscriber, for IPv6 has more than anybody could count."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return f"v6:{int(found) >> (128 - NETWORK)}" if isinstance(found, IPv6Address) else address
