"""The doors of a recording's sound: a file of it as it is kept, or any stretch of it, whatever files that lies in.

As WAV a stretch is made while it is sent, and any range of its bytes without the rest: a player may jump about in a
recording of many hours. Times are exact to a sample; where no sound is kept there is silence.
"""

import hashlib
import mimetypes
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path as File
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse, Response, StreamingResponse

from earwitness.api import house
from earwitness.api.schemas import PlainError
from earwitness.api.viewing import viewer
from earwitness.archive.recordings import Piece
from earwitness.archive.sound import SOUNDING, growing, parts
from earwitness.audio import joined, timebase
from earwitness.audio.encode import OPUS, Encoder
from earwitness.audio.joined import Part
from earwitness.audio.pcm import HEAD, Wire, s16
from earwitness.config import ensure_folder
from earwitness.errors import BadInput, NotFound

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": PlainError, "description": "An error"} for status in (400, 401, 404, 416, 503, 507)
}
PLAYABLE = ("audio/", "video/")
LONGEST_OGG_S = 600.0
LARGEST_WAV = 2**32 - 1 - HEAD
"""Bytes; its header counts no further."""

RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
WAV = Wire()

Ident = Annotated[str, Path(max_length=40, examples=["r_0123456789abcdef"])]
Second = Annotated[float, Query(ge=0, le=1e9)]

router = APIRouter(tags=["Recordings"], responses=ERRORS)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is wanted of a recording's sound, in positions, and the parts that it lies in."""

    parts: tuple[Part, ...]
    start: int
    end: int

    @property
    def wav_size(self) -> int:
        """Bytes of it as a WAV. Raises BadInput for more than one can hold."""
        size = (self.end - self.start) * WAV.frame
        if size > LARGEST_WAV:
            raise BadInput("this is more than a WAV can hold", remedy="Ask for a part of it: `from_s`, `to_s`.")
        return HEAD + size

    def head(self, form: str) -> dict[str, str]:
        """Headers that say what it is."""
        stamps = [(str(p.file), p.start, p.file.stat().st_size) for p in self.parts if p.file.exists()]
        tag = hashlib.blake2b(repr((stamps, self.start, self.end, form)).encode(), digest_size=12).hexdigest()
        return _head(timebase.seconds(self.start), timebase.seconds(self.end)) | {"etag": f'"{tag}"'}


@router.get(
    "/api/recordings/{ident}/audio",
    summary="The sound of a recording, a file of it",
    responses={200: {"content": {"audio/ogg": {}}, "description": "A file, or the range that is asked for"}},
    response_class=FileResponse,
)
def audio(request: Request, ident: Ident, at: Second = 0.0) -> FileResponse:
    """The file that holds a position, in seconds; `x-earwitness-start` and `-end` tell which stretch it is."""
    archive = house.of(request).archive
    piece = _piece(archive.recordings.files(ident, viewer(request)), at)
    file = archive.folder / piece.path
    if not file.is_file():
        raise NotFound("the sound of this recording is not there any more", remedy="Its text still is.")
    kind, _ = mimetypes.guess_type(file.name)
    kind = kind if kind and kind.startswith(PLAYABLE) else "application/octet-stream"
    return FileResponse(file, media_type=kind, headers=_head(piece.start_s, piece.end_s))


@router.get(
    "/api/recordings/{ident}/clip",
    summary="Any stretch of a recording's sound",
    responses={
        200: {"content": {"audio/wav": {}, "audio/ogg": {}}, "description": "The stretch"},
        206: {"description": "The range that is asked for"},
    },
    response_class=StreamingResponse,
)
def clip(
    request: Request,
    ident: Ident,
    from_s: Second = 0.0,
    to_s: Annotated[float | None, Query(ge=0, le=1e9, description="The end, if left out.")] = None,
    format: Literal["wav", "ogg"] = "wav",  # noqa: A002 - its name on the wire
) -> Response:
    """From one second to another, up to the end of the sound; `x-earwitness-start` and `-end` tell what it is."""
    found = _stretch(request, ident, from_s, to_s)
    if format == "wav":
        return _ranged(found, "wav", "audio/wav", found.wav_size, request.headers, partial(_wav, found))
    content = _ogg(found, house.of(request).settings.scratch)
    return _ranged(found, "ogg", OPUS.media_type, len(content), request.headers, lambda low, high: [content[low:high]])


def _stretch(request: Request, ident: str, from_s: float, to_s: float | None) -> Stretch:
    archive = house.of(request).archive
    there = parts(archive.recordings.files(ident, viewer(request)), archive.folder)
    if archive.recordings.one(ident).state == "open":
        there += growing(archive.folder, ident)
    start = timebase.samples(from_s)
    last = max((p.end for p in there if p.end is not None), default=0)
    end = last if to_s is None else min(last, timebase.samples(to_s))
    if to_s is not None and to_s <= from_s:
        raise BadInput(f"{from_s:g} s to {to_s:g} s is nothing", param="to_s")
    if start >= end or not joined.covered(there, start, end):
        raise NotFound("no sound of this is kept", remedy="The files that there are are told with the recording.")
    held = (p for p in there if (p.end is None or p.end > start) and p.start < end)
    return Stretch(tuple(held), start, end)


def _ranged(
    found: Stretch,
    form: str,
    media_type: str,
    whole: int,
    given: Mapping[str, str],
    content: Callable[[int, int], Iterable[bytes]],
) -> Response:
    """All of some content, or the range of it that is asked for; more ranges than one are not. Source: RFC 9110, 14."""
    head = found.head(form) | {"accept-ranges": "bytes"}
    asked = RANGE.fullmatch(given.get("range", "").strip())
    first, last = asked.groups() if asked else ("", "")
    senseless = not (first or last) or (first and last and int(last) < int(first))
    if senseless or given.get("if-range", head["etag"]) != head["etag"]:
        head |= {"content-length": str(whole)}
        return StreamingResponse(content(0, whole), media_type=media_type, headers=head)
    low = int(first) if first else max(0, whole - int(last))
    high = min(whole, int(last) + 1) if first and last else whole
    if low >= high:
        return Response(status_code=416, headers={"content-range": f"bytes */{whole}"})
    head |= {"content-range": f"bytes {low}-{high - 1}/{whole}", "content-length": str(high - low)}
    return StreamingResponse(content(low, high), 206, media_type=media_type, headers=head)


def _wav(found: Stretch, low: int, high: int) -> Iterator[bytes]:
    """Bytes of the WAV, from one to another."""
    if low < HEAD:
        yield WAV.head(found.wav_size - HEAD)[low:high]
    low, high = max(0, low - HEAD), max(0, high - HEAD)
    start, end = found.start + low // WAV.frame, found.start - -high // WAV.frame
    at = (start - found.start) * WAV.frame
    if start < end:
        for block in joined.stream(found.parts, start, end):
            content = s16(block.samples).tobytes()
            yield content[max(0, low - at) : high - at]
            at += len(content)


def _ogg(found: Stretch, scratch: File) -> bytes:
    """The whole of it as Opus in Ogg. Raises BadInput for more than is held in memory."""
    if timebase.seconds(found.end - found.start) > LONGEST_OGG_S:
        raise BadInput(f"an Ogg clip has at most {LONGEST_OGG_S:g} s", remedy="Ask for WAV, or for less.")
    with tempfile.TemporaryDirectory(dir=ensure_folder(scratch), prefix="clip-") as folder:
        file = File(folder) / "clip.ogg"
        writing = Encoder(file, OPUS)
        for block in joined.stream(found.parts, found.start, found.end):
            writing.write(block.samples)
        writing.close()
        return file.read_bytes()


def _head(start_s: float, end_s: float | None) -> dict[str, str]:
    end = "" if end_s is None else str(end_s)
    return {"x-earwitness-start": str(start_s), "x-earwitness-end": end, "x-content-type-options": "nosniff"}


def _piece(files: tuple[Piece, ...], at: float) -> Piece:
    """The file that holds a position, or the next one. Raises NotFound."""
    for piece in files:
        if piece.kind in SOUNDING and (piece.end_s is None or at < piece.end_s):
            return piece
    raise NotFound("no sound of this recording is kept from there on", remedy="Its files are told with the recording.")
