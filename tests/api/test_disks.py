"""Disks that are full, that can only be read, and databases of a newer version: told, survived, nothing lost."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from earwitness import config
from earwitness.archive.viewer import HOUSE
from earwitness.archive.whole import Archive
from earwitness.audio import decode
from support import disks
from support.faults import codes, ended, until
from support.server import running
from support.sockets import free_port, joined

from .test_jobs import talk

TUS = {"tus-resumable": "1.0.0", "upload-length": "100000", "content-type": "application/offset+octet-stream"}


def command(home: Path, port: int) -> tuple[list[str], dict[str, str]]:
    """A server and its environment."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("EARWITNESS_")}
    env |= {"EARWITNESS_HOME": str(home), "EARWITNESS_LOG_LEVEL": "error", "EARWITNESS_JOBS_AT_ONCE": "0"}
    env |= {"EARWITNESS_MIN_FREE_MB": "0", "EARWITNESS_KEEP_LIVE": "true"}
    return [sys.executable, "-m", "earwitness", "serve", "--port", str(port)], env


@contextmanager
def boxed(home: Path, megabytes: float) -> Iterator[tuple[httpx.Client, Path]]:
    """A server whose home is a small disk; its client, and that home as seen from here."""
    home.mkdir()
    serve, env = command(home, port := free_port())
    with (
        subprocess.Popen([*disks.small(home, megabytes), *serve], env=env) as server,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http,
    ):
        try:
            until(lambda: answers(http))
            yield http, disks.within(server.pid, home)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


def answers(http: httpx.Client) -> bool:
    try:
        return http.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def writes(http: httpx.Client) -> list[int]:
    """The statuses of what is to be kept."""
    job: dict[str, Any] = {"files": {"file": ("a.wav", talk(3.0))}, "data": {"model": "default"}}
    return [
        http.post("/api/jobs", **job).status_code,
        http.post("/api/jobs", json={"url": "https://93.184.215.14/a.wav"}).status_code,
        http.post("/api/uploads", headers=TUS, content=bytes(100_000)).status_code,
        http.post("/api/hooks", json={"url": "https://93.184.215.14/"}).status_code,
    ]


def test_a_disk_that_is_full_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    with boxed(tmp_path / "home", 24) as (http, home):
        assert writes(http) == [201] * 4
        filler = disks.fill(home)
        for _ in range(2):
            assert writes(http) == [507] * 4
        for path in ("/livez", "/api/jobs", "/api/recordings", "/api/transcripts?q=x", "/api/system", "/metrics"):
            assert http.get(path).status_code == 200, path
        assert list((home / "scratch").glob("*")) == []
        filler.unlink()
        assert writes(http) == [201] * 4
        jobs = http.get("/api/jobs").json()["jobs"]
        assert len(jobs) == 4
        with closing(sqlite3.connect(home / "archive.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert {p.name for p in (home / "archive" / "jobs").iterdir()} == {j["id"] for j in jobs if j["kind"] == "file"}


def test_a_live_session_outlives_a_disk_that_is_full_in_its_middle(tmp_path: Path, sample: Path) -> None:
    sound = decode.decode(sample, to_s=24.0).samples
    with boxed(tmp_path / "home", 24) as (http, home), joined(str(http.base_url).rstrip("/")) as client:
        client.sound(sound[: 16_000 * 9])
        client.until("final")
        filler = disks.fill(home)
        client.sound(sound[16_000 * 9 : 16_000 * 18])
        client.until("final")
        client.until("noted")
        filler.unlink()
        client.sound(sound[16_000 * 18 :])
        said = ended(client)
        assert {*codes(client)} <= {"not_kept", "not_stored"}
        deadline = time.monotonic() + 90  # what the disk did not take is written later, by the next sweep at the latest
        while (card := http.get("/api/recordings").json()["recordings"][0])["state"] != "whole":
            assert time.monotonic() < deadline, card
            time.sleep(0.1)
        text = http.get(f"/api/recordings/{card['id']}/export").text
        assert text.split() == said.split()


@pytest.mark.parametrize("before", [False, True])
def test_a_disk_that_can_only_be_read_is_told_when_the_server_starts(tmp_path: Path, before: bool) -> None:
    if before:
        with running(config.load(home=tmp_path, preload=False, log_level="error")) as address:
            httpx.post(f"{address}/api/jobs", json={"url": "https://93.184.215.14/a.wav"}).raise_for_status()
    serve, env = command(tmp_path, free_port())
    done = subprocess.run(
        [*disks.only_read(tmp_path), *serve], env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 9
    assert "Read-only file system" in done.stderr
    assert "EARWITNESS_HOME" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_of_a_newer_version_is_left_as_it_is_and_closes_the_doors(tmp_path: Path) -> None:
    settings = config.load(home=tmp_path, preload=False, log_level="error")
    with closing(Archive(settings.archive, settings.kept)) as archive:
        archive.jobs.page(HOUSE)
        archive.writer.write(lambda _: None)
    with closing(sqlite3.connect(tmp_path / "archive.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    before = (tmp_path / "archive.db").read_bytes()
    with running(settings) as address, httpx.Client(base_url=address, timeout=60) as http:
        assert http.get("/livez").status_code == 200
        ready = http.get("/readyz")
        assert (ready.status_code, ready.json()["why"]) == (503, "the archive can't be written: storage_failed")
        for path in ("/v1/models", "/api/jobs", "/api/recordings"):
            found = http.get(path)
            assert found.status_code == 507
            assert "newer Earwitness" in found.text
    assert (tmp_path / "archive.db").read_bytes() == before
