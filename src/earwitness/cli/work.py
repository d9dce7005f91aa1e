"""The work of `earwitness transcribe`: find the recordings, run each with a progress bar, write the results."""

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from earwitness import batch, config, gathering
from earwitness.audio import timebase
from earwitness.audio.decode import Report
from earwitness.cli import keeping, paths, speaking
from earwitness.cli.exits import INTERRUPTED, code_of, explain
from earwitness.cli.paths import Recording
from earwitness.errors import EarwitnessError
from earwitness.export import Format
from earwitness.export.layout import Layout
from earwitness.kit import Kit
from earwitness.stages.recipe import Recipe
from earwitness.types import Segment, Transcript
from earwitness.unfinished import checkpoint
from earwitness.unfinished.checkpoint import DAY_S, Checkpoint

BAR = 30
BESIDE_NAME = BAR + 48
"""Columns of a progress line that are not the name: spinner, bar, gaps, and times beyond an hour."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted of each recording."""

    recipe: Recipe
    formats: Sequence[Format]
    output: Path | None
    layout: Layout
    quiet: bool
    known: Mapping[str, Path] = field(default_factory=dict)
    """Clips of known speakers by name."""
    fresh: bool = False
    """Whether what earlier runs left is of no interest."""
    keep: bool = False
    """Whether the transcript goes into the archive too."""


class Ledger(Protocol):
    """What is known of recordings that were done before."""

    def skips(self, recording: Recording, targets: Sequence[Path]) -> bool:
        """Whether a recording need not be done."""
        ...

    def took(self, recording: Recording, targets: Sequence[Path], error: EarwitnessError | None) -> None:
        """A recording was done, or failed."""
        ...


def carry_out(given: Sequence[str], order: Order, ledger: Ledger | None = None) -> int:
    """Transcribe all recordings that are meant; the exit code is that of the first failure, or 0.

    Those that a `ledger` skips are left out, and no model is loaded for them.
    """
    recordings = paths.find(given)
    targets = paths.targets(recordings, order.formats, order.output)
    recordings = [r for r in recordings if ledger is None or not ledger.skips(r, targets[r])]
    if not recordings:
        return 0
    settings = config.load()
    failures: list[int] = []
    if settings.keep_unfinished_days:
        checkpoint.sweep(settings.unfinished, settings.keep_unfinished_days * DAY_S)
    with Kit(settings) as kit, _bars(order) as bars:
        kit.plan(order.recipe.model)
        order = replace(order, recipe=speaking.acquainted(order.recipe, order.known, kit))
        for recording in recordings:
            failed: EarwitnessError | None = None
            try:
                with _source(recording, settings) as source:
                    _one(source, recording, targets[recording], order, kit, bars)
            except KeyboardInterrupt:
                return INTERRUPTED
            except EarwitnessError as error:
                explain(error, recording.shown)
                failures.append(code_of(error))
                failed = error
            if ledger is not None:
                ledger.took(recording, targets[recording], failed)
    if len(recordings) > 1 and failures:
        bars.console.print(f"{len(failures)} of {len(recordings)} recordings failed")
    return failures[0] if failures else 0


def _one(
    source: Path | BinaryIO,
    recording: Recording,
    targets: Sequence[Path],
    order: Order,
    kit: Kit,
    bars: Progress,
) -> None:
    """One recording: run it, write it; on Ctrl-C write what is finished and pass the interruption on."""
    gathered = gathering.Gathering(order.recipe, Report())
    task = bars.add_task(escape(_fitted(recording.shown, bars.console.width)), total=None, detail="")
    live, apart = _speaks(order), kit.settled(order.recipe).diarizing
    if len(order.formats) and not targets and recording.several and sys.stdout.isatty():
        bars.console.rule(escape(recording.shown))

    def told(fresh: tuple[Segment, ...]) -> None:
        for segment in fresh:
            bars.console.print(f"[dim]{timebase.clock(segment.start_s, hours=False)[:-4]}[/]  {escape(segment.text)}")

    interrupted = False
    with _place(source, recording, order, kit.settings, bars.console) as place:
        try:
            found = batch.run(
                source,
                order.recipe,
                kit,
                on_progress=lambda p: _show(bars, task, p),
                on_segments=told if live and not apart else None,
                gathering=gathered,
                checkpoint=place,
            )
        except KeyboardInterrupt:
            found, interrupted = gathered.transcript(complete=False), True
        finally:
            bars.remove_task(task)
        if live and apart:
            speaking.show(found, bars.console)
        layout = replace(order.layout, recording=recording.inside.stem)
        _write(found, targets, replace(order, layout=layout), spoken=live)
        _remark(found, recording, bars.console, order, interrupted)
        if interrupted:
            if place and place.begun:
                bars.console.print(f"[yellow]note[/] {escape(recording.shown)}: the same command goes on from here")
            raise KeyboardInterrupt
        if order.keep:
            ident = keeping.keep(found, source, recording.shown, kit.settings)
            bars.console.print(f"[green]kept[/] {escape(recording.shown)}: {ident}")
        if place:
            place.done()


@contextmanager
def _place(
    source: Path | BinaryIO, recording: Recording, order: Order, settings: config.Settings, console: Console
) -> Iterator[Checkpoint | None]:
    """Where it is kept how far the work on a recording is, if that is to be kept."""
    if not settings.keep_unfinished_days:
        yield None
        return

    def tell(sentence: str) -> None:
        if not order.quiet:
            console.print(f"[yellow]note[/] {escape(recording.shown)}: {escape(sentence)}")

    with Checkpoint(settings.unfinished, source, tell=tell, fresh=order.fresh) as found:
        yield found


def _write(found: Transcript, targets: Sequence[Path], order: Order, *, spoken: bool) -> None:
    if not targets:
        if not spoken:
            sys.stdout.write(order.formats[0].render(found, order.layout))
            sys.stdout.flush()
        return
    for form, target in zip(order.formats, targets, strict=True):
        paths.write(target, form.render(found, order.layout))


def _remark(found: Transcript, recording: Recording, console: Console, order: Order, interrupted: bool) -> None:
    """What a person should know about the result, on standard error."""
    if interrupted:
        until = timebase.clock(found.duration_s)
        console.print(f"[yellow]stopped[/] {escape(recording.shown)}: the transcript ends at {until} and says so")
    for notice in found.provenance.notices:
        console.print(f"[yellow]note[/] {escape(recording.shown)}: {escape(notice.message)}")
    for name in found.provenance.not_honoured:
        console.print(f"[yellow]note[/] {escape(recording.shown)}: {name} has no effect on {found.provenance.model}")
    if not (found.segments or found.suppressed or interrupted or order.quiet):
        console.print(f"[yellow]note[/] {escape(recording.shown)}: no speech was found")


def _speaks(order: Order) -> bool:
    """Whether text is shown as it comes: on a terminal, with nothing but txt wanted."""
    return order.output is None and [f.name for f in order.formats] == ["txt"] and sys.stdout.isatty()


def _bars(order: Order) -> Progress:
    console = Console(stderr=not _speaks(order), highlight=False, soft_wrap=True)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=BAR),
        TextColumn("{task.fields[detail]}"),
        console=console,
        transient=True,
        disable=order.quiet or not console.is_terminal,
    )


def _fitted(name: str, width: int) -> str:
    """A recording's name as short as a line of the terminal needs it; the end of a path says most."""
    room = max(12, width - BESIDE_NAME)
    return name if len(name) <= room else f"…{name[1 - room :]}"


def _show(bars: Progress, task: TaskID, now: gathering.Progress) -> None:
    done = timebase.clock(max(0.0, now.done_s), hours=False)[:-4]
    total = "" if now.total_s is None else f" of {timebase.clock(now.total_s, hours=False)[:-4]}"
    eta = "" if now.eta_s is None else f", {timebase.clock(now.eta_s, hours=False)[:-4]} left"
    bars.update(task, total=now.total_s, completed=now.done_s, detail=f"{done}{total}, {now.speed:.0f}x{eta}")


@contextmanager
def _source(recording: Recording, settings: config.Settings) -> Iterator[Path | BinaryIO]:
    """The recording as something that can be read twice; stdin is kept in a file first."""
    if recording.path is not None:
        yield recording.path
        return
    folder = config.ensure_folder(settings.scratch)
    with tempfile.TemporaryFile(dir=folder) as kept:
        while chunk := sys.stdin.buffer.read(1 << 20):
            kept.write(chunk)
        kept.seek(0)
        yield kept
