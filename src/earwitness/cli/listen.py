"""`earwitness listen`: captions while somebody speaks."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from earwitness.types import Audio


def listen(
    source: Annotated[
        str | None,
        typer.Argument(help="A recording or an address (http, rtsp, rtmp …); the microphone if left out."),
    ] = None,
    model: Annotated[str, typer.Option("-m", "--model", help="Name or alias; `earwitness models list`.")] = "default",
    language: Annotated[str | None, typer.Option("-l", "--language", help="ISO 639-1 code of the speech.")] = None,
    speakers: Annotated[bool, typer.Option("--speakers", help="Tell apart who speaks.")] = False,
    watch: Annotated[
        list[str] | None, typer.Option("--watch", metavar="PHRASE", help="Say where this is said; may come again.")
    ] = None,
    endpoint: Annotated[
        float, typer.Option(min=0.1, max=10.0, metavar="SECONDS", help="Silence that ends an utterance.")
    ] = 0.5,
    drafts: Annotated[bool, typer.Option(help="Show what is being said before it is final.")] = True,
    device: Annotated[
        str | None, typer.Option(metavar="NAME|NUMBER", help="Which microphone; `python -m sounddevice` lists them.")
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="As fast as the machine can, not at the pace of speech.")
    ] = False,
) -> None:
    """Caption a microphone, a stream, or a recording as if it were being spoken now.

    Drafts stand dimmed below the text and change; text above them is final. Speakers are named a moment after their
    words, and corrected as more is heard. Ctrl-C ends the utterance that is being spoken, and tells it.
    """
    import threading

    from rich.console import Console

    from earwitness import config
    from earwitness.cli.captions import Screen
    from earwitness.cli.exits import INTERRUPTED, code_of, explain
    from earwitness.errors import EarwitnessError
    from earwitness.kit import Kit
    from earwitness.live import desk, pace
    from earwitness.stages.recipe import Captioning, Diarizing, Recipe, language_code
    from earwitness.types import Ask

    console, woken, interrupted = Console(highlight=False, soft_wrap=True), threading.Event(), False
    try:
        recipe = Recipe(
            model=model,
            ask=Ask(language=language_code(language)),
            captioning=Captioning(endpoint, drafts and console.is_terminal, watch=tuple(watch or ())),
            diarizing=Diarizing() if speakers else None,
        )
        arriving = source is None or "://" in source
        with (
            Kit(config.load(), warm=True) as kit,
            desk.opened(recipe, kit, woken.set) as (_, session),
            heard(source, device) as blocks,
            Screen(console, speakers=speakers) as screen,
        ):
            try:
                for event in pace.play(blocks, session, woken, fast=fast or arriving):
                    screen.show(event, session.lag_s, session.received_s)
            except KeyboardInterrupt:
                interrupted = True
                for event in pace.play((), session, woken):
                    screen.show(event, session.lag_s, session.received_s)
            if why := getattr(blocks, "broke_off", ""):
                console.print(f"[yellow]note[/] {why}")
            if lost := getattr(blocks, "overflows", 0):
                console.print(f"[yellow]note[/] the system lost sound of the microphone {lost} time(s)")
    except EarwitnessError as error:
        explain(error)
        raise typer.Exit(code_of(error)) from None
    if interrupted:
        raise typer.Exit(INTERRUPTED)


def heard(source: str | None, device: str | None) -> "AbstractContextManager[Iterable[Audio | None]]":
    """The sound of a source. Raises BadInput for a device beside another source, and what opening it raises."""
    from earwitness.audio import arriving, decode
    from earwitness.errors import BadInput
    from earwitness.live import pace

    if source is None:
        return arriving.microphone(device)
    if device is not None:
        raise BadInput("--device is a microphone, and another source is named", remedy="Leave one of them out.")
    if arriving.ADDRESS.match(source):
        return arriving.address(source)
    return nullcontext(decode.stream(Path(source), block=pace.BLOCK))
