"""`earwitness models`: what can be loaded here."""

from typing import Annotated

import typer

app = typer.Typer(help="Models: what is here.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Models: what is here."""


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the models, their aliases, languages and licences, and whether they can run here."""
    import json

    from rich.console import Console
    from rich.table import Table

    from earwitness import config
    from earwitness.errors import EarwitnessError
    from earwitness.kit import Kit
    from earwitness.models import catalog

    rows = []
    with Kit(config.load()) as kit:
        for entry in catalog.shown():
            try:
                catalog.locate(entry)
                state = kit.plan(entry.name).why
            except EarwitnessError as error:
                state = f"not usable: {error.message}. {error.remedy}"
            rows.append((entry, state))
    if as_json:
        listed = [
            {"name": e.name, "aliases": list(e.aliases), "languages": list(e.languages), "licence": e.licence,
             "size": e.size, "format": e.format, "about": e.about, "state": s} for e, s in rows
        ]  # fmt: skip
        typer.echo(json.dumps(listed, indent=2))
        return
    table = Table("model", "about", "languages", "size", "licence", "also called", box=None, pad_edge=False)
    for entry, _ in rows:
        size = f"{entry.size / 1e6:.0f} MB" if entry.size else "-"
        table.add_row(
            entry.name, entry.about, ", ".join(entry.languages), size, entry.licence, ", ".join(entry.aliases)
        )
    console = Console()
    console.print(table)
    for entry, state in rows:
        console.print(f"[dim]{entry.name}: {state}[/]", highlight=False)
