"""`earwitness models pull` and `import`: models come into the directory."""

from pathlib import Path
from typing import Annotated

import typer

from earwitness.cli.models.making import convert
from earwitness.cli.models.shown import tell


def pull(
    source: Annotated[str, typer.Argument(help="A model's name, such as whisper-base, or OWNER/NAME on the hub.")],
    name: Annotated[str | None, typer.Option(help="What to call it; the repository's name if left out.")] = None,
    revision: Annotated[str | None, typer.Option(help="A branch, tag or commit.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="The hub's address; HF_ENDPOINT if left out.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Convert it too, to ctranslate2 or ggml.")] = None,
    precision: Annotated[str | None, typer.Option(help="With --to: of the converted model.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Fetch and convert again what is there.")] = False,
    file: Annotated[
        str | None,
        typer.Option(help="One file of the repository, such as ggml-base-q5_1.bin of ggerganov/whisper.cpp."),
    ] = None,
) -> None:
    """Fetch a Whisper from a model hub. What breaks off goes on where it was when it is pulled again."""
    from earwitness import config
    from earwitness.errors import BadInput
    from earwitness.models import hub

    root = config.load().models_folder
    found = hub.pull(source, root, file=file, model=name, revision=revision, endpoint=endpoint, replace=replace)
    tell(found)
    if to is not None and found.format != "base":
        raise BadInput(f"{found.name} is converted already", remedy="Leave --to out.", param="to")
    if to is not None:
        convert(found.model, to, precision, found.model, replace=replace)


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

    tell(bring.copied(source, config.load().models_folder, name=name, precision=precision, replace=replace))
