"""What a recording may be, and that it reaches nothing but itself."""

import io
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from earwitness.audio import container
from earwitness.audio.decode import Report, decode
from earwitness.errors import BadInput, EmptyAudio, NoSoundTrack, NotAudio, NotFound, StorageFailed, UnsafeSource
from earwitness.types import SourceInfo
from support import sounds

ONE = sounds.wav(sounds.tone(0.5))


# ── what is taken ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", ["a.wav", "a", "wrong.mp3", "new\nline.wav", "100%d.wav", "ä ö.wav", "concat:a|b.wav"])
def test_a_file_is_read_whatever_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(ONE)
    assert decode(Path(name)).duration_s == 0.5


def test_bytes_a_path_and_a_stream_give_the_same_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(ONE)
    stream = io.BytesIO(ONE)
    stream.read(17)
    wanted = decode(ONE).samples
    assert np.array_equal(decode(path).samples, wanted)
    assert np.array_equal(decode(stream).samples, wanted)
    assert not stream.closed


def test_the_headers_are_told() -> None:
    report = Report()
    decode(
        sounds.encoded(np.stack([sounds.tone(1, rate=44_100)] * 2, axis=1), "flac", "flac", 44_100, "stereo"), report
    )
    assert report.info == SourceInfo("flac", "flac", 44_100, 2, 1.0, 1)


@pytest.mark.parametrize(("name", "codec"), [("adts", "aac"), ("ac3", "ac3"), ("mp2", "mp2")])
def test_a_length_that_is_only_guessed_from_the_bit_rate_is_not_told(name: str, codec: str) -> None:
    report = Report()
    quiet_first = np.concatenate([sounds.silence(5, 48_000), sounds.noise(5, 48_000)])
    decode(sounds.encoded(quiet_first, name, codec, 48_000), report)
    assert report.info is not None
    assert report.info.duration_s is None
    assert report.notices == []


# ── what is not ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_an_empty_file_is_empty(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    for source in (b"", io.BytesIO(), tmp_path / "a.wav"):
        with pytest.raises(EmptyAudio, match="0 bytes"):
            decode(source)


def test_a_file_without_samples_is_empty() -> None:
    with pytest.raises(EmptyAudio, match="0 samples"):
        decode(sounds.wav(sounds.silence(0)))


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"RIFF",
        b"Shopping list: bread, milk.\n" * 40,
        b"<html><body>404</body></html>" * 9,
        bytes(4000),
        b"%PDF-1.7\n",
    ],
    ids=["a byte", "four bytes", "text", "a web page", "zeros", "a document"],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "talk.wav"
    path.write_bytes(data)
    with pytest.raises(NotAudio, match="not a recording"):
        decode(path)


def test_a_picture_has_no_sound() -> None:
    with pytest.raises(NoSoundTrack):
        decode(b"\x89PNG\r\n\x1a\n" + bytes(100))


@pytest.mark.parametrize("channel", [None, 0])
def test_a_codec_that_nobody_knows_is_no_audio(channel: int | None) -> None:
    tag = bytearray(ONE)
    tag[20:22] = struct.pack("<H", 0x1234)
    mka = sounds.encoded(sounds.tone(0.5), "matroska", "pcm_s16le").replace(b"A_PCM/INT/LIT", b"A_XYZ/INT/LIT")
    for data in (bytes(tag), mka):
        with pytest.raises(NotAudio, match="cannot decode"):
            decode(data, channel=channel)


def test_no_channels_at_all_is_an_error() -> None:
    data = bytearray(ONE)
    data[22:24] = b"\0\0"
    with pytest.raises(NotAudio):
        decode(bytes(data))


def test_a_missing_file_a_folder_and_an_impossible_name_are_not_found(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.wav", tmp_path, Path("a\0b.wav")):
        with pytest.raises(NotFound):
            decode(path)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/a.wav", "https://x/y", "rtsp://x/y", "tcp://x:1", "FTP://x/y", "file:///a.wav"]
)
def test_an_address_in_place_of_a_path_is_refused_with_a_remedy(address: str) -> None:
    with pytest.raises(BadInput, match=f"'{address.replace('///', '//')}' is an address") as caught:
        decode(Path(address))
    assert caught.value.remedy == "Download the recording first and give the path of the file."


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInput, match="a pipe or a device"):
        decode(tmp_path / "pipe")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_matter_of_storage(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(ONE)
    path.chmod(0)
    with pytest.raises(StorageFailed, match="may not be read"):
        decode(path)


# ── what points elsewhere ────────────────────────────────────────────────────────────────────────────────────────────
@dataclass
class Trap:
    """A file and a port that notice when somebody opens them."""

    file: Path
    port: int
    listener: socket.socket
    opened: threading.Event

    def sprung(self) -> bool:
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return self.opened.is_set()
        return True


@contextmanager
def trap_in(folder: Path) -> Iterator[Trap]:
    """The file is a named pipe: whoever opens it lets the waiting writer go on."""
    file = folder / "secret.wav"
    os.mkfifo(file)
    opened = threading.Event()

    def serve() -> None:
        with file.open("wb") as out:
            opened.set()
            try:
                out.write(ONE)
            except BrokenPipeError:
                return

    waiting = threading.Thread(target=serve, daemon=True)
    waiting.start()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield Trap(file, listener.getsockname()[1], listener, opened)
    end = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    waiting.join(10)
    os.close(end)


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Trap]:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    with trap_in(tmp_path) as made:
        yield made


POINTERS = {
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n",
    "marked.m3u8": "\ufeff#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n",
    "list.ffconcat": "ffconcat version 1.0\nfile '{target}'\n",
    "list.txt": "file '{target}'\n",
    "list.pls": "[playlist]\nFile1={target}\n",
    "list.ref": "[Reference]\nRef1={target}\n",
    "talk.sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 9 RTP/AVP 0\r\na=x:{target}\r\n",
    "list.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
    '<Period><AdaptationSet mimeType="audio/wav"><Representation id="1" bandwidth="1">'
    "<BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "bare.mpd": '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{target}</BaseURL></MPD>',
    "package.imf": '<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016">'
    "<Path>{target}</Path></CompositionPlaylist>",
}
OTHERS = {
    "list.m3u": "{target}\n",
    "list.asx": '<asx version="3.0"><entry><ref href="{target}"/></entry></asx>',
    "list.rtsp": "RTSPtext\n{target}\n",
    "list.smil": '<smil><body><audio src="{target}"/></body></smil>',
}


@pytest.mark.parametrize("by", ["path", "name", "file address", "http address"])
@pytest.mark.parametrize("name", [*POINTERS, *OTHERS])
def test_a_file_that_points_at_another_opens_nothing(tmp_path: Path, trap: Trap, name: str, by: str) -> None:
    target = {
        "path": str(trap.file),
        "name": trap.file.name,
        "file address": trap.file.as_uri(),
        "http address": f"http://127.0.0.1:{trap.port}/secret.wav",
    }[by]
    path = tmp_path / name
    path.write_text((POINTERS | OTHERS)[name].format(target=target), encoding="utf-8", newline="")
    with pytest.raises(UnsafeSource if name in POINTERS else NotAudio):
        decode(path)
    assert not trap.sprung()


def alias(target: Path) -> bytes:
    """A QuickTime alias record that names a file elsewhere."""
    path = str(target).encode()
    named = struct.pack(">HH", 2, len(path)) + path + b"\0" * (len(path) % 2)
    record = bytes(10) + bytes(28) + bytes(12) + bytes(64) + bytes(16) + bytes(4) + bytes(16) + named + b"\xff\xff\0\0"
    return struct.pack(">I4sI", 12 + len(record), b"alis", 0) + record


def with_reference(movie: bytes, target: Path) -> bytes:
    """A QuickTime file whose samples are said to lie in another file; its own `moov` stands at its end."""
    at = movie.rindex(b"dref") - 4
    old = struct.unpack(">I", movie[at : at + 4])[0]
    entry = alias(target)
    new = struct.pack(">I4sII", 16 + len(entry), b"dref", 0, 1) + entry
    out = bytearray(movie[:at] + new + movie[at + old :])
    for name in (b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        box = movie.rindex(name, 0, at) - 4
        size = struct.unpack(">I", movie[box : box + 4])[0]
        out[box : box + 4] = struct.pack(">I", size + len(new) - old)
    return bytes(out)


def test_a_movie_that_keeps_its_sound_in_another_file_does_not_open_it(tmp_path: Path, trap: Trap) -> None:
    path = tmp_path / "talk.mov"
    path.write_bytes(with_reference(sounds.encoded(sounds.silence(1), "mov", "pcm_s16le"), trap.file))
    with pytest.raises(BadInput):
        decode(path)
    assert not trap.sprung()
    with av.open(str(path), options={"enable_drefs": "1", "use_absolute_path": "1"}) as careless:
        next(careless.demux())
    assert trap.sprung()


def test_a_demuxer_that_asks_for_further_files_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "talk.mlv"
    head = struct.pack("<4sI8s8xHHIHH", b"MLVI", 52, b"v2.0", 0, 1, 0, 0, 1)
    path.write_bytes(head + bytes(100))
    (tmp_path / "talk.m00").write_bytes(head + bytes(100))
    with pytest.raises(UnsafeSource, match="asks for another file"):
        decode(path)


@pytest.mark.parametrize("name", ["concat:{0}", "file:{0}", "subfile,,start,0,end,0,,:{0}", "cache:{0}", "img%03d.png"])
def test_the_demuxers_own_language_is_only_a_name(trap: Trap, name: str) -> None:
    with pytest.raises((NotFound, BadInput)):
        decode(Path(name.format(trap.file)))
    assert not trap.sprung()


def test_no_demuxer_that_opens_other_things_is_allowed() -> None:
    allowed = set(container.readable_formats().split(","))
    assert not allowed & (container.REACHING_OUT | container.TEXTUAL)
    assert {"wav", "flac", "mp3", "ogg", "matroska", "webm", "mov", "mp4", "aac", "asf", "mpegts"} <= allowed
