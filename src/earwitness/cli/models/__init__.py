"""`earwitness models`: what can be loaded here, and the model directory. One file for what belongs together."""

import typer

from earwitness.cli.models import bringing, checking, listing, making, pointing

app = typer.Typer(help="Models: what is here, and how to bring more.", no_args_is_help=True)
app.command("list")(listing.list_)
app.command("pull")(bringing.pull)
app.command("import")(bringing.import_)
app.command("export")(bringing.export)
app.command("convert")(making.convert)
app.command("optimize")(making.optimize)
app.command("remote")(pointing.remote)
app.command("verify")(checking.verify)
app.command("path")(listing.path)
app.command("rm")(listing.rm)
app.command("gc")(listing.gc)
