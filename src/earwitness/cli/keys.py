"""`earwitness keys`: what programs come in with."""

from typing import Annotated

import typer

from earwitness.cli.users import AsJson, accounts

app = typer.Typer(help="API keys: what programs come in with.", no_args_is_help=True)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the keys, without their secrets."""
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    from earwitness.cli.times import when

    with accounts() as found:
        keys, names = found.keys.all(), {user.id: user.name for user in found.all()}
    if as_json:
        typer.echo(json.dumps([asdict(key) for key in keys], indent=2))
        return
    table = Table("name", Column("id", no_wrap=True), "user", "scopes", "ends", "last used", box=None, pad_edge=False)
    for key in keys:
        ends = "never" if key.ends_s is None else when(key.ends_s)
        user = names.get(key.user_id, key.user_id)
        table.add_row(escape(key.name), key.id, escape(user), ", ".join(key.scopes), ends, when(key.seen_s))
    if keys:
        Console(soft_wrap=True).print(table)
    else:
        typer.echo("There is no key yet: earwitness keys add USER NAME", err=True)


@app.command("add")
def add(
    user: Annotated[str, typer.Argument(metavar="USER", help="Whose key it is: a name or an id.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    scope: Annotated[list[str] | None, typer.Option(help="What it opens; again for more. transcribe without.")] = None,
    source: Annotated[list[str] | None, typer.Option(help="Id of a source it is bound to; again for more.")] = None,
    days: Annotated[float | None, typer.Option(help="Days for which it is good.")] = None,
    audio_per_day: Annotated[float | None, typer.Option(help="Seconds of audio it may have transcribed a day.")] = None,
) -> None:
    """Make a key, and print the whole of it, this once."""
    from earwitness.archive.account import By

    with accounts() as found:
        whose, sources = found.meant(user), tuple(source) if source else None
        scopes = tuple(scope or ("transcribe",))
        make = found.keys.make
        _, whole = make(whose, name, scopes, By(), sources=sources, days=days, day_s=audio_per_day)
    typer.echo(whole)


@app.command("remove")
def remove(key: Annotated[str, typer.Argument(metavar="KEY", help="The key's id, or the key.")]) -> None:
    """Remove a key: it opens nothing any more."""
    from earwitness.archive.account import By
    from earwitness.archive.keys import WHOLE

    whole = WHOLE.fullmatch(key)
    with accounts() as found:
        found.keys.remove(whole[1] if whole else key, By())
    typer.echo("removed")
