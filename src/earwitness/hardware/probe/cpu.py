"""The processor: its name, the instructions that matter to speech runtimes, and its cores."""

from earwitness.hardware.probe import apple
from earwitness.hardware.probe.view import View, clean, pairs

X86 = {
    "sse4_2": "sse4.2", "avx": "avx", "avx2": "avx2", "f16c": "f16c", "fma": "fma", "avx512f": "avx512f",
    "avx512_vnni": "avx512_vnni", "avx_vnni": "avx_vnni", "avx512_bf16": "avx512_bf16", "amx_tile": "amx_tile",
    "amx_int8": "amx_int8", "amx_bf16": "amx_bf16",
}  # fmt: skip
ARM = {"neon": "neon", "asimd": "neon", "asimdhp": "fp16", "asimddp": "dotprod", "i8mm": "i8mm", "bf16": "bf16",
       "sve": "sve", "sve2": "sve2"}  # fmt: skip
"""The kernel's names (`hwcap` documentation) and ours."""

PARTS = {
    "0xd03": "Cortex-A53", "0xd07": "Cortex-A57", "0xd08": "Cortex-A72", "0xd0b": "Cortex-A76", "0xd0c": "Neoverse-N1",
    "0xd40": "Neoverse-V1", "0xd41": "Cortex-A78", "0xd49": "Neoverse-N2", "0xd4f": "Neoverse-V2",
}  # fmt: skip
"""ARM's own cores by part number."""

CPUS = "sys/devices/system/cpu"


def name(view: View) -> str:
    """The processor's name, at worst its architecture."""
    if view.system == "Darwin":
        return apple.chip(view) or view.architecture
    told = pairs(view.text("proc/cpuinfo"))
    part = PARTS.get(told.get("CPU part", "")) if told.get("CPU implementer") == "0x41" else None
    found = (
        told.get("model name")
        or told.get("Model")
        or view.text("proc/device-tree/model")
        or told.get("Hardware")
        or part
    )
    return clean(found or view.processor) or view.architecture or "unknown"


def features(view: View) -> tuple[str, ...]:
    """Instructions that every processor here has; empty where they can't be found out."""
    if view.system == "Darwin":
        return apple.features(view)
    if view.system == "Windows":
        return view.windows.features()
    sets = [
        set(value.split())
        for key, _, value in (line.partition(":") for line in view.text("proc/cpuinfo").splitlines())
        if key.strip() in {"flags", "Features"}
    ]
    common = set.intersection(*sets) if sets else set[str]()
    return tuple(dict.fromkeys(ours for told, ours in {**X86, **ARM}.items() if told in common))


def physical(view: View) -> int:
    """Cores behind the logical processors this process may use; 0 where it can't be found out."""
    if view.system == "Darwin":
        return apple.count(view, "hw.physicalcpu")
    folders = [f"{CPUS}/cpu{n}/topology" for n in view.cpus]
    siblings = [view.text(f"{f}/thread_siblings_list") or view.text(f"{f}/core_cpus_list") for f in folders]
    return len(set(siblings)) if siblings and all(siblings) else 0


def fast(view: View) -> int:
    """How many of the processors are of the fast kind, where there are two; else 0."""
    if view.system == "Darwin":
        return apple.count(view, "hw.perflevel0.physicalcpu")
    if told := cpulist(view.text("sys/devices/cpu_core/cpus")):
        return len(told & view.cpus)
    sizes = [view.number(f"{CPUS}/cpu{n}/cpu_capacity") or 0 for n in view.cpus]
    return sizes.count(max(sizes)) if sizes and min(sizes) != max(sizes) else 0


def cpulist(text: str) -> frozenset[int]:
    """The numbers of a list such as `0-3,8`; empty when it is garbled."""
    found = set[int]()
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        try:
            low, high = int(first), int(last or first)
        except ValueError:
            return frozenset()
        if not 0 <= low <= high < 1 << 16:
            return frozenset()
        found |= set(range(low, high + 1))
    return frozenset(found)
