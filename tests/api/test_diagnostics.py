"""What helps to find faults: the last lines of the log, and the bundle. Neither tells secrets or what was said."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from earwitness import config
from support.server import running

KEY = "a key that nobody else knows"


@pytest.fixture
def http(tmp_path: Path) -> Iterator[httpx.Client]:
    settings = config.load(
        home=tmp_path, api_key=KEY, log_level="info", engine_options={"remote": {"token": "s3cret-token"}}
    )
    headers = {"authorization": f"Bearer {KEY}"}
    with running(settings) as address, httpx.Client(base_url=address, headers=headers, timeout=120) as found:
        yield found


def _lines(http: httpx.Client, **query: str | int) -> list[dict[str, object]]:
    found = http.get("/api/system/logs", params=query)
    assert found.status_code == 200, found.text
    return list(found.json()["lines"])


def test_the_last_lines_of_the_log_by_level_and_by_number(http: httpx.Client) -> None:
    refused = http.get("/api/jobs/j_nothing", headers={"x-request-id": "mine-1"})
    assert refused.status_code == 404
    found = _lines(http)
    assert "started" in [line["event"] for line in found]
    assert found[-1]["request"] == "mine-1"
    assert found[-1]["facts"] == {
        "method": "GET", "route": "/api/jobs/{job}", "status": 404, "code": "not_found", "by": "house",
        "ms": found[-1]["facts"]["ms"],  # type: ignore[index]
    }  # fmt: skip
    newest = http.get("/api/system/logs").json()["newest"]
    assert newest == found[-1]["number"], "looking at the log writes nothing into it"
    http.get("/api/jobs")
    assert [line["facts"]["route"] for line in _lines(http, after=newest)] == ["/api/jobs"]  # type: ignore[index]
    assert all(line["level"] in {"warning", "error"} for line in _lines(http, level="warning"))
    assert http.get("/api/system/logs", params={"level": "loud"}).status_code == 400
    assert http.get("/api/system/logs", params={"after": -1}).status_code == 400


def test_the_code_of_the_setup_is_not_shown(tmp_path: Path) -> None:
    with running(config.load(home=tmp_path, preload=False, log_level="warning", host="127.0.0.1")) as address:
        text = httpx.get(f"{address}/api/system/logs").text
    assert "setup_code" not in text


def test_the_bundle_holds_what_helps_and_nothing_secret(http: httpx.Client, sample: Path) -> None:
    deadline = time.monotonic() + 60
    while http.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    form = {"file": ("Diary of Anna.wav", sample.read_bytes())}
    heard = http.post("/v1/audio/transcriptions", files=form, data={"model": "whisper-1", "prompt": "Rumpel"})
    assert "hear me" in heard.text
    found = http.get("/api/system/diagnostics")
    assert found.status_code == 200
    assert found.headers["content-disposition"].startswith('attachment; filename="earwitness-')
    with zipfile.ZipFile(io.BytesIO(found.content)) as held:
        files = {name: held.read(name).decode() for name in held.namelist()}
    assert set(files) == {
        "doctor.json", "versions.json", "settings.json", "logs.json", "history.json", "now.json", "metrics.txt",
    }  # fmt: skip
    settings = json.loads(files["settings.json"])
    assert (settings["api_key"], settings["database_url"], settings["seats"]) == ("(hidden)", None, 32)
    assert settings["engine_options"]["remote"]["token"] == "(hidden)"
    doctor = {line["about"]: line["state"] for line in json.loads(files["doctor.json"])}
    assert doctor["trial"] == "ok"
    assert "onnxruntime" in json.loads(files["versions.json"])["packages"]
    assert json.loads(files["now.json"])["loaded"][0]["plan"]["model"] == "moonshine-tiny-en"
    assert "earwitness_requests_total" in files["metrics.txt"]
    everything = "\n".join(files.values())
    for secret in (KEY, "s3cret-token", "hear me", "Anna", "Rumpel", str(Path.home()) + "/"):
        assert secret not in everything, secret


def test_how_the_server_fares_has_its_limits(http: httpx.Client) -> None:
    told = http.get("/api/system").json()
    assert told["recordings"] == {"used": 0, "limit": 32}
    assert told["models"]["used"] >= 0
    assert told["why_not_ready"] == "" or not told["ready"]
