"""Clients that are not there, or there too often, and what breaks under a session: no word is lost that was safe."""

import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from earwitness import batch, config
from earwitness.api.live import ws
from earwitness.audio import decode
from earwitness.kit import Kit
from earwitness.live.journal import Journal
from earwitness.models.isolated.engine import Isolated
from earwitness.stages.recipe import Recipe, live
from earwitness.types import Samples
from support import awful, sounds
from support.faults import codes, ended, nothing_left, serving, until
from support.server import running
from support.sockets import Client, Told, joined


@pytest.fixture(scope="module")
def talk(sample: Path) -> Samples:
    """The beginning of the sample conversation."""
    return decode.decode(sample, to_s=6.0).samples


@pytest.fixture(scope="module")
def said(sample: Path, kit: Kit) -> str:
    """What is said in it."""
    return " ".join(s.text for s in batch.run(sample, live(Recipe(to_s=6.0)), kit).segments)


# ── clients that are not there ──
def test_a_client_that_reads_nothing_is_let_go_and_misses_nothing(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ws, "SLOWEST_S", 1.0)
    monkeypatch.setattr(ws, "LONGEST_ID", 10_000)
    flushes = 1_500  # 12 MB: more than the system keeps for a socket
    with serving(kit, tmp_path, live_keep_s=0.5) as address:
        host, port = address.removeprefix("http://").split(":")
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        narrow.connect((host, int(port)))
        with connect(f"ws://{host}:{port}/ws", sock=narrow, max_queue=1, compression=None, close_timeout=1) as opened:
            client = Client(opened)
            client.say(type="hello")
            session = client.until("welcome")["session"]
            for n in range(flushes):
                client.say(type="flush", id=f"{n:08000}")
            nothing_left(address)  # the session has ended, as of one who is gone
        seen = max((m["seq"] for m in client.told if "seq" in m), default=0)
        with joined(address, session=session, after=seen) as again:
            again.until("ended")
            found = [m["id"] for m in client.told + again.told if m["type"] == "flushed"]
            assert found == [f"{n:08000}" for n in range(flushes)]
        nothing_left(address)


@pytest.mark.parametrize("encoding", ["f32le", "container"])
def test_a_client_that_vanishes_in_a_word_finds_it_whole(server: str, talk: Samples, said: str, encoding: str) -> None:
    half = len(talk) // 2
    with joined(server, encoding=encoding) as first:
        session = first.until("welcome")["session"]
        if encoding == "container":
            first.socket.send(sounds.wav(talk)[: 44 + 2 * half])
        else:
            first.sound(talk[:half])
        first.until("ack")
        first.socket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        first.socket.socket.close()  # a reset: no goodbye
    seen = max((m["seq"] for m in first.told if "seq" in m), default=0)
    with joined(server, session=session, after=seen) as second:
        position = second.until("welcome")["position"]
        second.sound(talk[round(position * 16_000) :])
        ended(second)
    words = " ".join(text for text, *_ in first.finals + second.finals)
    assert words.lower().split()[:4] == said.lower().split()[:4]
    if encoding != "container":
        assert words == said
    until(lambda: not any(t.name == "flow" for t in threading.enumerate()))


def test_two_connections_that_come_back_at_once_leave_one_and_no_word_is_lost(
    server: str, talk: Samples, said: str
) -> None:
    half = len(talk) // 2
    with joined(server) as first:
        session = first.until("welcome")["session"]
        first.sound(talk[:half])
        first.until("ack")
    with ExitStack() as held, ThreadPoolExecutor(4) as threads:
        clients = list(threads.map(lambda _: held.enter_context(joined(server, session=session)), range(4)))
        for client in clients:
            client.until("welcome")
        alive, taken = list[Client](), list[str]()
        for client in clients:
            try:
                client.say(type="ping")
                client.until("pong")
                alive.append(client)
            except ConnectionClosed as closed:
                taken.append(str(closed))
        (client,) = alive
        assert len(taken) == 3
        assert all("taken this session over" in why for why in taken)
        position = next(m for m in client.told if m["type"] == "welcome")["position"]
        client.sound(talk[round(position * 16_000) :])
        assert ended(client) == said


def test_a_session_of_a_server_that_stopped_is_taken_up_by_one_of_two(
    kit: Kit, tmp_path: Path, talk: Samples, said: str
) -> None:
    half = len(talk) // 2
    with serving(kit, tmp_path) as address, joined(address) as first:
        session = first.until("welcome")["session"]
        first.sound(talk[:half])
        first.until("ack", position=half / 16_000)
    seen = max(m["seq"] for m in first.told if "seq" in m)
    with serving(kit, tmp_path) as address, ExitStack() as held:
        for _ in range(2):
            held.enter_context(joined(address, session=session, after=seen))
        told: Told = {"type": "failed", "code": "busy", "retry_after_s": 0.1}
        for _ in range(20):
            if told["type"] == "welcome":
                break
            assert told["code"] == "busy"
            assert told["retry_after_s"] > 0
            time.sleep(told["retry_after_s"])
            last = held.enter_context(joined(address, session=session, after=seen))
            while (told := last.next())["type"] not in {"welcome", "failed"}:
                pass
        assert told["position"] == half / 16_000, "what was acknowledged is not asked for again"
        last.sound(talk[half:])
        ended(last)
        words = " ".join(text for text, *_ in first.finals + last.finals)
        assert words.lower().split()[:3] == said.lower().split()[:3]
        assert len(words.split()) == pytest.approx(len(said.split()), abs=3)
        nothing_left(address)


def test_a_flood_of_connections_is_told_when_to_come_back(kit: Kit, tmp_path: Path, talk: Samples, said: str) -> None:
    with serving(kit, tmp_path, live_sessions=2) as address, ExitStack() as held:
        with ThreadPoolExecutor(12) as threads:
            clients = list(threads.map(lambda _: held.enter_context(joined(address)), range(12)))
        first = [client.next() for client in clients]
        assert sorted(m["type"] for m in first) == ["failed"] * 10 + ["welcome"] * 2
        assert all(m["code"] == "busy" and m["retry_after_s"] > 0 for m in first if m["type"] == "failed")
        for client, told in zip(clients, first, strict=True):
            if told["type"] == "welcome":
                client.sound(talk)
                assert ended(client) == said
        nothing_left(address)
        with joined(address) as later:
            later.until("welcome")


# ── what breaks under a session ──
def test_a_disk_that_fills_is_told_and_costs_no_word(
    kit: Kit, tmp_path: Path, talk: Samples, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with serving(kit, tmp_path) as address, joined(address) as client:
        client.sound(talk[:16_000])
        client.until("ack", position=1.0)
        with monkeypatch.context() as patch:
            patch.setattr(Journal, "_write", full)
            client.sound(talk[16_000:32_000])
            told = client.until("noted")
            assert told["notice"]["code"] == "not_kept"
            assert "No space left" in told["notice"]["message"]
            time.sleep(2 * ws.ACK_EACH_S)
        client.sound(talk[32_000:])
        assert ended(client) == said
        assert codes(client) == ["not_kept"]
        acks = [m["position"] for m in client.told if m["type"] == "ack"]
        assert all(p <= 1.0 or p >= 2.0 for p in acks), acks


def test_where_nothing_can_be_kept_the_session_goes_on(kit: Kit, tmp_path: Path, talk: Samples, said: str) -> None:
    (tmp_path / "sessions").touch()
    with serving(kit, tmp_path) as address:
        with joined(address) as client:
            client.sound(talk)
            assert ended(client) == said
            assert codes(client) == ["not_kept"]
        nothing_left(address)


@pytest.fixture
def crashing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Kit]]:
    """A server whose engine is the awful one, in a process of its own."""
    (tmp_path / "installed").mkdir()
    awful.installed(tmp_path / "installed", monkeypatch)
    settings = config.load(home=tmp_path / "home", log_level="error", preload=False, isolate=("awful",), workers=2)
    with Kit(settings) as kit, running(settings, kit) as address:
        yield address, kit


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_engine_that_dies_in_an_utterance_costs_its_sound_alone(crashing: tuple[str, Kit], talk: Samples) -> None:
    address, _ = crashing
    with (
        joined(address, model="fake", language_gate=False) as other,
        joined(address, model="fake", language_gate=False, prompt="segv", drafts=False, endpoint=5) as client,
    ):
        other.sound(talk[:48_000])
        client.sound(talk[:48_000])
        client.say(type="flush", id="a")
        failed = client.until("failed")
        assert (failed["code"], failed["fatal"]) == ("engine_failed", False)
        assert "SIGSEGV" in failed["message"]
        gap = client.until("gap")
        assert gap["reason"] == "engine_failed"
        assert 0 <= gap["start_s"] < gap["end_s"] <= 3.0
        client.until("flushed", id="a")
        assert ended(client) == ""
        other.sound(talk[48_000:])
        assert ended(other)
        assert not [m for m in other.told if m["type"] in {"failed", "gap"}]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_engine_that_is_killed_in_an_utterance_costs_nothing(crashing: tuple[str, Kit], talk: Samples) -> None:
    address, kit = crashing
    with joined(address, model="fake", language_gate=False, prompt="sleep:1.5", drafts=False) as client:
        client.sound(talk[:48_000])
        client.say(type="flush", id="a")
        client.until("speech_ended")
        time.sleep(0.5)
        with kit.lane("fake") as (_, lane):
            assert isinstance(lane._engine, Isolated)
            process = lane._engine._process._process
            assert process is not None
            os.kill(process.pid, signal.SIGKILL)
        client.until("flushed", id="a")
        assert client.finals
        assert not [m for m in client.told if m["type"] in {"failed", "gap"}]
        ended(client)
    nothing_left(address)


def test_a_server_gives_back_every_seat(kit: Kit, tmp_path: Path, talk: Samples) -> None:
    with kit.lane("default") as (_, lane):
        before = lane.seated
        with serving(kit, tmp_path) as address:
            with joined(address) as client:
                client.sound(talk[:8_000])
                client.until("welcome")
                assert lane.seated == before + 1
            with joined(address) as client:
                client.until("welcome")
                ended(client)
        assert lane.seated == before
