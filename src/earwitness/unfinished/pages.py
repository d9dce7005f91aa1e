"""A page: what a run learnt since the page before, and where it was then. JSON and plain arrays in one record."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError

from earwitness.errors import BadInput
from earwitness.parts import Arrays, VadState
from earwitness.stages.guard import NO_CREDIT, Credit
from earwitness.stages.speech import Heard
from earwitness.types import Samples, Segment, Suppressed

FORMAT = 2
"""To be raised with every change of a page, of what the fold remembers, or of what a diarizer keeps."""

JSON = "page"
VAD, WHO = "vad.", "who."
TAIL, CELL = "vad.tail", "vad.cell{}"


@dataclass(frozen=True, slots=True)
class Fold:
    """The state of the speech fold in plain numbers: `speech.Heard` without sound and the detector's cells."""

    origin: int
    first: int
    frames: int
    probs: tuple[float, ...]
    spans: tuple[tuple[int, int], ...]
    since: int | None
    voiced: int
    floor: int


@dataclass(frozen=True, slots=True)
class Page:
    """Where a run was: every stretch that begins before `position` is in its words, or in those of earlier pages."""

    position: int = 0
    """Up to here the recording was heard; sample position."""
    clean: bool = False
    """Whether nothing was wrong with the recording up to there."""
    done_s: float = 0.0
    segments: tuple[Segment, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    credit: Credit = NO_CREDIT
    timed_by: tuple[str, ...] = ()
    untimed: tuple[str, ...] = ()
    fold: Fold | None = None
    """None where nobody looked for speech, and at the end of the recording."""
    wants: int | None = None
    """Where the diarizer must hear on; None where it can't go on, or there is none."""

    __pydantic_config__ = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="constants")


def folded(state: Heard) -> tuple[Fold, Arrays]:
    """The state of the speech fold without its sound."""
    cells = {CELL.format(n): cell for n, cell in enumerate(state.vad.memory)}
    return Fold(*(getattr(state, f.name) for f in fields(Fold))), {TAIL: state.vad.tail, **cells}


def unfolded(fold: Fold, arrays: Arrays, kept: Samples) -> Heard:
    """The state that `folded` was given; `kept` is the sound from its frame `first` to the page's position."""
    plain = {f.name: getattr(fold, f.name) for f in fields(Fold)}
    cells = tuple(_float32(arrays[CELL.format(n)]) for n in range(len(_named(arrays, VAD)) - 1))
    return Heard(VadState(_float32(arrays[TAIL]), cells), kept=kept, **plain)


def record(page: Page, vad: Arrays, who: Arrays) -> bytes:
    """The page with the arrays of the detector and of the diarizer."""
    out = io.BytesIO()
    text = np.frombuffer(_pages().dump_json(page), np.uint8)
    named: dict[str, NDArray[np.generic]] = {JSON: text, **vad, **{WHO + name: a for name, a in who.items()}}
    np.savez(out, allow_pickle=False, **named)
    return out.getvalue()


def read(found: bytes) -> tuple[Page, Arrays, Arrays]:
    """What `record` was given. Raises BadInput for bytes that it did not make."""
    try:
        with np.load(io.BytesIO(found), allow_pickle=False) as opened:
            arrays: Mapping[str, NDArray[np.generic]] = {name: opened[name] for name in opened.files}
        page = _pages().validate_json(arrays[JSON].tobytes())
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, ValidationError) as error:
        raise BadInput("this is no page of an unfinished run") from error
    vad = {name: arrays[name] for name in _named(arrays, VAD)}
    if page.fold and TAIL not in vad:
        raise BadInput("this page has lost what the detector of speech remembers")
    return page, vad, {name.removeprefix(WHO): arrays[name] for name in _named(arrays, WHO)}


def _named(arrays: Arrays, start: str) -> list[str]:
    return [name for name in arrays if name.startswith(start)]


def _float32(array: NDArray[np.generic]) -> Samples:
    return array.astype(np.float32)


@lru_cache(maxsize=1)
def _pages() -> TypeAdapter[Page]:
    return TypeAdapter(Page)
