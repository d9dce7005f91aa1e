"""`earwitness models list`, `path` and `rm`: what is here."""

from typing import Annotated

import typer


def list_(
    known: Annotated[bool, typer.Option("--known", help="List the Whispers that can be pulled by name.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the models, their aliases, languages and licences, and whether they can run here."""
    import json

    from rich.console import Console
    from rich.table import Column, Table

    from earwitness import config
    from earwitness.errors import EarwitnessError
    from earwitness.kit import Kit
    from earwitness.models import catalog, verify

    if known:
        _known(as_json=as_json)
        return
    rows, astray = [], []
    with Kit(config.load()) as kit:
        for entry in kit.catalog.shown():
            try:
                catalog.locate(entry)
                state = kit.plan(entry.name).why
            except EarwitnessError as error:
                state = f"not usable: {error.message}. {error.remedy}"
            rows.append((entry, state))
        named = {alias for entry, _ in rows for alias in entry.aliases}
        astray = [(alias, meant) for alias, meant in kit.catalog.aliases.items() if alias not in named]
    if as_json:
        listed = [
            {"name": e.name, "aliases": list(e.aliases), "languages": list(e.languages), "licence": e.licence,
             "size": e.size, "format": e.format, "about": e.about, "state": s,
             "verified": r.state if e.stored and (r := verify.known(e.stored)) else None} for e, s in rows
        ]  # fmt: skip
        typer.echo(json.dumps(listed, indent=2))
        return
    table = Table(
        Column("model", no_wrap=True), "languages", "size", "licence", Column("verified", overflow="fold"),
        box=None, pad_edge=False,
    )  # fmt: skip
    for entry, _ in rows:
        size = f"{entry.size / 1e6:.0f} MB" if entry.size else "-"
        report = verify.known(entry.stored) if entry.stored else None
        state = report.state if report else "-"
        table.add_row(entry.name, ", ".join(entry.languages) or "many", size, entry.licence or "-", state)
    console = Console(highlight=False, soft_wrap=True)
    console.print(table, soft_wrap=False)
    for entry, state in rows:
        console.print(f"\n{entry.name}", style="bold", end="")
        console.print(f": {entry.about}")
        if entry.aliases:
            console.print(f"  also called {', '.join(entry.aliases)}", style="dim")
        console.print(f"  {state}", style="dim")
    for alias, meant in astray:
        console.print(f"[yellow]the alias {alias} leads to {meant}, which is not here[/]", highlight=False)


def _known(*, as_json: bool) -> None:
    """The Whispers that can be pulled by name, with what is here of them."""
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Column, Table

    from earwitness import config
    from earwitness.models import directory, known

    here: dict[str, list[str]] = {}
    for stored in directory.scan(config.load().models_folder):
        here.setdefault(known.plain(stored.model), []).append(stored.name)
    if as_json:
        typer.echo(json.dumps([asdict(k) | {"here": here.get(k.name, [])} for k in known.KNOWN], indent=2))
        return
    table = Table(
        Column("model", no_wrap=True), "languages", "parameters", "to fetch", "licence", "also called", "here",
        box=None, pad_edge=False,
    )  # fmt: skip
    for each in known.KNOWN:
        table.add_row(
            each.name,
            "English" if each.languages == known.ENGLISH else str(each.languages),
            f"{each.parameters} M",
            f"{each.size} MB" if each.size else "-",
            each.licence,
            ", ".join(each.aliases),
            ", ".join(name.partition("/")[2] for name in here.get(each.name, [])) or "-",
        )
    console = Console()
    console.print(table)
    console.print("[dim]earwitness models pull NAME --to ctranslate2[/]", highlight=False)


def path(name: Annotated[str | None, typer.Argument(help="A model; the whole directory if left out.")] = None) -> None:
    """Print where a model lies."""
    from earwitness import config
    from earwitness.models import bring

    root = config.load().models_folder
    typer.echo(root if name is None else bring.stored(root, name).path)


def rm(
    name: Annotated[str, typer.Argument(help="The full name, as `earwitness models list` prints it.")],
) -> None:
    """Remove a model from the model directory, and what no other model shares with it."""
    from earwitness import config
    from earwitness.models import blobs, bring, directory

    root = config.load().models_folder
    found = bring.stored(root, name)
    directory.remove(found)
    typer.echo(f"removed {found.name}  {blobs.gc(root) / 1e6:.1f} MB free")


def gc() -> None:
    """Free what no model holds any more, and what broken off work left half made a day ago or before."""
    from earwitness import config
    from earwitness.models import blobs

    typer.echo(f"{blobs.gc(config.load().models_folder) / 1e6:.1f} MB free")
