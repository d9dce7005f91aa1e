"""Looks into whisper.cpp's model files without loading them: the runtime crashes on what is broken.

Source: whisper.cpp 1.8, `whisper_model_load`; block sizes from ggml.c.
"""

import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from earwitness.engines.whisper import AGAIN
from earwitness.errors import BadInput, NotFound

MAGIC = 0x67676D6C
BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34)}
"""Values and bytes of a block by the tensor's type: f32, f16, q4_0, q4_1, q5_0, q5_1, q8_0."""


@dataclass(frozen=True, slots=True)
class Header:
    """Sizes of the model in a file."""

    vocabulary: int
    encoder_layers: int
    decoder_layers: int
    bands: int


def look(path: Path) -> Header:
    """The sizes of a whole and well-formed file. Raises NotFound, or BadInput for one that is cut short or another."""
    try:
        with path.open("rb") as file:
            return _look(file, path.name)
    except FileNotFoundError as error:
        raise NotFound(f"there is no {path.name}", remedy=AGAIN) from error
    except (struct.error, OSError, ValueError) as error:
        raise BadInput(f"{path.name} is cut short or damaged", remedy=AGAIN) from error


def words(path: Path) -> tuple[bytes, ...]:
    """The bytes of the tokens in a file that was looked at, by id; special ones are not in it."""
    with path.open("rb") as file:
        bands, bins = _ints(file, 14)[12:]
        file.seek(4 * bands * bins, os.SEEK_CUR)
        return tuple(file.read(_ints(file, 1)[0]) for _ in range(_ints(file, 1)[0]))


def _look(file: BinaryIO, name: str) -> Header:
    size = os.fstat(file.fileno()).st_size
    magic, *told = _ints(file, 12)
    if magic != MAGIC:
        raise BadInput(f"{name} is no GGML file of a Whisper model", remedy=AGAIN)
    bands, bins = _ints(file, 2)
    file.seek(4 * bands * bins, os.SEEK_CUR)
    for _ in range(_ints(file, 1)[0]):
        file.seek(_ints(file, 1)[0], os.SEEK_CUR)
    while file.tell() < size:
        dims, spelt, kind = _ints(file, 3)
        if not 0 < dims <= 4 or kind not in BLOCKS or not 0 < spelt < 200:
            raise BadInput(f"{name} is damaged: a tensor of type {kind} with {dims} dimensions", remedy=AGAIN)
        values, width = BLOCKS[kind]
        count = math.prod(_ints(file, dims))
        file.seek(spelt + count // values * width, os.SEEK_CUR)
    if file.tell() != size:
        raise BadInput(f"{name} is cut short: {file.tell() - size} bytes are missing", remedy=AGAIN)
    return Header(told[0], told[4], told[8], bands)


def _ints(file: BinaryIO, count: int) -> tuple[int, ...]:
    return struct.unpack(f"<{count}i", file.read(4 * count))
