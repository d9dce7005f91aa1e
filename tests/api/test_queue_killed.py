"""A whole server that is killed in the middle of its queue, and started again: nothing is lost."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from earwitness import config
from support.faults import until
from support.server import running
from support.sockets import free_port
from support.voices import hearer

from .test_jobs import MODEL, talk

SERVER = """
import sys, time
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from earwitness import config
from earwitness.api.app import create
from earwitness.cli.serve import listen, serving
from earwitness.engines import fake
from support.voices import hearer
plain = fake.Fake.transcribe
def slow(self, clips):
    time.sleep(0.05)
    return plain(self, clips)
fake.Fake.transcribe = slow
settings = config.load(home=Path(sys.argv[1]), port=int(sys.argv[2]), log_level="error", preload=False)
serving(create(settings, hearer(settings))).run(sockets=[listen(settings)])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no kill -9 there")
def test_a_server_that_is_killed_again_and_again_loses_no_job(tmp_path: Path) -> None:
    home, port, added = tmp_path / "home", free_port(), list[str]()
    tests = str(Path(__file__).parents[1])
    for n in range(2):
        command = [sys.executable, "-c", SERVER, str(home), str(port), tests]
        with subprocess.Popen(command) as server, httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
            until(lambda: _answers(http))
            for m in range(4):
                told = http.post("/api/jobs", files={"file": ("a.wav", talk(1.0 + n + m / 10))}, data=MODEL)
                assert told.status_code == 201
                added.append(told.json()["id"])
            os.kill(server.pid, signal.SIGKILL)
    settings = config.load(home=home, log_level="error", preload=False)
    with running(settings, hearer(settings)) as address, httpx.Client(base_url=address) as http:
        until(lambda: all(http.get(f"/api/jobs/{job}").json()["state"] == "done" for job in added))
        assert all(http.get(f"/api/jobs/{job}/result").json()["text"] for job in added)
        assert http.get("/api/jobs").json()["states"] == {"done": len(added)}
    assert list((home / "archive" / "jobs").iterdir()) == []


def _answers(http: httpx.Client) -> bool:
    try:
        return http.get("/livez").status_code == 200
    except httpx.TransportError:
        return False
