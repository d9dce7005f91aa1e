"""Power profiles: which one for what readings, and that small changes change nothing."""

import threading
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.config import Settings
from earwitness.hardware.power import EVERY_S, PERFORMANCE, POWER_SAVER, Power, Profile, Watch, choose
from earwitness.kit import Kit
from earwitness.types import Readings

MAINS = Readings(on_battery=False, temperature_c=50.0, critical_c=100.0)
BATTERY = Readings(on_battery=True, charge=0.8, temperature_c=50.0, critical_c=100.0)


@pytest.mark.parametrize(
    ("now", "name", "why"),
    [
        (Readings(), "performance", "no battery"),
        (MAINS, "performance", "on mains"),
        (replace(MAINS, charge=0.1), "performance", "on mains"),
        (BATTERY, "balanced", "on battery at 80%"),
        (replace(BATTERY, charge=None), "balanced", "on battery"),
        (replace(BATTERY, charge=0.30), "balanced", "30%"),
        (replace(BATTERY, charge=0.29), "power_saver", "29%"),
        (replace(MAINS, temperature_c=89.9), "performance", "on mains"),
        (replace(MAINS, temperature_c=90.0), "power_saver", "hot: 90 of 100 °C"),
        (replace(BATTERY, temperature_c=96.0), "power_saver", "hot"),
        (replace(MAINS, temperature_c=120.0, critical_c=None), "performance", "on mains"),
        (replace(MAINS, throttled=True), "power_saver", "holds the processor back"),
    ],
)
def test_auto_goes_by_mains_charge_and_heat(now: Readings, name: str, why: str) -> None:
    found = choose("auto", now)
    assert found.name == name
    assert why in found.why


@pytest.mark.parametrize("profile", ["performance", "balanced", "power_saver"])
def test_a_profile_that_is_set_stays(profile: Profile) -> None:
    for now in (MAINS, BATTERY, replace(BATTERY, charge=0.01), replace(MAINS, temperature_c=99.0)):
        found = choose(profile, now)
        assert (found.name, found.why) == (profile, "EARWITNESS_POWER says so")
        assert (found.cool_down_s > 0) == (profile == "power_saver" and now.temperature_c == 99.0)


def test_less_power_is_fewer_workers_smaller_batches_and_rarer_drafts() -> None:
    full, half, least = (choose(p, MAINS) for p in ("performance", "balanced", "power_saver"))
    assert [p.workers(8) for p in (full, half, least)] == [8, 4, 2]
    assert [p.workers(1) for p in (full, half, least)] == [1, 1, 1]
    assert full.partial_every_s < half.partial_every_s < least.partial_every_s
    assert full.batch is None
    assert (half.batch or 0) > (least.batch or 0) > 0


def test_it_stays_as_it_was_between_the_two_thresholds() -> None:
    hot = choose("auto", replace(MAINS, temperature_c=91.0))
    assert choose("auto", replace(MAINS, temperature_c=85.0), hot).name == "power_saver"
    assert choose("auto", replace(MAINS, temperature_c=79.0), hot).name == "performance"
    assert choose("auto", replace(MAINS, temperature_c=85.0), PERFORMANCE).name == "performance"
    low = choose("auto", replace(BATTERY, charge=0.29))
    assert choose("auto", replace(BATTERY, charge=0.34), low).name == "power_saver"
    assert choose("auto", replace(BATTERY, charge=0.35), low).name == "balanced"
    assert choose("auto", replace(MAINS, temperature_c=85.0), low).name == "performance", "it was low, not hot"


READINGS = st.builds(
    Readings,
    on_battery=st.sampled_from([None, False, True]),
    charge=st.none() | st.floats(0, 1),
    temperature_c=st.none() | st.floats(1, 150),
    critical_c=st.none() | st.floats(50, 150),
    throttled=st.sampled_from([None, False, True]),
)
PROFILES = st.sampled_from(["auto", "performance", "balanced", "power_saver"])


@given(PROFILES, READINGS, st.none() | READINGS)
def test_what_was_chosen_is_chosen_again(profile: Profile, now: Readings, earlier: Readings | None) -> None:
    before = choose(profile, earlier) if earlier else None
    found = choose(profile, now, before)
    assert choose(profile, now, found) == found


@given(
    st.lists(st.tuples(st.floats(-0.02, 0.02), st.floats(-0.04, 0.04)), min_size=2, max_size=30),
    st.sampled_from([0.30, 0.33, 0.35]) | st.floats(0.05, 0.95),
    st.sampled_from([0.80, 0.85, 0.90]) | st.floats(0.3, 1.2),
    st.booleans(),
)
def test_small_changes_do_not_make_it_flap(
    trembling: list[tuple[float, float]], charge: float, heat: float, on_battery: bool
) -> None:
    """Within a band narrower than its thresholds are apart, heat and charge move it at most once each."""
    chosen, before = list[str](), None
    for more_charge, more_heat in trembling:
        now = Readings(None, on_battery, charge + more_charge, 100 * (heat + more_heat), 100.0)
        before = choose("auto", now, before)
        chosen.append(before.name)
    assert sum(a != b for a, b in pairwise(chosen)) <= 2


@given(READINGS, st.floats(1, 150), st.integers(1, 256))
def test_more_heat_never_gives_more_workers(now: Readings, heat: float, cores: int) -> None:
    cool, warm = sorted([now.temperature_c or 1.0, heat])
    found = [choose("auto", replace(now, temperature_c=t)).workers(cores) for t in (cool, warm)]
    assert cores >= found[0] >= found[1] >= 1


# ── the watch ──
class Machine:
    """Readings that a test sets, and how often they were read."""

    def __init__(self) -> None:
        self.now, self.reads, self.time = MAINS, 0, 0.0

    def read(self) -> Readings:
        self.reads += 1
        return self.now


def test_the_watch_reads_anew_when_readings_are_old() -> None:
    machine = Machine()
    watch = Watch("auto", machine.read, clock=lambda: machine.time)
    machine.now = BATTERY
    assert watch.now().name == "performance"
    machine.time = EVERY_S
    assert [watch.now().name for _ in range(3)] == ["balanced"] * 3
    assert machine.reads == 2


def test_while_one_reads_none_waits() -> None:
    machine, inside, go = Machine(), threading.Event(), threading.Event()

    def slow() -> Readings:
        if machine.time:
            inside.set()
            assert go.wait(20)
        return machine.read()

    watch = Watch("auto", slow, clock=lambda: machine.time)
    machine.time, machine.now = EVERY_S, BATTERY
    reader = threading.Thread(target=watch.now)
    reader.start()
    assert inside.wait(20)
    assert watch.now().name == "performance", "the last one, at once"
    go.set()
    reader.join(20)
    assert watch.now().name == "balanced"


# ── the kit ──
def kit_of(settings: Settings, cores: int, **changed: object) -> Kit:
    made = Kit(settings.model_copy(update=changed))
    made.machine = replace(made.machine, cores=cores)
    return made


def test_saving_power_gives_plans_fewer_workers_and_says_why(settings: Settings) -> None:
    with kit_of(settings, 8, power="performance") as full, kit_of(settings, 8, power="power_saver") as saving:
        assert (full.plan("fake").workers, saving.plan("fake").workers) == (8, 2)
        assert "2 worker(s)" in saving.plan("fake").why
        assert "power_saver: EARWITNESS_POWER says so" in saving.plan("fake").why


def test_workers_that_are_set_stay(settings: Settings) -> None:
    with kit_of(settings, 8, power="power_saver", workers=5) as own:
        plan = own.plan("fake")
        assert plan.workers == 5
        assert "power_saver" not in plan.why


def test_a_model_that_is_loaded_is_not_loaded_again_when_the_power_changes(settings: Settings) -> None:
    class Lever:
        power: Power = PERFORMANCE

        def now(self) -> Power:
            return self.power

    lever = Lever()
    with kit_of(settings, 8) as own:
        own.power = lever  # type: ignore[assignment]
        with own.lane("fake") as (_, first):
            pass
        lever.power = POWER_SAVER
        with own.lane("fake") as (_, second):
            assert second is first
        assert [p.plan.workers for p in own.pool.loaded()] == [8]
