"""`earwitness models pull` and `import`: models come into the directory."""

from pathlib import Path
from typing import Annotated

import typer

from earwitness.cli.models.making import convert
from earwitness.cli.models.shown import bar, tell


def pull(
    source: Annotated[
        str, typer.Argument(help="A model's name, such as whisper-base, OWNER/NAME on the hub, or a web address.")
    ],
    name: Annotated[str | None, typer.Option(help="What to call it; the repository's name if left out.")] = None,
    revision: Annotated[str | None, typer.Option(help="A branch, tag or commit.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="The hub's address; HF_ENDPOINT if left out.")] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Convert it too: to ctranslate2, ggml, onnx, openvino or mlx.")
    ] = None,
    precision: Annotated[str | None, typer.Option(help="With --to: of the converted model.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Fetch and convert again what is there.")] = False,
    sha256: Annotated[str, typer.Option(help="Of what is fetched from an address; compared when it came.")] = "",
    file: Annotated[
        str | None,
        typer.Option(help="One file of the repository, such as ggml-base-q5_1.bin of ggerganov/whisper.cpp."),
    ] = None,
) -> None:
    """Fetch a Whisper from a model hub or an address. What breaks off goes on where it was when it is pulled again."""
    from earwitness import config
    from earwitness.errors import BadInput
    from earwitness.models import hub

    root = config.load().models_folder
    if "://" in source:
        if given := [o for o, v in (("revision", revision), ("endpoint", endpoint), ("file", file), ("to", to)) if v]:
            raise BadInput(f"--{given[0]} is for a hub, not for an address", remedy="Leave it out.")
        _from_address(source, root, name, sha256, replace=replace)
        return
    if sha256:
        raise BadInput("--sha256 is for an address; the hub tells its own checksums", remedy="Leave it out.")
    found = hub.pull(source, root, file=file, model=name, revision=revision, endpoint=endpoint, replace=replace)
    tell(found)
    if to is not None and found.format != "base":
        raise BadInput(f"{found.name} is converted already", remedy="Leave --to out.", param="to")
    if to is not None:
        convert(found.model, to, precision, found.model, replace=replace)


def _from_address(url: str, root: Path, name: str | None, sha256: str, *, replace: bool) -> None:
    from earwitness.models import fetch

    if url.startswith("http:") and not sha256:
        typer.echo("note: over http anybody on the way may change what comes; --sha256 would tell.", err=True)
    with bar(fetch.name_of(url)) as told:
        found = fetch.pull(url, root, model=name, sha256=sha256, replace=replace, told=told)
    for stored in found:
        tell(stored)


def import_(
    source: Annotated[Path, typer.Argument(help="A model's folder or an archive of it, a GGML file, or a bundle.")],
    name: Annotated[
        str | None, typer.Option(help="What to call it; the name of the folder or file if left out.")
    ] = None,
    precision: Annotated[str, typer.Option(help="Of a folder or file that does not say it.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite one of that name.")] = False,
    allow_pickle: Annotated[
        bool, typer.Option("--allow-pickle", help="Read pytorch_model.bin, as far as it holds nothing but weights.")
    ] = False,
) -> None:
    """Copy models from this machine into the model directory, after a look at whether they are whole."""
    from earwitness import config
    from earwitness.errors import BadInput
    from earwitness.models import bring, bundle, unpack

    root = config.load().models_folder
    if allow_pickle:
        if precision:
            raise BadInput("a checkpoint has no precision to choose", remedy="Leave --precision out.")
        tell(bring.unpickled(source, root, name=name, replace=replace))
        return
    if not (source.is_file() and bundle.holds(source)):
        brought = unpack.brought if unpack.is_archive(source) else bring.copied
        tell(brought(source, root, name=name, precision=precision, replace=replace))
        return
    if name or precision:
        raise BadInput("a bundle has its own names", remedy="Leave --name and --precision out.")
    with bar(source.name) as told:
        came, here = bundle.bring(source, root, replace=replace, told=told)
    for stored in came:
        tell(stored)
    for stored in here:
        typer.echo(f"{stored.name}  is here already")


def export(
    names: Annotated[list[str], typer.Argument(help="Models: all formats of each, or one by its full name.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The bundle, such as models.tar.")],
) -> None:
    """Write models into a bundle for machines without a network; `earwitness models import` takes it in there."""
    from earwitness import config
    from earwitness.models import bring, bundle

    chosen = bring.chosen(config.load().models_folder, names)
    with bar(output.name) as told:
        bundle.export(chosen, output, told)
    typer.echo(f"{output}  {output.stat().st_size / 1e6:.1f} MB  {', '.join(s.name for s in chosen)}")
