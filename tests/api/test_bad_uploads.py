"""What people send by mistake or in malice: a clear error with a code and a remedy, and the server goes on."""

import io
from collections.abc import Callable
from pathlib import Path

import httpx
import openai
import pytest
from openai import OpenAI

from support import sounds

URL = "/v1/audio/transcriptions"


def truncated() -> bytes:
    whole = sounds.encoded(sounds.tone(4), "mp3", "libmp3lame")
    return whole[: len(whole) // 3]


def not_finite() -> bytes:
    import numpy as np

    samples = sounds.tone(2)
    samples[100:200] = np.nan
    return sounds.encoded(samples, "wav", "pcm_f32le")


def seven() -> bytes:
    import numpy as np

    return sounds.wav(np.stack([sounds.noise(1, seed=i) for i in range(7)], axis=1))


def mute_video() -> bytes:
    import av
    import numpy as np
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as file:
        track = file.add_stream("mpeg4", rate=10)
        assert isinstance(track, VideoStream)
        track.width = track.height = 64
        for _ in range(10):
            for packet in track.encode(VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")):
                file.mux(packet)
        for packet in track.encode(None):
            file.mux(packet)
    return out.getvalue()


WRONG: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "empty_audio"),
    "text named .wav": (lambda: b"Dear Sir or Madam,\n" * 40, "not_audio"),
    "no samples": (lambda: sounds.wav(sounds.silence(0)), "empty_audio"),
    "a video without sound": (mute_video, "no_sound_track"),
    "a playlist": (lambda: b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/x.ts\n", "unsafe_source"),
    "a concat script": (lambda: b"ffconcat version 1.0\nfile '/etc/hostname'\n", "unsafe_source"),
    "a page": (lambda: b"<!doctype html><title>404</title>", "not_audio"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_recording_is_refused_with_a_remedy(client: OpenAI, name: str) -> None:
    make, code = WRONG[name]
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.transcriptions.create(file=("recording.wav", make()), model="whisper-1")
    assert caught.value.code == code
    assert len(caught.value.message.split(". ")) > 1
    assert caught.value.response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("make", [truncated, not_finite, seven])
def test_what_can_be_heard_is_heard(client: OpenAI, make: Callable[[], bytes]) -> None:
    found = client.audio.transcriptions.create(file=("a.bin", make()), model="whisper-1")
    assert found.text == ""


@pytest.mark.parametrize("name", ["two\nlines.wav", "../../etc/passwd", 'a"b;c.wav', "ü" * 200, "\u202e.wav"])
def test_the_name_of_a_file_means_nothing(client: OpenAI, settings: object, name: str) -> None:
    found = client.audio.transcriptions.create(file=(name, sounds.wav(sounds.silence(1))), model="whisper-1")
    assert found.text == ""


def test_a_stream_that_can_not_begin_has_a_status(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.transcriptions.create(file=("a.wav", b"nothing much"), model="whisper-1", stream=True)
    assert caught.value.code == "not_audio"


@pytest.mark.parametrize(
    ("parts", "param"),
    [
        ({"model": (None, "whisper-1")}, "file"),
        ({"file": ("a.wav", b"x")}, "model"),
        ({"file": ("a.wav", b"x"), "again": ("b.wav", b"y"), "model": (None, "whisper-1")}, "file"),
    ],
)
def test_a_form_must_be_complete(http: httpx.Client, parts: dict[str, tuple[str | None, bytes]], param: str) -> None:
    found = http.post(URL, files=parts)
    assert found.status_code == 400
    assert found.json()["error"]["param"] == param


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'{"file": "a.wav"}'),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--y\r\n\r\n--y--"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=model\r\n\r\nwhisper-1"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nv\r\n--x--"),
        ("multipart/form-data; boundary=" + "x" * 300, b"--x--"),
    ],
)
def test_a_broken_form_is_an_error(http: httpx.Client, kind: str, body: bytes) -> None:
    found = http.post(URL, content=body, headers={"content-type": kind})
    assert found.status_code == 400
    assert found.json()["error"]["code"] == "bad_input"


def test_a_form_of_endless_fields_is_refused(http: httpx.Client) -> None:
    found = http.post(URL, files=[(f"f{i}", (None, "v")) for i in range(300)])
    assert found.status_code == 400
    assert "fields" in found.json()["error"]["message"]


def test_nothing_is_left_behind(http: httpx.Client, sample: Path, settings: object) -> None:
    from earwitness.config import Settings

    assert isinstance(settings, Settings)
    http.post(URL, files={"file": ("a.wav", b"x" * 100_000), "model": (None, "whisper-1")})
    http.post(URL, files={"file": ("a.wav", sounds.wav(sounds.silence(1))), "model": (None, "whisper-1")})
    http.post(URL, files={"file": ("a.wav", b"x" * 100_000)})
    assert list(settings.scratch.glob("upload-*")) == []


def test_the_server_goes_on_after_all_that(client: OpenAI, sample: Path) -> None:
    assert "do you hear me" in client.audio.transcriptions.create(file=sample, model="whisper-1").text.lower()
