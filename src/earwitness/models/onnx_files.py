"""Which other files an ONNX file points at, found without the onnx package and without reading its weights.

Source: onnx.proto3 of ONNX 1.18. A file is a message: fields, each with a number and a kind; only the way to the
tensors is walked.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from earwitness.errors import BadInput

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
DEEPEST = 100
"""Graphs within graphs; more than any model has, fewer than Python bears."""

WAYS = {
    "model": {7: "graph", 25: "function"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
"""By message: the numbers of the fields that lead to tensors, and what they hold. An entry is a key and a value."""


def locations(path: Path) -> tuple[str, ...]:
    """The files that a model's tensors lie in, beside the model itself. Raises BadInput for what is no ONNX file."""
    with path.open("rb") as file:
        size = path.stat().st_size
        try:
            return tuple(dict.fromkeys(_walk(file, 0, size, "model", 0)))
        except (EOFError, UnicodeDecodeError) as error:
            raise BadInput(f"{path.name} is cut short or no ONNX file", remedy="Fetch the model again.") from error


def check(path: Path) -> None:
    """Refuse a model whose tensors lie outside its folder, or in files that are not there. Raises BadInput."""
    for told in locations(path):
        inside = path.parent / told
        plain = told == Path(told).name and "\\" not in told and ":" not in told and not inside.is_symlink()
        if not plain:
            raise BadInput(f"{path.name} wants weights from {told[:80]!r}, outside its folder")
        if not inside.is_file():
            raise BadInput(
                f"{path.name} wants the weights {told}, which are not there", remedy="Fetch the model again."
            )


def _walk(file: BinaryIO, start: int, end: int, message: str, depth: int) -> Iterator[str]:
    """The locations in a message that lies between two places of a file."""
    if depth > DEEPEST:
        raise EOFError
    at = start
    while at < end:
        file.seek(at)
        tag = _varint(file)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            _varint(file)
            at = file.tell()
        elif kind in {FIXED64, FIXED32}:
            at = file.tell() + (8 if kind == FIXED64 else 4)
        elif kind == BYTES:
            size = _varint(file)
            inner, at = file.tell(), file.tell() + size
            if at > end:
                raise EOFError
            leads = WAYS[message].get(number)
            if leads == "entry":
                yield from _location(file, inner, at)
            elif leads:
                yield from _walk(file, inner, at, leads, depth + 1)
        else:
            raise EOFError
    if at != end:
        raise EOFError


def _location(file: BinaryIO, start: int, end: int) -> Iterator[str]:
    """The value of an entry whose key is `location`."""
    told, at = {}, start
    while at < end:
        file.seek(at)
        tag, size = _varint(file), _varint(file)
        if tag & 7 != BYTES or file.tell() + size > end:
            raise EOFError
        told[tag >> 3] = file.read(size)
        at = file.tell()
    if told.get(1) == b"location":
        yield told.get(2, b"").decode()


def _varint(file: BinaryIO) -> int:
    found = 0
    for shift in range(0, 70, 7):
        raw = file.read(1)
        if not raw:
            raise EOFError
        found |= (raw[0] & 0x7F) << shift
        if raw[0] < 0x80:
            return found
    raise EOFError
