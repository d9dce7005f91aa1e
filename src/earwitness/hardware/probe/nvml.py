"""NVIDIA's management library by ctypes: the handful of calls the probe makes, and nothing that starts CUDA.

Reference: NVML API reference, https://docs.nvidia.com/deploy/nvml-api/.
"""

import ctypes
import os
import sys
from pathlib import Path
from typing import Any, Protocol

NAME_BYTES = 96
MEANINGS = {
    4: "this user has no permission",
    9: "the driver is not loaded",
    12: "a library of the driver is missing",
    15: "a card fell off the bus",
    17: "the system will not let it in",
    18: "the driver and its library are of different versions; restart the machine",
}


class NvmlError(Exception):
    """A call that failed; the text says why."""


class Nvml(Protocol):
    """The calls, each of which may raise NvmlError. A handle is whatever `card` gave."""

    def driver(self) -> str:
        """The driver's version."""
        ...

    def count(self) -> int:
        """How many cards there are."""
        ...

    def card(self, which: int | str) -> object:
        """The handle of a card by index (bus order) or by UUID, parts of a card (`MIG-…`) included."""
        ...

    def name(self, card: object) -> str:
        """The product's name."""
        ...

    def uuid(self, card: object) -> str:
        """`GPU-…`."""
        ...

    def memory(self, card: object) -> tuple[int, int]:
        """Bytes in all, and free now."""
        ...

    def capability(self, card: object) -> tuple[int, int]:
        """Compute capability, major and minor."""
        ...

    def temperature_c(self, card: object) -> float:
        """Of the chip."""
        ...

    def power_limit_w(self, card: object) -> float:
        """The limit in force."""
        ...

    def close(self) -> None:
        """Give the library back."""
        ...


def load() -> Nvml | None:
    """The library, started; None where there is none. Raises NvmlError if it is there and does not start."""
    names = ("libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1")
    if sys.platform == "win32":
        old = Path(os.environ.get("PROGRAMFILES", r"C:\Program Files"), "NVIDIA Corporation", "NVSMI", "nvml.dll")
        names = ("nvml.dll", str(old))
    for name in names:
        try:
            library = ctypes.CDLL(name)
        except OSError as error:
            if isinstance(error, FileNotFoundError) or "No such file" in str(error):
                continue
            raise NvmlError(f"the driver's library does not load: {error}") from error
        return Library(library)
    return None


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


class Library:
    """`Nvml` on the real library, or on anything with its functions."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._call("nvmlInit_v2")

    def driver(self) -> str:
        return self._text("nvmlSystemGetDriverVersion")

    def count(self) -> int:
        found = ctypes.c_uint()
        self._call("nvmlDeviceGetCount_v2", ctypes.byref(found))
        return found.value

    def card(self, which: int | str) -> object:
        handle = ctypes.c_void_p()
        if isinstance(which, str):
            self._call("nvmlDeviceGetHandleByUUID", which.encode(), ctypes.byref(handle))
        else:
            self._call("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(which), ctypes.byref(handle))
        return handle

    def name(self, card: object) -> str:
        return self._text("nvmlDeviceGetName", card)

    def uuid(self, card: object) -> str:
        return self._text("nvmlDeviceGetUUID", card)

    def memory(self, card: object) -> tuple[int, int]:
        found = _Memory()
        self._call("nvmlDeviceGetMemoryInfo", card, ctypes.byref(found))
        return int(found.total), int(found.free)

    def capability(self, card: object) -> tuple[int, int]:
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._call("nvmlDeviceGetCudaComputeCapability", card, ctypes.byref(major), ctypes.byref(minor))
        return major.value, minor.value

    def temperature_c(self, card: object) -> float:
        found = ctypes.c_uint()
        self._call("nvmlDeviceGetTemperature", card, ctypes.c_int(0), ctypes.byref(found))
        return float(found.value)

    def power_limit_w(self, card: object) -> float:
        found = ctypes.c_uint()
        self._call("nvmlDeviceGetEnforcedPowerLimit", card, ctypes.byref(found))
        return found.value / 1000

    def close(self) -> None:
        self._call("nvmlShutdown")

    def _text(self, name: str, *given: object) -> str:
        buffer = ctypes.create_string_buffer(NAME_BYTES)
        self._call(name, *given, buffer, ctypes.c_uint(NAME_BYTES))
        return buffer.value.decode("utf-8", "replace")

    def _call(self, name: str, *given: object) -> None:
        try:
            code = getattr(self._library, name)(*given)
        except (AttributeError, OSError) as error:
            raise NvmlError(f"the driver is too old or damaged: no {name}") from error
        if code:
            raise NvmlError(MEANINGS.get(code, f"{name} failed with code {code}"))
