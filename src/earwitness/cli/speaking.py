"""Speakers on the command line: what is wished for, the clips of known ones, and the conversation on a terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from earwitness.audio import timebase
from earwitness.diarizers import AUTO
from earwitness.errors import BadInput
from earwitness.export import Format, labels
from earwitness.kit import Kit
from earwitness.parts import Crowd
from earwitness.reference import acquaint
from earwitness.stages.recipe import CHANNELS, OFF, Diarizing, Enhancing, Recipe, switch
from earwitness.types import Transcript

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")
"""Of the speakers in turn; their names always stand beside."""

WIDEST_NAME = 24


def wished(
    crowd: Crowd,
    known: Sequence[str],
    formats: Sequence[Format],
    *,
    speakers: bool | None,
    by_channel: bool,
    diarizer: str,
) -> Diarizing | None:
    """How speakers are to be told apart, None where nothing asks for it. Raises BadInput for wishes that contradict."""
    shown = any(form.speakers for form in formats)
    if speakers is False:
        if by_channel or known or crowd != Crowd() or shown or diarizer != AUTO:
            raise BadInput("--no-speakers goes with nothing that is asked about speakers")
        return Diarizing(OFF)
    if by_channel:
        if diarizer != AUTO:
            raise BadInput("--diarizer and --by-channel can't both say who speaks")
        return Diarizing(CHANNELS, crowd)
    asked = speakers or diarizer != AUTO or known or crowd != Crowd() or any(form.speakers for form in formats)
    return Diarizing(diarizer, crowd) if asked else None


def enhancing(**given: str | None) -> Enhancing:
    """What is to be done to sound and text. Raises BadInput for what is neither on, off nor a name."""
    return Enhancing(**{name: switch(value, f"--{name}") for name, value in given.items()})


def clips(given: Sequence[str]) -> Mapping[str, Path]:
    """The clips of known speakers by name, from `NAME=FILE`. Raises BadInput."""
    found: dict[str, Path] = {}
    for words in given:
        name, mark, path = words.partition("=")
        name = name.strip()
        if not mark or not name or not path:
            raise BadInput(f"--known is {words!r}", remedy="Write --known NAME=FILE, such as --known Nell=nell.wav.")
        if name in found:
            raise BadInput(f"{name} is known twice", remedy="Give one clip for each name.")
        found[name] = Path(path)
    return found


def acquainted(recipe: Recipe, known: Mapping[str, Path], kit: Kit) -> Recipe:
    """The recipe with the voices of the known speakers. Raises BadInput for a clip that won't do, and NotFound."""
    how = recipe.diarizing
    if how is None or not known:
        return recipe
    diarizer = kit.diarizer("auto" if how.part == CHANNELS else how.part)
    voices = tuple(acquaint(name, path, diarizer) for name, path in known.items())
    return replace(recipe, diarizing=replace(how, known=voices))


def show(found: Transcript, console: Console) -> None:
    """The conversation, a turn a row: when it begins, who speaks, and the words, wrapped."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True, max_width=WIDEST_NAME, overflow="ellipsis")
    table.add_column(ratio=1)
    names, order = labels.names(found), [s.id for s in found.speakers]
    for who, said in groupby(found.segments, key=lambda s: s.speaker):
        turn = tuple(said)
        colour = COLOURS[order.index(who) % len(COLOURS)] if who in order else "default"
        name = names.get(who or "", labels.UNKNOWN) if labels.told_apart(found) else ""
        when = timebase.clock(turn[0].start_s, hours=False)[:-4]
        table.add_row(when, Text(name, f"bold {colour}"), Text(" ".join(s.text for s in turn)))
    if found.segments:
        console.print(table, soft_wrap=False)
