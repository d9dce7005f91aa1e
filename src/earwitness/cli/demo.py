"""`earwitness demo`: the main job on the sample that comes with the install, and what to try next."""

import typer


def demo() -> None:
    """Transcribe the sample conversation and say what to try next."""
    import time

    from rich.console import Console

    from earwitness import batch, config
    from earwitness.cli import speaking
    from earwitness.kit import Kit
    from earwitness.models.catalog import sample
    from earwitness.stages.recipe import Diarizing, Recipe

    console = Console(highlight=False, soft_wrap=True)
    path = sample()
    console.print(f"[bold]Listening to {path.name}[/], a short scene for two voices that comes with the recogniser.\n")

    with Kit(config.load()) as kit:
        kit.can("default")
        kit.diarizer()
        began = time.monotonic()
        with console.status("listening …"):
            found = batch.run(path, Recipe(diarizing=Diarizing()), kit)
        took_s = time.monotonic() - began
        cores = kit.machine.cores
    speaking.show(found, console)
    speed = found.duration_s / took_s
    console.print(
        f"\n{found.duration_s:.0f} s of sound in {took_s:.1f} s, {speed:.0f} times real time on {cores} core(s), "
        f"with {found.provenance.model} on this machine alone.\n\n"
        "[bold]Try next[/]\n"
        "  earwitness transcribe YOUR-RECORDING.mp3\n"
        "  earwitness transcribe talk.mp4 -f srt -f json -o transcripts\n"
        "  earwitness transcribe meeting.mp4 --speakers\n"
        "  earwitness serve      [dim]# OpenAI's speech API on http://127.0.0.1:8000[/]\n"
        "  earwitness doctor     [dim]# what is here, what is missing[/]"
    )
    if not found.segments:
        raise typer.Exit(8)
