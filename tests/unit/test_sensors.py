"""Battery, mains and heat on made-up machines, as doctor shows them."""

from pathlib import Path

import pytest

from earwitness.cli.doctor import device_line, machine_line
from earwitness.hardware import probe
from earwitness.hardware.probe import sensors
from earwitness.types import Device, DeviceReading, Machine, Readings
from support.machines import GIB, look, server

BATTERY = {
    "sys/class/power_supply/AC/type": "Mains\n",
    "sys/class/power_supply/AC/online": "0\n",
    "sys/class/power_supply/BAT0/type": "Battery\n",
    "sys/class/power_supply/BAT0/status": "Discharging\n",
    "sys/class/power_supply/BAT0/capacity": "54\n",
    "sys/class/power_supply/hidpp_battery_0/type": "Battery\n",
    "sys/class/power_supply/hidpp_battery_0/scope": "Device\n",
    "sys/class/power_supply/hidpp_battery_0/status": "Discharging\n",
    "sys/class/power_supply/hidpp_battery_0/capacity": "5\n",
}
WARM = {
    "sys/class/thermal/thermal_zone0/type": "acpitz\n",
    "sys/class/thermal/thermal_zone0/temp": "27800\n",
    "sys/class/thermal/thermal_zone0/trip_point_0_type": "passive\n",
    "sys/class/thermal/thermal_zone0/trip_point_0_temp": "95000\n",
    "sys/class/thermal/thermal_zone0/trip_point_1_type": "critical\n",
    "sys/class/thermal/thermal_zone0/trip_point_1_temp": "119000\n",
    "sys/class/thermal/thermal_zone1/type": "iwlwifi_1\n",
    "sys/class/thermal/thermal_zone1/temp": "99000\n",
    "sys/class/hwmon/hwmon3/name": "coretemp\n",
    "sys/class/hwmon/hwmon3/temp1_input": "96000\n",
    "sys/class/hwmon/hwmon3/temp1_crit": "100000\n",
    "sys/class/hwmon/hwmon4/name": "nvme\n",
    "sys/class/hwmon/hwmon4/temp1_input": "140000\n",
}


def test_a_laptop_on_battery_at_96_degrees(tmp_path: Path) -> None:
    now = probe.readings(look(tmp_path, server() | BATTERY | WARM))
    assert now == Readings(32 * GIB, True, 0.54, 96.0, 100.0, None)


@pytest.mark.parametrize(
    ("changed", "on_battery", "charge"),
    [
        ({"AC/online": "1"}, False, 0.54),
        ({"BAT0/status": "Unknown"}, True, 0.54),
        ({"AC/type": "USB", "AC/online": "1", "BAT0/status": "Charging"}, False, 0.54),
        ({"AC/type": "x", "BAT0/status": "Full", "BAT0/capacity": "100"}, False, 1.0),
        ({"AC/type": "x", "BAT0/status": "nonsense", "BAT0/capacity": "5000"}, None, None),
        ({"BAT1/type": "Battery", "BAT1/status": "Discharging", "BAT1/capacity": "94"}, True, 0.74),
        ({"AC/type": "x", "BAT0/type": "UPS"}, True, 0.54),
        ({"AC/type": "x", "BAT0/scope": "Device"}, None, None),
    ],
)
def test_battery_and_mains(
    tmp_path: Path, changed: dict[str, str], on_battery: bool | None, charge: float | None
) -> None:
    files = BATTERY | {f"sys/class/power_supply/{name}": text for name, text in changed.items()}
    assert sensors.battery(look(tmp_path, files)) == (on_battery, charge)


def test_a_desktop_has_no_battery(tmp_path: Path) -> None:
    now = probe.readings(look(tmp_path, server()))
    assert (now.on_battery, now.charge, now.temperature_c, now.critical_c) == (None, None, None, None)


def test_a_board_whose_zone_has_no_critical_point(tmp_path: Path) -> None:
    files = {"sys/class/thermal/thermal_zone0/type": "cpu-thermal", "sys/class/thermal/thermal_zone0/temp": "61328"}
    assert sensors.heat(look(tmp_path, files)) == (61.328, None)


def test_a_temperature_that_cannot_be_true_is_unknown(tmp_path: Path) -> None:
    for n, text in enumerate(("65261850", "-40000", "0", "warm")):
        files = {"sys/class/hwmon/hwmon0/name": "k10temp", "sys/class/hwmon/hwmon0/temp1_input": text}
        assert sensors.heat(look(tmp_path / str(n), files)) == (None, None)


def test_what_the_doctor_prints_of_a_machine() -> None:
    found = Machine("Linux 6.8 (x86_64)", "Xeon", 2, 8 * GIB, (), logical=8, physical=4, fast=2)
    assert machine_line(found, Readings(available=3 * GIB)) == (
        "Xeon, 2 of 8 core(s) (4 physical, 2 fast), 8.0 GiB (3.0 GiB free), Linux 6.8 (x86_64)"
    )
    assert machine_line(Machine("?", "x", 1, 0, (), logical=1), Readings()) == (
        "x, 1 of 1 core(s) (unknown physical), memory unknown, ?"
    )


def test_what_the_doctor_prints_of_a_device() -> None:
    card = Device("gpu", "H100", 0, "nvidia", 80 * GIB, "9.0", "550.54", ("cuda",))
    now = DeviceReading("gpu", "nvidia", 0, 79 * GIB, 34.0, 700.0)
    assert device_line(card, now) == "H100, 9.0, 80.0 GiB, 550.54, cuda, 79.0 GiB free, 34 °C, at most 700 W"
    assert device_line(Device("npu", "Intel NPU"), None) == "Intel NPU"
