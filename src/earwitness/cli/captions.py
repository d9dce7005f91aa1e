"""How live captions look in a terminal: final text stays, the draft stands dimmed below it, with the lag."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from earwitness.audio import timebase
from earwitness.cli.speaking import COLOURS
from earwitness.events import Event, Failed, Final, Gap, Named, Noted, Partial, Revised, Settled, Spotted
from earwitness.types import Segment

HELD_S = 3.0
"""Text waits so long for the name of its speaker before it moves up; in a terminal it is shown all the while."""


class Screen:
    """Shows events. Where the output is no terminal, final text alone is printed, a line a segment."""

    def __init__(self, console: Console, *, speakers: bool) -> None:
        self._console, self._speakers = console, speakers
        self._held = dict[int, tuple[Segment, float]]()
        """By id: final text that is not printed yet, and since when."""
        self._names = dict[str, str]()
        self._draft = Text()
        self._live = Live(console=console, refresh_per_second=8, transient=True, auto_refresh=False)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release(waited_s=0.0)
        self._live.stop()

    def show(self, event: Event, lag_s: float, now_s: float) -> None:
        """One event, `now_s` seconds into the sound, with the lag of the text."""
        if isinstance(event, Partial):
            self._draft = Text.assemble((event.stable, ""), (f" {event.draft}" if event.draft else "", "dim"))
        elif isinstance(event, Settled):
            self._draft = Text()
            for held in event.suppressed:
                self._console.print(f"[dim]{_clock(held.start_s)}  left out: {held.reason}[/]")
        elif isinstance(event, Final):
            self._held[event.id] = event.segment, time.monotonic()
        elif isinstance(event, Revised):
            self._named(event)
        elif isinstance(event, Named):
            ident, name = event.speaker.id, event.speaker.name or event.speaker.id
            if self._names.get(ident, ident) != name:
                self._console.print(f"[dim]{ident} is {escape(name)}[/]")
            self._names[ident] = name
        elif beside := _beside(event):
            self._console.print(beside)
        self._release(waited_s=HELD_S if self._speakers else 0.0)
        if self._live.is_started:
            status = Text(f"{_clock(now_s)}  {f'late by {lag_s:.1f} s' if lag_s > 1 else 'listening'}", "dim")
            self._live.update(
                Group(*(self._line(s) for s, _ in self._held.values()), self._draft, status), refresh=True
            )

    def _named(self, event: Revised) -> None:
        if event.id in self._held:
            self._held[event.id] = event.segment, self._held[event.id][1]
        else:
            self._console.print(f"[dim]{_clock(event.segment.start_s)}  that was {event.segment.speaker}[/]")

    def _release(self, *, waited_s: float) -> None:
        """Print what has its speaker, or has waited for it so long, in the order of speaking."""
        for ident, (segment, since) in list(self._held.items()):
            if segment.speaker is None and time.monotonic() - since < waited_s:
                return
            del self._held[ident]
            self._console.print(self._line(segment))

    def _line(self, segment: Segment) -> Text:
        who = segment.speaker
        number = int(who[1:]) - 1 if who and who[1:].isdigit() else 0
        name = (f"{self._names.get(who, who)}  ", f"bold {COLOURS[number % len(COLOURS)]}") if who else ("", "")
        return Text.assemble((f"{_clock(segment.start_s)}  ", "dim"), name, segment.text)


def _clock(seconds: float) -> str:
    return timebase.clock(seconds, hours=False)[:-4]


def _beside(event: Event) -> str:
    """What is said between the lines of text; nothing for other events."""
    if isinstance(event, Spotted):
        return f"[bold]{_clock(event.at_s)}  {escape(event.phrase)}[/] was said"
    if isinstance(event, Noted):
        return f"[yellow]note[/] {escape(event.notice.message)}"
    if isinstance(event, Gap):
        length_s = event.end_s - event.start_s
        return f"[yellow]{_clock(event.start_s)}  {length_s:.1f} s were not heard: {event.reason}[/]"
    if isinstance(event, Failed):
        return f"[bold red]error[/] {escape(event.message)}\n      {escape(event.remedy)}"
    return ""
