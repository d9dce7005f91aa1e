"""How a stored model is told on the terminal."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from earwitness.models.directory import Stored


def tell(found: "Stored") -> None:
    """Print a model that is there now: its name, size and place."""
    from earwitness.models import blobs

    typer.echo(f"{found.name}  {found.size / 1e6:.1f} MB  {found.path}")
    if not blobs.shared(found.path):
        typer.echo("This file system knows no hard links: what models share is kept once for each.", err=True)
