"""What is in this machine, found out cheaply, without importing a runtime, and without ever failing.

What can't be read is unknown (empty, 0 or None) and has a note. A device that is there but can't be used by this
process is no device, but a note that says what to do. `machine` is read once; `readings` change and are read anew.
"""

from dataclasses import replace
from functools import cache

from earwitness.hardware.probe import amd, apple, cpu, intel, limits, nvidia, sensors
from earwitness.hardware.probe.view import View
from earwitness.types import Device, DeviceReading, Machine, Note, Readings

__all__ = ["View", "device_readings", "machine", "readings"]


def machine(view: View | None = None) -> Machine:
    """The machine as this process may use it; the first of its devices is the processor."""
    view = view or View()
    view = replace(view, tell=cache(view.tell))  # one command answers several questions
    name, cores, memory, features = cpu.name(view), limits.cores(view), limits.memory(view), cpu.features(view)
    devices, notes = [Device("cpu", name, arch=view.architecture)], list[Note]()
    looks = {"Linux": (nvidia.devices, amd.devices, intel.devices), "Windows": (nvidia.devices,)}
    for look in looks.get(view.system, ()):
        found, why_not = look(view)
        devices += found
        notes += why_not
    devices += apple.devices(view)
    if not memory:
        notes.append(Note("memory", "unknown: the system does not say how much there is"))
    if not features:
        notes.append(Note("processor", "unknown: the system does not say which instructions it has"))
    if view.system == "Windows":
        notes.append(Note("gpu", "DirectX cards of other makers than NVIDIA are not looked for on Windows"))
    return Machine(
        system=f"{view.system} {view.release} ({view.architecture})",
        processor=name,
        cores=cores,
        memory=memory,
        devices=tuple(devices),
        architecture=view.architecture,
        features=features,
        logical=view.logical,
        physical=cpu.physical(view),
        fast=cpu.fast(view),
        notes=tuple(notes),
    )


def readings(view: View | None = None) -> Readings:
    """Memory, battery and heat now."""
    view = view or View()
    on_battery, charge = sensors.battery(view)
    temperature, critical = sensors.heat(view)
    return Readings(limits.available(view), on_battery, charge, temperature, critical, sensors.throttled(view))


def device_readings(view: View | None = None) -> tuple[DeviceReading, ...]:
    """Free memory, heat and limit of power of the cards now; only of those whose driver tells."""
    view = view or View()
    return (*nvidia.readings(view), *(amd.readings(view) if view.system == "Linux" else ()))
