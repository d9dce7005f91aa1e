"""An engine whose process dies over what is said: told through every door in its own words, and the socket stays."""

import asyncio
import base64
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from wyoming.asr import Transcribe
from wyoming.error import Error

from earwitness import config
from earwitness.audio import decode
from earwitness.kit import Kit
from earwitness.types import Samples
from support import awful
from support.assistant import chunks, joined, until
from support.server import running
from support.sockets import free_port

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")

Told = dict[str, Any]
REASON = "engine_failed"


@pytest.fixture(scope="module")
def talk(sample: Path) -> Samples:
    """Three seconds of the sample conversation."""
    return decode.decode(sample, to_s=3.0).samples


@pytest.fixture
def deadly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """A server whose engine dies over everything, in a process of its own, and its port for Wyoming."""
    (tmp_path / "installed").mkdir()
    awful.installed(tmp_path / "installed", monkeypatch)
    settings = config.load(
        home=tmp_path / "home", log_level="error", preload=False, isolate=("awful",), wyoming_port=free_port(),
        engine_options={"awful": {"always": "segv"}},
    )  # fmt: skip
    with Kit(settings) as kit, running(settings, kit) as address:
        yield address.replace("http", "ws"), settings.wyoming_port or 0


def told(url: str, *said: str | bytes, until: str = "") -> tuple[list[Told], int | None]:
    """All that is told until the socket closes, or a message of a type, and the code with which it closed."""
    with connect(url, open_timeout=60, max_size=None) as socket, suppress(ConnectionClosed):
        for message in said:
            socket.send(message)
        found = list[Told]()
        with suppress(ConnectionClosed):
            while not found or found[-1].get("type") != until or not until:
                found.append(json.loads(socket.recv(60)))
    return found, socket.close_code


def s16(samples: Samples) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


def test_deepgrams(deadly: tuple[str, int], talk: Samples) -> None:
    url = f"{deadly[0]}/v1/listen?model=fake&encoding=linear16&sample_rate=16000"
    found, code = told(url, s16(talk), '{"type": "CloseStream"}')
    errors = [m for m in found if m["type"] == "Error"]
    assert {m["variant"] for m in errors} == {"Failed", "Gap"}
    assert any("SIGSEGV" in m["description"] for m in errors)
    assert all(0 <= m["start"] < m["start"] + m["duration"] <= 3 for m in errors if m["variant"] == "Gap")
    assert found[-1]["type"] == "Metadata"
    assert code == 1000, "the stream goes on, and ends in order"


def test_openais(deadly: tuple[str, int], talk: Samples) -> None:
    update = {"turn_detection": None, "transcription": {"model": "fake"}}
    sound = base64.b64encode(s16(np.repeat(talk, 3)[::2])).decode()
    kind = "conversation.item.input_audio_transcription.failed"
    found, _ = told(
        f"{deadly[0]}/v1/realtime?intent=transcription",
        json.dumps({"type": "session.update", "session": {"type": "transcription", "audio": {"input": update}}}),
        json.dumps({"type": "input_audio_buffer.append", "audio": sound}),
        json.dumps({"type": "input_audio_buffer.commit"}),
        until=kind,
    )
    assert found[-1]["error"]["code"] == REASON
    assert "not listened to" in found[-1]["error"]["message"]
    assert found[-1]["item_id"] in {m.get("item_id") for m in found if m["type"] == "input_audio_buffer.committed"}


def test_whisperlives(deadly: tuple[str, int], talk: Samples) -> None:
    hello = json.dumps({"uid": "1", "model": "fake", "language": "en"})
    found, code = told(f"{deadly[0]}/", hello, talk.astype("<f4").tobytes(), b"END_OF_AUDIO")
    warnings = [m["message"] for m in found if m.get("status") == "WARNING"]
    assert any("were not heard: engine_failed" in w for w in warnings)
    assert not any(m.get("status") == "ERROR" for m in found)
    assert code == 1000


def test_wyomings(deadly: tuple[str, int], talk: Samples) -> None:
    async def ask() -> list[str | None]:
        async with joined(deadly[1]) as client:
            await client.write_event(Transcribe(name="fake").event())
            for event in chunks(talk):
                await client.write_event(event)
            return [Error.from_event(e).code for e in await until(client, "transcript-stop") if Error.is_type(e.type)]

    codes = asyncio.run(ask())
    assert codes
    assert set(codes) == {REASON}
