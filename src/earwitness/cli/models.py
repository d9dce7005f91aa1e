"""`earwitness models`: what can be loaded here, and the model directory."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from earwitness.models.directory import Stored

app = typer.Typer(help="Models: what is here, and how to bring more.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Models: what is here, and how to bring more."""


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the models, their aliases, languages and licences, and whether they can run here."""
    import json

    from rich.console import Console
    from rich.table import Column, Table

    from earwitness import config
    from earwitness.errors import EarwitnessError
    from earwitness.kit import Kit
    from earwitness.models import catalog

    rows = []
    with Kit(config.load()) as kit:
        for entry in kit.catalog.shown():
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
    table = Table(
        Column("model", no_wrap=True), "about", "languages", "size", "licence", "also called", box=None, pad_edge=False
    )
    for entry, _ in rows:
        size = f"{entry.size / 1e6:.0f} MB" if entry.size else "-"
        languages = ", ".join(entry.languages) or "many"
        table.add_row(entry.name, entry.about, languages, size, entry.licence or "-", ", ".join(entry.aliases))
    console = Console()
    console.print(table)
    for entry, state in rows:
        console.print(f"[dim]{entry.name}: {state}[/]", highlight=False)


@app.command()
def pull(
    source: Annotated[str, typer.Argument(help="A model's name, such as whisper-base, or OWNER/NAME on the hub.")],
    name: Annotated[str | None, typer.Option(help="What to call it; the repository's name if left out.")] = None,
    revision: Annotated[str | None, typer.Option(help="A branch, tag or commit.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="The hub's address; HF_ENDPOINT if left out.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Convert it too, to ctranslate2 or ggml.")] = None,
    precision: Annotated[str | None, typer.Option(help="With --to: of the converted model.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Fetch and convert again what is there.")] = False,
) -> None:
    """Fetch a Whisper checkpoint from a model hub. What breaks off goes on where it was when it is pulled again."""
    from earwitness import config
    from earwitness.models import hub

    root = config.load().models_folder
    found = hub.pull(source, root, model=name, revision=revision, endpoint=endpoint, replace=replace)
    _tell(found)
    if to is not None:
        convert(found.model, to, precision, found.model, replace=replace)


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="A checkpoint's folder, a CTranslate2 folder, or a GGML file.")],
    name: Annotated[
        str | None, typer.Option(help="What to call it; the name of the folder or file if left out.")
    ] = None,
    precision: Annotated[str, typer.Option(help="Of a CTranslate2 folder or GGML file.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite one of that name.")] = False,
) -> None:
    """Copy a model from this machine into the model directory, after a look at whether it is whole."""
    from earwitness import config
    from earwitness.models import bring

    _tell(bring.copied(source, config.load().models_folder, name=name, precision=precision, replace=replace))


@app.command()
def convert(
    source: Annotated[str, typer.Argument(help="A checkpoint in the model directory by its name, or its folder.")],
    to: Annotated[str, typer.Option("--to", help="The format: ctranslate2 or ggml.")] = "ctranslate2",
    precision: Annotated[str | None, typer.Option(help="int8, float32 …; for ggml q5_0, q8_0, f16 or f32.")] = None,
    name: Annotated[
        str | None, typer.Option(help="What to call the result; the checkpoint's name if left out.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite one of that name.")] = False,
) -> None:
    """Convert a Whisper checkpoint into what an engine reads. No torch is needed."""
    from rich.console import Console

    from earwitness import config
    from earwitness.models.convert import convert as converted

    root = config.load().models_folder
    kept = root / "base" / source
    folder = kept if kept.is_dir() else Path(source)
    with Console(stderr=True).status(f"converting {folder.name} to {to} …"):
        found = converted(
            folder, root, model=name or folder.resolve().name.lower(), form=to, precision=precision, replace=replace
        )
    _tell(found)


@app.command()
def path(name: Annotated[str | None, typer.Argument(help="A model; the whole directory if left out.")] = None) -> None:
    """Print where a model lies."""
    from earwitness import config
    from earwitness.models import bring

    root = config.load().models_folder
    typer.echo(root if name is None else bring.stored(root, name).path)


@app.command()
def rm(
    name: Annotated[str, typer.Argument(help="The full name, as `earwitness models list` prints it.")],
) -> None:
    """Remove a model from the model directory."""
    from earwitness import config
    from earwitness.models import bring, directory

    found = bring.stored(config.load().models_folder, name)
    directory.remove(found)
    typer.echo(f"removed {found.name}")


def _tell(found: "Stored") -> None:
    typer.echo(f"{found.name}  {found.size / 1e6:.1f} MB  {found.path}")
