"""Battery, mains and heat, read anew each time they are asked for."""

from pathlib import Path

from earwitness.hardware.probe import apple
from earwitness.hardware.probe.view import View

CPU_ZONES = ("x86_pkg_temp", "cpu", "soc", "tcpu", "acpitz", "big", "little")
"""Beginnings of the kernel's names for zones that hold the processor."""

CPU_CHIPS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "soc_thermal", "acpitz", "apple")

SANE_C = (1.0, 150.0)


def battery(view: View) -> tuple[bool | None, float | None]:
    """Whether the machine runs on its battery (None when nothing tells), and how full that is (0 to 1, or None)."""
    if view.system == "Darwin":
        return apple.battery(view)
    if view.system == "Windows":
        mains, percent = view.windows.power() or (255, 255)
        return {0: True, 1: False}.get(mains), percent / 100 if percent <= 100 else None
    supplies = view.folders("sys/class/power_supply")
    kinds = [(s, view.text(s / "type")) for s in supplies if view.text(s / "scope") != "Device"]  # a mouse has one too
    cells = [s for s, kind in kinds if kind in {"Battery", "UPS"}]
    online = [view.number(s / "online") for s, kind in kinds if kind in {"Mains", "USB", "Wireless"}]
    levels = [n / 100 for s in cells if (n := view.number(s / "capacity")) is not None and 0 <= n <= 100]
    charge = sum(levels) / len(levels) if levels else None
    states = {view.text(s / "status") for s in cells}
    if 1 in online:
        return False, charge
    if "Discharging" in states or (cells and 0 in online):
        return True, charge
    return (False if states & {"Charging", "Full", "Not charging"} else None), charge


def heat(view: View) -> tuple[float | None, float | None]:
    """The processor's temperature and the one at which the system stops, in °C; what is nearest to its end counts."""
    found = [*_zones(view), *_chips(view)]
    if not found:
        return None, None
    return max(found, key=lambda pair: (pair[0] / pair[1] if pair[1] else 0.0, pair[0]))


def throttled(view: View) -> bool | None:
    """Whether the system holds the processor back because of heat; told by macOS only."""
    return apple.throttled(view) if view.system == "Darwin" else None


def celsius(view: View, path: Path) -> float | None:
    """A kernel temperature (thousandths of a degree), or None when it is missing or can't be true."""
    number = view.number(path)
    return number / 1000 if number is not None and SANE_C[0] <= number / 1000 <= SANE_C[1] else None


def _zones(view: View) -> list[tuple[float, float | None]]:
    found = list[tuple[float, float | None]]()
    for zone in view.folders("sys/class/thermal", "thermal_zone*"):
        now = celsius(view, zone / "temp")
        if now is None or not view.text(zone / "type").lower().startswith(CPU_ZONES):
            continue
        ends = [
            celsius(view, zone / kind.name.replace("_type", "_temp"))
            for kind in view.folders(zone.relative_to(view.root), "trip_point_*_type")
            if view.text(kind) == "critical"
        ]
        found.append((now, next((end for end in ends if end), None)))
    return found


def _chips(view: View) -> list[tuple[float, float | None]]:
    found = list[tuple[float, float | None]]()
    for chip in view.folders("sys/class/hwmon", "hwmon*"):
        if not view.text(chip / "name").startswith(CPU_CHIPS):
            continue
        for file in view.folders(chip.relative_to(view.root), "temp*_input"):
            if (now := celsius(view, file)) is not None:
                found.append((now, celsius(view, chip / file.name.replace("_input", "_crit"))))
    return found
