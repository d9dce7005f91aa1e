"""Uploads that can be resumed: tus 1.0.0 with creation, creation-with-upload, checksum, expiration and termination.

Any tus client can speak to it. How far an upload is, is the length of its file, so that a crash loses nothing of what
the disk has; what comes with a checksum is put there when it was found right. Source: https://tus.io/protocols/
"""

import asyncio
import base64
import binascii
import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from email.utils import formatdate
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from earwitness.api import house
from earwitness.api.bridge import in_thread
from earwitness.api.errors import answer
from earwitness.api.house import House
from earwitness.api.ordering import Place
from earwitness.api.schemas import PlainError
from earwitness.api.uploads import STALL_S
from earwitness.api.viewing import viewer
from earwitness.archive.uploads import Arriving
from earwitness.archive.viewer import Viewer
from earwitness.config import ensure_folder
from earwitness.errors import BadInput, Conflict, EarwitnessError, NotFound, StorageFailed, TooLarge
from earwitness.unfinished.checkpoint import DAY_S, digest_of
from earwitness.working.inbox import synced

VERSION = "1.0.0"
KEEP_S = 2 * DAY_S
"""How long an upload waits for more."""

ALGORITHMS = ("sha1", "sha256", "md5")
BYTES = "application/offset+octet-stream"
EXTENSIONS = "creation,creation-with-upload,checksum,expiration,termination"
MOST_METADATA = 4096
BODY: dict[str, Any] = {
    "requestBody": {"content": {BYTES: {"schema": {"type": "string", "format": "binary"}}}, "required": True}
}
ERRORS: dict[int | str, dict[str, Any]] = {
    s: {"model": PlainError, "description": "An error"} for s in (400, 401, 404, 409, 412, 413, 415, 423, 460, 503, 507)
}

router = APIRouter(tags=["Jobs"], responses=ERRORS)


class Refused(Exception):
    """An answer whose status tus names, and no error of ours has."""

    def __init__(self, status: int, error: EarwitnessError) -> None:
        super().__init__(error.message)
        self.status, self.error = status, error


@router.options("/api/uploads", status_code=204, summary="What tus clients ask first")
async def able(request: Request) -> Response:
    """Version, extensions and limits."""
    most = int(house.of(request).settings.max_upload_mb * 2**20)
    told = {"tus-version": VERSION, "tus-extension": EXTENSIONS, "tus-max-size": str(most)}
    return _said(204, {**told, "tus-checksum-algorithm": ",".join(ALGORITHMS)})


@router.post("/api/uploads", status_code=201, summary="Begin an upload that can be resumed")
async def begin(request: Request) -> Response:
    """Make an upload of `Upload-Length` bytes; `Upload-Metadata` may name it: `filename`."""
    try:
        return await _begin(request, house.of(request), viewer(request))
    except Refused as refused:
        return _refused(request, refused)


@router.head("/api/uploads/{upload}", summary="How far an upload is")
async def how_far(request: Request, upload: str) -> Response:
    """`Upload-Offset` of `Upload-Length` bytes."""
    home, who = house.of(request), viewer(request)
    found = await in_thread(lambda: home.archive.uploads.one(who, upload))
    told = {"upload-length": str(found.size), "cache-control": "no-store", "upload-offset": str(_offset(home, found))}
    return _said(200, {**told, **_until(found.changed_s)})


@router.patch("/api/uploads/{upload}", status_code=204, openapi_extra=BODY, summary="Go on with an upload")
async def more(request: Request, upload: str) -> Response:
    """Add the body at `Upload-Offset`, which has to be where the upload is."""
    home, who = house.of(request), viewer(request)
    try:
        _speaks(request)
        found = await in_thread(lambda: home.archive.uploads.one(who, upload))
        return await _more(request, home, found)
    except Refused as refused:
        return _refused(request, refused)


@router.delete("/api/uploads/{upload}", status_code=204, summary="Give an upload up")
async def give_up(request: Request, upload: str) -> Response:
    """Delete what has come."""
    home, who = house.of(request), viewer(request)
    found = await in_thread(lambda: home.archive.uploads.one(who, upload))
    if found.id in home.arriving:
        return _refused(request, Refused(423, Conflict("more of this upload is just coming")))
    _path(home, found.id).unlink(missing_ok=True)
    await in_thread(lambda: home.archive.uploads.remove([found.id]))
    return _said(204, {})


async def taken(home: House, who: Viewer, idents: Sequence[str]) -> list[Place]:
    """Uploads that have come, for jobs to be made of them. Raises NotFound, and Conflict for one that is not whole."""
    places = list[Place]()
    for ident in dict.fromkeys(idents):
        found = await in_thread(lambda ident=ident: home.archive.uploads.one(who, ident))  # type: ignore[misc]
        if _offset(home, found) < found.size or found.id in home.arriving:
            raise Conflict(f"the upload {found.id} has not come to its end", remedy="Go on with it first.")
        path = _path(home, found.id)
        known = await in_thread(lambda path=path: digest_of(path))  # type: ignore[misc]
        places.append(Place(found.name, path, known, found.size))
    return places


def sweep(home: House) -> int:
    """Give up what nobody went on with, and what a killed server left of pieces; how many uploads went.

    Raises StorageFailed and Busy. Not on the loop.
    """
    before_s, uploads = time.time() - KEEP_S, home.archive.uploads
    old = [ident for ident in uploads.old(before_s) if ident not in home.arriving]
    for ident in old:
        _path(home, ident).unlink(missing_ok=True)
    if old:
        uploads.remove(old)
    left = list(_path(home, "").glob("*"))
    known = uploads.there([path.stem for path in left]) | home.arriving
    for path in left:
        with contextlib.suppress(OSError):
            if path.stem not in known and path.stat().st_mtime < before_s:
                path.unlink()
    return len(old)


async def _begin(request: Request, home: House, who: Viewer) -> Response:
    _speaks(request)
    told, most = request.headers.get("upload-length", ""), int(home.settings.max_upload_mb * 2**20)
    if not told.isascii() or not told.isdigit() or len(told) > 18:
        raise BadInput("there is no Upload-Length", remedy="Say how many bytes will come.")
    if int(told) > most:
        raise TooLarge(f"the upload has {int(told) / 2**20:.1f} MB, and {most / 2**20:g} MB are accepted")
    about = _metadata(request.headers.get("upload-metadata", ""))
    name = about.get("filename") or about.get("name") or "recording"
    found = await in_thread(lambda: home.archive.uploads.add(who, name, int(told), about))
    try:
        ensure_folder(_path(home, found.id).parent)
        _path(home, found.id).touch(mode=0o600)
    except OSError as error:
        raise StorageFailed(f"the upload cannot be written: {error.strerror or error}") from error
    headers = {"location": f"/api/uploads/{found.id}", **_until(found.changed_s)}
    if request.headers.get("content-type", "") == BYTES:
        headers |= await _append(request, home, found, 0)
    return _said(201, headers)


async def _more(request: Request, home: House, found: Arriving) -> Response:
    if request.headers.get("content-type", "") != BYTES:
        raise Refused(415, BadInput(f"the body has to be {BYTES}"))
    told = request.headers.get("upload-offset", "")
    if not told.isascii() or not told.isdigit():
        raise BadInput("there is no Upload-Offset", remedy="HEAD tells how far the upload is.")
    if found.id in home.arriving:
        raise Refused(423, Conflict("more of this upload is just coming", remedy="Try again when that has ended."))
    at = _offset(home, found)
    if int(told) != at:
        raise Conflict(f"the upload is at {at}, not at {int(told)}", remedy="HEAD tells how far it is.")
    return _said(204, await _append(request, home, found, at))


async def _append(request: Request, home: House, found: Arriving, at: int) -> dict[str, str]:
    """Write the body behind what is there; headers that say how it is then. What came before a break is kept."""
    wanted = _checksum(request.headers.get("upload-checksum"))
    path = _path(home, found.id)
    beside = path if wanted is None else path.with_name(f"{path.name}.piece")
    summed = hashlib.new(wanted[0], usedforsecurity=False) if wanted else None
    home.arriving.add(found.id)
    try:
        with beside.open("ab" if wanted is None else "wb", buffering=0) as file:
            async for chunk in _chunks(request, found.size - at):
                file.write(chunk)
                if summed is not None:
                    summed.update(chunk)
        if summed is not None and wanted is not None:
            if summed.digest() != wanted[1]:
                raise Refused(460, BadInput("what came is not what the checksum says", remedy="Send it again."))
            await in_thread(lambda: _joined(path, beside))
        await in_thread(lambda: synced(path))
        changed_s = await in_thread(lambda: home.archive.uploads.touch(found.id))
        return {"upload-offset": str(path.stat().st_size), **_until(changed_s)}
    except OSError as error:
        if isinstance(error, EarwitnessError):
            raise
        raise StorageFailed(f"the upload cannot be written: {error.strerror or error}") from error
    finally:
        home.arriving.discard(found.id)
        if wanted is not None:
            beside.unlink(missing_ok=True)


async def _chunks(request: Request, room: int) -> AsyncIterator[bytes]:
    """The body, up to what there is room for. Raises TooLarge for more; a client that is gone or mute ends it."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > room:
        raise TooLarge("more comes than the upload was to have", remedy="Send what Upload-Length said.")
    chunks = request.stream()
    with contextlib.suppress(ClientDisconnect, TimeoutError):
        while True:
            async with asyncio.timeout(STALL_S):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            room -= len(chunk)
            if room < 0:
                raise TooLarge("more comes than the upload was to have", remedy="Send what Upload-Length said.")
            yield chunk


def _joined(path: Path, piece: Path) -> None:
    """Put a piece behind what is there, or none of it."""
    before = path.stat().st_size
    try:
        with path.open("ab") as whole, piece.open("rb") as file:
            shutil.copyfileobj(file, whole)
    except OSError:
        os.truncate(path, before)
        raise


def _checksum(told: str | None) -> tuple[str, bytes] | None:
    if told is None:
        return None
    name, _, value = told.partition(" ")
    if name not in ALGORITHMS:
        raise BadInput(f"checksums are {', '.join(ALGORITHMS)}")
    try:
        return name, base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise BadInput("the checksum is no base64") from error


def _metadata(told: str) -> dict[str, str]:
    """Names and values of Upload-Metadata, whose values are base64. Raises BadInput."""
    if len(told) > MOST_METADATA:
        raise BadInput("the Upload-Metadata is too long")
    found = dict[str, str]()
    for pair in filter(None, (p.strip() for p in told.split(","))):
        name, _, value = pair.partition(" ")
        try:
            found[name] = base64.b64decode(value, validate=True).decode()
        except ValueError as error:
            raise BadInput(f"the Upload-Metadata's {name[:40]!r} is no base64") from error
    return found


def _speaks(request: Request) -> None:
    if request.headers.get("tus-resumable") != VERSION:
        raise Refused(412, BadInput(f"tus {VERSION} is spoken here", remedy=f"Send Tus-Resumable: {VERSION}."))


def _offset(home: House, found: Arriving) -> int:
    try:
        return _path(home, found.id).stat().st_size
    except OSError as error:
        raise NotFound("the upload is not here any more", remedy="A job was made of it, or begin it anew.") from error


def _path(home: House, ident: str) -> Path:
    return home.settings.kept / "arriving" / ident


def _until(changed_s: float) -> dict[str, str]:
    return {"upload-expires": formatdate(changed_s + KEEP_S, usegmt=True)}


def _said(status: int, headers: Mapping[str, str]) -> Response:
    return Response(status_code=status, headers={"tus-resumable": VERSION, **headers})


def _refused(request: Request, refused: Refused) -> Response:
    found = answer(refused.error, request.url.path, refused.status)
    found.headers["tus-resumable"] = VERSION
    if refused.status == 412:
        found.headers["tus-version"] = VERSION
    return found
