"""Apple's machines, by `sysctl`, `pmset` and `vm_stat`: the chip, its GPU by Metal, its Neural Engine by Core ML."""

import re

from earwitness.hardware.probe.view import View, clean, pairs, whole
from earwitness.types import Device

ARM = {"hw.optional.AdvSIMD": "neon", "hw.optional.neon": "neon", "hw.optional.arm.FEAT_FP16": "fp16",
       "hw.optional.arm.FEAT_DotProd": "dotprod", "hw.optional.arm.FEAT_I8MM": "i8mm",
       "hw.optional.arm.FEAT_BF16": "bf16"}  # fmt: skip
INTEL = {"SSE4.2": "sse4.2", "AVX1.0": "avx", "AVX2": "avx2", "F16C": "f16c", "FMA": "fma", "AVX512F": "avx512f"}


def told(view: View) -> dict[str, str]:
    """All that `sysctl` says of the hardware."""
    return pairs(view.tell("/usr/sbin/sysctl", "hw", "machdep.cpu"))


def chip(view: View) -> str:
    """`Apple M2 Pro`, or Intel's name."""
    return clean(told(view).get("machdep.cpu.brand_string", ""))


def count(view: View, key: str) -> int:
    """A number of `sysctl`, or 0."""
    return max(0, whole(told(view).get(key, "")) or 0)


def features(view: View) -> tuple[str, ...]:
    """Instructions the chip has."""
    found = told(view)
    arm = [ours for key, ours in ARM.items() if found.get(key) == "1"]
    words = f"{found.get('machdep.cpu.features', '')} {found.get('machdep.cpu.leaf7_features', '')}".split()
    return tuple(dict.fromkeys([*arm, *(ours for key, ours in INTEL.items() if key in words)]))


def devices(view: View) -> list[Device]:
    """The GPU, and the Neural Engine unless this is a virtual machine; both share the machine's memory."""
    name = chip(view)
    if view.system != "Darwin" or view.architecture != "arm64" or not name:
        return []
    family = name.removeprefix("Apple ")
    gpu = Device("gpu", f"{name} GPU", vendor="apple", arch=family, apis=("metal",))
    npu = Device("npu", "Apple Neural Engine", vendor="apple", arch=family, apis=("coreml",))
    return [gpu] if "Virtual" in name else [gpu, npu]


def available(view: View) -> int | None:
    """Bytes of memory that could be had now."""
    text = view.tell("/usr/bin/vm_stat")
    size, pages = re.search(r"page size of (\d{1,9}) bytes", text), pairs(text)
    counts = [whole(pages.get(f"Pages {kind}", "").rstrip(".")) for kind in ("free", "inactive", "purgeable")]
    return int(size[1]) * sum(max(0, n or 0) for n in counts) if size and counts[0] is not None else None


def battery(view: View) -> tuple[bool | None, float | None]:
    """Whether the machine runs on its battery, and how full that is (0 to 1)."""
    text = view.tell("/usr/bin/pmset", "-g", "batt")
    source, percent = re.search(r"drawing from '([^']+)'", text), re.search(r"(\d{1,3})%", text)
    charge = min(1.0, int(percent[1]) / 100) if percent else None
    return (source[1] != "AC Power" if source else None), charge


def throttled(view: View) -> bool | None:
    """Whether the system holds the processor back because of heat."""
    text = view.tell("/usr/bin/pmset", "-g", "therm")
    limit = re.search(r"CPU_Speed_Limit\s*=\s*(\d{1,4})", text)
    return int(limit[1]) < 100 if limit else (False if "No thermal warning" in text else None)
