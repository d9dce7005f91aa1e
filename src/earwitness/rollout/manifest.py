"""Manifests: recordings and what is known of them, one JSON object a line, with RTTM and UEM files beside them.

Knows nothing of models or scores. Keys it does not know are left alone.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from earwitness.errors import BadInput, NotFound, StorageFailed
from earwitness.types import Turn, Word


def _in_order(value: tuple[str, float, float]) -> tuple[str, float, float]:
    _ordered(value[1], value[2])
    return value


def _in_order_with_text(value: tuple[str, float, float, str]) -> tuple[str, float, float, str]:
    _ordered(value[1], value[2])
    return value


def _ordered(start_s: float, end_s: float) -> None:
    if not (0 <= start_s <= end_s and math.isfinite(end_s)):
        raise ValueError(f"{start_s} to {end_s} s is no stretch of time")


Timed = Annotated[tuple[str, float, float], AfterValidator(_in_order)]
"""A word, when it begins and when it ends."""

Said = Annotated[tuple[str, float, float, str], AfterValidator(_in_order_with_text)]
"""A speaker, when the turn begins and ends, and what is said in it."""

Stretch = tuple[float, float]


class Row(BaseModel):
    """One recording of a manifest. Paths are relative to the manifest's folder; what is None is not known."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    file: str = Field(min_length=1)
    kind: str = "all"
    text: str | None = None
    """What is said; empty where nothing is."""
    language: str | None = None
    n_speakers: int | None = Field(default=None, ge=0)
    rttm: str | None = None
    uem: str | None = None
    turns: tuple[Said, ...] | None = None
    words: tuple[Timed, ...] | None = None
    channel_text: tuple[str, ...] | None = None
    """What is said on each channel; each is one speaker."""
    expect: str | None = None
    """`clean error`: the recording can't be read, and that must be said."""

    @property
    def fails(self) -> bool:
        """Whether an error is what is expected."""
        return self.expect is not None and "error" in self.expect

    @property
    def said(self) -> dict[str, str] | None:
        """What each speaker says in all, by speaker; None where that is not known."""
        if self.turns is not None:
            found = dict[str, list[str]]()
            for who, _, _, text in sorted(self.turns, key=lambda t: t[1]):
                found.setdefault(who, []).append(text)
            return {who: " ".join(texts) for who, texts in found.items()}
        if self.channel_text is not None:
            return {f"channel {n}": text for n, text in enumerate(self.channel_text, 1)}
        return None

    @property
    def timed(self) -> tuple[Word, ...] | None:
        """The words with their times."""
        return None if self.words is None else tuple(Word(*w) for w in self.words)

    def who(self, folder: Path) -> tuple[Turn, ...] | None:
        """Who speaks when: the RTTM's turns, else `turns`. Raises NotFound, BadInput and StorageFailed."""
        if self.rttm is not None:
            return rttm(folder / self.rttm)
        return None if self.turns is None else tuple(Turn(start, end, who) for who, start, end, _ in self.turns)

    def scored(self, folder: Path) -> tuple[Stretch, ...] | None:
        """The stretches that count, where there is an UEM. Raises NotFound, BadInput and StorageFailed."""
        return None if self.uem is None else uem(folder / self.uem)


def read(path: Path, kinds: Sequence[str] = (), *, limit: int | None = None) -> tuple[Row, ...]:
    """The rows of a manifest, of some kinds or of all, at most `limit` of each kind.

    Raises NotFound, StorageFailed, and BadInput for a line that is no row and for kinds that none is of.
    """
    rows = list[Row]()
    for number, line in enumerate(_lines(path), 1):
        if line.strip():
            try:
                rows.append(Row.model_validate(json.loads(line)))
            except ValidationError as error:
                first = error.errors()[0]
                at = ".".join(str(part) for part in first["loc"])
                raise _wrong(path, number, f"{at}: {first['msg']}" if at else first["msg"]) from error
            except (ValueError, RecursionError) as error:
                raise _wrong(path, number, f"it is no JSON: {error}") from error
    if not rows:
        raise BadInput(f"{str(path)!r} names no recordings", remedy="Write one JSON object with a `file` a line.")
    there = dict.fromkeys(row.kind for row in rows)
    if absent := [kind for kind in kinds if kind not in there]:
        raise BadInput(
            f"{str(path)!r} has no recordings of the kind {absent[0]!r}", remedy=f"Its kinds are {', '.join(there)}."
        )
    kept, taken = list[Row](), dict.fromkeys(there, 0)
    for row in rows:
        taken[row.kind] += 1
        if (not kinds or row.kind in kinds) and (limit is None or taken[row.kind] <= limit):
            kept.append(row)
    return tuple(kept)


def rttm(path: Path) -> tuple[Turn, ...]:
    """The SPEAKER lines of an RTTM file of one recording, sorted by time. Raises NotFound, BadInput, StorageFailed.

    Source: NIST Rich Transcription evaluation plan RT-09, appendix A.
    """
    found = list[Turn]()
    for number, line in enumerate(_lines(path), 1):
        parts = line.split()
        if not parts or parts[0] != "SPEAKER":
            continue
        try:
            start_s, length_s, who = float(parts[3]), float(parts[4]), parts[7]
            _ordered(start_s, start_s + length_s)
        except (IndexError, ValueError) as error:
            raise _wrong(path, number, f"it is no SPEAKER line of RTTM: {error}") from error
        found.append(Turn(start_s, start_s + length_s, who))
    return tuple(sorted(found, key=lambda t: (t.start_s, t.end_s, t.speaker)))


def uem(path: Path) -> tuple[Stretch, ...]:
    """The stretches of an UEM file of one recording. Raises NotFound, BadInput, StorageFailed."""
    found = list[Stretch]()
    for number, line in enumerate(_lines(path), 1):
        parts = line.split()
        if not parts or line.startswith(";"):
            continue
        try:
            start_s, end_s = float(parts[2]), float(parts[3])
            _ordered(start_s, end_s)
        except (IndexError, ValueError) as error:
            raise _wrong(path, number, f"it is no line of UEM: {error}") from error
        found.append((start_s, end_s))
    if not found:
        raise BadInput(f"{str(path)!r} names no stretch", remedy="Leave `uem` out where the whole recording counts.")
    return tuple(sorted(found))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8-sig").splitlines()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"{str(path)!r} is not there") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{str(path)!r} is no text in UTF-8") from error
    except (OSError, ValueError) as error:
        raise StorageFailed(f"{str(path)!r} can't be read: {error}", remedy="Check the path and its rights.") from error


def _wrong(path: Path, number: int, why: str) -> BadInput:
    return BadInput(f"line {number} of {str(path)!r} is wrong: {why}", remedy="Correct the line, or leave it out.")
