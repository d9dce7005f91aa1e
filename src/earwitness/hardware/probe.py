"""What is in this machine, found out cheaply and without importing a runtime.

A container sees its host's numbers; what counts are its affinity and its control group's limits.
"""

import os
import platform
from pathlib import Path

from earwitness.types import Device, Machine

CGROUP = Path("/sys/fs/cgroup")


def machine() -> Machine:
    """The machine as this process may use it."""
    name = processor()
    return Machine(
        system=f"{platform.system()} {platform.release()} ({platform.machine()})",
        processor=name,
        cores=cores(),
        memory=memory(),
        devices=(Device("cpu", name),),
    )


def cores(group: Path = CGROUP) -> int:
    """Whole cores this process may use at once: its affinity, and the control group's quota rounded up."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        allowed = os.cpu_count() or 1
    try:
        quota, period = (group / "cpu.max").read_text().split()
        limit = allowed if quota == "max" else -(-int(quota) // int(period))
    except (OSError, ValueError):
        limit = allowed
    return max(1, min(allowed, limit))


def memory(group: Path = CGROUP) -> int:
    """Bytes of memory this process may use; 0 where it can't be found out."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
    try:
        limit = (group / "memory.max").read_text().strip()
        return total if limit == "max" else min(total, int(limit))
    except (OSError, ValueError):
        return total


def processor() -> str:
    """The processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("model name", "Model", "Hardware")):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
