"""`earwitness transcribe`: recordings in, transcripts out."""

from pathlib import Path
from typing import Annotated, Any

import typer

from earwitness.cli.times import seconds

Files = Annotated[
    list[str], typer.Argument(help="Recordings, folders, patterns such as 'talks/*.mp3', or - for stdin.")
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "-f",
        "--format",
        help="txt, srt, vtt, json, verbose_json, tsv, rttm or diarized_json; give it several times for several.",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="Folder to write into; without it the text goes to the terminal."),
]
SWITCH = "on|off|NAME"
TIME: dict[str, Any] = {"parser": seconds, "metavar": "TIME"}


def transcribe(
    files: Files,
    formats: Formats = None,
    output: Output = None,
    model: Annotated[str, typer.Option("-m", "--model", help="Name or alias; `earwitness models list`.")] = "default",
    language: Annotated[str | None, typer.Option("-l", "--language", help="ISO 639-1 code of the speech.")] = None,
    translate: Annotated[bool, typer.Option("--translate", help="Write English, whatever is spoken.")] = False,
    prompt: Annotated[str | None, typer.Option(help="A hint at names and style, for models that heed one.")] = None,
    from_s: Annotated[float, typer.Option("--from", help="Start here: 90, 1:30 or 0:01:30.5.", **TIME)] = 0.0,
    to_s: Annotated[float | None, typer.Option("--to", help="Stop here.", **TIME)] = None,
    channel: Annotated[int | None, typer.Option(min=1, help="Hear one channel only: 1 is left, 2 is right.")] = None,
    speakers: Annotated[bool | None, typer.Option("--speakers/--no-speakers", help="Tell apart who speaks.")] = None,
    num_speakers: Annotated[int | None, typer.Option(min=1, help="There are exactly so many speakers.")] = None,
    min_speakers: Annotated[int | None, typer.Option(min=1, help="There are at least so many.")] = None,
    max_speakers: Annotated[int | None, typer.Option(min=1, help="There are at most so many.")] = None,
    known: Annotated[list[str] | None, typer.Option(metavar="NAME=FILE", help="A clip of a speaker.")] = None,
    diarizer: Annotated[
        str, typer.Option(metavar="NAME[,NAME]", help="What tells them apart; several vote; `ensemble` is all.")
    ] = "auto",
    by_channel: Annotated[bool, typer.Option("--by-channel", help="Each channel is one speaker.")] = False,
    language_gate: Annotated[str, typer.Option(metavar="on|off", help="off: believe every text.")] = "on",
    words: Annotated[bool, typer.Option("--words", help="Find the times of single words too; json has them.")] = False,
    aligner: Annotated[str, typer.Option(help="What finds them: auto, or an aligner's name.")] = "auto",
    separate: Annotated[str | None, typer.Option(help="Take the voices out of music.", metavar=SWITCH)] = None,
    denoise: Annotated[str | None, typer.Option(help="Take noise out of the sound.", metavar=SWITCH)] = None,
    gain: Annotated[str | None, typer.Option(help="Bring speech to one loudness.", metavar=SWITCH)] = None,
    punctuate: Annotated[str | None, typer.Option(help="Punctuate text that came without.", metavar=SWITCH)] = None,
    line_chars: Annotated[int, typer.Option(min=10, max=200, help="Characters of a subtitle line.")] = 42,
    lines: Annotated[int, typer.Option(min=1, max=5, help="Lines of a subtitle.")] = 2,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew where an earlier run was interrupted.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the transcript in the archive too.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress, only results and errors.")] = False,
) -> None:  # fmt: skip
    """Turn recordings into text and subtitles.

    Any format FFmpeg reads is fine, video too. With several files, those that fail are named at the end and the others
    are done all the same. Ctrl-C keeps what is finished: the transcript written then says so. The same command goes on
    where an earlier one was interrupted, whatever interrupted it.

    Exit codes: 0 done, 2 wrong command line, 3 bad recording or option, 4 not found, 5 not supported, 6 something is
    not installed, 8 the engine failed, 9 the disk, 130 interrupted.
    """
    from earwitness.cli import speaking
    from earwitness.cli.work import Order, carry_out
    from earwitness.errors import BadInput
    from earwitness.export import find as find_format
    from earwitness.export.layout import Layout
    from earwitness.parts import Crowd
    from earwitness.stages.guard import Guarding
    from earwitness.stages.recipe import OFF, Recipe, language_code
    from earwitness.types import Ask

    if language_gate not in {"on", "off"}:
        raise BadInput(f"--language-gate is on or off, not {language_gate!r}")
    if aligner != "auto" and not words:
        raise BadInput("--aligner goes with --words")
    wanted = [find_format(name) for name in formats or ["txt"]]
    ask = Ask(
        language=language_code(language),
        task="translate" if translate else "transcribe",
        prompt=prompt,
        word_times=words,
    )
    crowd = Crowd(num_speakers, min_speakers, max_speakers)
    who = speaking.wished(crowd, known or [], wanted, speakers=speakers, by_channel=by_channel, diarizer=diarizer)
    recipe = Recipe(
        model=model,
        ask=ask,
        channel=None if channel is None else channel - 1,
        from_s=from_s,
        to_s=to_s,
        aligner=aligner if words or (who and who.part != OFF) else None,
        guarding=Guarding(language_gate=language_gate == "on"),
        diarizing=who,
        enhancing=speaking.enhancing(separate=separate, denoise=denoise, gain=gain, punctuate=punctuate),
    )
    layout = Layout(line_chars=line_chars, lines=lines)
    order = Order(recipe, wanted, output, layout, quiet, speaking.clips(known or []), fresh, keep)
    if code := carry_out(files, order):
        raise typer.Exit(code)
