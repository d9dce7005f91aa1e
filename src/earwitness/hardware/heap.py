"""Lets a process keep the memory it computes in.

glibc gives much of it back at the end of a call, only to fetch as many fresh pages at the next: that was measured to
take up to a sixth of the time of a batch.

Source: mallopt(3), malloc_trim(3).
"""

import sys
from ctypes import CDLL

TRIM, PAD, MMAP = -1, -2, -3
MOST_MMAP = 32 * 2**20
"""The greatest threshold glibc takes on 64 bits: what is larger always comes from the system and goes back there."""
LEFT = 128 * 2**20
"""Bytes that may stay unused at the end of an arena."""
PIECE = 64 * 2**20
"""Bytes of the pieces of which arenas consist; an unused one is kept where the padding is as much."""


def keep() -> None:
    """From now on keep what is freed, within limits. Does nothing where the allocator is another."""
    if libc := _glibc():
        libc.mallopt(MMAP, MOST_MMAP)
        libc.mallopt(PAD, PIECE)
        libc.mallopt(TRIM, LEFT)


def give_back() -> None:
    """Give back what is free now."""
    if libc := _glibc():
        libc.malloc_trim(0)


def _glibc() -> CDLL | None:
    libc = CDLL(None) if sys.platform == "linux" and sys.maxsize > 2**32 else None
    return libc if hasattr(libc, "gnu_get_libc_version") else None
