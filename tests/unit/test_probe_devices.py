"""Cards and NPUs on made-up machines: which there are, in whose order, and why some can't be used."""

import ctypes
import grp
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from earwitness.hardware import probe
from earwitness.hardware.probe import nvml
from earwitness.hardware.probe.amd import not_open
from earwitness.hardware.probe.nvml import Library, NvmlError
from earwitness.types import Device, DeviceReading
from support.machines import GIB, Card, FakeNvml, look, server

A100 = Card("NVIDIA A100-SXM4-40GB", "GPU-aaaa1111", (40 * GIB, 10 * GIB), (8, 0))
T4 = Card("Tesla T4", "GPU-bbbb2222", (15 * GIB, 15 * GIB), (7, 5), None, None)


# ── NVIDIA ──
def test_an_nvidia_card(tmp_path: Path) -> None:
    library = FakeNvml()
    view = look(tmp_path, server(), nvml=lambda: library)
    found = probe.machine(view)
    card = Device("gpu", "NVIDIA H100 80GB HBM3", 0, "nvidia", 80 * GIB, "9.0", "550.54.15", ("cuda",))
    assert found.devices[1:] == (card,)
    assert found.notes == ()
    assert probe.device_readings(view) == (DeviceReading("gpu", "nvidia", 0, 79 * GIB, 34.0, 700.0),)
    assert library.closed == 2, "the library is given back"


def test_free_memory_and_heat_are_no_part_of_a_device(tmp_path: Path) -> None:
    cool, warm = Card(), Card(memory=(80 * GIB, GIB), temperature_c=88.0)
    one, other = (probe.machine(look(tmp_path, {}, nvml=lambda c=c: FakeNvml([c]))).devices[1] for c in (cool, warm))
    assert one == other
    assert hash(one) == hash(other)


@pytest.mark.parametrize(
    ("wish", "names"),
    [(None, ["A100", "T4"]), ("1,0", ["T4", "A100"]), ("1", ["T4"]), ("GPU-aaaa", ["A100"]), ("", []), ("-1", []),
     ("5,0", [])],
)  # fmt: skip
def test_cuda_visible_devices_chooses_and_orders(tmp_path: Path, wish: str | None, names: list[str]) -> None:
    env = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"} | ({} if wish is None else {"CUDA_VISIBLE_DEVICES": wish})
    view = look(tmp_path, server(), nvml=lambda: FakeNvml([A100, T4]), env=env)
    found = probe.machine(view)
    cards = found.devices[1:]
    assert [(d.index, next(n for n in ("A100", "T4") if n in d.name)) for d in cards] == list(enumerate(names))
    assert [r.free for r in probe.device_readings(view)] == [(10 if n == "A100" else 15) * GIB for n in names]
    notes = [n.message for n in found.notes]
    assert notes == ([] if len(names) == 2 else [f"CUDA_VISIBLE_DEVICES={wish!r} leaves {len(names)} of 2 card(s)"])


def test_unlike_cards_may_be_counted_otherwise(tmp_path: Path) -> None:
    (note,) = probe.machine(look(tmp_path, server(), nvml=lambda: FakeNvml([A100, T4]))).notes
    assert note.remedy == "Set CUDA_DEVICE_ORDER=PCI_BUS_ID."


def test_a_part_of_a_card(tmp_path: Path) -> None:
    part = Card("NVIDIA H100 80GB HBM3 MIG 1g.10gb", "MIG-77", (10 * GIB, 9 * GIB), None)
    library = FakeNvml([Card()], {"MIG-77": part})
    view = look(tmp_path, server(), nvml=lambda: library, env={"CUDA_VISIBLE_DEVICES": "MIG-77,MIG-78"})
    (card,) = probe.machine(view).devices[1:]
    assert (card.name, card.memory, card.arch) == (part.name, 10 * GIB, "")
    gone = look(tmp_path, {}, nvml=lambda: library, env={"CUDA_VISIBLE_DEVICES": "MIG-99"})
    assert [n.message for n in probe.machine(gone).notes if n.about == "nvidia"] == [
        "the driver does not answer: nvmlDeviceGetHandleByUUID failed with code 6"
    ]


@pytest.mark.parametrize("told", ["none", "void"])
def test_a_container_without_its_cards(tmp_path: Path, told: str) -> None:
    view = look(tmp_path, server(), nvml=FakeNvml, env={"NVIDIA_VISIBLE_DEVICES": told})
    found = probe.machine(view)
    assert len(found.devices) == 1
    assert probe.device_readings(view) == ()
    assert f"NVIDIA_VISIBLE_DEVICES={told}" in found.notes[0].message


def test_what_a_card_does_not_answer_is_unknown(tmp_path: Path) -> None:
    dumb = Card(memory=None, capability=None, temperature_c=None, power_limit_w=None)
    view = look(tmp_path, server(), nvml=lambda: FakeNvml([dumb]))
    found = probe.machine(view)
    assert (found.devices[1].memory, found.devices[1].arch) == (0, "")
    assert "memory" in found.notes[0].message
    assert probe.device_readings(view) == (DeviceReading("gpu", "nvidia", 0),)


def test_a_driver_that_does_not_answer(tmp_path: Path) -> None:
    def refuse() -> None:
        raise NvmlError("the driver is not loaded")

    for view in (
        look(tmp_path, server(), nvml=lambda: FakeNvml(broken="a card fell off the bus")),
        look(tmp_path, {}, nvml=refuse),
    ):
        found = probe.machine(view)
        assert len(found.devices) == 1
        assert "nvidia-smi" in found.notes[0].remedy
        assert probe.device_readings(view) == ()


def test_a_card_without_its_library(tmp_path: Path) -> None:
    told = {"proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t\t NVIDIA GeForce RTX 4090\nIRQ:   \t 16\n"}
    (note,) = probe.machine(look(tmp_path, server() | told)).notes
    assert note.message == "NVIDIA GeForce RTX 4090: the card is there, its driver's library is not"
    assert "--gpus all" in note.remedy


class Foreign:
    """NVML's C functions, as ctypes would call them."""

    def __init__(self, *, init: int = 0) -> None:
        self.nvmlInit_v2 = lambda: init
        self.nvmlShutdown = lambda: 0
        self.nvmlSystemGetDriverVersion = self._text(b"550.54.15")
        self.nvmlDeviceGetName = self._text(b"NVIDIA H100")
        self.nvmlDeviceGetUUID = self._text(b"GPU-1")
        self.nvmlDeviceGetCount_v2 = self._set(1)
        self.nvmlDeviceGetHandleByIndex_v2 = lambda index, out: self._put(out, 0xDEAD + index.value)
        self.nvmlDeviceGetHandleByUUID = lambda uuid, out: self._put(out, 0xBEEF) if uuid == b"GPU-1" else 6
        self.nvmlDeviceGetTemperature = lambda card, sensor, out: self._put(out, 41)
        self.nvmlDeviceGetEnforcedPowerLimit = self._set(350_000)
        self.nvmlDeviceGetCudaComputeCapability = lambda card, major, minor: self._put(major, 9) + self._put(minor, 0)

    def nvmlDeviceGetMemoryInfo(self, card: object, out: Any) -> int:  # noqa: N802 - the library's own name
        out._obj.total, out._obj.free = 80, 70
        return 0

    def _put(self, out: Any, value: int) -> int:
        out._obj.value = value
        return 0

    def _set(self, value: int) -> Callable[..., int]:
        return lambda *given: self._put(given[-1], value)

    def _text(self, text: bytes) -> Callable[..., int]:
        def fill(*given: Any) -> int:
            buffer, size = given[-2:]
            assert size.value == ctypes.sizeof(buffer)
            buffer.value = text
            return 0

        return fill


def test_the_library_is_called_as_its_manual_says() -> None:
    library = Library(Foreign())
    card = library.card(0)
    assert isinstance(card, ctypes.c_void_p)
    assert (library.driver(), library.count(), library.name(card), library.uuid(card)) == (
        "550.54.15", 1, "NVIDIA H100", "GPU-1",
    )  # fmt: skip
    assert (library.memory(card), library.capability(card)) == ((80, 70), (9, 0))
    assert (library.temperature_c(card), library.power_limit_w(card)) == (41.0, 350.0)
    assert library.card("GPU-1")
    with pytest.raises(NvmlError, match="code 6"):
        library.card("GPU-2")
    library.close()


def test_a_library_that_does_not_start_says_why() -> None:
    with pytest.raises(NvmlError, match="different versions"):
        Library(Foreign(init=18))
    with pytest.raises(NvmlError, match="no nvmlInit_v2"):
        Library(object())


def test_a_library_that_is_absent_is_none_and_a_broken_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file: No such file or directory")

    def broken(name: str) -> None:
        raise OSError(f"{name}: invalid ELF header")

    monkeypatch.setattr(ctypes, "CDLL", absent)
    assert nvml.load() is None
    monkeypatch.setattr(ctypes, "CDLL", broken)
    with pytest.raises(NvmlError, match="invalid ELF header"):
        nvml.load()


# ── AMD ──
def amd(node: int, target: int, unique: int, minor: int, memory: int) -> dict[str, str]:
    """A card in the kernel's compute topology and among its renderers."""
    folder, card = f"sys/class/kfd/kfd/topology/nodes/{node}", f"sys/class/drm/renderD{minor}/device"
    return {
        f"{folder}/name": "navi31\n",
        f"{folder}/properties": f"cpu_cores_count 0\nsimd_count 192\ngfx_target_version {target}\nvendor_id 4098\n"
        f"drm_render_minor {minor}\nunique_id {unique}\n",
        f"{folder}/mem_banks/0/properties": f"heap_type 1\nsize_in_bytes {memory}\nflags 0\n",
        f"{card}/vendor": "0x1002\n",
        f"{card}/mem_info_vram_total": f"{memory}\n",
        f"{card}/mem_info_vram_used": f"{GIB}\n",
        f"{card}/hwmon/hwmon{node}/temp1_input": "51000\n",
        f"{card}/hwmon/hwmon{node}/power1_cap": "303000000\n",
        f"dev/dri/renderD{minor}": "",
    }


TWO_AMD = {
    "dev/kfd": "",
    "sys/class/kfd/kfd/topology/nodes/0/name": "\n",
    "sys/class/kfd/kfd/topology/nodes/0/properties": "cpu_cores_count 16\nsimd_count 0\ngfx_target_version 0\n",
    **amd(1, 110000, 0xAB12, 128, 24 * GIB),
    **amd(2, 90010, 0xCD34, 129, 64 * GIB),
}


def test_two_amd_cards(tmp_path: Path) -> None:
    product = {"sys/class/drm/renderD129/device/product_name": "AMD Instinct MI210\n"}
    view = look(tmp_path, server() | TWO_AMD | product)
    found = probe.machine(view)
    assert found.devices[1:] == (
        Device("gpu", "AMD navi31", 0, "amd", 24 * GIB, "gfx1100", "amdgpu", ("rocm",)),
        Device("gpu", "AMD Instinct MI210", 1, "amd", 64 * GIB, "gfx90a", "amdgpu", ("rocm",)),
    )
    assert found.notes == ()
    assert probe.device_readings(view)[1] == DeviceReading("gpu", "amd", 1, 63 * GIB, 51.0, 303.0)


@pytest.mark.parametrize(
    ("env", "targets"),
    [
        ({"HIP_VISIBLE_DEVICES": "1"}, ["gfx90a"]),
        ({"ROCR_VISIBLE_DEVICES": "1,0"}, ["gfx90a", "gfx1100"]),
        ({"ROCR_VISIBLE_DEVICES": "GPU-000000000000CD34"}, ["gfx90a"]),
        ({"ROCR_VISIBLE_DEVICES": "1,0", "HIP_VISIBLE_DEVICES": "1"}, ["gfx1100"]),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
        ({"CUDA_VISIBLE_DEVICES": "0", "HIP_VISIBLE_DEVICES": "0,1"}, ["gfx1100", "gfx90a"]),
    ],
)
def test_what_rocm_and_hip_leave(tmp_path: Path, env: dict[str, str], targets: list[str]) -> None:
    found = probe.machine(look(tmp_path, server() | TWO_AMD, env=env))
    assert [d.arch for d in found.devices[1:]] == targets
    assert [f"leaves {len(targets)} of 2" in n.message for n in found.notes] == ([True] if len(targets) < 2 else [])


def test_amd_cards_that_may_not_be_opened(tmp_path: Path) -> None:
    found = probe.machine(look(tmp_path, server() | TWO_AMD, opens=lambda path: path.name != "kfd"))
    assert len(found.devices) == 1
    assert "may not open /dev/kfd" in found.notes[0].message
    assert "group" in found.notes[0].remedy


def test_one_amd_card_that_may_not_be_opened_leaves_the_other(tmp_path: Path) -> None:
    found = probe.machine(look(tmp_path, server() | TWO_AMD, opens=lambda path: path.name != "renderD128"))
    assert [d.arch for d in found.devices[1:]] == ["gfx90a"]
    assert "/dev/dri/renderD128" in found.notes[0].message


def test_an_amd_card_without_compute(tmp_path: Path) -> None:
    found = probe.machine(look(tmp_path, server() | {"sys/class/drm/renderD128/device/vendor": "0x1002\n"}))
    assert "/dev/kfd" in found.notes[0].remedy


# ── Intel ──
LAPTOP = {
    "sys/class/drm/card0/device/vendor": "0x8086\n",
    "sys/class/drm/renderD128/device/vendor": "0x8086\n",
    "sys/class/drm/renderD128/device/device": "0x7d55\n",
    "sys/class/drm/renderD128/device/driver": "->../../../../bus/pci/drivers/xe",
    "sys/class/accel/accel0/device/vendor": "0x8086\n",
    "sys/class/accel/accel0/device/driver": "->../../../../bus/pci/drivers/intel_vpu",
    "dev/dri/renderD128": "",
    "dev/accel/accel0": "",
}


def test_an_intel_laptop(tmp_path: Path) -> None:
    found = probe.machine(look(tmp_path, server() | LAPTOP))
    assert found.devices[1:] == (
        Device("gpu", "Intel GPU 7d55", 0, "intel", driver="xe", apis=("openvino",)),
        Device("npu", "Intel NPU", 0, "intel", driver="intel_vpu", apis=("openvino",)),
    )
    assert found.notes == ()


def test_an_npu_without_permission_names_the_group_to_join(tmp_path: Path) -> None:
    found = probe.machine(look(tmp_path, server() | LAPTOP, opens=lambda path: "accel" not in path.parts))
    assert [d.kind for d in found.devices] == ["cpu", "gpu"]
    (note,) = found.notes
    assert note.message == "the Intel NPU is there, but this user may not open /dev/accel/accel0"
    gid = (tmp_path / "dev/accel/accel0").stat().st_gid
    assert ("root's alone" if gid == 0 else f"--group-add {gid}`") in note.remedy


@pytest.mark.parametrize(("gid", "named"), [(992, "render"), (1234, "1234"), (0, "root's alone")])
def test_the_group_to_join_by_name_and_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gid: int, named: str
) -> None:
    names = {992: "render", 0: "root"}
    monkeypatch.setattr(Path, "stat", lambda path, **_: SimpleNamespace(st_gid=gid, st_mode=0))
    monkeypatch.setattr(grp, "getgrgid", lambda number: SimpleNamespace(gr_name=names[number]))
    note = not_open(look(tmp_path, {}), "intel npu", "the Intel NPU", tmp_path / "dev/accel/accel0")
    assert (named if gid == 0 else f"usermod -aG {named} $USER") in note.remedy
    assert (f"--group-add {gid}`" in note.remedy) == (gid != 0)


def test_an_npu_whose_node_was_not_passed_into_the_container(tmp_path: Path) -> None:
    files = {name: text for name, text in LAPTOP.items() if not name.startswith("dev/accel")}
    (note,) = probe.machine(look(tmp_path, server() | files)).notes
    assert note.remedy == "Pass it into the container: `--device /dev/accel/accel0`."


def test_an_npu_of_another_maker_is_named(tmp_path: Path) -> None:
    files = {
        "sys/class/accel/accel0/device/vendor": "0x1022\n",
        "sys/class/accel/accel0/device/driver": "->../../../../bus/pci/drivers/amdxdna",
    }
    (note,) = probe.machine(look(tmp_path, server() | files)).notes
    assert note.message == "amdxdna is there, and no engine here can use it"


# ── Apple ──
SYSCTL = """hw.ncpu: 12
hw.memsize: 34359738368
hw.physicalcpu: 12
hw.perflevel0.physicalcpu: 8
hw.optional.AdvSIMD: 1
hw.optional.arm.FEAT_DotProd: 1
hw.optional.arm.FEAT_I8MM: 0
machdep.cpu.brand_string: Apple M2 Pro
"""


def mac(sysctl: str, batt: str = "", therm: str = "") -> Callable[..., str]:
    """What a Mac's commands print."""
    vm_stat = "Mach Virtual Memory Statistics: (page size of 16384 bytes)\nPages free:   1000.\nPages inactive: 24.\n"
    answers = {"sysctl": sysctl, "vm_stat": vm_stat, "batt": batt, "therm": therm}
    return lambda *words: next((text for word, text in answers.items() if words[-1] == word or word in words[0]), "")


def test_an_apple_machine(tmp_path: Path) -> None:
    batt = (
        "Now drawing from 'Battery Power'\n -InternalBattery-0 (id=1)\t85%; discharging; 4:20 remaining present: true"
    )
    given: dict[str, Any] = {"system": "Darwin", "architecture": "arm64", "cpus": 12}
    view = look(tmp_path, {}, **given, tell=mac(SYSCTL, batt, "CPU_Speed_Limit \t= 70\n"))
    found, now = probe.machine(view), probe.readings(view)
    assert (found.processor, found.memory) == ("Apple M2 Pro", 32 * GIB)
    assert (found.cores, found.physical, found.fast) == (12, 12, 8)
    assert found.features == ("neon", "dotprod")
    assert [(d.kind, d.name, d.apis) for d in found.devices[1:]] == [
        ("gpu", "Apple M2 Pro GPU", ("metal",)),
        ("npu", "Apple Neural Engine", ("coreml",)),
    ]
    assert (now.on_battery, now.charge, now.throttled, now.available) == (True, 0.85, True, 1024 * 16384)


def test_a_virtual_mac_has_no_neural_engine_and_an_intel_one_no_device(tmp_path: Path) -> None:
    virtual = look(
        tmp_path, {}, system="Darwin", architecture="arm64", tell=mac("machdep.cpu.brand_string: Apple M1 (Virtual)")
    )
    assert [d.kind for d in probe.machine(virtual).devices] == ["cpu", "gpu"]
    intel = mac("machdep.cpu.brand_string: Intel(R) Core(TM) i7\nmachdep.cpu.features: SSE4.2 AVX1.0 FMA\n")
    found = probe.machine(look(tmp_path, {}, system="Darwin", tell=intel))
    assert (len(found.devices), found.features) == (1, ("sse4.2", "avx", "fma"))


def test_a_mac_whose_commands_say_nothing(tmp_path: Path) -> None:
    view = look(tmp_path, {}, system="Darwin", architecture="arm64")
    found, now = probe.machine(view), probe.readings(view)
    assert (found.processor, found.memory, len(found.devices)) == ("arm64", 0, 1)
    assert (now.available, now.on_battery, now.charge, now.throttled) == (None, None, None, None)
