"""Which models make room for another: laws over all pools, and the memory of a process."""

import mmap
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.hardware.probe import limits as memory
from earwitness.models import room
from earwitness.models.room import Held, Lack, Limits

HELD = st.lists(
    st.builds(
        Held,
        key=st.uuids(),
        size=st.integers(0, 50),
        idle_s=st.none() | st.floats(0, 100),
        pinned=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda h: h.key,
)
LIMITS = st.builds(Limits, size=st.none() | st.integers(0, 150), count=st.none() | st.integers(1, 8))


@given(HELD, st.integers(0, 200), LIMITS)
def test_the_longest_idle_go_and_no_more_than_needed(held: list[Held], need: int, limits: Limits) -> None:
    gone = room.make(held, need, limits)
    if isinstance(gone, Lack):
        return
    by_key = {h.key: h for h in held}
    going = [by_key[key] for key in gone]
    staying = [h for h in held if h.key not in gone]
    assert all(h.idle_s is not None and not h.pinned for h in going)
    assert room.fits(staying, need, limits)
    if going:
        assert not room.fits([*staying, going[-1]], need, limits), "the last one need not have gone"
        shortest_s = min(h.idle_s or 0.0 for h in going)
        assert all(h.idle_s <= shortest_s for h in staying if h.idle_s is not None and not h.pinned)


@given(HELD, st.integers(0, 200), LIMITS)
def test_why_there_is_no_room_is_true(held: list[Held], need: int, limits: Limits) -> None:
    found = room.make(held, need, limits)
    movable = [h for h in held if h.idle_s is not None and not h.pinned]
    rest = [h for h in held if h not in movable]
    assert isinstance(found, Lack) == (not room.fits(rest, need, limits))
    if found is Lack.SIZE:
        assert limits.size is not None
        assert need > limits.size
    elif found is Lack.PINNED:
        assert not room.fits([h for h in held if h.pinned], need, limits)
        assert room.fits([], need, limits)
    elif found is Lack.IN_USE:
        assert room.fits([h for h in held if h.pinned], need, limits)


def test_without_limits_nobody_goes() -> None:
    assert room.make([Held("a", 10**15, 5.0)], 10**15, Limits()) == ()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells")
def test_the_memory_of_a_process_grows_with_what_it_holds() -> None:
    # A fresh map, written to: the allocator may serve a bytearray from pages that the process has had for long.
    before = memory.resident()
    with mmap.mmap(-1, 64 << 20) as held:
        for page in range(0, len(held), mmap.PAGESIZE):
            held[page] = 1
        after = memory.resident()
    assert before is not None
    assert after is not None
    assert after - before > 32 << 20
    assert memory.resident(os.getpid()) is not None


def test_a_process_that_is_not_there_has_no_memory() -> None:
    assert memory.resident(2**22 + 1) is None
