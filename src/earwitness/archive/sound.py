"""The sound that is kept of a recording: its files as parts that `audio.joined` makes one of."""

from collections.abc import Iterable
from pathlib import Path

from earwitness.archive.recordings import Piece
from earwitness.audio import timebase
from earwitness.audio.joined import Part

SOUNDING = ("audio", "upload")
"""Kinds of files that are heard."""


def parts(files: Iterable[Piece], folder: Path) -> list[Part]:
    """Those of a recording's files that are there and can be heard; `folder` is that of the archive's files."""
    found = list[Part]()
    for piece in files:
        if piece.kind in SOUNDING and (folder / piece.path).is_file():
            end = None if piece.end_s is None else timebase.samples(piece.end_s)
            found.append(Part(folder / piece.path, timebase.samples(piece.start_s), end))
    return found
