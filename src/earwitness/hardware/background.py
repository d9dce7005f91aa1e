"""Lets a thread have the processor only while nobody else wants it.

Source: setpriority(2): on Linux each thread has a nice value of its own.
"""

import os
import sys
import threading
from contextlib import suppress

LAST = 19


def step_back() -> None:
    """The calling thread comes after all others from now on. Does nothing where threads have no priority of theirs."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LAST)
