"""The server's own socket, by a plain client of the package websockets."""

import re
from pathlib import Path

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from earwitness import batch, config
from earwitness.audio import decode
from earwitness.kit import Kit
from earwitness.stages.recipe import Recipe, live
from earwitness.types import Samples
from support.processes import Processes
from support.server import running
from support.sockets import free_port, joined

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def talk(sample: Path) -> Samples:
    """The sample conversation."""
    return decode.decode(sample).samples


@pytest.fixture(scope="module")
def expected(sample: Path, kit: Kit) -> list[tuple[str, float, float]]:
    """What is said in it, heard as a file by the same recipe."""
    return [(s.text, s.start_s, s.end_s) for s in batch.run(sample, live(Recipe()), kit).segments]


def rounded(finals: list[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    return [(text, round(a, 3), round(b, 3)) for text, a, b in finals]


@pytest.mark.parametrize("chunk", [1_600, 16_000 * 7 + 3])
def test_finals_over_the_socket_are_those_of_the_file(
    server: str, talk: Samples, expected: list[tuple[str, float, float]], chunk: int
) -> None:
    with joined(server) as client:
        welcome = client.until("welcome")
        assert (welcome["protocol"], welcome["position"]) == (1, 0.0)
        client.sound(talk, chunk)
        client.say(type="end")
        client.until("ended")
    assert rounded(client.finals) == rounded(expected)
    seqs = [m["seq"] for m in client.told if "seq" in m]
    assert seqs == sorted(set(seqs))
    assert {"speech_started", "speech_ended", "settled"} <= {m["type"] for m in client.told}


def test_a_flush_is_acknowledged_after_all_that_was_said_before_it(server: str, talk: Samples) -> None:
    with joined(server) as client:
        client.sound(talk[: 16_000 * 3])
        client.say(type="flush", id="here")
        client.until("flushed", id="here")
        assert client.finals, "the open utterance was told before"
        client.say(type="end")
        client.until("ended")


def test_what_is_watched_for_is_told(server: str, talk: Samples) -> None:
    with joined(server, watch=["HEAR me", "good story"]) as client:
        client.sound(talk[: 16_000 * 5])
        client.say(type="end")
        client.until("ended")
    spotted = [(m["phrase"], m["id"]) for m in client.told if m["type"] == "spotted"]
    said = [m["id"] for m in client.told if m["type"] == "final" and "hear me" in m["segment"]["text"].lower()]
    assert said
    assert spotted == [("HEAR me", ident) for ident in said]


def test_a_client_that_is_cut_off_goes_on_and_misses_nothing(
    server: str, talk: Samples, expected: list[tuple[str, float, float]]
) -> None:
    with joined(server) as first:
        welcome = first.until("welcome")
        first.sound(talk[: 16_000 * 12])
        seen = first.until("final")["seq"]
    with joined(server, session=welcome["session"], after=seen) as second:
        goes_on = second.until("welcome")
        assert 0 < goes_on["position"] <= 12
        second.sound(talk[round(goes_on["position"] * 16_000) :])
        second.say(type="end")
        second.until("ended")
    assert rounded(first.finals + second.finals) == rounded(expected)


def test_a_session_goes_on_as_it_was_begun_though_its_sound_may_come_otherwise(server: str, talk: Samples) -> None:
    with joined(server, endpoint=0.4, watch=["hear me"]) as first:
        session = first.until("welcome")["session"]
        first.sound(talk[: 16_000 * 2])
        first.until("ack")
    with joined(server, session=session, endpoint=2.0, language="en") as other:
        told = other.next()
        assert (told["code"], told["type"]) == ("bad_input", "failed")
        assert "endpoint, language" in told["message"]
    chunk = f"{server}/api/process-chunk?session={session}"
    refused = httpx.post(f"{chunk}&endpoint=2")
    assert refused.status_code == 400
    assert "endpoint" in refused.json()["error"]
    with joined(server, session=session, endpoint=0.4, watch=["hear me"], encoding="s16le", rate=8_000) as again:
        again.until("welcome")
        again.say(type="end")
        again.until("ended")
    assert httpx.post(f"{chunk}&endpoint=0.4").json()["over"]


def test_sound_that_is_sent_twice_is_heard_once(
    server: str, talk: Samples, expected: list[tuple[str, float, float]]
) -> None:
    with joined(server) as first:
        welcome = first.until("welcome")
        first.sound(talk[: 16_000 * 10])
        first.until("ack")
    with joined(server, session=welcome["session"], position=4.0) as second:
        second.sound(talk[16_000 * 4 :])
        second.say(type="end")
        second.until("ended")
    assert rounded(second.finals) == rounded(expected)


def test_the_newest_connection_counts(server: str) -> None:
    with joined(server) as old:
        session = old.until("welcome")["session"]
        with joined(server, session=session) as new:
            new.until("welcome")
            assert old.until("failed")["code"] == "cancelled"
            with pytest.raises(ConnectionClosed):
                old.next()
            new.say(type="ping")
            new.until("pong")


def test_a_session_that_is_over_is_told_again(server: str, talk: Samples) -> None:
    with joined(server) as first:
        session = first.until("welcome")["session"]
        first.sound(talk[: 16_000 * 5])
        first.say(type="end")
        first.until("ended")
    with joined(server, session=session) as second:
        assert second.until("welcome")["over"]
        second.until("ended")
    assert second.finals == first.finals


@pytest.mark.parametrize(
    ("first", "says"),
    [
        (b"\0\0" * 800, "hello"),
        ("no json", "JSON"),
        ('{"type": "hello", "rate": 3}', "samples a second"),
        ('{"type": "hello", "encoding": "opus"}', "encoding"),
        ('{"type": "hello", "language": "klingon!"}', "language"),
        ('{"type": "hello", "colour": "red"}', "colour"),
        ('{"type": "hello", "model": "nobody"}', "nobody"),
        ('{"type": "hello", "session": "../../etc"}', "no such session"),
        ('{"type": "hello", "session": "0123456789abcdef0123456789abcdef"}', "no such session"),
    ],
)
def test_a_wrong_hello_is_told_and_the_socket_closed(server: str, first: str | bytes, says: str) -> None:
    with connect(server.replace("http", "ws") + "/ws") as socket:
        socket.send(first)
        told = [m for m in (str(socket.recv(30)), str(socket.recv(30)) if "welcome" in says else "") if m]
        assert any('"failed"' in m or '"welcome"' in m for m in told)
        while '"failed"' not in told[-1]:
            told.append(str(socket.recv(30)))
        assert says in told[-1]
        with pytest.raises(ConnectionClosed):
            socket.recv(30)


def test_a_web_page_of_another_host_may_not_listen(server: str) -> None:
    url, evil = server.replace("http", "ws") + "/ws", Origin("https://evil.example")
    with pytest.raises(InvalidStatus, match="401"), connect(url, origin=evil):
        pass


def test_a_key_is_wanted_and_browsers_send_it_as_a_subprotocol(kit: Kit, tmp_path: Path) -> None:
    with running(config.load(home=tmp_path, api_key="sesame", log_level="error")) as address:
        url = address.replace("http", "ws") + "/ws"
        with pytest.raises(InvalidStatus, match="401"), connect(url):
            pass
        with connect(url, additional_headers={"authorization": "Bearer sesame"}) as socket:
            socket.send('{"type": "hello"}')
            assert "welcome" in str(socket.recv(60))
        with connect(url, subprotocols=[Subprotocol("earwitness"), Subprotocol("earwitness-key.sesame")]) as socket:
            assert socket.subprotocol == "earwitness"


def test_the_example_of_the_page_runs(server: str, talk: Samples, capsys: pytest.CaptureFixture[str]) -> None:
    example, *_ = re.findall(r"```py\n(.*?)```", (ROOT / "docs" / "live.md").read_text(), re.DOTALL)
    found: dict[str, object] = {}
    exec(example.replace("ws://127.0.0.1:8000", server.replace("http", "ws")), found)
    whole = (np.clip(talk[: 16_000 * 6], -1, 1) * 32767).astype("<i2").tobytes()
    found["caption"](whole[low : low + 3_200] for low in range(0, len(whole), 3_200))  # type: ignore[operator]
    assert "hear me" in capsys.readouterr().out.lower()


def test_a_session_outlives_a_server_that_is_killed(
    tmp_path: Path, talk: Samples, expected: list[tuple[str, float, float]], servers: Processes
) -> None:
    address = servers.begin(tmp_path, port := free_port())
    with joined(address) as first:
        session = first.until("welcome")["session"]
        first.sound(talk[: 16_000 * 11])
        first.until("final")
        safe = first.until_safe(10.0)
        seen = max(m["seq"] for m in first.told if "seq" in m)
        servers.kill()
    address = servers.begin(tmp_path, port)
    with joined(address, session=session, after=seen) as second:
        position = second.until("welcome")["position"]
        assert position >= safe, "what was acknowledged is not asked for again"
        second.sound(talk[round(position * 16_000) :])
        second.say(type="end")
        second.until("ended")
    words = " ".join(text for text, *_ in first.finals + second.finals).lower().split()
    assert words == " ".join(text for text, *_ in expected).lower().split()
    times = [start for _, start, _ in first.finals + second.finals]
    assert times == sorted(times)


def test_a_server_that_stops_tells_what_was_said_first(tmp_path: Path, talk: Samples, servers: Processes) -> None:
    address = servers.begin(tmp_path, free_port())
    with joined(address) as client:
        client.until("welcome")
        client.sound(talk[: 16_000 * 3])  # ends within an utterance
        client.until("ack", position=3.0)
        servers.last.terminate()
        failed = client.until("failed")
    assert failed["code"] == "busy"
    assert client.finals, "the open utterance was finished"
    assert servers.last.wait(30) is not None
