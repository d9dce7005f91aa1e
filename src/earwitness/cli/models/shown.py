"""How a stored model is told on the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from earwitness.models.directory import Stored


def tell(found: "Stored") -> None:
    """Print a model that is there now: its name, size and place."""
    from earwitness.models import blobs

    typer.echo(f"{found.name}  {found.size / 1e6:.1f} MB  {found.path}")
    if found.format != "remote" and not blobs.shared(found.path):
        typer.echo("This file system knows no hard links: what models share is kept once for each.", err=True)


@contextmanager
def bar(what: str) -> "Iterator[Callable[[int, int], None]]":
    """A bar on the terminal, and what moves it: bytes that are done, bytes in all (0 where nobody knows)."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total or None)
