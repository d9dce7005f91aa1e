"""Opens a recording of any container FFmpeg reads, from a path or from bytes, and lets it reach nothing else.

A recording that people send us is hostile until proven otherwise: playlists, concat scripts and session descriptions
would make the demuxer open other files or addresses. Three locks stand in the way: demuxers that open further resources
are not on the format whitelist, no protocol is on the protocol whitelist, and every nested open is refused. The file
itself is opened here, by Python. This module knows nothing of samples; `decode` does.
"""

import io
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer

from earwitness.errors import (
    BadInput,
    EmptyAudio,
    NoSoundTrack,
    NotAudio,
    NotFound,
    StorageFailed,
    UnsafeSource,
)
from earwitness.types import SourceInfo

Source = Path | bytes | BinaryIO
"""A file, the bytes of one, or a seekable binary stream."""

REACHING_OUT = frozenset(
    (
        "alsa applehttp avfoundation bktr caca concat concatf dash dshow fbdev gdigrab hls iec61883 image2 "
        "image2pipe imf jack kmsgrab lavfi mpjpeg openal oss pulse rtp rtsp sap sdp sndio tedcaptions v4l2 "
        "vfwcap video4linux2,v4l2 vobsub webm_dash_manifest x11grab xcbgrab"
    ).split()
)
"""Demuxers that open other files, addresses or devices, or that are themselves devices."""

TEXTUAL = frozenset(
    (
        "adf ansi aqtitle ass bin data ffmetadata idf jacosub lrc microdvd mpl2 mpsub pjs realtext sami sbg "
        "scc srt stl subviewer subviewer1 tty vplayer webvtt xbin"
    ).split()
)
"""Demuxers that take plain text for a recording."""

POINTERS = (
    b"#EXTM3U",
    b"ffconcat",
    b"<MPD",
    b"v=0\r\n",
    b"v=0\n",
    b"<?xml",
    b"[playlist]",
    b"file '",
    b"[Reference]",
)
"""How text files begin that point at recordings instead of being one."""


BARE = frozenset({"aac", "ac3", "amr", "amrnb", "amrwb", "dts", "dtshd", "eac3", "loas", "mlp", "mp3", "truehd"})
"""Frames in a row without clock or length: FFmpeg guesses both from the rates of the beginning."""

ENDLESS = 0x7FFF0000
"""A WAV whose data chunk says more than this was written to a pipe, by a writer that knew no length."""

SIGNS = (
    (0, b"RIFF", "audio/wav"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"\xff\xf1", "audio/aac"),
    (0, b"\xff\xf9", "audio/aac"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"\xff\xfa", "audio/mpeg"),
    (0, b"FORM", "audio/aiff"),
)
"""How files begin that browsers play: where, with what, and what browsers call them."""


def media_type(path: Path) -> str:
    """What a browser takes a file for, by how it begins; `application/octet-stream` for others. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(16)
    return next((name for at, sign, name in SIGNS if head[at:].startswith(sign)), "application/octet-stream")


def readable_formats() -> str:
    """The demuxers a recording may use, as FFmpeg's comma-separated whitelist."""
    return ",".join(sorted(set(av.formats_available) - REACHING_OUT - TEXTUAL))


@contextmanager
def opened(source: Source) -> Iterator[tuple[InputContainer, AudioStream, SourceInfo]]:
    """The container of a recording, its best audio stream and what the headers say; closed at the end.

    Raises:
        NotFound: the path does not exist or is a folder.
        EmptyAudio: there are no bytes.
        UnsafeSource: it is a playlist or script that points elsewhere.
        NotAudio: no demuxer takes it, or no decoder.
        BadInput: it is an address, a pipe or a device.
        NoSoundTrack: it opens, and holds no audio stream.
        StorageFailed: it may not be read.
    """
    with _file_of(source) as file:
        try:
            head = file.read(512)
        except OSError as error:
            raise StorageFailed(f"it can't be read: {error.strerror or error}", remedy="Check the disk.") from error
        if not head:
            raise EmptyAudio("the file is empty (0 bytes)")
        file.seek(0)
        container = _open(file, head)
        try:
            track = audio_stream(container)
            yield container, track, _describe(container, track, _announced(file, head))
        finally:
            container.close()


def _describe(container: InputContainer, stream: AudioStream, announced: float) -> SourceInfo:
    duration_s: float | None = None
    if container.format.name in BARE and not stream.start_time:  # an MP3's own header also moves its start
        duration_s = None
    elif stream.duration is not None and stream.time_base is not None:
        duration_s = float(stream.duration * stream.time_base) * announced
    elif container.duration is not None and not container.streams.video:  # else it is that of the pictures
        duration_s = container.duration / av.time_base
    return SourceInfo(
        container=container.format.name,
        codec=stream.codec_context.name,
        rate=stream.rate or 0,
        channels=stream.channels,
        duration_s=duration_s if duration_s and duration_s > 0 else None,
        tracks=len(container.streams.audio),
    )


def _announced(file: BinaryIO, head: bytes) -> float:
    """How much sound a WAV's header announces, as a multiple of what the file holds; 1 for all else."""
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return 1.0
    at, said = 12, int.from_bytes(head[16:20], "little")
    while head[at : at + 4] != b"data" and at < len(head):
        at += 8 + said + said % 2
        said = int.from_bytes(head[at + 4 : at + 8], "little")
    here = file.tell()
    held = file.seek(0, io.SEEK_END) - at - 8
    file.seek(here)
    return said / held if 0 < held < said < ENDLESS else 1.0


@contextmanager
def _file_of(source: Source) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    if not isinstance(source, Path):
        source.seek(0)
        yield source
        return
    with _open_path(source) as file:
        yield file


def _open_path(path: Path) -> BinaryIO:
    if address := re.match(r"([a-z][a-z0-9+.-]+:)/+(.*)", str(path), re.IGNORECASE):
        raise BadInput(
            f"'{address[1]}//{address[2]}' is an address, and a file is expected",
            remedy="Download the recording first and give the path of the file.",
        )
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        mode = 0
    if stat.S_ISDIR(mode):
        raise NotFound(f"{str(path)!r} is a folder, and a file is expected")
    if mode and not stat.S_ISREG(mode):
        raise BadInput(
            f"{str(path)!r} is a pipe or a device, and a file is expected",
            remedy="Write the recording to a file first and give the path of that.",
        )
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise NotFound(f"there is no file {str(path)!r}") from None
    except PermissionError:
        raise StorageFailed(f"{str(path)!r} may not be read", remedy="Give this user read access to it.") from None
    except (OSError, ValueError) as error:
        raise NotFound(f"{str(path)!r} cannot be opened: {error}") from error


class Reading(Protocol):
    """What can only be read from its beginning to its end."""

    def read(self, size: int) -> bytes: ...


def opened_flow(flow: Reading, head: bytes) -> InputContainer:
    """The container of a stream whose first bytes are `head`. Raises UnsafeSource and NotAudio."""
    return _open(flow, head, {"probesize": "8192", "analyzeduration": "0"})


def _open(file: BinaryIO | Reading, head: bytes, further: dict[str, str] | None = None) -> InputContainer:
    options = {"format_whitelist": readable_formats(), "protocol_whitelist": "none", **(further or {})}
    try:
        return av.open(file, mode="r", container_options=options, io_open=_refuse, metadata_errors="replace")
    except UnsafeSource:
        raise
    except (av.error.FFmpegError, ValueError, OSError) as error:
        if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(POINTERS):
            raise UnsafeSource("this is a playlist or script that points at recordings, not a recording") from error
        raise NotAudio("this is not a recording in any format FFmpeg reads, or its beginning is damaged") from error


def _refuse(url: str, _flags: int, _options: dict[str, str]) -> BinaryIO:
    raise UnsafeSource(f"the recording asks for another file or address ({url[:80]!r}); that is never opened")


def audio_stream(container: InputContainer) -> AudioStream:
    """The best audio stream that can be decoded. Raises NoSoundTrack and NotAudio."""
    kind = container.format.long_name or container.format.name
    if not container.streams.audio:
        if container.streams.video:
            raise NoSoundTrack(f"this {kind} file has no sound in it")
        raise NotAudio(f"this {kind} file holds no audio")
    readable = [s for s in container.streams.audio if getattr(s, "codec_context", None) is not None]
    if not readable:
        raise NotAudio(f"the sound in this {kind} file is coded in a way that FFmpeg cannot decode")
    best = container.streams.best("audio")
    return best if isinstance(best, AudioStream) and best in readable else readable[0]
