"""`earwitness models remote`: where a model on another machine is."""

from typing import Annotated

import typer


def remote(
    name: Annotated[str, typer.Argument(help="What to call it here.")],
    url: Annotated[str, typer.Argument(help="The server's address, such as http://host:8000/v1.")],
    model: Annotated[str, typer.Option(help="What the server calls the model.")] = "whisper-1",
    key_env: Annotated[
        str | None, typer.Option(metavar="VAR", help="The environment variable that holds the server's key.")
    ] = None,
    timeout_s: Annotated[float, typer.Option(help="How many seconds one clip may take.")] = 120.0,
    at_once: Annotated[int, typer.Option(help="How many clips are on their way at a time.")] = 4,
    language: Annotated[
        list[str] | None, typer.Option(help="A language it knows, such as en; any if left out. May be repeated.")
    ] = None,
    word_times: Annotated[bool, typer.Option("--word-times", help="It gives the times of single words.")] = False,
    text_only: Annotated[bool, typer.Option("--text-only", help="It gives text without any times.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite one of that name.")] = False,
) -> None:
    """Write down where a model on another machine is. An Earwitness tells by itself what its model can."""
    from earwitness import config
    from earwitness.engines.wire import address
    from earwitness.models import bring

    told = address.told(
        url=url, model=model, key_env=key_env, timeout_s=timeout_s, at_once=at_once, languages=language or None,
        word_times=word_times, response_format="json" if text_only else "verbose_json",
    )  # fmt: skip
    found = bring.pointed(config.load().models_folder, name, told, replace=replace)
    typer.echo(f"{found.name}  {told.model} on {told.url}  {found.path}")
