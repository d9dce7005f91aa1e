"""Wyoming's door, and what goes wrong."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioStart
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import SelectProgram
from wyoming.ping import Ping, Pong

from earwitness import config
from earwitness.api.app import create
from earwitness.audio import decode
from earwitness.live import desk
from earwitness.types import Samples
from support.assistant import RATE, assisting, chunks, joined, rest, until, whole
from support.sockets import free_port


@pytest.fixture(scope="module")
def talk(sample: Path) -> Samples:
    """The sample conversation."""
    return decode.decode(sample).samples


@pytest.mark.parametrize(
    ("events", "code", "says"),
    [
        ([Transcribe(language="fr").event(), AudioStart(RATE, 2, 1).event()], "unsupported", "'fr'"),
        ([Transcribe(language="klingon!").event(), AudioStart(RATE, 2, 1).event()], "bad_input", "language"),
        ([Transcribe(name="nobody").event(), AudioStart(RATE, 2, 1).event()], "model_not_found", "nobody"),
        ([AudioStart(3, 2, 1).event()], "bad_input", "samples a second"),
        ([AudioStart(RATE, 7, 1).event()], "bad_input", "7 bytes"),
        ([AudioStart(RATE, 2, 99).event()], "bad_input", "99 channels"),
        ([Event("audio-chunk", {}, b"\0\0")], "bad_input", "rate"),
        ([Event("transcribe", {"language": [1]})], "bad_input", "language"),
        ([SelectProgram("piper").event()], "bad_input", "piper"),
        ([AudioStart(RATE, 2, 1).event(), Transcribe().event()], "bad_input", "before the sound"),
    ],
)
def test_what_is_wrong_is_an_error_and_the_end(port: int, events: list[Event], code: str, says: str) -> None:
    async def ask() -> list[Event]:
        async with joined(port) as client:
            for event in events:
                await client.write_event(event)
            return await rest(client)

    error = Error.from_event(asyncio.run(ask())[-1])
    assert error.code == code
    assert says in error.text


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\n",
        b"[]\n",
        b'{"type": 3}\n',
        b'{"type": "ping", "data": 3}\n',
        b'{"type": "ping", "data_length": -1}\n',
        b'{"type": "ping", "data_length": 99999999999}\n',
        b'{"type": "ping", "data_length": 3}\n[1]',
        b'{"type": "audio-chunk", "payload_length": 1e300}\n',
        b'{"type": "audio-chunk", "payload_length": 9999999999}\n',
        b"[" * 60_000 + b"\n",
        b"x" * 1_000_000,
        b'{"type": "describe"',
    ],
)
def test_garbage_is_told_and_let_go(port: int, garbage: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as peer:
        peer.sendall(garbage)
        peer.shutdown(socket.SHUT_WR)
        told = b"".join(iter(lambda: peer.recv(65536), b""))
    assert b'"error"' in told
    assert b"bad_input" in told


def test_what_was_said_before_garbage_is_told(port: int, talk: Samples) -> None:
    async def ask() -> list[Event]:
        async with joined(port) as client:
            for event in list(chunks(talk[: RATE * 3]))[:-1]:
                await client.write_event(event)
            assert client._writer is not None
            client._writer.write(b"garbage\n")
            return await rest(client)

    told = asyncio.run(ask())
    (text,) = [Transcript.from_event(e).text for e in told if Transcript.is_type(e.type)]
    assert "do you hear me" in text.lower()
    assert Error.is_type(told[-1].type)


def test_unknown_events_are_dropped_as_the_protocol_wants(port: int) -> None:
    async def ask() -> Event:
        async with joined(port) as client:
            await client.write_event(Event("dance", {"how": "slowly"}, b"xyz"))
            await client.write_event(Ping("still there?").event())
            return (await until(client, "pong"))[0]

    assert Pong.from_event(asyncio.run(ask())).text == "still there?"


def test_a_client_that_vanishes_leaves_nothing_behind(house: tuple[int, str], talk: Samples) -> None:
    port, address = house
    for cut in (0, 7):  # after a whole event, and within one
        peer = socket.create_connection(("127.0.0.1", port), 10)
        data = whole(talk[:RATE]).astype("<i2").tobytes()
        form = {"rate": RATE, "width": 2, "channels": 1}
        peer.sendall(json.dumps({"type": "audio-start", "data": form}).encode() + b"\n")
        head = {"type": "audio-chunk", "data": form, "payload_length": len(data)}
        peer.sendall((json.dumps(head).encode() + b"\n" + data)[: -cut or None])
        time.sleep(0.2)
        peer.close()
    for _ in range(100):
        if "earwitness_live_sessions 0.0" in httpx.get(f"{address}/metrics").text:
            return
        time.sleep(0.1)
    raise AssertionError("the session is still there")


async def unfinished(port: int, talk: Samples) -> list[Event]:
    """What is told of three seconds of sound that nobody ends."""
    async with joined(port) as client:
        for event in list(chunks(talk[: RATE * 3]))[:-1]:
            await client.write_event(event)
        return await rest(client)


def test_a_full_server_says_when_to_come_back(tmp_path: Path, talk: Samples) -> None:
    with assisting(home=tmp_path, live_sessions=0, preload=False) as (port, _):
        (told,) = asyncio.run(unfinished(port, talk))
    error = Error.from_event(told)
    assert error.code == "busy"
    assert "15 s" in error.text


def ended(told: list[Event]) -> str:
    """The text of a session that the server ended."""
    assert [e.type for e in told][-3:] == ["error", "transcript", "transcript-stop"]
    assert Error.from_event(told[-3]).code == "cancelled"
    return Transcript.from_event(told[-2]).text.lower()


def test_a_session_that_the_server_ends_gives_its_text(tmp_path: Path, talk: Samples) -> None:
    with assisting(home=tmp_path, live_idle_s=1) as (port, _):
        assert "do you hear me" in ended(asyncio.run(unfinished(port, talk)))


@pytest.mark.parametrize("opening_s", [0.0, 1.0])
def test_a_server_that_stops_gives_the_text_or_says_that_it_stops(
    tmp_path: Path, talk: Samples, monkeypatch: pytest.MonkeyPatch, opening_s: float
) -> None:
    opened = desk.opened

    @contextmanager
    def slowly(*given: Any) -> Iterator[Any]:
        time.sleep(opening_s)
        with opened(*given) as found:
            yield found

    monkeypatch.setattr(desk, "opened", slowly)

    async def stop() -> list[Event]:
        app = create(config.load(home=tmp_path, wyoming_port=(port := free_port()), log_level="error"))
        async with app.router.lifespan_context(app):
            await asyncio.to_thread(app.state.house.kit.can, "default")
            asking = asyncio.create_task(unfinished(port, talk))
            sessions = app.state.house.sessions
            for _ in range(3_000):
                held = sessions._open.values()
                if sessions._openings if opening_s else any(h.expected == RATE * 3 for h in held):
                    break
                await asyncio.sleep(0.01)
            await sessions.drain()
            return await asking

    told = asyncio.run(stop())
    if opening_s:  # it is turned away before it has heard anything
        assert [e.type for e in told] == ["error"]
    else:
        assert "do you hear me" in ended(told)
