"""Looks into whisper.cpp's model files without loading them: the runtime crashes on what is broken.

Source: whisper.cpp 1.8, `whisper_model_load`; block sizes from ggml.c.
"""

import math
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from earwitness.engines.whisper import AGAIN
from earwitness.engines.whisper.languages import LANGUAGES
from earwitness.engines.whisper.vocabulary import MULTILINGUAL
from earwitness.errors import BadInput, EarwitnessError, EngineFailed, NotFound
from earwitness.types import ModelFiles, Samples

MAGIC = 0x67676D6C
STAMPS = 1501
"""Time stamps are the last tokens, from 0.00 to 30.00 s."""
SHORTEST = 16_000
"""Samples; what is shorter gives nothing."""
BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34)}
"""Values and bytes of a block by the tensor's type: f32, f16, q4_0, q4_1, q5_0, q5_1, q8_0."""


@dataclass(frozen=True, slots=True)
class Header:
    """Sizes of the model in a file."""

    vocabulary: int
    encoder_layers: int
    decoder_layers: int
    bands: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a model in a file, for programs that load it themselves: a `Spelling`."""

    spelling: Sequence[bytes]
    size: int

    @property
    def first_stamp(self) -> int:
        """Id of the time stamp of 0.00 s."""
        return self.size - STAMPS

    @property
    def multilingual(self) -> bool:
        """Whether it knows other languages than English."""
        return self.size >= MULTILINGUAL

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes in the model's order; none for one that knows English alone."""
        return tuple(LANGUAGES)[: self.size - MULTILINGUAL + 99] if self.multilingual else ()

    def raw(self, token: int) -> bytes:
        """The bytes of a token; none for a special one."""
        return self.spelling[token] if token < len(self.spelling) else b""

    def stamp(self, at_s: float) -> int:
        """The time stamp nearest to a time."""
        return self.first_stamp + min(STAMPS - 1, max(0, round(at_s * 50)))


def tokens(files: ModelFiles, path: Path) -> Tokens:
    """The tokens of a whole and well-formed file. Raises EngineFailed."""
    try:
        size = look(path).vocabulary
        return Tokens(words(path), size)
    except EarwitnessError as error:
        raise EngineFailed(f"{files.name} does not load: {error}", remedy=AGAIN) from error


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


def filled(samples: Samples) -> Samples:
    """A sound that whisper.cpp does not pass over: a short one gets silence after it."""
    return np.pad(samples, (0, max(0, SHORTEST - len(samples))))


def logprob(probability: float | None) -> float:
    """Natural logarithm of a token's probability as a program tells it, which may be rounded to 0."""
    return math.log(min(1.0, max(1e-9, probability or 0.0)))


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
