"""`earwitness models convert`: one format becomes another."""

from pathlib import Path
from typing import Annotated

import typer

from earwitness.cli.models.shown import tell


def convert(
    source: Annotated[str, typer.Argument(help="A checkpoint in the model directory by its name, or its folder.")],
    to: Annotated[
        str, typer.Option("--to", help="The format: ctranslate2, ggml, onnx, openvino or mlx.")
    ] = "ctranslate2",
    precision: Annotated[
        str | None,
        typer.Option(help="int8, float32 …; for ggml q5_0, q8_0, f16 or f32; the format's usual one if left out."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What to call the result; the checkpoint's name if left out.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite one of that name.")] = False,
) -> None:
    """Convert a Whisper checkpoint into what an engine reads. No torch is needed."""
    from rich.console import Console

    from earwitness import config
    from earwitness.models import known
    from earwitness.models.convert import convert as converted

    root = config.load().models_folder
    kept = root / "base" / known.plain(source)
    folder = kept if kept.is_dir() else Path(source)
    with Console(stderr=True).status(f"converting {folder.name} to {to} …"):
        found = converted(
            folder, root, model=name or folder.resolve().name.lower(), form=to, precision=precision, replace=replace
        )
    tell(found)


def optimize(
    name: Annotated[str, typer.Argument(help="A checkpoint in the model directory.")],
    target: Annotated[str, typer.Option(help="What it is to run on: cpu, gpu, mac or npu.")],
) -> None:
    """Convert a checkpoint into the formats and precisions that suit a kind of machine, as far as they are missing."""
    from rich.console import Console

    from earwitness import config
    from earwitness.errors import Missing
    from earwitness.models import targets

    with Console(stderr=True).status(f"converting {name} for {target} …"):
        found = list(targets.optimize(config.load().models_folder, name, target))
    missing = [made for _, made in found if isinstance(made, Missing)]
    for stored, made in found:
        if isinstance(made, Missing):
            typer.echo(f"{stored.name}  not made: {made.message}", err=True)
        elif made:
            tell(stored)
        else:
            typer.echo(f"{stored.name}  is here already")
    if len(missing) == len(found):
        raise missing[0]
