"""Cores and memory that this process really has: its affinity, and the limits of its control groups, all the way up.

Both versions of control groups are read, alone or side by side. Reference: cgroups(7), the kernel's
admin-guide/cgroup-v1 and cgroup-v2.
"""

import math
import os
from pathlib import Path, PurePosixPath

from earwitness.hardware.probe import apple
from earwitness.hardware.probe.view import View, pairs, whole

ROOT = "sys/fs/cgroup"


def cores(view: View) -> int:
    """Whole cores this process may use at once: its affinity, and the smallest quota rounded up."""
    limit = float(len(view.cpus))
    for folder in groups(view, "cpu"):
        quota, _, period = view.text(f"{folder}/cpu.max").partition(" ")
        limit = min(limit, _quotient(quota, period))
        limit = min(limit, _quotient(view.text(f"{folder}/cpu.cfs_quota_us"), view.text(f"{folder}/cpu.cfs_period_us")))
    return max(1, math.ceil(limit))


def memory(view: View) -> int:
    """Bytes of memory this process may use; 0 where it can't be found out."""
    if view.system == "Darwin":
        return apple.count(view, "hw.memsize")
    if view.system == "Windows":
        return (view.windows.memory() or (0, 0))[0]
    return min([_kilobytes(view, "MemTotal") or 0, *(limit for _, limit in _memory_limits(view))])


def available(view: View) -> int | None:
    """Bytes of memory it could have now, or None: what the system can spare, and what its groups have left."""
    if view.system == "Darwin":
        return apple.available(view)
    if view.system == "Windows":
        found = view.windows.memory()
        return found[1] if found else None
    spare = _kilobytes(view, "MemAvailable")
    if spare is None:
        return None
    for folder, limit in _memory_limits(view):
        used = view.number(f"{folder}/memory.current") or view.number(f"{folder}/memory.usage_in_bytes") or 0
        told = pairs(view.text(f"{folder}/memory.stat"), " ")
        cached = whole(told.get("total_inactive_file", told.get("inactive_file", ""))) or 0
        spare = min(spare, limit - max(0, used - max(0, cached)))
    return max(0, spare)


def resident(process: int | str = "self") -> int | None:
    """Bytes of memory that a process holds now; None where that can't be found out (all but Linux)."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return None


def groups(view: View, controller: str) -> list[str]:
    """Folders of this process's control groups for a controller, the innermost first."""
    mine = [line.split(":", 2) for line in view.text("proc/self/cgroup").splitlines() if line.count(":") >= 2]
    found = dict[str, None]()
    for line in view.text("proc/self/mountinfo").splitlines():
        words = line.split()
        if "-" not in words[6:] or len(words) < words.index("-", 6) + 4:
            continue
        kind, options = words[words.index("-", 6) + 1], words[-1].split(",")
        for _, controllers, path in mine:
            if (kind == "cgroup2" and not controllers) or (
                kind == "cgroup" and controller in options and controller in controllers.split(",")
            ):
                found |= dict.fromkeys(_upwards(words[4], words[3], path))
    found |= dict.fromkeys((ROOT, f"{ROOT}/{controller}"))
    return list(found)


def _upwards(mount: str, root: str, path: str) -> list[str]:
    """A group's folder and those above it, up to where its hierarchy is mounted: `root` is what is mounted there."""
    try:
        inside = PurePosixPath(path).relative_to(root)
    except ValueError:  # the group lies outside of what this process may see
        inside = PurePosixPath()
    if ".." in inside.parts or ".." in PurePosixPath(mount).parts:
        inside = PurePosixPath()
    top = PurePosixPath(mount.lstrip("/"))
    return [str(top / part) for part in (inside, *inside.parents)]


def _memory_limits(view: View) -> list[tuple[str, int]]:
    found = list[tuple[str, int]]()
    for folder in groups(view, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limit = view.number(f"{folder}/{name}")
            if limit is not None and limit > 0:
                found.append((folder, limit))
    return found


def _kilobytes(view: View, key: str) -> int | None:
    number = whole(pairs(view.text("proc/meminfo")).get(key, "").partition(" ")[0])
    return None if number is None or number < 0 else number * 1024


def _quotient(quota: str, period: str) -> float:
    above, below = whole(quota), whole(period)
    return above / below if above is not None and below is not None and above > 0 and below > 0 else math.inf
