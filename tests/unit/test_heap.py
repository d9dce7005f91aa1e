"""Memory that is freed stays with the process, until it is given back."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource
from earwitness.hardware import heap

def fetched():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        bytearray(20 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

heap.keep()
fetched()
kept = fetched()
heap.give_back()
print(kept, fetched())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is on Linux")
def test_what_is_kept_is_not_fetched_again() -> None:
    told = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True, timeout=60)
    kept, again = map(int, told.stdout.split())
    if kept == again:
        pytest.skip("another allocator than glibc's")
    assert kept < 1000
    assert again >= 20 * 2**20 // 4096
