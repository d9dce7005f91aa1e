"""Live sessions that are stored in the archive: real servers, real speech, and what a kill leaves of them."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select
from websockets.sync.client import connect

from earwitness import batch, config
from earwitness.api.live.journals import STORED
from earwitness.api.live.storeroom import Storeroom
from earwitness.archive.recordings import Recording
from earwitness.archive.schema.heard import FileRow
from earwitness.archive.viewer import HOUSE
from earwitness.archive.whole import Archive
from earwitness.audio import decode
from earwitness.kit import Kit
from earwitness.live import journal
from earwitness.live.journal import Journal
from earwitness.stages.recipe import Captioning, Recipe, live
from earwitness.types import Samples
from support.faults import codes, ended, serving, until
from support.processes import Processes
from support.sockets import free_port, joined

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
        assert archive.recordings.page().recordings == (), "nobody asked for it"
        with joined(address, keep=True, keep_audio=True, title="A talk") as client:
            client.sound(talk)
            assert ended(client) == said
            assert codes(client) == []
        (card,) = archive.recordings.page().recordings
    assert (card.title, card.state, card.kind) == ("A talk", "whole", "live")
    found = archive.recordings.transcript(card.id)
    assert [(s.text, s.start_s, s.end_s) for s in found.segments] == client.finals
    assert found.duration_s == 12.0
    assert found.provenance.model
    (piece,) = archive.recordings.files(card.id)
    assert (piece.start_s, piece.end_s) == (0.0, 12.0)
    assert len(decode.decode(archive.folder / piece.path).samples) == len(talk)


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


def test_a_kill_loses_no_segment_and_what_was_heard_becomes_text(
    tmp_path: Path, talk: Samples, said: str, servers: Processes, archive: Archive
) -> None:
    address = servers.begin(tmp_path, port := free_port(), live_keep_s="2")
    with joined(address, keep=True, keep_audio=True) as client:
        client.sound(talk)
        client.until("final")
        client.until_safe(12.0)
        servers.kill()
    (card,) = archive.recordings.page().recordings
    there = [(s.text, s.start_s, s.end_s) for s in archive.recordings.transcript(card.id).segments]
    assert there[: len(client.finals)] == client.finals, "what was told was kept before"
    servers.begin(tmp_path, port, live_keep_s="2")
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


def finished(archive: Archive) -> Recording:
    """The only recording, once nothing is to be done any more."""
    until(lambda: state(archive) in {"whole", "part"})
    (card,) = archive.recordings.page().recordings
    return card


def test_sound_whose_journal_is_lost_becomes_text_in_the_queue(
    tmp_path: Path, kit: Kit, talk: Samples, servers: Processes, archive: Archive
) -> None:
    (tmp_path / "sessions").touch()  # no journal can be kept there
    address = servers.begin(tmp_path, port := free_port(), live_keep_s="2")
    with joined(address, keep=True, keep_audio=True, title="A talk") as client:
        client.sound(talk[: 16_000 * 10])  # somebody is just speaking there
        client.until("final")
        kept = tmp_path / "archive" / "audio"
        until(lambda: any(len(decode.decode(p).samples) > 16_000 * 8 for p in kept.rglob("*.part") if p.stat().st_size))
        servers.kill()
    assert codes(client) == ["not_kept"]
    (card,) = archive.recordings.page().recordings
    there = [(s.text, s.start_s, s.end_s) for s in archive.recordings.transcript(card.id).segments]
    assert there
    (first, *_) = archive.editing.page(card.id)
    archive.editing.edit(first.id, first.revision, HOUSE, text="What a person wrote.")
    servers.begin(tmp_path, port, live_keep_s="2")
    card = finished(archive)
    (job,) = archive.jobs.page(HOUSE)
    assert (job.kind, job.state, job.name, job.recording) == ("tail", "done", "A talk", card.id)
    (piece,) = archive.recordings.files(card.id)
    found = archive.recordings.transcript(card.id)
    assert (card.state, found.complete, card.duration_s) == ("part", False, piece.end_s), "the last second is missing"
    assert 8.0 < card.duration_s < 10.0
    times = [(s.text, s.start_s, s.end_s) for s in found.segments]
    assert times[0] == ("What a person wrote.", *there[0][1:])
    assert times[1 : len(there)] == there[1:]
    whole = batch.run(archive.folder / piece.path, live(Recipe()), kit).segments
    assert len(times) > len(there)
    assert words(times[1:]) == [w for s in whole[1:] for w in s.text.lower().split()]
    assert times[-1][2] == pytest.approx(whole[-1].end_s, abs=0.1)


def test_a_session_whose_model_is_gone_is_left_to_the_queue(
    kit: Kit, tmp_path: Path, talk: Samples, archive: Archive
) -> None:
    settings = config.load(home=tmp_path)
    stored = Storeroom(archive, settings).about(
        Recipe(model="gone", captioning=Captioning(keep=True)), None, "", alone=False
    )
    folder = settings.sessions / ("0" * 32)
    written = Journal(folder, {"owner": HOUSE.id, STORED: stored})
    written.hear(talk, 0)
    written.close()
    os.utime(folder / journal.TOLD, (1.0, 1.0))
    with serving(kit, tmp_path) as address, httpx.Client(base_url=address) as http:
        until(lambda: bool(http.get("/api/jobs", params={"state": "failed"}).json()["jobs"]))
        (job,) = http.get("/api/jobs").json()["jobs"]
        assert (job["kind"], job["code"]) == ("tail", "model_not_found")
        assert state(archive) == "part"
        assert http.get(f"/api/jobs/{job['id']}/result").status_code == 409
    assert not folder.exists()
    assert len(decode.decode(archive.folder / "jobs" / job["id"]).samples) == len(talk), "it can be tried again"


def words(said: Sequence[tuple[str, float, float]]) -> list[str]:
    return [word for text, *_ in said for word in text.lower().split()]
