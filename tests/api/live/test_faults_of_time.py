"""Clients that are silent or dead, and clocks that jump: of the server's machine, and in what a client sends."""

import asyncio
import base64
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.sync.client import ClientConnection, connect

from earwitness import batch
from earwitness.api import heartbeat
from earwitness.api.live.hosted import Hosted
from earwitness.api.live.line import Line
from earwitness.audio import decode
from earwitness.kit import Kit
from earwitness.stages.recipe import Recipe, live
from earwitness.types import Samples
from support import sounds
from support.faults import codes, ended, nothing_left, serving
from support.sockets import joined


@pytest.fixture(scope="module")
def talk(sample: Path) -> Samples:
    """The beginning of the sample conversation."""
    return decode.decode(sample, to_s=6.0).samples


@pytest.fixture(scope="module")
def said(sample: Path, kit: Kit) -> str:
    """What is said in it."""
    return " ".join(s.text for s in batch.run(sample, live(Recipe(to_s=6.0)), kit).segments)


def sockets(address: str) -> str:
    return address.replace("http", "ws", 1)


def until(socket: ClientConnection, true: Callable[[dict[str, Any]], bool]) -> None:
    """Read events of a Realtime session up to one; there are no errors among them."""
    told: dict[str, Any] = {"type": ""}
    while not true(told):
        told = json.loads(socket.recv(60))
        assert told["type"] != "error", told


# ── clients that say nothing ──
def test_a_client_that_pings_is_there_though_it_is_silent(kit: Kit, tmp_path: Path, talk: Samples, said: str) -> None:
    with serving(kit, tmp_path, live_idle_s=2.0) as address, joined(address) as client:
        client.sound(talk[:32_000])
        for _ in range(9):
            time.sleep(0.5)
            client.say(type="ping")
            client.until("pong")
        client.sound(talk[32_000:])
        assert ended(client) == said
        assert not codes(client)


def test_a_client_of_deepgram_that_keeps_its_stream_alive_is_there_too(kit: Kit, tmp_path: Path, talk: Samples) -> None:
    sound = (talk * 32767).astype("<i2").tobytes()
    with serving(kit, tmp_path, live_idle_s=2.0) as address:
        with connect(sockets(address) + "/v1/listen?encoding=linear16&sample_rate=16000") as stream:
            for _ in range(9):
                time.sleep(0.5)
                stream.send('{"type": "KeepAlive"}')
            stream.send(sound)
            stream.send('{"type": "CloseStream"}')
            told = [json.loads(message) for message in stream]
        assert "hear me" in " ".join(t["channel"]["alternatives"][0]["transcript"] for t in told if "channel" in t)
        assert stream.close_code == 1000


@contextmanager
def deaf(address: str) -> Iterator[socket.socket]:
    """A client that has said hello and answers nothing, as one whose network is gone."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 20) as peer:
        key = base64.b64encode(os.urandom(16)).decode()
        peer.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in peer.recv(4096, socket.MSG_PEEK):
            time.sleep(0.01)
        hello = b'{"type": "hello"}'
        peer.sendall(bytes([0x81, 0x80 | len(hello), 0, 0, 0, 0]) + hello)  # masked by zeros
        yield peer


def test_a_client_that_answers_no_ping_is_let_go(kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "HEARTBEAT_S", 2.0)
    with serving(kit, tmp_path, live_keep_s=0.2) as address, joined(address) as other, deaf(address) as peer:
        other.until("welcome")
        told = b"".join(iter(lambda: peer.recv(4096), b""))  # until the server hangs up
        assert b'"welcome"' in told
        assert b"keepalive ping timeout" in told
        other.say(type="ping")
        other.until("pong")
        ended(other)
        nothing_left(address)


def test_a_client_that_is_made_to_wait_is_not_taken_for_dead(
    kit: Kit, tmp_path: Path, talk: Samples, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear = Hosted.hear

    async def slowly(self: Hosted, line: Line, samples: Samples) -> None:
        await asyncio.sleep(2.0)  # meanwhile nothing is read, and no answer to a ping seen
        await hear(self, line, samples)

    monkeypatch.setattr(heartbeat, "HEARTBEAT_S", 0.5)
    monkeypatch.setattr(Hosted, "hear", slowly)
    with serving(kit, tmp_path) as address, joined(address) as client:
        client.sound(talk, 48_000)
        assert ended(client) == said


# ── clocks that jump ──
@pytest.mark.parametrize("by_s", [3 * 86_400.0, -3 * 86_400.0])
def test_the_clock_of_the_machine_may_jump(
    kit: Kit, tmp_path: Path, talk: Samples, said: str, monkeypatch: pytest.MonkeyPatch, by_s: float
) -> None:
    now, wide = time.time, (np.repeat(talk, 3)[::2] * 32767).astype("<i2").tobytes()
    query = "/v1/realtime?intent=transcription"
    with serving(kit, tmp_path) as address, joined(address) as client, connect(sockets(address) + query) as other:
        other.recv(30)
        client.sound(talk[:48_000])
        client.until("ack")
        monkeypatch.setattr(time, "time", lambda: now() + by_s)
        time.sleep(1.2)  # until it was looked whether the session is over
        client.sound(talk[48_000:])
        assert ended(client) == said
        assert not codes(client)
        other.send(json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(wide).decode()}))
        other.send('{"type": "input_audio_buffer.commit"}')
        until(other, lambda told: "laugh" in told.get("transcript", "").lower())
        other.send('{"type": "session.update", "session": {"type": "transcription"}}')
        until(other, lambda told: told["type"] == "session.updated")


@pytest.mark.parametrize("at_ms", [0, 60_000])
def test_the_clock_of_a_container_may_jump(server: str, talk: Samples, said: str, at_ms: int) -> None:
    file = sounds.encoded(np.repeat(talk, 3), "webm", "libopus", 48_000)
    _, *clusters = file.split(cluster := bytes.fromhex("1f43b675"))
    assert len(clusters) > 1
    for one in clusters[1:]:
        at = one.index(b"\xe7\x82") + 2  # when the cluster begins, in two bytes
        file = file.replace(cluster + one, cluster + one[:at] + at_ms.to_bytes(2, "big") + one[at + 2 :])
    with joined(server, encoding="container") as client:
        for low in range(0, len(file), 3_000):
            client.socket.send(file[low : low + 3_000])
        words = ended(client)
        assert words.split()[:4] == said.split()[:4]
        assert len(words.split()) == pytest.approx(len(said.split()), abs=2)
        assert client.told[-1]["duration_s"] == pytest.approx(6.0, abs=0.1)
        assert all(a[2] <= b[1] + 0.1 for a, b in pairwise(client.finals))
