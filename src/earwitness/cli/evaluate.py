"""`earwitness evaluate`: how right the words, the speakers and the times are, over recordings with references."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from earwitness.rollout.evaluate import Scored, Total
    from earwitness.rollout.scores import Wording
    from earwitness.types import Json

Cells = Sequence[str]


def evaluate(
    manifest: Annotated[Path, typer.Argument(help="Recordings and what is known of them, one JSON object a line.")],
    kinds: Annotated[str | None, typer.Option(metavar="A,B", help="Only these kinds; all if left out.")] = None,
    model: Annotated[str, typer.Option("-m", "--model", help="Name or alias; `earwitness models list`.")] = "default",
    what: Annotated[
        str | None,
        typer.Option(
            metavar="A,B", help="Of wer, der, cpwer and words; all that a row has references for if left out."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many recordings of each kind.")] = None,
    num_speakers_known: Annotated[
        bool, typer.Option("--num-speakers-known", help="Tell the diarizer how many speakers there are.")
    ] = False,
    diarizer: Annotated[
        str, typer.Option(metavar="NAME[,NAME]", help="What tells speakers apart; several vote, `ensemble` is all.")
    ] = "auto",
    as_json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all numbers here too.")] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress, only results and errors.")] = False,
) -> None:
    """Measure how right the words, the speakers and the times are.

    wer: word error rate by Whisper's normaliser. der: diarization and Jaccard error rate without a collar, overlap
    counted, and the number of speakers. cpwer: word error rate where each speaker must say their own words. words: how
    far off the times of words are. Needs the extra `evaluate`.

    Recordings that fail are named, and count in no rate. The exit code is then that of the first.
    """
    import json
    from dataclasses import replace

    from rich.console import Console
    from rich.markup import escape

    from earwitness import config
    from earwitness.cli import paths
    from earwitness.cli.exits import INTERRUPTED, code_of, explain
    from earwitness.kit import Kit
    from earwitness.rollout import evaluate as evaluation
    from earwitness.rollout.evaluate import Scored, Wish
    from earwitness.rollout.manifest import Row, read
    from earwitness.stages.recipe import Recipe

    wish = Wish(recipe=Recipe(model=model), tell_count=num_speakers_known, diarizer=diarizer)
    wish, found, interrupted = replace(wish, measures=_measures(what)) if what else wish, list[Scored](), False
    rows = read(manifest, _parts(kinds), limit=limit)
    log = Console(stderr=True, highlight=False, soft_wrap=True)
    with Kit(config.load()) as kit, _bar(log, quiet=quiet) as bar:
        task = bar.add_task("", total=len(rows))

        def begun(row: Row) -> None:
            bar.update(task, description=escape(paths.shown(row.file)))

        def ended(scored: Scored) -> None:
            found.append(scored)
            bar.advance(task)

        try:
            evaluation.run(rows, manifest.parent, wish, kit, on_begin=begun, on_done=ended)
        except KeyboardInterrupt:
            interrupted = True
    failed = [(scored.file, scored.error) for scored in found if scored.error]
    for name, error in failed:
        explain(error, paths.shown(name))
    show(found, Console(highlight=False))
    if as_json:
        told = numbers(found, complete=not interrupted)
        about = {"manifest": str(manifest), "model": model, "diarizer": diarizer}
        how = {"num_speakers_known": num_speakers_known}
        paths.write(as_json, json.dumps({**about, **how, **told}, indent=2, ensure_ascii=False) + "\n")
    if interrupted:
        log.print(f"[yellow]stopped[/] after {len(found)} of {len(rows)} recordings")
        raise typer.Exit(INTERRUPTED)
    if failed:
        raise typer.Exit(code_of(failed[0][1]))


def numbers(found: "Sequence[Scored]", *, complete: bool) -> "dict[str, Json]":
    """All numbers as JSON: over all, by kind, and of each recording."""
    from earwitness.__about__ import __version__
    from earwitness.rollout.evaluate import by_kind, total

    return {
        "earwitness": __version__,
        "complete": complete,
        "all": total(found).as_json(),
        "kinds": {kind: added.as_json() for kind, added in by_kind(found).items()},
        "recordings": [scored.as_json() for scored in found],
    }


def show(found: "Sequence[Scored]", console: "Console") -> None:
    """A table for each measure that something was measured by, a kind a row, and what was not measured."""
    from earwitness.rollout.evaluate import by_kind, total

    whole, kinds = total(found), by_kind(found)
    totals = {**kinds, "all": whole} if len(kinds) > 1 else kinds or {"all": whole}
    for table in tables(totals):
        console.print(table)
        console.print()
    speed = f", {whole.duration_s / whole.took_s:.1f}x real time" if whole.took_s else ""
    counts = [f"{whole.recordings} recordings", f"{whole.failed} failed", f"{whole.refused} refused as foreign speech"]
    if whole.unmeasured:
        counts.append(f"{whole.unmeasured} without a reference for this")
    console.print(f"{', '.join(counts)}; {whole.duration_s / 60:.1f} minutes of sound{speed}", soft_wrap=True)


def tables(totals: "Mapping[str, Total]") -> "Iterator[Table]":
    """The tables of all measures in which there is something."""
    worded = {kind: t.words for kind, t in totals.items() if t.words}
    if worded:
        yield _table(
            "Words",
            ("WER %", "words", "wrong/lost/added", "invented"),
            {k: (_percent(w.rate), str(w.reference), _errors(w), str(w.invented)) for k, w in worded.items()},
        )
    told = {kind: t.speakers for kind, t in totals.items() if t.speakers}
    if told:
        yield _table(
            "Speakers",
            ("DER %", "missed", "false", "confused", "JER %", "number right"),
            {
                k: (
                    _percent(s.der), *(_percent(s.share(x)) for x in (s.missed_s, s.false_s, s.confused_s)),
                    _percent(s.jer), f"{s.counted} of {s.recordings}",
                )
                for k, s in told.items()
            },
        )  # fmt: skip
    owned = {kind: t.by_speaker for kind, t in totals.items() if t.by_speaker}
    if owned:
        yield _table(
            "Words of each speaker",
            ("cpWER %", "words", "wrong/lost/added"),
            {k: (_percent(w.rate), str(w.reference), _errors(w)) for k, w in owned.items()},
        )
    timed = {kind: t.times for kind, t in totals.items() if t.times}
    if timed:
        yield _table(
            "Times of words: how far off the middle one is, in ms, and % that are at most so far off",
            ("words", "found", "guessed", "starts", "≤50", "≤100", "ends", "≤50", "≤100"),
            {
                k: (str(t.reference), str(t.found), str(t.guessed), *_edges(t.starts_s), *_edges(t.ends_s))
                for k, t in timed.items()
            },
        )


def _table(title: str, columns: Cells, rows: Mapping[str, Cells]) -> "Table":
    from rich.markup import escape
    from rich.table import Table

    from earwitness.cli import paths

    made = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column("kind", no_wrap=True)
    for column in columns:
        made.add_column(column, justify="right")
    for kind, cells in rows.items():
        made.add_row(escape(paths.shown(kind)), *cells, style="bold" if kind == "all" else None)
    return made


def _edges(errors_s: Sequence[float]) -> Cells:
    from earwitness.rollout.scores import AROUND_S, NEAR_S, off, within

    middle = off(errors_s)
    return (
        "–" if middle is None else f"{1000 * middle:.0f}",
        _percent(within(errors_s, NEAR_S)),
        _percent(within(errors_s, AROUND_S)),
    )


def _errors(found: "Wording") -> str:
    return f"{found.substituted}/{found.deleted}/{found.inserted}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _parts(given: str | None) -> tuple[str, ...]:
    """The names in `a,b`."""
    return tuple(name.strip() for name in (given or "").split(",") if name.strip())


def _measures(given: str) -> tuple[str, ...]:
    """The measures in `a,b`. Raises BadInput for one that there is not."""
    from earwitness.errors import BadInput
    from earwitness.rollout.scores import MEASURES

    named = _parts(given)
    wrong = [name for name in named if name not in MEASURES]
    if wrong or not named:
        raise BadInput(f"--what is {given!r}", remedy=f"Write some of {','.join(MEASURES)}, with commas between them.")
    return named


def _bar(log: "Console", *, quiet: bool) -> "Progress":
    """How many recordings are done, and which one is heard."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(bar_width=30), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    return Progress(*columns, console=log, transient=True, disable=quiet or not log.is_terminal)
