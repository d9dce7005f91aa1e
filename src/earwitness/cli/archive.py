"""`earwitness archive`: is it sound, copies, and what leaves it by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from earwitness.archive.whole import Archive
    from earwitness.config import Settings

app = typer.Typer(help="The archive: check it, copy it, bring it back, tidy it.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The copy.")]


@app.command("check")
def check() -> None:
    """Look whether the database is sound and all files are there. Exit code 9 where they are not."""
    from earwitness.archive import upkeep
    from earwitness.errors import StorageFailed

    with _archive() as (archive, _):
        found = upkeep.check(archive)
        for sentence in found.damage:
            typer.echo(f"damaged: {sentence}")
        for path in found.missing:
            typer.echo(f"missing: {path}")
        for path in found.orphans:
            typer.echo(f"of nobody: {path}")
        if not found.sound:
            raise StorageFailed(
                f"{len(found.damage)} damages, {len(found.missing)} files missing",
                remedy="`earwitness archive restore FOLDER --force` brings a backup back.",
            )
        typer.echo(f"sound: {archive.database}")


@app.command("backup")
def backup(folder: Folder) -> None:
    """Copy the archive into a new folder, also while a server works with it."""
    from earwitness.archive import upkeep

    with _archive() as (archive, _):
        number = upkeep.backup(archive, folder)
    typer.echo(f"{folder}: the database and {number} files")
    typer.echo("It holds the key to the archive's secrets: keep it as safe as the archive.", err=True)


@app.command("restore")
def restore(
    folder: Folder, force: Annotated[bool, typer.Option("--force", help="Though an archive is there.")] = False
) -> None:
    """Put a copy in the archive's place, once it is found to be whole. Stop the server first."""
    from earwitness.archive import upkeep

    with _archive() as (archive, _):
        old = upkeep.restore(archive, folder, force=force)
    typer.echo(f"restored from {folder}" + (f"; what was there is now {old}" if old else ""))


@app.command("tidy")
def tidy() -> None:
    """Take away what is too old or too much by the settings, as the server does every few minutes."""
    from earwitness.archive.sweeping import Policy, sweep

    with _archive() as (archive, settings):
        policy = Policy(settings.keep_days, settings.archive_mb, settings.min_free_mb)
        found = sweep(archive, policy)
    size = f"{found.size / 2**20:.1f} MB"
    typer.echo(f"{found.recordings} recordings, {found.files} files ({size}) and {found.orphans} files of nobody went")
    if found.short:
        typer.echo("There is still too little room: all that is left is kept or in use.", err=True)


@app.command("index")
def index() -> None:
    """Make what search by meaning needs, as far as it is not there. A server does so by itself, when it has time."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from earwitness.archive.search.making import Making
    from earwitness.kit import Kit

    with _archive() as (archive, settings), Kit(settings) as kit:
        making = Making(archive.database, archive.writer, kit.embedder())
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
            bar, made, done = shown.add_task("recordings", total=making.waiting()), 0, set[str]()
            while due := making.due(but=done):
                for recording, _ in due:
                    made += making.make(recording)
                    done.add(recording)
                    shown.advance(bar)
        typer.echo(f"{made} passages were made; there are {making.count()}")


@contextmanager
def _archive() -> "Iterator[tuple[Archive, Settings]]":
    from contextlib import closing

    from earwitness import config
    from earwitness.archive.whole import Archive

    settings = config.load()
    with closing(Archive(settings.archive, settings.kept)) as archive:
        yield archive, settings
