"""Made-up machines: trees of `sys`, `proc` and `dev` as the kernel writes them, for a probe that looks there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from earwitness.hardware.probe.nvml import NvmlError
from earwitness.hardware.probe.view import View

GIB = 2**30

XEON = """processor\t: {n}
vendor_id\t: GenuineIntel
model\t\t: 143
model name\t: Intel(R) Xeon(R) Platinum 8488C
physical id\t: 0
core id\t\t: {n}
flags\t\t: fpu vme sse sse2 ssse3 fma sse4_1 sse4_2 avx f16c avx2 avx512f avx512_vnni amx_bf16 amx_tile amx_int8

"""
PI = """processor\t: {n}
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm aes crc32 atomics fphp asimdhp cpuid asimdrdm asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU part\t: 0xd0b

"""
MEMINFO = "MemTotal:       {kib} kB\nMemFree:          100000 kB\nMemAvailable:   {free} kB\n"

V2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
V1 = (
    "32 31 0:29 {root} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 {root} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
)


def write(root: Path, files: Mapping[str, str]) -> Path:
    """The tree with these files in it; a value that begins with `->` makes a link to that name."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("->"):
            target = path.parent / text[2:]
            target.mkdir(parents=True, exist_ok=True)
            path.symlink_to(target)
        else:
            path.write_text(text)
    return root


def server(cpus: int = 8, memory: int = 64 * GIB) -> dict[str, str]:
    """A plain x86 server, its processors pairs of threads."""
    kib = memory // 1024
    files = {
        "proc/cpuinfo": "".join(XEON.format(n=n) for n in range(cpus)),
        "proc/meminfo": MEMINFO.format(kib=kib, free=kib // 2),
    }
    for n in range(cpus):
        files[f"sys/devices/system/cpu/cpu{n}/topology/thread_siblings_list"] = f"{n // 2 * 2},{n // 2 * 2 + 1}\n"
    return files


def look(root: Path, files: Mapping[str, str], *, cpus: int = 8, **given: Any) -> View:
    """A view of a made-up Linux machine; `given` are fields of the View."""
    plain: dict[str, Any] = {
        "system": "Linux", "release": "6.8.0", "architecture": "x86_64", "processor": "", "env": {}, "logical": cpus,
        "cpus": frozenset(range(cpus)), "opens": lambda path: path.exists(), "tell": lambda *words: "",
        "nvml": lambda: None,
    }  # fmt: skip
    return View(root=write(root, files), **(plain | given))


@dataclass
class Card:
    """One NVIDIA card; None is what it does not answer."""

    name: str = "NVIDIA H100 80GB HBM3"
    uuid: str = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"
    memory: tuple[int, int] | None = (80 * GIB, 79 * GIB)
    capability: tuple[int, int] | None = (9, 0)
    temperature_c: float | None = 34.0
    power_limit_w: float | None = 700.0


@dataclass
class FakeNvml:
    """NVIDIA's management library with these cards in it, and parts of cards by UUID."""

    cards: list[Card] = field(default_factory=lambda: [Card()])
    parts: dict[str, Card] = field(default_factory=dict)
    broken: str = ""
    closed: int = 0

    def driver(self) -> str:
        return "550.54.15"

    def count(self) -> int:
        if self.broken:
            raise NvmlError(self.broken)
        return len(self.cards)

    def card(self, which: int | str) -> object:
        if isinstance(which, int):
            return self.cards[which]
        if which not in self.parts:
            raise NvmlError("nvmlDeviceGetHandleByUUID failed with code 6")
        return self.parts[which]

    def name(self, card: object) -> str:
        return str(self._of(card, "name"))

    def uuid(self, card: object) -> str:
        return str(self._of(card, "uuid"))

    def memory(self, card: object) -> tuple[int, int]:
        total, free = self._of(card, "memory")
        return total, free

    def capability(self, card: object) -> tuple[int, int]:
        major, minor = self._of(card, "capability")
        return major, minor

    def temperature_c(self, card: object) -> float:
        return float(self._of(card, "temperature_c"))

    def power_limit_w(self, card: object) -> float:
        return float(self._of(card, "power_limit_w"))

    def close(self) -> None:
        self.closed += 1

    def _of(self, card: object, name: str) -> Any:
        if (found := getattr(card, name)) is None:
            raise NvmlError("code 3: not supported")
        return found
