"""Which engine, model file and device does the work: ranked, each place with its reason. Pure: it looks at nothing.

What was measured on this machine goes first, the best for the goal before the others. What was not measured follows by
habit: what such runtimes are known for. What failed when it was measured, or heard other words, goes last.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from earwitness.hardware.measure import Measured
from earwitness.types import Device, Plan

Goal = Literal["throughput", "latency", "accuracy", "power"]

SAME = 0.95
"""Share of words that a candidate must have in common with the most exact one of its model."""

HABIT = {
    ("gpu", "nvidia"): ("ctranslate2", "torch", "onnx", "whispercpp"),
    ("gpu", "amd"): ("torch", "onnx", "whispercpp"),
    ("gpu", "apple"): ("mlx", "whispercpp", "torch", "onnx"),
    ("gpu", "intel"): ("openvino", "onnx"),
    ("npu", "intel"): ("openvino", "onnx"),
    ("npu", "apple"): ("onnx",),
    ("cpu", ""): (
        "moonshine",
        "ctranslate2",
        "onnx",
        "openvino",
        "whispercpp_server",
        "whispercpp_cli",
        "whispercpp",
        "torch",
        "remote",
        "mlx",
    ),
}
"""Devices in the order in which they are tried, and on each the engines that are known for it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to run a model. `key` stands for everything that a measurement depends on."""

    engine: str
    model: str
    device: Device
    workers: int
    key: str = ""


def ranked(
    candidates: Sequence[Candidate], measured: Mapping[str, Measured], goal: Goal = "throughput", note: str = ""
) -> tuple[Plan, ...]:
    """All candidates as Plans, the best first; of equals the one that was named first. `note` ends each reason."""
    placed = [(_place(c, measured.get(c.key), goal, order), c) for order, c in enumerate(candidates)]
    placed.sort(key=lambda pair: pair[0])
    plans = []
    for rank, (_, c) in enumerate(placed, 1):
        why = f"{_reason(c, measured.get(c.key), goal, rank, len(placed))}; {c.workers} worker(s) on {c.device.name}"
        plans.append(Plan(c.engine, c.model, c.device, c.workers, f"{why}; {note}" if note else why))
    return tuple(plans)


def unmeasured(candidates: Iterable[Candidate], measured: Mapping[str, Measured]) -> tuple[Candidate, ...]:
    """Those without a measurement that still holds."""
    return tuple(c for c in candidates if c.key not in measured)


def sound(found: Measured) -> bool:
    """Whether a measured candidate may be preferred: it ran, and heard what the most exact one heard."""
    return not found.error and (found.agreement is None or found.agreement >= SAME)


def score(found: Measured, goal: Goal) -> tuple[float, ...]:
    """What is compared, smaller being better."""
    slow, first = 1 / max(found.speed, 1e-9), found.first_s
    return {
        "throughput": (slow, first),
        "latency": (first, slow),
        "accuracy": (-round(found.agreement if found.agreement is not None else 1.0, 3), slow),
        "power": (found.cpu_share, slow),
    }[goal]


def _place(c: Candidate, found: Measured | None, goal: Goal, order: int) -> tuple[float, ...]:
    if found is None:
        return (1.0, *_habit(c), order)
    return (0.0, *score(found, goal), order) if sound(found) else (2.0, *_habit(c), order)


def _habit(c: Candidate) -> tuple[float, float]:
    """Place of the device, and of the engine on it; those nobody knows come last."""
    kinds = list(HABIT)
    kind = (c.device.kind, "" if c.device.kind == "cpu" else c.device.vendor)
    if kind not in HABIT:
        return float(len(kinds)), 0.0
    known = HABIT[kind]
    return float(kinds.index(kind)), float(known.index(c.engine) if c.engine in known else len(known))


def _reason(c: Candidate, found: Measured | None, goal: Goal, rank: int, count: int) -> str:
    if found is None:
        only = "the only one here" if count == 1 else "not measured here, so by habit"
        return f"{c.engine}: {only}"
    if found.error:
        return f"{c.engine}: failed when it was measured on {found.day}: {found.error}"
    told = f"{found.speed:.1f}x real time, first words after {found.first_s:.2f} s"
    if found.memory:
        told += f", {found.memory / 1e6:.0f} MB"
    if not sound(found):
        return f"{c.engine}: hears other words than the most exact one ({found.agreement:.0%} the same); {told}"
    best = f"best of {count} for {goal}" if rank == 1 and count > 1 else "measured"
    return f"{c.engine}: {best} on {found.day}, {told}"
