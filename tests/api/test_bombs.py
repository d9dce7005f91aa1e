"""Little that unfolds into much: archives, compressed silence, headers that lie, bodies and messages without an end."""

import contextlib
import io
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator

import av
import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from earwitness.hardware.probe.limits import resident
from support import sounds

MB = 2**20
MOST_MB = 150
"""What one such thing may cost; each would take hundreds more if it were believed."""


@contextlib.contextmanager
def within(most_mb: float = MOST_MB) -> Iterator[None]:
    """Memory of this process, the server in it, does not grow by more at any time."""
    before, over, seen = resident() or 0, threading.Event(), list[int]()

    def look() -> None:
        while not over.wait(0.02):
            seen.append(resident() or 0)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert max(seen, default=0) - before < most_mb * MB


def wav(rate: int, channels: int, declared: int, data: bytes) -> bytes:
    """A WAV file whose header says what it likes."""
    frame = min(65_535, channels * 2)
    form = struct.pack("<IHHIIHH", 16, 1, channels, rate, min(2**32 - 1, rate * frame), frame, 16)
    whole = struct.pack("<I", min(2**32 - 1, declared + 36))
    return b"RIFF" + whole + b"WAVEfmt " + form + b"data" + struct.pack("<I", declared) + data


def silence(minutes: int) -> bytes:
    """FLAC of nothing: some 11 kB a minute."""
    out = io.BytesIO()
    with av.open(out, "w", format="flac") as file:
        track = file.add_stream("flac", rate=16_000, layout="mono")
        for minute in range(minutes):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 960_000), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16_000, minute * 960_000
            file.mux(track.encode(frame))
        file.mux(track.encode(None))
    return out.getvalue()


def zipped() -> bytes:
    """A quarter of a gigabyte in a quarter of a megabyte."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file, file.open("talk.wav", "w", force_zip64=True) as inner:
        for _ in range(4):
            inner.write(bytes(64 * MB))
    return out.getvalue()


def pictured() -> bytes:
    """An MP3 with a picture of 60 000 by 60 000 points."""
    header = struct.pack(">I4sIIBBBBB", 13, b"IHDR", 60_000, 60_000, 8, 6, 0, 0, 0)
    tag = b"\0image/png\0\x03\0\x89PNG\r\n\x1a\n" + header + bytes(1000)
    frame = b"APIC" + struct.pack(">I", len(tag)) + b"\0\0" + tag
    size = bytes(len(frame) >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + frame + sounds.encoded(sounds.tone(1), "mp3", "libmp3lame")


BOMBS: dict[str, tuple[Callable[[], bytes], int]] = {
    "ZIP": (zipped, 400),
    "zlib": (lambda: zlib.compress(bytes(256 * MB)), 400),
    "4 GB that are not there": (lambda: wav(16_000, 1, 2**32 - 1, bytes(32_000)), 200),
    "2 GHz": (lambda: wav(2**31 - 1, 1, MB, bytes(MB)), 400),
    "65 535 channels": (lambda: wav(16_000, 65_535, MB, bytes(MB)), 400),
    "a picture": (pictured, 200),
    "ten minutes of nothing": (lambda: silence(10), 200),
    "lengths beyond all measure": (
        lambda: b"caff\0\1\0\0desc" + struct.pack(">Qd4s5I", 32, 1e300, b"lpcm", 0, *[2**31] * 3, 32) + b"data\x7f" * 9,
        400,
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_unfolds_is_heard_piece_by_piece_or_refused(http: httpx.Client, name: str) -> None:
    make, status = BOMBS[name]
    content = make()
    assert len(content) < 2 * MB
    with within():
        found = http.post("/v1/audio/transcriptions", files={"file": ("a.wav", content)}, data={"model": "whisper-1"})
    assert found.status_code == status, found.text
    assert http.get("/livez").status_code == 200


@pytest.mark.parametrize(
    "path", ["/api/login", "/api/setup", "/api/users", "/api/speakers/merge", "/v1/realtime/client_secrets"]
)
def test_a_body_without_an_end_is_not_held(http: httpx.Client, path: str) -> None:
    def body() -> Iterator[bytes]:
        yield b'{"name": "'
        for _ in range(200):
            yield b"a" * MB

    with within():
        found = http.post(path, content=body(), headers={"content-type": "application/json"})
    assert found.status_code == 413
    assert "too_large" in found.text


def test_a_message_that_unfolds_ends_its_socket(server: str) -> None:
    with within(), connect(server.replace("http", "ws") + "/ws", max_size=None, compression="deflate") as socket:
        socket.send(b'{"type": "hello"}'.decode())
        socket.recv()
        socket.send(bytes(300 * MB))
        with pytest.raises(ConnectionClosed) as closed:
            list(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_json_that_is_deep_is_refused(http: httpx.Client) -> None:
    for path in ("/api/jobs", "/api/login", "/api/keys"):
        deep = b"[" * 200_000
        found = http.post(path, content=deep, headers={"content-type": "application/json"})
        assert found.status_code == 400, path
