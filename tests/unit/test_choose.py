"""The order in which the ways to run a model are tried, and the reasons that are given."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from earwitness.hardware import choose
from earwitness.hardware.choose import Candidate
from earwitness.hardware.measure import Measured
from earwitness.types import Device

CPU = Device("cpu", "a processor")
CARD = Device("gpu", "a card", vendor="nvidia", apis=("cuda",))
NPU = Device("npu", "an NPU", vendor="intel", apis=("openvino",))


def _candidate(engine: str, device: Device = CPU, model: str = "m/x") -> Candidate:
    return Candidate(engine, model, device, 2, f"{engine} {device.name} {model}")


def _measured(speed: float = 10.0, **given_: object) -> Measured:
    told = Measured("e", "m", "d", 2, "2026-01-02T03:04:05+00:00", speed=speed, first_s=1.0, cpu_share=0.1)
    return replace(told, **given_)  # type: ignore[arg-type]


def _order(candidates: list[Candidate], measured: dict[str, Measured], goal: choose.Goal = "throughput") -> list[str]:
    return [plan.engine for plan in choose.ranked(candidates, measured, goal)]


def test_without_measurements_the_card_goes_first_and_mlx_on_a_processor_last() -> None:
    some = [_candidate("mlx"), _candidate("onnx"), _candidate("ctranslate2", CARD), _candidate("openvino", NPU)]
    assert _order(some, {}) == ["ctranslate2", "openvino", "onnx", "mlx"]


def test_of_equals_the_first_named_goes_first() -> None:
    some = [_candidate("onnx", model="m/int8"), _candidate("onnx", model="m/float32")]
    assert [p.model for p in choose.ranked(some, {})] == ["m/int8", "m/float32"]


def test_unknown_engines_and_devices_come_after_known_ones() -> None:
    some = [_candidate("stranger"), _candidate("onnx", Device("gpu", "odd", vendor="odd")), _candidate("onnx")]
    assert _order(some, {}) == ["onnx", "stranger", "onnx"]


def test_what_was_measured_goes_before_habit() -> None:
    slow, card = _candidate("whispercpp"), _candidate("ctranslate2", CARD)
    assert _order([card, slow], {slow.key: _measured(1.0)}) == ["whispercpp", "ctranslate2"]


def test_each_goal_has_its_order() -> None:
    fast, quick, exact, thrifty = (_candidate(name) for name in ("fast", "quick", "exact", "thrifty"))
    measured = {
        fast.key: _measured(40.0, agreement=0.96),
        quick.key: _measured(20.0, first_s=0.1, agreement=0.97),
        exact.key: _measured(10.0, agreement=1.0),
        thrifty.key: _measured(5.0, cpu_share=0.01, agreement=0.98),
    }
    every = [thrifty, exact, quick, fast]
    assert _order(every, measured, "throughput")[0] == "fast"
    assert _order(every, measured, "latency")[0] == "quick"
    assert _order(every, measured, "accuracy")[0] == "exact"
    assert _order(every, measured, "power")[0] == "thrifty"


def test_what_failed_or_heard_other_words_goes_last_and_says_so() -> None:
    broken, deaf, habit = _candidate("ctranslate2"), _candidate("onnx"), _candidate("whispercpp")
    measured = {broken.key: _measured(error="it died"), deaf.key: _measured(99.0, agreement=0.5)}
    plans = choose.ranked([broken, deaf, habit], measured)
    assert plans[0].engine == "whispercpp"
    reasons = {plan.engine: plan.why for plan in plans}
    assert "it died" in reasons["ctranslate2"]
    assert "50% the same" in reasons["onnx"]


def test_the_best_says_what_it_is_best_at_and_the_note_ends_it() -> None:
    one, other = _candidate("onnx"), _candidate("openvino")
    best, second = choose.ranked(
        [one, other], {one.key: _measured(10.0), other.key: _measured(20.0, memory=250_000_000)}, note="on mains"
    )
    assert best.why == (
        "openvino: best of 2 for throughput on 2026-01-02, 20.0x real time, first words after 1.00 s, 250 MB; "
        "2 worker(s) on a processor; on mains"
    )
    assert second.why.startswith("onnx: measured on 2026-01-02, 10.0x real time")


def test_a_measurement_under_another_key_counts_for_nothing() -> None:
    one = _candidate("onnx")
    assert choose.unmeasured([one], {"onnx of yesterday": _measured()}) == (one,)
    assert "not measured" in choose.ranked([one, _candidate("mlx")], {"onnx of yesterday": _measured()})[0].why


SPEEDS = st.lists(st.floats(0.1, 500.0), min_size=1, max_size=8)


@given(
    speeds=SPEEDS,
    known=st.sets(st.integers(0, 7)),
    goal=st.sampled_from(["throughput", "latency", "accuracy", "power"]),
)
def test_every_candidate_gets_one_plan_and_the_first_is_the_fastest_measured(
    speeds: list[float], known: set[int], goal: choose.Goal
) -> None:
    some = [_candidate(f"e{i}") for i in range(len(speeds))]
    measured = {some[i].key: _measured(speeds[i], first_s=1 / speeds[i]) for i in known if i < len(some)}
    plans = choose.ranked(some, measured, goal)
    assert sorted(p.engine for p in plans) == sorted(c.engine for c in some)
    if measured:
        assert measured[f"{plans[0].engine} a processor m/x"].speed == max(m.speed for m in measured.values())
