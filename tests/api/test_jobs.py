"""The doors of the queue: jobs, batches, addresses, and what became of them."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from earwitness import config
from earwitness.engines import fake
from earwitness.types import Clip, Segment
from support import sounds
from support.faults import until
from support.scripted import Reply, Script
from support.scripted import running as scripted
from support.server import running
from support.voices import hearer

MODEL = {"model": "fake"}


def talk(seconds: float = 3.0, peak: float = 0.5) -> bytes:
    return sounds.wav(np.concatenate([sounds.tone(seconds, peak=peak), sounds.silence(1.0)]))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("queue")


@pytest.fixture(scope="module")
def http(home: Path) -> Iterator[httpx.Client]:
    """A server whose engine is the double."""
    settings = config.load(home=home, log_level="error", preload=False, allow_private_urls=True, max_upload_mb=1.0)
    with running(settings, hearer(settings)) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


def posted(http: httpx.Client, content: bytes, **fields: str) -> dict[str, Any]:
    found = http.post("/api/jobs", files={"file": ("talk.wav", content)}, data=MODEL | fields)
    assert found.status_code == 201, found.text
    told: dict[str, Any] = found.json()
    assert found.headers["location"] == f"/api/jobs/{told['id']}"
    return told


def ended(http: httpx.Client, job: str) -> dict[str, Any]:
    until(lambda: http.get(f"/api/jobs/{job}").json()["state"] in {"done", "failed", "cancelled"})
    told: dict[str, Any] = http.get(f"/api/jobs/{job}").json()
    return told


def test_a_recording_is_transcribed_in_its_turn(http: httpx.Client, home: Path) -> None:
    told = posted(http, talk(), name="A talk")
    assert (told["name"], told["model"], told["kind"]) == ("A talk", "fake", "file")
    found = ended(http, told["id"])
    assert (found["state"], found["total_s"], found["error"]) == ("done", 4.0, None)
    result = http.get(f"/api/jobs/{told['id']}/result")
    assert result.json()["schema"] == "earwitness.transcript/1"
    srt = http.get(f"/api/jobs/{told['id']}/result", params={"format": "srt"})
    assert srt.text.startswith("1\n00:00:00,000 --> ")
    assert http.get(f"/api/jobs/{told['id']}/result", params={"format": "xyz"}).status_code == 400
    until(lambda: list((home / "archive" / "jobs").iterdir()) == [])
    again = posted(http, talk())
    assert (again["state"], again["answered_by"], again["recording"]) == ("done", told["id"], found["recording"])
    assert list((home / "archive" / "jobs").iterdir()) == []
    other = posted(http, talk(), words="true")
    assert other["state"] != "done"


def test_its_etag_changes_with_the_job(http: httpx.Client) -> None:
    told = ended(http, posted(http, talk(peak=0.4))["id"])
    first = http.get(f"/api/jobs/{told['id']}")
    known = {"if-none-match": first.headers["etag"]}
    assert http.get(f"/api/jobs/{told['id']}", headers=known).status_code == 304
    assert http.get(f"/api/jobs/{told['id']}", headers={"if-none-match": '"x"'}).status_code == 200


def test_what_is_no_recording_fails_can_be_tried_again_and_has_no_result(http: httpx.Client) -> None:
    told = ended(http, posted(http, b"nothing that sounds")["id"])
    assert (told["state"], told["code"]) == ("failed", "not_audio")
    assert http.get(f"/api/jobs/{told['id']}/result").status_code == 409
    assert http.delete(f"/api/jobs/{told['id']}").status_code == 409
    assert http.post(f"/api/jobs/{told['id']}/retry").json()["state"] == "waiting"
    assert ended(http, told["id"])["code"] == "not_audio"


def test_a_job_in_work_is_told_of_and_cancelled(
    http: httpx.Client, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, gate, plain = threading.Event(), threading.Event(), fake.Fake.transcribe

    def held(self: fake.Fake, clips: Sequence[Clip]) -> list[tuple[Segment, ...]]:
        reached.set()
        assert gate.wait(60)
        return plain(self, clips)

    monkeypatch.setattr(fake.Fake, "transcribe", held)
    runs, waits = posted(http, talk(2.5)), posted(http, talk(2.6))
    assert reached.wait(60)
    early = http.get(f"/api/jobs/{runs['id']}/result")
    assert (early.status_code, early.headers["retry-after"]) == (503, "5")
    assert http.delete(f"/api/jobs/{waits['id']}").json()["state"] == "cancelled"
    told = http.delete(f"/api/jobs/{runs['id']}").json()
    assert (told["state"], told["stopping"]) == ("running", True)
    gate.set()
    assert ended(http, runs["id"])["state"] == "cancelled"
    assert http.post(f"/api/jobs/{runs['id']}/retry").status_code == 409
    until(lambda: list((home / "archive" / "jobs").glob(f"{runs['id']}*")) == [])


def test_many_belong_together_and_pages_list_them(http: httpx.Client) -> None:
    files = [("file", (f"{n}.wav", talk(1.0 + n / 10))) for n in range(5)]
    made = http.post("/batch/process", files=files, data=MODEL)
    assert made.status_code == 201, made.text
    batch = made.json()["batch"]
    assert [job["name"] for job in made.json()["jobs"]] == [f"{n}.wav" for n in range(5)]
    until(lambda: http.get(f"/api/batches/{batch}").json()["over"])
    told = http.get(f"/api/batches/{batch}").json()
    assert (told["total"], told["states"]) == (5, {"done": 5})
    found, after = list[str](), None
    while True:
        asked: dict[str, Any] = {"batch": batch, "limit": 2} | ({"after": after} if after else {})
        page = http.get("/api/jobs", params=asked).json()
        found += [job["name"] for job in page["jobs"]]
        if (after := page["next"]) is None:
            break
    assert found == [f"{n}.wav" for n in reversed(range(5))]
    assert http.get("/api/jobs", params={"state": "failed", "batch": batch}).json()["jobs"] == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "there are 0 recordings"),
        ({"url": "http://a.example/a", "upload": None, "nonsense": 1}, "no field 'nonsense'"),
        ({"url": "http://a.example/a", "priority": 99}, "priority"),
        ({"url": ["http://a.example/a", "http://a.example/b"]}, "there are 2 recordings"),
        ({"url": {"a": 1}}, "neither a plain value"),
        ({"url": "ftp://a.example/a"}, "https://"),
        ({"url": "http://user:pass@a.example/a"}, "no user and password"),
        ({"url": "http://169.254.169.254/latest"}, "no place to fetch from"),
    ],
)
def test_what_is_asked_for_wrongly_is_refused(http: httpx.Client, body: dict[str, Any], told: str) -> None:
    found = http.post("/api/jobs", json=MODEL | body)
    assert found.status_code == 400
    assert told in found.json()["error"].lower()


def test_other_wrong_requests(http: httpx.Client) -> None:
    wrong = http.post("/api/jobs", json={"model": "no-such", "url": "http://127.0.0.1/x"})
    assert wrong.status_code == 404
    assert http.post("/api/jobs", content=b"{", headers={"content-type": "application/json"}).status_code == 400
    assert http.post("/api/jobs", content=b"[]", headers={"content-type": "application/json"}).status_code == 400
    assert http.post("/api/jobs", content=b"x").status_code == 400
    assert http.post("/api/jobs", files={"file": ("a", b"x" * 2**21)}, data=MODEL).status_code == 413
    assert http.get("/api/jobs", params={"after": "!"}).status_code == 400
    assert http.get("/api/jobs", params={"state": "sleeping"}).status_code == 400
    for path in ("/api/jobs/j_none", "/api/jobs/j_none/result", "/api/batches/b_none"):
        assert http.get(path).status_code == 404
    assert http.delete("/api/jobs/j_none").status_code == 404


def test_a_recording_is_fetched_from_an_address(http: httpx.Client) -> None:
    replies = {"/first": [Reply(302, headers={"location": "/talks/there.wav?token=1"})]}
    script = Script(replies | {"/talks/there.wav?token=1": [Reply(body=talk(2.0, peak=0.6))]})
    with scripted(script) as address:
        made = http.post("/api/jobs", json=MODEL | {"url": f"{address}/first"})
        assert made.status_code == 201, made.text
        found = ended(http, made.json()["id"])
    assert (found["state"], found["kind"], found["total_s"]) == ("done", "url", 3.0)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(404), "error_or_not_found"),
        (Reply(403), "bad_input"),
        (Reply(body=b"x", headers={"content-encoding": "gzip"}), "bad_input"),
        (Reply(body=b"x" * 2**21), "too_large"),
        (Reply(endless=True), "too_large"),
        (Reply(302, headers={"location": "http://169.254.169.254/latest/meta-data"}), "unsafe_source"),
        (Reply(302, headers={"location": "file:///etc/passwd"}), "bad_input"),
        (Reply(302, headers={"location": "/x"}), "bad_input"),
    ],
)
def test_addresses_that_mean_ill_fail_with_a_reason(http: httpx.Client, reply: Reply, code: str) -> None:
    with scripted(Script({"/x": [reply]})) as address:
        made = http.post("/api/jobs", json=MODEL | {"url": f"{address}/x"})
        found = ended(http, made.json()["id"])
    assert found["state"] == "failed"
    assert found["code"] == (code if code != "error_or_not_found" else "not_found")


def test_an_address_that_is_down_is_tried_again_later(http: httpx.Client) -> None:
    made = http.post("/api/jobs", json=MODEL | {"url": "http://127.0.0.1:9/x"}).json()
    until(lambda: http.get(f"/api/jobs/{made['id']}").json()["tries"] == 1)
    until(lambda: http.get(f"/api/jobs/{made['id']}").json()["state"] == "waiting")
    told = http.get(f"/api/jobs/{made['id']}").json()
    assert told["code"] == "unreachable"
    assert told["not_before_s"] > told["made_s"] + 4
    assert http.delete(f"/api/jobs/{made['id']}").json()["state"] == "cancelled"
