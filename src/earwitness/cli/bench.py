"""`earwitness bench`: run every way to use a model on this machine, and keep what was measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from earwitness.hardware.choose import Candidate
    from earwitness.hardware.measure import Measured
    from earwitness.kit import Kit
    from earwitness.types import Plan


NUMBERS = ("speed", "first", "load", "memory", "cpu", "same")


def bench(
    models: Annotated[
        list[str] | None,
        typer.Option("--models", "-m", help="A model; may be given again. All that are here if left out."),
    ] = None,
    engines: Annotated[
        list[str] | None, typer.Option("--engines", "-e", help="An engine; may be given again. All if left out.")
    ] = None,
    goal: Annotated[
        Literal["throughput", "latency", "accuracy", "power"] | None,
        typer.Option(help="What the table is sorted by; EARWITNESS_GOAL if left out."),
    ] = None,
    audio: Annotated[
        Path | None, typer.Option(help="A recording in English to measure with; the bundled one if left out.")
    ] = None,
    limit: Annotated[float, typer.Option(help="Seconds after which a candidate has failed.", min=1)] = 300.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure on this machine how fast each engine runs each model, and on which device.

    Each candidate gets a process of its own and about a minute of speech. The results are kept, and from then on the
    best for EARWITNESS_GOAL is used; a new driver, library or model file makes them void.

    speed: seconds of sound a second, all workers at work. first: from three seconds of sound to their words. cpu:
    seconds of processor time for a second of sound. same: words in common with the model's most exact form.
    """
    import json
    from dataclasses import asdict

    from rich.console import Console

    from earwitness import config, trial
    from earwitness.hardware import measure
    from earwitness.hardware.measure import Measured
    from earwitness.kit import Kit
    from earwitness.models.catalog import sample

    settings, log = config.load(goal=goal), Console(stderr=True, highlight=False, soft_wrap=True)
    found = dict[str, Measured]()
    with Kit(settings) as kit:
        groups = _groups(kit, models, engines or ())
        log.print(f"Measuring {sum(map(len, groups.values()))} candidate(s). Nothing else should run meanwhile.")
        with log.status("") as status:

            def begun(c: "Candidate") -> None:
                status.update(f"{c.engine} with {c.model} on {c.device.name} …")

            def done(c: "Candidate", m: "Measured") -> None:
                log.print(f"[dim]{c.engine} with {c.model}: {m.error or f'{m.speed:.1f}x real time'}[/]")

            for candidates in groups.values():
                fresh = trial.every(candidates, audio or sample(), limit_s=limit, on_begin=begun, on_done=done)
                measure.write(settings.measured, fresh)
                found |= fresh
        plans = {name: kit.plans(name) for name in groups}
    if as_json:
        typer.echo(json.dumps([asdict(m) for m in found.values()], indent=2))
        return
    Console(highlight=False).print(
        table(plans, {(c.engine, c.model, c.device): found[c.key] for cs in groups.values() for c in cs})
    )
    for name, ranked in plans.items():
        typer.echo(f"{name}: {ranked[0].why}")


def _groups(kit: "Kit", models: list[str] | None, engines: Sequence[str]) -> "dict[str, list[Candidate]]":
    """The candidates by the name of their model. Raises BadInput where there is none."""
    from earwitness.errors import BadInput

    found = {
        name: [c for c in kit.candidates(name)[0] if not engines or c.engine in engines]
        for name in models or kit.names()
    }
    kept = {name: candidates for name, candidates in found.items() if candidates}
    if not kept:
        raise BadInput("there is nothing to measure", remedy="See `earwitness models list` and `earwitness doctor`.")
    return kept


def table(plans: "Mapping[str, tuple[Plan, ...]]", found: "Mapping[tuple[object, ...], Measured]") -> "Table":
    """What was measured, by model, the chosen one first."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("model", "engine", "on", *NUMBERS):
        made.add_column(name, justify="right" if name in NUMBERS else "left", no_wrap=True)
    for ranked in plans.values():
        for plan in ranked:
            m = found.get((plan.engine, plan.model, plan.device))
            if m is None:
                continue
            row = [plan.model, plan.engine, plan.device.kind]
            if m.error:
                made.add_row(*row, "-", "-", "-", "-", "-", "[red]failed[/]")
                continue
            same = "-" if m.agreement is None else f"{m.agreement:.0%}"
            numbers = f"{m.speed:.1f}x", f"{m.first_s:.2f} s", f"{m.load_s:.1f} s", f"{m.memory / 1e6:.0f} MB"
            made.add_row(*row, *numbers, f"{m.cpu_share:.3f}", same, style="bold" if plan is ranked[0] else None)
    return made
