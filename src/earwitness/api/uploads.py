"""Receives a form with a recording: the file goes to disk as it comes, hashed and counted; the fields stay in memory.

Knows nothing of what the fields mean. Everything it keeps lies in one folder and is gone when the upload is closed.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from earwitness.config import ensure_folder
from earwitness.errors import BadInput, Cancelled, StorageFailed, TooLarge

STALL_S = 60.0
"""An upload from which nothing comes for so long is given up."""

MOST_PARTS, MOST_FILES = 200, 10_000
MOST_JSON_MB = 8.0
MOST_FIELD_BYTES = 32 * 2**20
"""All fields together; reference clips of speakers travel in fields, as data URLs."""


@dataclass(slots=True)
class Upload:
    """A received form. `path` is the recording; the other fields are lists of text by name, as they came."""

    path: Path | None = None
    digest: str = ""
    size: int = 0
    fields: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    files: int = 0
    taken: bool = False
    """Whether a work has taken the recording over and will close the upload."""
    name: str = ""
    """What the client calls the file."""
    further: list["Upload"] | None = None
    """The recordings after the first one; None where one is expected."""

    def close(self) -> None:
        """Remove the recording from the disk, and those after it."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        for other in self.further or ():
            other.close()

    def recording(self, name: str = "file") -> Path:
        """The recording. Raises BadInput when there is none, or more than one."""
        if self.path is None:
            raise BadInput(f"the form has no recording in the field {name!r}", param=name)
        if self.files > 1:
            raise BadInput(f"the form has {self.files} files, and one is expected", param=name)
        return self.path

    def again(self) -> "Upload":
        """The same recording with a file of its own, for another work on it. Raises StorageFailed."""
        path = self.recording()
        other = path.with_name(f"upload-{uuid.uuid4().hex}")
        try:
            try:
                os.link(path, other)
            except OSError:  # not every file system has links
                shutil.copyfile(path, other)
        except OSError as error:
            other.unlink(missing_ok=True)
            raise StorageFailed(f"the upload cannot be written: {error.strerror or error}") from error
        return replace(self, path=other, taken=False)


@asynccontextmanager
async def received(request: Request, folder: Path, limit_mb: float, *, several: bool = False) -> AsyncIterator[Upload]:
    """The form of a request, on disk. Closed at the end, unless a work has taken the recording over.

    With `several` it may hold many recordings, which are under the limit together.

    Raises:
        BadInput: no multipart form, a broken one, or one that stalled.
        TooLarge: the body is over the limit.
        StorageFailed: the disk is full or may not be written.
        Cancelled: the client went away.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise BadInput(
            "the request is no multipart form", remedy="Send it as multipart/form-data: curl -F file=@FILE …"
        )
    upload = Upload(further=[] if several else None)
    try:
        await _receive(request, _Form(upload, folder), options[b"boundary"], limit_mb)
        yield upload
    finally:
        if not upload.taken:
            upload.close()


@asynccontextmanager
async def received_raw(request: Request, folder: Path, limit_mb: float, head: bytes = b"") -> AsyncIterator[Upload]:
    """A request whose body is the recording itself, behind a `head` that is put before it; otherwise as `received`."""
    upload = Upload()
    sink = _Sink(upload, folder)
    try:
        sink.write(head, hashed=False)
        async for chunk in _body(request, limit_mb):
            sink.write(chunk)
        sink.close()
        yield upload
    finally:
        sink.abandon()
        if not upload.taken:
            upload.close()


async def _receive(request: Request, form: "_Form", boundary: bytes, limit_mb: float) -> None:
    try:
        parser = MultipartParser(boundary, form.callbacks())  # type: ignore[arg-type]
        async for chunk in _body(request, limit_mb):
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise BadInput(f"the multipart form is broken: {error}") from error
    finally:
        form.abandon()
    if not form.ended:
        raise BadInput(
            "the multipart form ends before its last boundary",
            remedy="Check that the upload was not cut off.",
        )


async def _body(request: Request, limit_mb: float) -> AsyncIterator[bytes]:
    limit, seen = int(limit_mb * 2**20), 0
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise TooLarge(f"the upload has {int(declared) / 2**20:.1f} MB, and {limit_mb:g} MB are accepted")
    chunks = request.stream()
    try:
        while True:
            async with asyncio.timeout(STALL_S):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            seen += len(chunk)
            if seen > limit:
                raise TooLarge(f"the upload is over {limit_mb:g} MB")
            yield chunk
    except TimeoutError:
        raise BadInput(f"the upload stalled: no byte came for {STALL_S:g} s", remedy="Send it again.") from None
    except ClientDisconnect:
        raise Cancelled("the client went away during the upload") from None


async def received_json(request: Request) -> dict[str, Any]:
    """The request's body as a JSON object. Raises BadInput, TooLarge and Cancelled."""
    body = b"".join([chunk async for chunk in _body(request, MOST_JSON_MB)])
    try:
        found = json.loads(body)
        if b"\\u" in body:
            json.dumps(found, ensure_ascii=False).encode()  # there may be halves of characters among them
    except (ValueError, RecursionError) as error:
        raise BadInput("the body is no JSON") from error
    if not isinstance(found, dict):
        raise BadInput("the body is no JSON object")
    return found


class _Sink:
    """Writes the recording into a file of its own."""

    def __init__(self, upload: Upload, folder: Path) -> None:
        self._upload, self._hash = upload, hashlib.sha256()
        try:
            handle, name = tempfile.mkstemp(dir=ensure_folder(folder), prefix="upload-")
        except OSError as error:
            raise StorageFailed(f"no file can be made in {folder}: {error.strerror or error}") from error
        self._file: BinaryIO = os.fdopen(handle, "wb")
        upload.path = Path(name)
        upload.files += 1

    def write(self, chunk: bytes, *, hashed: bool = True) -> None:
        try:
            self._file.write(chunk)
        except OSError as error:
            raise StorageFailed(f"the upload cannot be written: {error.strerror or error}") from error
        if hashed:
            self._hash.update(chunk)
        self._upload.size += len(chunk)

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise StorageFailed(f"the upload cannot be written: {error.strerror or error}") from error
        self._upload.digest = self._hash.hexdigest()

    def abandon(self) -> None:
        """Close the file of an upload that broke off; on a full disk even that may fail, and nothing is lost by it."""
        with contextlib.suppress(OSError):
            self._file.close()


class _Form:
    """The parser's callbacks: parts with a file name go to the sink, the others are fields."""

    def __init__(self, upload: Upload, folder: Path) -> None:
        self.ended = False
        self._upload, self._folder = upload, folder
        self._parts, self._field_bytes = 0, 0
        self._header, self._value = b"", b""
        self._disposition = b""
        self._name = ""
        self._text = bytearray()
        self._sink: _Sink | None = None
        self._extra = False

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin,
            "on_header_begin": self._header_begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._opened,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def abandon(self) -> None:
        """Close the file of a form that broke off."""
        if self._sink is not None:
            self._sink.abandon()
            self._sink = None

    def _begin(self) -> None:
        self._parts += 1
        most = MOST_PARTS if self._upload.further is None else MOST_FILES
        if self._parts > most:
            raise BadInput(f"the form has more than {most} fields")
        self._disposition, self._text, self._extra = b"", bytearray(), False

    def _header_begin(self) -> None:
        self._header, self._value = b"", b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value

    def _opened(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name")
        if not name:
            raise BadInput("a part of the form has no name")
        self._name = name.decode("utf-8", "replace")
        if b"filename" not in options and self._name != "file":
            return
        upload, further = self._upload, self._upload.further
        if upload.files and further is None:
            upload.files += 1
            self._extra = True
            return
        if upload.files and further is not None:
            upload = Upload()
            further.append(upload)
        upload.name = options.get(b"filename", b"").decode("utf-8", "replace")
        self._sink = _Sink(upload, self._folder)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._sink is not None:
            self._sink.write(data[start:end])
            return
        self._field_bytes += end - start
        if self._field_bytes > MOST_FIELD_BYTES:
            raise TooLarge(f"the form's fields are over {MOST_FIELD_BYTES // 2**20} MB")
        self._text += data[start:end]

    def _end(self) -> None:
        if self._sink is not None:
            self._sink.close()
            self._sink = None
        elif not self._extra:
            self._upload.fields[self._name].append(self._text.decode("utf-8", "replace"))

    def _finish(self) -> None:
        self.ended = True
