"""What Windows says about memory, mains and instructions: three calls of kernel32 by ctypes, None elsewhere."""

import ctypes
from typing import Any

FEATURES = {19: "neon", 38: "sse4.2", 39: "avx", 40: "avx2", 41: "avx512f", 43: "dotprod"}
"""Numbers of `IsProcessorFeaturePresent`, from winnt.h."""


class _Power(ctypes.Structure):
    _fields_ = (
        ("mains", ctypes.c_ubyte),
        ("flag", ctypes.c_ubyte),
        ("percent", ctypes.c_ubyte),
        ("saver", ctypes.c_ubyte),
        ("left_s", ctypes.c_uint32),
        ("whole_s", ctypes.c_uint32),
    )


class _Memory(ctypes.Structure):
    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        ("available", ctypes.c_uint64),
        ("rest", ctypes.c_uint64 * 5),
    )


class Windows:
    """The calls; on other systems each gives nothing."""

    def __init__(self) -> None:
        # The attribute is there on Windows only.
        self._kernel: Any = getattr(getattr(ctypes, "windll", None), "kernel32", None)

    def power(self) -> tuple[int, int] | None:
        """Mains (0 off, 1 on, 255 unknown) and percent of the battery (255 unknown or none)."""
        found = _Power()
        if self._kernel is None or not self._kernel.GetSystemPowerStatus(ctypes.byref(found)):
            return None
        return int(found.mains), int(found.percent)

    def memory(self) -> tuple[int, int] | None:
        """Bytes of memory, and how many are available."""
        found = _Memory(length=ctypes.sizeof(_Memory))
        if self._kernel is None or not self._kernel.GlobalMemoryStatusEx(ctypes.byref(found)):
            return None
        return int(found.total), int(found.available)

    def features(self) -> tuple[str, ...]:
        """Instructions the processor has, as far as Windows tells."""
        if self._kernel is None:
            return ()
        return tuple(name for n, name in FEATURES.items() if self._kernel.IsProcessorFeaturePresent(n))
