"""`earwitness users`: who has an account. Passwords are asked for, or read from standard input, never words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from earwitness.archive.accounts import Accounts

app = typer.Typer(help="Accounts: who may come in, and as what.", no_args_is_help=True)

Who = Annotated[str, typer.Argument(metavar="USER", help="A user's name or id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Role = Annotated[str, typer.Argument(metavar="ROLE", help="admin, operator or viewer.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the users."""
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    from earwitness.cli.times import when

    with accounts() as found:
        everybody = found.all()
    if as_json:
        typer.echo(json.dumps([asdict(user) for user in everybody], indent=2))
        return
    table = Table("name", Column("id", no_wrap=True), "role", "since", "last seen", box=None, pad_edge=False)
    for user in everybody:
        role = user.role if user.enabled else f"{user.role}, disabled"
        table.add_row(escape(user.name), user.id, role, when(user.made_s), when(user.seen_s))
    if everybody:
        Console(soft_wrap=True).print(table)
    else:
        typer.echo("Nobody has an account yet: earwitness users add NAME admin", err=True)


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call them.")],
    role: Role = "viewer",
    subject: Annotated[
        str | None, typer.Option(help="Who vouches for them, and as whom: 'ISSUER ID' or 'proxy NAME'. No password.")
    ] = None,
) -> None:
    """Make an account. The first is an administrator's, and closes the server to whoever has none."""
    from earwitness.archive.account import By, named, role_of
    from earwitness.archive.vouched import subject_from

    named(name), role_of(role)
    vouched = None if subject is None else subject_from(subject)
    with accounts() as found:
        user = found.add(name, role, asked() if vouched is None else None, By(), vouched)
    typer.echo(f"{user.name}  {user.id}  {user.role}")


@app.command("password")
def password(who: Who) -> None:
    """Give a user another password. All their logins end."""
    from earwitness.archive.account import By

    with accounts() as found:
        user = found.meant(who)
        found.password(user.id, asked(), By())
    typer.echo(f"{user.name} has another password, and is logged out everywhere")


@app.command("role")
def role(who: Who, role: Role) -> None:
    """Give a user another role."""
    from earwitness.archive.account import By

    with accounts() as found:
        user = found.change(found.meant(who).id, By(), role=role)
    typer.echo(f"{user.name}  {user.id}  {user.role}")


@app.command("link")
def link(
    who: Who,
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="'ISSUER ID', or 'proxy NAME'.")],
) -> None:
    """Let somebody whom a provider or a proxy vouches for come in as a user who is here."""
    from earwitness.archive.account import By
    from earwitness.archive.vouched import subject_from

    vouched = subject_from(subject)
    with accounts() as found:
        user = found.vouched.link(found.meant(who).id, vouched, By())
    typer.echo(f"{user.name}  {user.id}  {user.subject}")


@app.command("unlink")
def unlink(who: Who) -> None:
    """Undo that. Logins by a provider end."""
    from earwitness.archive.account import By

    with accounts() as found:
        user = found.vouched.link(found.meant(who).id, None, By())
    typer.echo(f"{user.name} comes in by a password alone")


@app.command("remove")
def remove(
    who: Who,
    last: Annotated[
        bool, typer.Option("--last", help="Though nobody is left: a server here is open again then.")
    ] = False,
) -> None:
    """Remove a user with logins, keys and grants. What they recorded stays."""
    from earwitness.archive.account import By

    with accounts() as found:
        user = found.meant(who)
        found.remove(user.id, By(), last=last)
        left = found.anybody()
    typer.echo(f"{user.name} is removed")
    if not left:
        typer.echo("Nobody is left. A server that runs stays closed until it is started again.", err=True)


@contextmanager
def accounts() -> "Iterator[Accounts]":
    """The accounts of this installation."""
    from contextlib import closing

    from earwitness import config
    from earwitness.archive.whole import Archive

    settings = config.load()
    config.ensure_folder(settings.home)
    with closing(Archive(settings.archive, settings.kept)) as archive:
        yield archive.accounts


def asked() -> str:
    """A password: asked for twice at a terminal, or the first line of standard input. Raises BadInput for none."""
    import sys

    from earwitness.errors import BadInput

    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt="Once more", err=True))
    found = sys.stdin.readline(5000).removesuffix("\n").removesuffix("\r")
    if not found:
        raise BadInput("no password came on standard input", remedy="Write it there, or run this at a terminal.")
    return found
