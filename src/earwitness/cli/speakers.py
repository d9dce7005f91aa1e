"""`earwitness speakers`: the people whose voices are known. One file for what belongs together."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from earwitness.archive.people import People
    from earwitness.archive.person import Person, Voiceprint
    from earwitness.kit import Kit

app = typer.Typer(help="People: whose voices are known, and who speaks in a clip.", no_args_is_help=True)

Who = Annotated[str, typer.Argument(metavar="WHO", help="A person's name or id.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="What to call them.")]
Speaker = Annotated[
    str | None, typer.Option("--speaker", metavar="S1", help="Several speak in the recording, and this is the one.")
]
Count = Annotated[int | None, typer.Option("--num-speakers", min=1, help="With --speaker: so many speak in it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the people who are known."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    from earwitness.archive.person import described

    with _people() as people:
        everybody = people.all()
    if as_json:
        _print([described(person) for person in everybody])
        return
    table = Table("name", Column("id", no_wrap=True), "voices", "speech", box=None, pad_edge=False)
    for person in everybody:
        speech_s = sum(voice.print.speech_s for voice in person.voices)
        table.add_row(escape(person.name), person.id, str(len(person.voices)), f"{speech_s:.0f} s")
    if everybody:
        Console(soft_wrap=True).print(table)
    else:
        typer.echo("Nobody is known yet: earwitness speakers enrol NAME CLIP", err=True)


@app.command("show")
def show(who: Who, as_json: AsJson = False) -> None:
    """Show what is kept of a person."""
    with _people() as people:
        _tell(people.meant(who), as_json=as_json)


@app.command("enrol")
def enrol(
    name: Name,
    clips: Annotated[list[str], typer.Argument(metavar="CLIP…", help="Recordings in which only this person speaks.")],
    add: Annotated[bool, typer.Option("--add", help="NAME, or an id, is known: add the clips to that person.")] = False,
    another: Annotated[bool, typer.Option("--another", help="This is another person of a name that is known.")] = False,
    speaker: Speaker = None,
    num_speakers: Count = None,
    as_json: AsJson = False,
) -> None:
    """Learn a person's voice from clips, or from a speaker of a recording.

    10 to 30 s of speech are best, 2 s are the least. `--speaker S2` takes a recording of several, and the speaker whom
    `earwitness transcribe --speakers` calls S2 in it.
    """
    from earwitness.errors import BadInput

    if add and another:
        raise BadInput("--add and --another contradict each other", remedy="Give one of them.")
    with _people() as people:
        known = people.meant(name) if add else None
        voices = _voiceprints(clips, speaker, num_speakers)
        found = people.add(known.id, voices) if known else people.enrol(name, voices, another=another)
    _tell(found, as_json=as_json)


@app.command("identify")
def identify(
    clip: Annotated[str, typer.Argument(metavar="CLIP", help="A recording in which one person speaks.")],
    speaker: Speaker = None,
    num_speakers: Count = None,
    as_json: AsJson = False,
) -> None:
    """Say who speaks in a clip: for certain, perhaps, or nobody who is known."""
    from earwitness.archive import likeness

    with _people() as people:
        (voice,) = _voiceprints([clip], speaker, num_speakers)
        found = likeness.identify(voice.embedding, voice.model, people.all())
    if as_json:
        _print(likeness.described(found))
        return
    words = {"auto": "this is", "suggest": "perhaps", "unknown": "unknown"}
    best = f" {found.best.name}  {found.best.person}" if found.best else ""
    typer.echo(f"{words[found.tier]}{best}")
    for candidate in found.candidates[: likeness.SHOWN]:
        typer.echo(f"  {candidate.score:+.3f}  {candidate.name}  {candidate.person}")


@app.command("rename")
def rename(who: Who, name: Name, as_json: AsJson = False) -> None:
    """Call a person something else. Transcripts hold ids, so the name follows there."""
    with _people() as people:
        _tell(people.rename(people.meant(who).id, name), as_json=as_json)


@app.command("merge")
def merge(
    who: Who,
    into: Annotated[str, typer.Argument(metavar="INTO", help="Name or id of the person they turned out to be.")],
    as_json: AsJson = False,
) -> None:
    """Say that two people are one. The second keeps name and id; the first one's id leads there from now on."""
    with _people() as people:
        _tell(people.merge(people.meant(who).id, people.meant(into).id), as_json=as_json)


@app.command("split")
def split(
    who: Who,
    voices: Annotated[list[str], typer.Argument(metavar="VOICE…", help="Ids of voices, as `show` prints them.")],
    name: Annotated[str, typer.Option("--name", help="What the new person is called.")],
    as_json: AsJson = False,
) -> None:
    """Give some of a person's voices to a new person: the way back from a merge."""
    with _people() as people:
        _tell(people.split(people.meant(who).id, voices, name), as_json=as_json)


@app.command("forget")
def forget(
    who: Who, yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False, as_json: AsJson = False
) -> None:
    """Forget a person for good: name, voices and ids are erased from the database's files."""
    import sys

    from earwitness.errors import BadInput

    with _people() as people:
        person = people.meant(who)
        if not yes and not sys.stdin.isatty():
            raise BadInput(f"forgetting {person.name} can't be undone", remedy="Add --yes if you mean it.")
        if not yes:
            typer.confirm(f"Forget {person.name} ({person.id}, {len(person.voices)} voices) for good?", abort=True)
        erased = people.forget(person.id)
    if as_json:
        _print({"id": person.id, "erased": erased})
        return
    typer.echo(f"forgotten: {person.name}  {person.id}")
    if not erased:
        typer.echo("Another program was reading; the bytes go from the log once it has ended.", err=True)


@contextmanager
def _people() -> "Iterator[People]":
    from earwitness import config
    from earwitness.archive.people import People

    people = People(config.load().archive)
    try:
        yield people
    finally:
        people.close()


def _voiceprints(clips: Sequence[str], speaker: str | None, count: int | None) -> "list[Voiceprint]":
    """The voices in some clips, one each, or that of a speaker of the only one. An error names the clip."""
    from pathlib import Path

    from earwitness import config, reference
    from earwitness.errors import BadInput, EarwitnessError
    from earwitness.kit import Kit

    if speaker is None and count is not None:
        raise BadInput("--num-speakers goes with --speaker", remedy="Say whose voice it is: --speaker S1.")
    if speaker is not None and len(clips) > 1:
        raise BadInput("--speaker is one of one recording", remedy="Add the others one by one, with --add.")
    found = []
    with Kit(config.load()) as kit:
        for clip in clips:
            try:
                if speaker is None:
                    found.append(reference.voiceprint(Path(clip), kit, origin=Path(clip).name))
                else:
                    found.append(_of_speaker(Path(clip), speaker, count, kit))
            except EarwitnessError as error:
                error.message = f"{clip}: {error.message}"
                raise
    return found


def _of_speaker(recording: "Path", speaker: str, count: int | None, kit: "Kit") -> "Voiceprint":
    from dataclasses import replace

    from earwitness import batch, reference
    from earwitness.parts import Crowd
    from earwitness.stages.recipe import Recipe

    recipe = Recipe(diarizing=replace(reference.TOLD_APART, crowd=Crowd(count)))
    found = batch.speakers(recording, recipe, kit)
    return reference.of_speaker(found, speaker, kit.diarizer().embeds, f"{recording.name}, {speaker}")


def _tell(person: "Person", *, as_json: bool) -> None:
    from earwitness.archive.person import described

    told = described(person)
    if as_json:
        _print(told)
        return
    typer.echo(f"{person.name}  {person.id}  since {told['created']}")
    for voice in person.voices:
        typer.echo(f"  {voice.id}  {voice.print.speech_s:.1f} s  {voice.print.model}  {voice.print.origin}")
    if person.merged:
        typer.echo(f"  once {', '.join(person.merged)}")


def _print(found: object) -> None:
    import json

    typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
