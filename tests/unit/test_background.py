"""A thread that steps back, and those that do not."""

import os
import sys
import threading

import pytest

from earwitness.hardware import background


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of theirs elsewhere")
def test_one_thread_steps_back_and_no_other() -> None:
    found = list[int]()

    def work() -> None:
        background.step_back()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [background.LAST]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
