"""What goes wrong on a socket: each is told in the protocol, costs nobody else anything, and leaves nothing behind."""

import random
import struct
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from earwitness import batch
from earwitness.api.live import ws
from earwitness.audio import decode
from earwitness.kit import Kit
from earwitness.stages.recipe import Recipe, live
from earwitness.types import Samples
from support import sounds
from support.faults import codes, ended, nothing_left, refused, serving, there, until
from support.sockets import Client, joined


@pytest.fixture(scope="module")
def talk(sample: Path) -> Samples:
    """The beginning of the sample conversation."""
    return decode.decode(sample, to_s=6.0).samples


@pytest.fixture(scope="module")
def said(sample: Path, kit: Kit) -> str:
    """What is said in it."""
    return " ".join(s.text for s in batch.run(sample, live(Recipe(to_s=6.0)), kit).segments)


# ── nothing, and not enough ──
def test_a_client_that_says_no_hello_is_let_go(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ws, "HELLO_S", 0.2)
    with connect(server.replace("http", "ws") + "/ws") as opened:
        assert "hello" in refused(Client(opened), "cancelled", 1001)["message"]


def test_a_client_that_sends_nothing_is_told_why_its_session_ends(kit: Kit, tmp_path: Path) -> None:
    with serving(kit, tmp_path, live_idle_s=1.0) as address:
        with joined(address) as client:
            client.until("ended")
            assert codes(client) == ["idle"]
            with pytest.raises(ConnectionClosed) as caught:
                client.next()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1000
        nothing_left(address)


def test_halves_of_samples_are_put_together_and_the_last_half_is_told(server: str, talk: Samples, said: str) -> None:
    data, dice, at = (talk * 32767).astype("<i2").tobytes() + b"\1", random.Random(1), 0
    with joined(server, encoding="s16le") as client:
        while at < len(data):
            size = dice.choice([1, 333, 4_001, 64_001])
            client.socket.send(data[at : at + size])
            at += size
        assert ended(client) == said
        assert codes(client) == ["not_whole"]


# ── too much ──
def test_a_frame_of_a_gigabyte_is_refused_before_it_comes(server: str, talk: Samples, said: str) -> None:
    with joined(server) as other, joined(server) as client:
        other.sound(talk[: 16_000 * 2])
        client.until("welcome")
        client.socket.socket.sendall(b"\x82\xff" + struct.pack(">Q", 2**30) + b"mask" + b"\0" * 100_000)
        with pytest.raises(ConnectionClosed) as caught:
            client.until("never")
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009
        other.sound(talk[16_000 * 2 :])
        assert ended(other) == said


def test_a_message_that_unfolds_to_too_much_is_refused(server: str) -> None:
    with joined(server) as client:
        client.until("welcome")
        client.socket.send(b"\0" * (64 * 2**20))  # a few kilobytes on the wire
        with pytest.raises(ConnectionClosed) as caught:
            client.until("never")
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009


# ── not what was said ──
@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("sound", "JSON"),
        ("[1]", "JSON"),
        ("[" * 100_000, "JSON"),
        ('{"type": ["end"]}', "no message of type"),
        ('{"type": "dance"}', "dance"),
        ('{"type": "flush", "id": "' + "x" * 5_000 + '"}', "longer"),
    ],
)
def test_text_that_is_no_message(server: str, message: str, says: str) -> None:
    with joined(server) as client:
        client.until("welcome")
        client.socket.send(message)
        assert says in refused(client, "bad_input", 1008)["message"]


@pytest.mark.parametrize(
    ("hello", "says"),
    [
        ({"rate": 1}, "samples a second"),
        ({"rate": "fast"}, "rate"),
        ({"channels": 99}, "channels"),
        ({"channels": 2, "channel": 2}, "channel"),
        ({"channel": -1}, "channel"),
        ({"position": 7.0}, "position"),
        ({"position": 1e300}, "position"),
        ({"position": float("inf")}, "position"),
        ({"position": float("nan")}, "position"),
        ({"position": -1}, "position"),
        ({"after": 9}, "event 9"),
        ({"endpoint": float("nan")}, "endpoint"),
        ({"Größe" * 60: 1}, "Größe"),
        ({"model": "模" * 300}, "模"),
    ],
)
def test_a_hello_that_cannot_be_met(server: str, hello: dict[str, Any], says: str) -> None:
    before = there(server)
    with joined(server, **hello) as client:
        told = client.until("failed")
        assert says in told["message"] + str(told)
        with pytest.raises(ConnectionClosed) as caught:
            client.next()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code in {1008, 1011}
    assert there(server) <= before + 1


def test_half_a_character_in_a_flush_comes_back(server: str) -> None:
    with joined(server) as client:
        client.socket.send('{"type": "flush", "id": "\\ud800"}')
        client.until("flushed", id="\ud800")


def test_sound_that_is_no_number_is_silence_and_told(server: str, talk: Samples) -> None:
    with joined(server) as client:
        client.sound(np.full(16_000, np.nan, np.float32))
        client.sound(np.full(16_000, np.inf, np.float32))
        client.sound(np.full(16_000, 3e38, np.float32))
        client.sound(np.zeros(32_000, np.float32))
        client.sound(talk)
        words = ended(client)
        assert codes(client) == ["not_finite"]
        assert "hear me" in words.lower()
        assert all(np.isfinite(start) and start >= 2.0 for _, start, _ in client.finals)


def test_rubbish_for_a_container_is_told_and_others_go_on(server: str, talk: Samples, said: str) -> None:
    with joined(server) as other:
        other.sound(talk[:32_000])
        for data in (random.Random(2).randbytes(100_000), b"#EXTM3U\nfile:///etc/passwd\n" * 10):
            with joined(server, encoding="container") as client:
                client.socket.send(data)
                client.say(type="end")
                assert client.until("failed")["code"] in {"not_audio", "unsafe_source"}
        other.sound(talk[32_000:])
        assert ended(other) == said
    until(lambda: not any(t.name == "flow" for t in threading.enumerate()))


@pytest.mark.parametrize(
    ("container", "codec", "rate"),
    [("webm", "libopus", 48_000), ("ogg", "libopus", 48_000), ("flac", "flac", 16_000)],
)
def test_containers_say_what_the_recording_says(
    server: str, talk: Samples, said: str, container: str, codec: str, rate: int
) -> None:
    file = sounds.encoded(np.repeat(talk, rate // 16_000), container, codec, rate)
    with joined(server, encoding="container") as client:
        for low in range(0, len(file), 3_000):
            client.socket.send(file[low : low + 3_000])
        words = ended(client)
        assert words.split()[:4] == said.split()[:4]
        assert len(words.split()) == pytest.approx(len(said.split()), abs=2)


def test_sound_of_telephones_is_heard(server: str, talk: Samples) -> None:
    sound = sounds.encoded(np.ascontiguousarray(talk[::2]), "mulaw", "pcm_mulaw", 8_000)
    with joined(server, encoding="mulaw", rate=8_000) as client:
        for low in range(0, len(sound), 333):
            client.socket.send(sound[low : low + 333])
        assert ended(client).lower().count("do you hear me") == 2


def test_a_container_far_larger_than_what_may_wait_is_made_to_wait(kit: Kit, tmp_path: Path, talk: Samples) -> None:
    with serving(kit, tmp_path) as address, joined(address, encoding="container", drafts=False) as client:
        file = sounds.wav(np.concatenate([np.repeat(talk, 3), sounds.silence(200, 48_000)]), 48_000)
        assert len(file) > 2 * 8_000_000
        for low in range(0, len(file), 2**20):
            client.socket.send(file[low : low + 2**20])
        assert "hear me" in ended(client).lower()
