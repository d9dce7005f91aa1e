"""The command line: one file a command. Each imports what it needs when it runs, so that `--help` is quick."""

import sys

import typer

from earwitness.cli import (
    archive,
    batch,
    bench,
    demo,
    doctor,
    evaluate,
    keys,
    listen,
    models,
    serve,
    speakers,
    transcribe,
    users,
)
from earwitness.cli.exits import INTERRUPTED, code_of, explain
from earwitness.errors import EarwitnessError

app = typer.Typer(
    name="earwitness",
    help="Hears recordings and testifies to who said what, and when. Runs on this machine alone.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with [bold]earwitness demo[/bold], or [bold]earwitness transcribe FILE[/bold].",
)
app.command("transcribe")(transcribe.transcribe)
app.command("batch")(batch.batch)
app.command("listen")(listen.listen)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("bench")(bench.bench)
app.command("evaluate")(evaluate.evaluate)
app.add_typer(models.app, name="models")
app.add_typer(speakers.app, name="speakers")
app.add_typer(archive.app, name="archive")
app.add_typer(users.app, name="users")
app.add_typer(keys.app, name="keys")


@app.callback(invoke_without_command=True)
def _top(version: bool = typer.Option(False, "--version", help="Print the version and leave.")) -> None:
    if version:
        from earwitness.__about__ import __version__

        typer.echo(f"earwitness {__version__}")
        raise typer.Exit


def main() -> None:
    """The entry point: every known error becomes a sentence, a remedy and an exit code."""
    try:
        app()
    except EarwitnessError as error:
        explain(error)
        sys.exit(code_of(error))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
