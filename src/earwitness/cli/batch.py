"""`earwitness batch`: a folder of recordings, each once, however often the command is given."""

from pathlib import Path
from typing import Annotated

import typer


def batch(
    folder: Annotated[Path, typer.Argument(help="Folder of recordings, with the folders in it.")],
    formats: Annotated[
        list[str] | None, typer.Option("-f", "--format", help="As of `transcribe`; several times for several.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder to write into; beside the recordings without it.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on with what comes, until Ctrl-C.")] = False,
    model: Annotated[str, typer.Option("-m", "--model", help="Name or alias; `earwitness models list`.")] = "default",
    language: Annotated[str | None, typer.Option("-l", "--language", help="ISO 639-1 code of the speech.")] = None,
    speakers: Annotated[bool | None, typer.Option("--speakers/--no-speakers", help="Tell apart who speaks.")] = None,
    words: Annotated[bool, typer.Option("--words", help="Find the times of single words too; json has them.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Do again what was done before.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress, only results and errors.")] = False,
) -> None:
    """Turn a folder of recordings into text and subtitles.

    What was done before is skipped, by what a recording holds and by what is wanted of it, and what was interrupted
    goes on where it was. Recordings that fail are named, and the others are done all the same. With --watch a
    recording is taken once it stops growing.

    Exit codes: 0 done, otherwise that of the first recording that failed, as of `transcribe`; 130 interrupted.
    """
    from earwitness.cli import speaking
    from earwitness.cli.folder import Done, watching
    from earwitness.cli.work import Order, carry_out
    from earwitness.errors import BadInput
    from earwitness.export import find as find_format
    from earwitness.export.layout import Layout
    from earwitness.parts import Crowd
    from earwitness.stages.recipe import OFF, Recipe, language_code
    from earwitness.types import Ask

    if not folder.is_dir():
        raise BadInput(f"{str(folder)!r} is no folder", remedy="For single files there is `earwitness transcribe`.")
    wanted = [find_format(name) for name in formats or ["txt"]]
    who = speaking.wished(Crowd(), [], wanted, speakers=speakers, by_channel=False, diarizer="auto")
    recipe = Recipe(
        model=model,
        ask=Ask(language=language_code(language), word_times=words),
        aligner="auto" if words or (who and who.part != OFF) else None,
        diarizing=who,
    )
    order = Order(recipe, wanted, output or folder, Layout(), quiet, fresh=fresh)
    done = Done(recipe, fresh=fresh)
    code = watching(folder, order, done) if watch else carry_out([str(folder)], order, done)
    if code:
        raise typer.Exit(code)
