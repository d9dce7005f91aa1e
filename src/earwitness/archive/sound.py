"""The sound that is kept of a recording: its files as parts that `audio.joined` makes one of."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from earwitness.archive.recordings import Piece
from earwitness.audio import decode, timebase
from earwitness.audio.joined import Part
from earwitness.errors import EarwitnessError

SOUNDING = ("audio", "upload")
"""Kinds of files that are heard."""

PART = ".part"
"""How the file that a live session is just writing is called at its end."""


def place(folder: Path, recording: str, start: int, end: str = "") -> Path:
    """Where the piece of a live session lies that begins at a position; `folder` is that of the archive's files."""
    return folder / "audio" / recording / f"{start}.ogg{end}"


def unfinished(folder: Path, recording: str) -> Iterator[tuple[Path, int]]:
    """The pieces that are being written, or were left half-written, and where they begin."""
    for path in sorted((folder / "audio" / recording).glob(f"*.ogg{PART}")):
        if (start := path.name.split(".")[0]).isdecimal():
            yield path, int(start)


def parts(files: Iterable[Piece], folder: Path) -> list[Part]:
    """Those of a recording's files that are there and can be heard."""
    found = list[Part]()
    for piece in files:
        if piece.kind in SOUNDING and (folder / piece.path).is_file():
            end = None if piece.end_s is None else timebase.samples(piece.end_s)
            found.append(Part(folder / piece.path, timebase.samples(piece.start_s), end))
    return found


def growing(folder: Path, recording: str) -> list[Part]:
    """What can be heard already of the piece that a live session is just writing."""
    found = list[Part]()
    for path, start in unfinished(folder, recording):
        with suppress(EarwitnessError):  # nothing of it is on the disk yet
            found.append(Part(path, start, start + len(decode.decode(path).samples)))
    return found
