"""What the probe finds on made-up machines: processors, cores, memory, and files that say nothing sensible."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earwitness.hardware import probe
from earwitness.hardware.probe import View, cpu, limits
from earwitness.hardware.probe.view import visible
from support.machines import GIB, MEMINFO, PI, V1, V2, look, server, write


def test_this_machine_has_a_processor_with_a_name() -> None:
    found = probe.machine()
    assert 1 <= found.cores <= found.logical
    assert found.devices[0].kind == "cpu"
    assert found.devices[0].name == found.processor != ""
    assert hash(found) == hash(found)


def test_a_plain_server(tmp_path: Path) -> None:
    found = probe.machine(look(tmp_path, server()))
    assert found.processor == "Intel(R) Xeon(R) Platinum 8488C"
    assert found.system == "Linux 6.8.0 (x86_64)"
    assert (found.cores, found.logical, found.physical, found.fast) == (8, 8, 4, 0)
    assert found.memory == 64 * GIB
    assert found.features == (
        "sse4.2", "avx", "avx2", "f16c", "fma", "avx512f", "avx512_vnni", "amx_tile", "amx_int8", "amx_bf16",
    )  # fmt: skip
    assert [(d.kind, d.arch) for d in found.devices] == [("cpu", "x86_64")]
    assert found.notes == ()


def test_a_raspberry_pi(tmp_path: Path) -> None:
    files = {
        "proc/cpuinfo": "".join(PI.format(n=n) for n in range(4)),
        "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
        "proc/meminfo": MEMINFO.format(kib=8_000_000, free=6_000_000),
    }
    found = probe.machine(look(tmp_path, files, cpus=4, architecture="aarch64"))
    assert found.processor == "Raspberry Pi 5 Model B Rev 1.0"
    assert found.features == ("neon", "fp16", "dotprod")
    assert (found.cores, found.physical, found.devices[0].arch) == (4, 0, "aarch64")


def test_an_arm_core_without_a_name_is_known_by_its_number(tmp_path: Path) -> None:
    assert cpu.name(look(tmp_path, {"proc/cpuinfo": PI.format(n=0)}, architecture="aarch64")) == "Cortex-A76"


def test_instructions_are_those_that_every_processor_has(tmp_path: Path) -> None:
    mixed = "Features : asimd asimddp sve\n\nFeatures : asimd asimddp\n"
    assert cpu.features(look(tmp_path, {"proc/cpuinfo": mixed})) == ("neon", "dotprod")


def test_fast_cores_are_counted_where_there_are_two_kinds(tmp_path: Path) -> None:
    hybrid = {"sys/devices/cpu_core/cpus": "0-5\n", "sys/devices/cpu_atom/cpus": "6-7\n"}
    assert cpu.fast(look(tmp_path / "intel", hybrid)) == 6
    assert cpu.fast(look(tmp_path / "held", hybrid, cpus=4)) == 4
    sizes = {f"sys/devices/system/cpu/cpu{n}/cpu_capacity": "1024" if n < 2 else "485" for n in range(8)}
    assert cpu.fast(look(tmp_path / "arm", sizes)) == 2


@pytest.mark.parametrize(
    ("text", "found"),
    [("0-3,8", {0, 1, 2, 3, 8}), ("", set()), ("2", {2}), ("3-1", set()), ("0-99999999999", set()), ("a-b", set())],
)
def test_lists_of_processors(text: str, found: set[int]) -> None:
    assert cpu.cpulist(text) == found


# ── cores and memory of a container ──
@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", 8), ("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1), ("1600000 100000", 8),
     ("nonsense", 8), ("150000 0", 8), ("-1 100000", 8), ("", 8)],
)  # fmt: skip
def test_cores_by_a_quota_of_version_2(tmp_path: Path, quota: str, cores: int) -> None:
    own = {"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": V2, "sys/fs/cgroup/cpu.max": f"{quota}\n"}
    assert limits.cores(look(tmp_path, own)) == cores


@pytest.mark.parametrize("root", ["/", "/docker/0a1b"])
def test_a_container_of_version_1(tmp_path: Path, root: str) -> None:
    """Where the container sees its own group at the mount, and where the path within still counts from the host's."""
    inside = "docker/0a1b/" if root == "/" else ""
    own = {
        "proc/self/cgroup": "4:memory:/docker/0a1b\n3:cpu,cpuacct:/docker/0a1b\n1:name=systemd:/docker/0a1b\n",
        "proc/self/mountinfo": V1.format(root=root),
        f"sys/fs/cgroup/cpu,cpuacct/{inside}cpu.cfs_quota_us": "150000\n",
        f"sys/fs/cgroup/cpu,cpuacct/{inside}cpu.cfs_period_us": "100000\n",
        f"sys/fs/cgroup/memory/{inside}memory.limit_in_bytes": f"{2 * GIB}\n",
        f"sys/fs/cgroup/memory/{inside}memory.usage_in_bytes": f"{GIB}\n",
        f"sys/fs/cgroup/memory/{inside}memory.stat": f"cache 5\ntotal_inactive_file {GIB // 4}\n",
        "proc/meminfo": MEMINFO.format(kib=64 * 2**20, free=32 * 2**20),
    }
    view = look(tmp_path, own)
    assert limits.cores(view) == 2
    assert limits.memory(view) == 2 * GIB
    assert limits.available(view) == GIB + GIB // 4


def test_no_quota_in_version_1(tmp_path: Path) -> None:
    own = server() | {
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    }
    view = look(tmp_path, own)
    assert (limits.cores(view), limits.memory(view), limits.available(view)) == (8, 64 * GIB, 32 * GIB)


def test_a_group_is_bound_by_those_above_it(tmp_path: Path) -> None:
    slices = "sys/fs/cgroup/kubepods.slice"
    own = server() | {
        "proc/self/cgroup": "0::/kubepods.slice/pod7.slice/main\n",
        "proc/self/mountinfo": V2,
        f"{slices}/cpu.max": "600000 100000",
        f"{slices}/pod7.slice/cpu.max": "150000 100000",
        f"{slices}/pod7.slice/memory.max": str(4 * GIB),
        f"{slices}/pod7.slice/memory.current": str(5 * GIB),
        f"{slices}/pod7.slice/main/cpu.max": "max 100000",
        f"{slices}/pod7.slice/main/memory.max": "max",
    }
    view = look(tmp_path, own)
    assert (limits.cores(view), limits.memory(view), limits.available(view)) == (2, 4 * GIB, 0)


def test_a_group_outside_of_sight_counts_from_the_mount(tmp_path: Path) -> None:
    own = {
        "proc/self/cgroup": "0::/../../elsewhere\n",
        "proc/self/mountinfo": V2,
        "sys/fs/cgroup/cpu.max": "100000 100000",
    }
    assert limits.cores(look(tmp_path, own)) == 1


def test_memory_that_cannot_be_found_out_is_unknown_and_says_so(tmp_path: Path) -> None:
    view = look(tmp_path, {})
    found = probe.machine(view)
    assert (found.memory, found.features, found.physical) == (0, (), 0)
    assert found.processor == "x86_64"
    assert {n.about for n in found.notes} == {"memory", "processor"}
    assert probe.readings(view).available is None


def test_windows_tells_by_its_own_calls(tmp_path: Path) -> None:
    class Told:
        def power(self) -> tuple[int, int] | None:
            return 0, 54

        def memory(self) -> tuple[int, int] | None:
            return 16 * GIB, 3 * GIB

        def features(self) -> tuple[str, ...]:
            return ("avx2",)

    view = look(tmp_path, {}, system="Windows", windows=Told(), processor="Intel64 Family 6 Model 154")
    found, now = probe.machine(view), probe.readings(view)
    assert (found.processor, found.memory, found.features) == ("Intel64 Family 6 Model 154", 16 * GIB, ("avx2",))
    assert "DirectX" in found.notes[0].message
    assert (now.available, now.on_battery, now.charge) == (3 * GIB, True, 0.54)


def test_elsewhere_windows_says_nothing() -> None:
    calls = View().windows
    assert (calls.power(), calls.memory(), calls.features()) == (None, None, ())


# ── hostile ──
FILES = [
    "proc/cpuinfo", "proc/meminfo", "proc/self/cgroup", "proc/self/mountinfo", "sys/fs/cgroup/cpu.max",
    "sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory.stat", "sys/fs/cgroup/memory.current",
    "sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "sys/devices/system/cpu/cpu0/cpu_capacity",
    "sys/devices/cpu_core/cpus", "sys/class/drm/renderD128/device/vendor", "sys/class/accel/accel0/device/vendor",
    "sys/class/kfd/kfd/topology/nodes/1/properties", "sys/class/kfd/kfd/topology/nodes/1/name",
    "sys/class/kfd/kfd/topology/nodes/1/mem_banks/0/properties", "proc/driver/nvidia/gpus/0/information",
    "sys/class/power_supply/BAT0/type", "sys/class/power_supply/BAT0/capacity", "sys/class/power_supply/BAT0/status",
    "sys/class/thermal/thermal_zone0/type", "sys/class/thermal/thermal_zone0/temp", "sys/class/hwmon/hwmon0/name",
    "sys/class/hwmon/hwmon0/temp1_input", "sys/class/hwmon/hwmon0/temp1_crit",
]  # fmt: skip
GRAINS = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [b"", b"-1", b"0", b"9" * 5000, b"0x8086", b"0x1002", b"cpu", b"coretemp", b"Battery", b"Discharging", b"nan",
         b"simd_count 4\ngfx_target_version 110000\nunique_id -5\ndrm_render_minor -3", b"critical", b"0::/a/../b",
         b"31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw", b"31 23 0:28 x y - cgroup2", b"MemTotal: -5 kB",
         b"flags :\nmodel name : \x1b[31mred\x00"]
    ),
)  # fmt: skip


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.fixed_dictionaries({}, optional=dict.fromkeys(FILES, GRAINS)), wish=st.text(max_size=8))
def test_garbled_files_are_never_more_than_unknown(
    tmp_path_factory: pytest.TempPathFactory, texts: dict[str, bytes], wish: str
) -> None:
    root = tmp_path_factory.mktemp("garbled")
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text)
    view = look(root, {}, cpus=1, env={"CUDA_VISIBLE_DEVICES": wish}, opens=lambda path: True)
    found, now = probe.machine(view), probe.readings(view)
    assert found.cores == 1
    assert found.memory >= 0
    assert found.processor.isprintable()
    assert now.charge is None or 0 <= now.charge <= 1
    assert now.available is None or now.available >= 0
    assert all(r.free is None or r.free >= 0 for r in probe.device_readings(view))


def test_folders_in_the_place_of_files_and_loops_of_links(tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).mkdir(parents=True)
    loop = tmp_path / "sys/class/accel/accel0/device/driver"
    loop.symlink_to(loop)
    assert probe.machine(look(tmp_path, {}, cpus=2)).cores == 2
    assert probe.readings(look(tmp_path, {})).temperature_c is None


def test_an_endless_file_ends(tmp_path: Path) -> None:
    write(tmp_path, {"proc/cpuinfo": "model name : one\n" + "x" * (9 << 20)})
    assert len(View(root=tmp_path).text("proc/cpuinfo")) <= 8 << 20


def test_commands_that_are_missing_or_fail_say_nothing() -> None:
    tell = View().tell
    assert (tell("/no/such/command"), tell("false")) == ("", "")


@pytest.mark.parametrize(
    ("wish", "left"),
    [(None, [0, 1, 2]), ("", []), ("2,1", [2, 1]), ("0,2,-1,1", [0, 2]), ("0,9,1", [0]), ("GPU-b", [1]),
     ("GPU-", []), (" 1 , 0 ", [1, 0]), ("1,1", []), ("x", []), ("NoDevFiles", []), ("gpu-C3,0", [2, 0])],
)  # fmt: skip
def test_what_the_environment_leaves_visible(wish: str | None, left: list[int]) -> None:
    assert visible(wish, ["GPU-a1", "GPU-b2", "GPU-c3"]) == left
