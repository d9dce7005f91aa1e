"""What goes through the pipes between an isolated engine and us: frames of JSON, with samples as raw float32 behind it.

Plain values rather than pickles, so that each side takes apart only what it knows, whatever broke in the other.
"""

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import IO, Any

import numpy as np
from pydantic import TypeAdapter

from earwitness import errors
from earwitness.errors import Busy, EarwitnessError, EngineFailed
from earwitness.types import Ask, Audio, Can, Clip, Device, ModelFiles, Samples, Segment

Told = dict[str, Any]
HEAD = struct.Struct("<4sII")
MAGIC = b"EWI1"

CLIPS_ASKED = TypeAdapter(list[Ask])
CAN, DEVICE, FILES = TypeAdapter(Can), TypeAdapter(Device), TypeAdapter(ModelFiles)
RESULTS = TypeAdapter(list[tuple[Segment, ...]])


def write(stream: IO[bytes], told: Mapping[str, Any], sound: Iterable[Samples] = ()) -> None:
    """Send a frame. Raises OSError when the other side is gone."""
    text = json.dumps(told, default=_plain).encode()
    arrays = [np.ascontiguousarray(s) for s in sound]
    stream.write(HEAD.pack(MAGIC, len(text), sum(a.nbytes for a in arrays)) + text)
    stream.writelines(array.data for array in arrays)
    stream.flush()


def read(stream: IO[bytes]) -> tuple[Told, Samples] | None:
    """The next frame; None at the end, also where it comes in the middle of a frame or what comes is none."""
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    magic, length, raw = HEAD.unpack(head)
    if magic != MAGIC:
        return None
    text, sound = stream.read(length), stream.read(raw)
    if len(text) + len(sound) < length + raw:
        return None
    told: Told = json.loads(text)
    return told, np.frombuffer(sound, np.float32)


# ── a call ──
def clips_out(clips: Sequence[Clip]) -> tuple[Told, list[Samples]]:
    """Clips as a frame."""
    told: Told = {
        "asks": CLIPS_ASKED.dump_python([c.ask for c in clips], mode="json"),
        "spans": [[c.audio.start, len(c.audio.samples)] for c in clips],
    }
    return told, [c.audio.samples for c in clips]


def clips_in(told: Told, sound: Samples) -> list[Clip]:
    """The clips of a frame."""
    clips, at = [], 0
    for ask, (start, count) in zip(CLIPS_ASKED.validate_python(told["asks"]), told["spans"], strict=True):
        clips.append(Clip(Audio(sound[at : at + count], start), ask))
        at += count
    return clips


def results_out(results: Iterable[Iterable[Segment]]) -> Told:
    """Segments as a frame."""
    return {"results": [[asdict(s) for s in segments] for segments in results]}


def results_in(told: Told) -> list[tuple[Segment, ...]]:
    """The segments of a frame."""
    for segment in (s for segments in told["results"] for s in segments):
        for token in segment["tokens"]:
            token["raw"] = bytes.fromhex(token["raw"])
    return RESULTS.validate_python(told["results"])


# ── errors ──
def error_out(error: BaseException) -> Told:
    """An error as a frame; what is none of ours is EngineFailed."""
    if not isinstance(error, EarwitnessError):
        error = EngineFailed(f"the engine broke: {type(error).__name__}: {error}")
    told: Told = {"kind": type(error).__name__, "message": error.message, "remedy": error.remedy, "param": error.param}
    return {"error": told | ({"retry_after_s": error.retry_after_s} if isinstance(error, Busy) else {})}


def error_in(told: Told) -> EarwitnessError:
    """The error of a frame, of the class it was."""
    given = told["error"]
    kind = getattr(errors, str(given["kind"]), EngineFailed)
    known = isinstance(kind, type) and issubclass(kind, EarwitnessError)
    if isinstance(kind, type) and issubclass(kind, Busy):
        return kind(given["message"], retry_after_s=float(given["retry_after_s"]), remedy=given["remedy"])
    found: EarwitnessError = (kind if known else EngineFailed)(given["message"], remedy=given["remedy"])
    found.param = given["param"]
    return found


def _plain(value: object) -> object:
    """Bytes of tokens, and numbers that a runtime handed on as its own."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} can't be sent")
