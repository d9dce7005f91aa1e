"""AMD cards that ROCm can use, as HIP would count them, from the kernel's compute topology.

Reference: the kernel's amdkfd topology and amdgpu sysfs files; ROCm, GPU isolation techniques.
"""

from pathlib import Path

from earwitness.hardware.probe.sensors import celsius
from earwitness.hardware.probe.view import View, clean, pairs, visible, whole
from earwitness.types import Device, DeviceReading, Note

VENDOR = "0x1002"
NODES = "sys/class/kfd/kfd/topology/nodes"
VARIABLES = ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")


def devices(view: View) -> tuple[list[Device], list[Note]]:
    """The cards that this process may use, and why others can't be used."""
    nodes = _nodes(view)
    shown = [d for d in view.folders("sys/class/drm", "renderD*") if view.text(d / "device/vendor") == VENDOR]
    if not nodes:
        hidden = Note("amd", "an AMD card is there, but the kernel offers no compute node for it (/sys/class/kfd)",
                      "Install the amdgpu driver; pass /dev/kfd and /dev/dri into a container.")  # fmt: skip
        return [], [hidden] if shown else []
    if not view.opens(view.root / "dev/kfd"):
        return [], [not_open(view, "amd", "an AMD card", view.root / "dev/kfd")]
    open_ones, left = _open(view, nodes), _left(view, nodes)
    found = [_device(view, index, node) for index, node in enumerate(left)]
    notes = [not_open(view, "amd", _name(view, n), _render(view, n)) for n in nodes if n not in open_ones]
    if len(left) < len(open_ones):
        names = " and ".join(n for n in VARIABLES if n in view.env)
        notes.append(Note("amd", f"{names} leaves {len(left)} of {len(open_ones)} card(s)"))
    notes += [Note("amd", f"of {d.name} ({d.index}) the memory can't be read: unknown") for d in found if not d.memory]
    return found, notes


def readings(view: View) -> list[DeviceReading]:
    """What changes: free memory, heat, and the limit of power."""
    found = list[DeviceReading]()
    for index, node in enumerate(_left(view, _nodes(view))):
        card = _card(node)
        total, used = (view.number(f"{card}/mem_info_vram_{n}") for n in ("total", "used"))
        chips = view.folders(f"{card}/hwmon", "hwmon*")
        limits = [n / 1_000_000 for chip in chips if (n := view.number(chip / "power1_cap"))]
        heats = [c for chip in chips if (c := celsius(view, chip / "temp1_input")) is not None]
        free = max(0, total - used) if total is not None and used is not None else None
        found.append(DeviceReading("gpu", "amd", index, free, max(heats, default=None), max(limits, default=None)))
    return found


def not_open(view: View, about: str, what: str, node: Path) -> Note:
    """The note about a device node that is missing, or that this user may not open."""
    shown = f"/{node.relative_to(view.root)}"
    if not view.exists(node):
        return Note(
            about, f"{what} is there, its node {shown} is not", f"Pass it into the container: `--device {shown}`."
        )
    group, number = view.owner(node)
    remedy = (
        f"Join its group: `sudo usermod -aG {group} $USER` and log in again; in a container, `--group-add {number}`."
    )
    if number == 0:
        remedy = (
            f"It is root's alone: give it to a group by a udev rule, or `sudo chgrp render {shown}` until a restart."
        )
    return Note(about, f"{what} is there, but this user may not open {shown}", remedy)


def _nodes(view: View) -> list[dict[str, str]]:
    """Properties of the nodes that compute and are no processor."""
    found = list[dict[str, str]]()
    for folder in view.folders(NODES):
        told = pairs(view.text(folder / "properties"), " ")
        if (whole(told.get("simd_count", "")) or 0) > 0 and _target(told):
            told["name"] = clean(view.text(folder / "name"))
            banks = [pairs(view.text(bank / "properties"), " ") for bank in view.folders(folder / "mem_banks")]
            local = [whole(b.get("size_in_bytes", "")) or 0 for b in banks if b.get("heap_type") in {"1", "2"}]
            told["memory"] = str(max(0, sum(local)))
            found.append(told)
    return found


def _open(view: View, nodes: list[dict[str, str]]) -> list[dict[str, str]]:
    """Those this process may open; ROCr counts no others."""
    return [n for n in nodes if view.opens(_render(view, n))]


def _left(view: View, nodes: list[dict[str, str]]) -> list[dict[str, str]]:
    """What the environment leaves: ROCr filters first, then HIP, which heeds CUDA's variable where it has none."""
    nodes = _open(view, nodes)
    ids = [f"GPU-{whole(n.get('unique_id', '')) or 0:016x}" for n in nodes]
    nodes = [nodes[i] for i in visible(view.env.get("ROCR_VISIBLE_DEVICES"), ids)]
    wish = view.env.get("HIP_VISIBLE_DEVICES", view.env.get("CUDA_VISIBLE_DEVICES"))
    return [nodes[i] for i in visible(wish, [""] * len(nodes))]


def _device(view: View, index: int, node: dict[str, str]) -> Device:
    memory = whole(node["memory"]) or view.number(f"{_card(node)}/mem_info_vram_total") or 0
    return Device(
        "gpu",
        _name(view, node),
        index,
        vendor="amd",
        memory=max(0, memory),
        arch=_target(node),
        driver=clean(f"amdgpu {view.text('sys/module/amdgpu/version')}"),
        apis=("rocm",),
    )


def _name(view: View, node: dict[str, str]) -> str:
    return clean(view.text(f"{_card(node)}/product_name")) or f"AMD {node['name'] or _target(node)}"


def _target(node: dict[str, str]) -> str:
    """`gfx1100` from 110000: major, minor and stepping, two digits each, the last as a hexadecimal digit."""
    number = whole(node.get("gfx_target_version", "")) or 0
    return f"gfx{number // 10_000}{number // 100 % 100:x}{number % 100:x}" if number > 0 else ""


def _render(view: View, node: dict[str, str]) -> Path:
    return view.root / f"dev/dri/renderD{whole(node.get('drm_render_minor', '')) or 128}"


def _card(node: dict[str, str]) -> str:
    return f"sys/class/drm/renderD{whole(node.get('drm_render_minor', '')) or 128}/device"
