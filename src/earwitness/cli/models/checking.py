"""`earwitness models verify`: whether stored models are what they should be."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from earwitness.models.directory import Stored
    from earwitness.models.verify import Report


def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Models; all if left out.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Look at sizes and headers alone.")] = False,
    audio: Annotated[
        Path | None, typer.Option(help="Recordings to compare by; the sample conversation if left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Compare models with their checksums, and what they hear with what the checkpoint hears they were made from."""
    import json
    from dataclasses import asdict

    from rich.console import Console

    from earwitness import config
    from earwitness.cli import paths
    from earwitness.errors import StorageFailed
    from earwitness.models import bring
    from earwitness.models import verify as verifying
    from earwitness.models.catalog import sample

    root = config.load().models_folder
    chosen = bring.chosen(root, names or [])
    recordings = [] if quick else [sample()] if audio is None else [r.path for r in paths.find([str(audio)]) if r.path]
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with console.status("looking at files …"):
        reports = {stored: verifying.check(stored, quick=quick) for stored in chosen}
    if not quick:
        with console.status("listening …"):
            reports = _compared(root, reports, recordings)
    for stored, report in reports.items():
        if not quick:
            try:
                verifying.keep(stored, report)
            except StorageFailed as error:
                console.print(f"[yellow]note[/] {error.message}")
        if not as_json:
            _tell(report)
    if as_json:
        typer.echo(json.dumps([asdict(r) | {"passed": r.passed} for r in reports.values()], indent=2))
    if not all(report.passed for report in reports.values()):
        raise typer.Exit(8)


def _compared(root: Path, reports: "dict[Stored, Report]", recordings: Sequence[Path]) -> "dict[Stored, Report]":
    """The reports with the words compared of all models that are sound so far; each checkpoint is heard once."""
    from earwitness import config
    from earwitness.errors import EarwitnessError
    from earwitness.kit import Kit
    from earwitness.models import verify as verifying

    with Kit(config.load()) as kit:
        readable = {
            form for engine in kit.engines if engine.spec and not engine.why_not for form in engine.spec.formats
        }
    made = dict(reports)
    made_from = {s: verifying.checkpoint(s) for s, r in reports.items() if s.format != "base" and r.passed}
    for model in dict.fromkeys(made_from.values()):
        mine = [s for s, whose in made_from.items() if whose == model]
        try:
            exact = verifying.reference(root, model, recordings, readable, _texts)
        except EarwitnessError as error:
            made |= {s: verifying.not_compared(made[s], error) for s in mine}
            continue
        made |= {s: verifying.compare(made[s], root, recordings, exact, _texts) for s in mine}
    return made


def _texts(root: Path, name: str, recordings: Sequence[Path]) -> Sequence[str]:
    """What a model of a directory hears in recordings. In a process of its own: runtimes crash on broken models."""
    from earwitness import batch, config
    from earwitness.kit import Kit
    from earwitness.stages.recipe import Recipe

    settings = config.load().model_copy(update={"models": root, "aliases": {}, "isolate": "all"})
    with Kit(settings) as kit:
        return [batch.run(path, Recipe(model=name), kit).text for path in recordings]


def _tell(report: "Report") -> None:
    said = f", {report.words} words compared with {report.reference}" if report.reference else ""
    typer.echo(f"{report.name}  {f'ok  {report.state}' if report.passed else report.state}{said}")
    for fault in report.faults:
        typer.echo(f"  {fault}", err=True)
    for note in report.notes:
        typer.echo(f"  note: {note}", err=True)
