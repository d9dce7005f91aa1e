"""Live sessions that are stored in the archive: real servers, real speech, and what a kill leaves of them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select
from websockets.sync.client import connect

from earwitness import batch
from earwitness.archive.schema.heard import FileRow
from earwitness.archive.whole import Archive
from earwitness.audio import decode
from earwitness.kit import Kit
from earwitness.stages.recipe import Recipe, live
from earwitness.types import Samples
from support.faults import codes, ended, serving, until
from support.sockets import Client, free_port, joined
from support.watching import watching

LISTEN = "/v1/listen?encoding=linear16&sample_rate=16000&model=default"


@pytest.fixture(scope="module")
def talk(sample: Path) -> Samples:
    """The beginning of the sample conversation."""
    return decode.decode(sample, to_s=12.0).samples


@pytest.fixture(scope="module")
def said(sample: Path, kit: Kit) -> str:
    """What is said in it."""
    return " ".join(s.text for s in batch.run(sample, live(Recipe(to_s=12.0)), kit).segments)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """The archive of a server whose home that is."""
    with closing(Archive(tmp_path / "archive.db", tmp_path / "archive")) as found:
        yield found


def state(archive: Archive) -> str:
    """Of the only recording."""
    return ",".join(r.state for r in archive.recordings.page().recordings)


def test_a_session_is_stored_when_its_client_wishes(
    kit: Kit, tmp_path: Path, talk: Samples, said: str, archive: Archive
) -> None:
    with serving(kit, tmp_path) as address:
        with joined(address) as client:
            client.sound(talk[:32_000])
            ended(client)
            assert client.told[0]["recording"] is None
        assert archive.recordings.page().recordings == (), "nobody asked for it"
        with joined(address, keep=True, keep_audio=True, title="A talk") as client:
            client.sound(talk)
            assert ended(client) == said
            assert codes(client) == []
        (card,) = archive.recordings.page().recordings
        session = client.told[0]["session"]
        with joined(address, session=session) as again:
            again.until("ended")
    assert [c.told[0]["recording"] for c in (client, again)] == [card.id, card.id]
    assert (card.title, card.state, card.kind) == ("A talk", "whole", "live")
    found = archive.recordings.transcript(card.id)
    assert [(s.text, s.start_s, s.end_s) for s in found.segments] == client.finals
    assert found.duration_s == 12.0
    assert found.provenance.model
    (piece,) = archive.recordings.files(card.id)
    assert (piece.start_s, piece.end_s) == (0.0, 12.0)
    assert len(decode.decode(archive.folder / piece.path).samples) == len(talk)


def test_drafts_tell_which_recording_they_are_of(kit: Kit, tmp_path: Path, talk: Samples) -> None:
    with (
        serving(kit, tmp_path) as address,
        watching(address, "?topics=drafts") as heard,
        joined(address, keep=True) as client,
    ):
        welcome = client.until("welcome")
        for low in range(0, 64_000, 3_200):  # as one speaks: of sound in one piece there are no drafts
            client.sound(talk[low : low + 3_200])
            time.sleep(0.2)
        draft = heard.next().data
        assert (draft["recording"], draft["session"]) == (welcome["recording"], welcome["session"][:8])
        ended(client)


def test_by_the_setting_every_door_is_stored_and_a_client_may_say_no(
    kit: Kit, tmp_path: Path, talk: Samples, archive: Archive
) -> None:
    with serving(kit, tmp_path, keep_live=True) as address:
        with joined(address, keep=False) as client:
            client.sound(talk[:32_000])
            ended(client)
        http = {"encoding": "f32le", "end": "true"}
        assert httpx.post(f"{address}/api/process-chunk", params=http, content=talk[:64_000].tobytes()).is_success
    (card,) = archive.recordings.page().recordings
    assert (card.state, card.duration_s) == ("whole", 4.0)
    assert archive.recordings.files(card.id) == ()


def test_what_was_heard_of_a_client_that_vanishes_becomes_text(
    kit: Kit, tmp_path: Path, talk: Samples, archive: Archive
) -> None:
    with serving(kit, tmp_path, keep_live=True) as address:
        with connect(address.replace("http", "ws") + LISTEN) as socket:
            socket.send((talk[: 16_000 * 3] * 32767).astype("<i2").tobytes())
            socket.send(json.dumps({"type": "KeepAlive"}))
            until(lambda: state(archive) == "open")
        until(lambda: state(archive) == "whole")
    (card,) = archive.recordings.page().recordings
    assert archive.recordings.transcript(card.id).text


def test_a_database_that_is_damaged_stops_no_session(kit: Kit, tmp_path: Path, talk: Samples, said: str) -> None:
    """Nobody's account can be looked up then: the installation's own key still opens."""
    (tmp_path / "archive.db").write_bytes(b"no database, but a long enough file of something else" * 99)
    key = {"Authorization": "Bearer sesame"}
    with serving(kit, tmp_path, api_key="sesame") as address, joined(address, headers=key, keep=True) as client:
        client.sound(talk)
        assert ended(client) == said
        assert codes(client) == ["not_stored"]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Servers in processes of their own, ended with the test."""
    started = list[subprocess.Popen[str]]()
    yield started
    for process in started:
        process.kill()
        process.wait()


def begin(home: Path, port: int, started: list[subprocess.Popen[str]]) -> str:
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "earwitness", "serve", "--port", str(port)]
    told = {
        "EARWITNESS_HOME": str(home),
        "PATH": "",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "EARWITNESS_LIVE_KEEP_S": "2",
    }
    started.append(subprocess.Popen(command, env=told, text=True))
    for _ in range(600):
        try:
            if httpx.get(f"{address}/readyz").status_code == 200:
                return address
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the server did not start")


def until_safe(client: Client, position: float) -> None:
    while max([0.0, *(m["position"] for m in client.told if m["type"] == "ack")]) < position:
        client.next()


def test_a_kill_loses_no_segment_and_what_was_heard_becomes_text(
    tmp_path: Path, talk: Samples, said: str, program: list[subprocess.Popen[str]], archive: Archive
) -> None:
    address = begin(tmp_path, port := free_port(), program)
    with joined(address, keep=True, keep_audio=True) as client:
        client.sound(talk)
        client.until("final")
        until_safe(client, 12.0)
        program[0].kill()
        program[0].wait()
    (card,) = archive.recordings.page().recordings
    there = [(s.text, s.start_s, s.end_s) for s in archive.recordings.transcript(card.id).segments]
    assert there[: len(client.finals)] == client.finals, "what was told was kept before"
    begin(tmp_path, port, program)
    until(lambda: state(archive) == "whole")
    found = archive.recordings.transcript(card.id)
    times = [(s.text, s.start_s, s.end_s) for s in found.segments]
    assert times[: len(client.finals)] == client.finals
    assert found.text.lower().split() == said.lower().split()
    pieces = archive.recordings.files(card.id)
    assert [p.start_s for p in pieces] == sorted(p.start_s for p in pieces)
    assert pieces[-1].end_s == pytest.approx(12.0, abs=3.0)
    with archive.database.reading() as connection:
        assert connection is not None
        assert connection.execute(select(func.count()).select_from(FileRow)).scalar_one() == len(pieces)
