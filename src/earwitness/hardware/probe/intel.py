"""Intel's GPUs and NPUs, as OpenVINO can use them, from the kernel's device folders; other makers' NPUs are named."""

from earwitness.hardware.probe.amd import not_open
from earwitness.hardware.probe.view import View, clean
from earwitness.types import Device, Note

VENDOR = "0x8086"


def devices(view: View) -> tuple[list[Device], list[Note]]:
    """The GPUs and NPUs that this process may open, and why others can't be used."""
    found, notes = list[Device](), list[Note]()
    for folder in view.folders("sys/class/drm", "renderD*"):
        if view.text(folder / "device/vendor") != VENDOR:
            continue
        name = f"Intel GPU {view.text(folder / 'device/device').removeprefix('0x')[:8]}".strip()
        node = view.root / "dev/dri" / folder.name
        if not view.opens(node):
            notes.append(not_open(view, "intel gpu", name, node))
            continue
        memory = view.number(folder / "device/lmem_total_bytes") or 0
        driver = clean(view.target(folder / "device/driver"))
        index = sum(d.kind == "gpu" for d in found)
        found.append(Device("gpu", name, index, "intel", max(0, memory), driver=driver, apis=("openvino",)))
    for folder in view.folders("sys/class/accel", "accel*"):
        driver, node = clean(view.target(folder / "device/driver")), view.root / "dev/accel" / folder.name
        if view.text(folder / "device/vendor") != VENDOR:
            notes.append(Note("npu", f"{driver or 'an accelerator'} is there, and no engine here can use it"))
        elif not view.opens(node):
            notes.append(not_open(view, "intel npu", "the Intel NPU", node))
        else:
            index = sum(d.kind == "npu" for d in found)
            found.append(Device("npu", "Intel NPU", index, "intel", driver=driver, apis=("openvino",)))
    return found, notes
