"""Uploads that can be resumed, by the client that tus itself has for Python, and by hand."""

import base64
import hashlib
import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

from earwitness import config
from earwitness.api.uploading import KEEP_S
from support.clocks import Later
from support.faults import until
from support.server import running
from support.voices import hearer

from .test_jobs import talk

SPEAKS = {"tus-resumable": "1.0.0"}
PIECE = SPEAKS | {"content-type": "application/offset+octet-stream"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("arriving")


@pytest.fixture(scope="module")
def http(home: Path) -> Iterator[httpx.Client]:
    settings = config.load(home=home, log_level="error", preload=False, max_upload_mb=1.0)
    with running(settings, hearer(settings)) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


def begun(http: httpx.Client, size: int, **headers: str) -> str:
    found = http.post("/api/uploads", headers=SPEAKS | {"upload-length": str(size)} | headers)
    assert found.status_code == 201, found.text
    return found.headers["location"]


@pytest.mark.parametrize("checksums", [False, True])
def test_a_tus_client_uploads_is_interrupted_and_goes_on(http: httpx.Client, checksums: bool) -> None:
    content = talk(3.0, peak=0.7 if checksums else 0.8)
    client = TusClient(f"{http.base_url}/api/uploads")
    first = client.uploader(
        file_stream=io.BytesIO(content),
        chunk_size=30_000,
        metadata={"filename": "über.wav"},
        upload_checksum=checksums,
    )
    first.upload(stop_at=60_000)
    url = str(first.url)
    again = client.uploader(file_stream=io.BytesIO(content), chunk_size=30_000, url=url, upload_checksum=checksums)
    assert again.offset == 60_000
    assert http.post("/api/jobs", json={"model": "fake", "upload": url.rpartition("/")[2]}).status_code == 409
    again.upload()
    made = http.post("/api/jobs", json={"model": "fake", "upload": url.rpartition("/")[2]})
    assert made.status_code == 201, made.text
    assert made.json()["name"] == "über.wav"
    until(lambda: http.get(f"/api/jobs/{made.json()['id']}").json()["state"] == "done")
    assert http.head(url, headers=SPEAKS).status_code == 404
    with pytest.raises(TusCommunicationError):
        client.uploader(file_stream=io.BytesIO(b"x" * 2**21)).upload()


def test_what_a_client_may_ask(http: httpx.Client) -> None:
    told = http.options("/api/uploads").headers
    assert (told["tus-version"], told["tus-max-size"]) == ("1.0.0", str(2**20))
    assert "checksum" in told["tus-extension"]
    assert "sha1" in told["tus-checksum-algorithm"]


def test_pieces_come_where_the_upload_is_and_nowhere_else(http: httpx.Client, home: Path) -> None:
    url = begun(http, 10)
    assert http.head(url, headers=SPEAKS).headers["upload-offset"] == "0"
    one = http.patch(url, headers=PIECE | {"upload-offset": "0"}, content=b"12345")
    assert (one.status_code, one.headers["upload-offset"]) == (204, "5")
    assert one.headers["upload-expires"].endswith("GMT")
    assert http.patch(url, headers=PIECE | {"upload-offset": "0"}, content=b"1").status_code == 409
    assert http.patch(url, headers=PIECE | {"upload-offset": "5"}, content=b"123456").status_code == 413
    assert http.patch(url, headers=SPEAKS | {"upload-offset": "5"}, content=b"1").status_code == 415
    assert http.patch(url, headers=PIECE | {"upload-offset": "x"}, content=b"1").status_code == 400
    assert http.patch(url, headers=PIECE, content=b"1").status_code == 400
    plain = {k: v for k, v in PIECE.items() if k != "tus-resumable"}
    other = http.patch(url, headers=plain | {"upload-offset": "5"}, content=b"1")
    assert (other.status_code, other.headers["tus-version"]) == (412, "1.0.0")
    assert http.head(url, headers=SPEAKS).headers["upload-offset"] == "5"
    assert http.delete(url, headers=SPEAKS).status_code == 204
    assert http.head(url, headers=SPEAKS).status_code == 404
    assert http.patch(url, headers=PIECE | {"upload-offset": "5"}, content=b"1").status_code == 404


def test_a_piece_that_was_bent_on_its_way_is_not_taken(http: httpx.Client, home: Path) -> None:
    url = begun(http, 4)
    right = base64.b64encode(hashlib.sha256(b"good").digest()).decode()
    headers = PIECE | {"upload-offset": "0", "upload-checksum": f"sha256 {right}"}
    assert http.patch(url, headers=headers, content=b"evil").status_code == 460
    assert http.head(url, headers=SPEAKS).headers["upload-offset"] == "0"
    assert http.patch(url, headers=headers | {"upload-checksum": "crc32 AA=="}, content=b"good").status_code == 400
    assert http.patch(url, headers=headers | {"upload-checksum": "sha1 !"}, content=b"good").status_code == 400
    assert http.patch(url, headers=headers, content=b"good").status_code == 204
    assert list((home / "archive" / "arriving").glob("*.piece")) == []


def test_creation_with_upload_and_wrong_beginnings(http: httpx.Client) -> None:
    whole = http.post("/api/uploads", headers=PIECE | {"upload-length": "3"}, content=b"abc")
    assert (whole.status_code, whole.headers["upload-offset"]) == (201, "3")
    wrong: tuple[tuple[dict[str, Any], int], ...] = (
        ({}, 400),
        ({"upload-length": "-1"}, 400),
        ({"upload-length": "1e3"}, 400),
        ({"upload-length": str(2**21)}, 413),
        ({"upload-length": "5", "upload-metadata": "filename !"}, 400),
        ({"upload-length": "5", "upload-metadata": "f" * 5000}, 400),
        ({"upload-length": "5", "tus-resumable": "0.2.2"}, 412),
    )
    for headers, status in wrong:
        assert http.post("/api/uploads", headers=SPEAKS | headers).status_code == status, headers


def test_what_nobody_goes_on_with_leaves_while_the_server_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, go_on = Later(), threading.Event()
    monkeypatch.setattr("earwitness.api.app.EXPIRE_S", 0.1)
    for room in ("api.uploading", "archive.uploads"):
        monkeypatch.setattr(f"earwitness.{room}.time", clock)
    settings = config.load(home=tmp_path, log_level="error", preload=False)
    folder = tmp_path / "archive" / "arriving"

    def crawls() -> Iterator[bytes]:
        """Comes for longer than an upload waits."""
        yield b"x"
        assert go_on.wait(60)
        yield b"x"

    with (
        running(settings, hearer(settings)) as address,
        httpx.Client(base_url=address, timeout=60) as http,
        ThreadPoolExecutor(1) as pool,
    ):
        left, busy, slow = begun(http, 3), begun(http, 30), begun(http, 100)
        (folder / "u_gone.piece").touch()  # of a server that was killed
        came = pool.submit(http.patch, slow, headers=PIECE | {"upload-offset": "0"}, content=crawls())
        until(lambda: http.head(slow, headers=SPEAKS).headers["upload-offset"] == "1")
        clock.by_s = KEEP_S - 60.0
        found = http.patch(busy, headers=PIECE | {"upload-offset": "0"}, content=b"x")
        expires_s = parsedate_to_datetime(found.headers["upload-expires"]).timestamp()
        assert expires_s == pytest.approx(clock.time() + KEEP_S, abs=60.0)
        clock.by_s = KEEP_S + 60.0
        until(lambda: http.head(left, headers=SPEAKS).status_code == 404)
        until(lambda: {p.name for p in folder.iterdir()} == {url.rpartition("/")[2] for url in (busy, slow)})
        assert http.head(busy, headers=SPEAKS).headers["upload-expires"] == found.headers["upload-expires"]
        go_on.set()
        assert came.result().headers["upload-offset"] == "2"
        clock.by_s = 3 * KEEP_S
        until(lambda: not list(folder.iterdir()))
        assert http.head(slow, headers=SPEAKS).status_code == 404


def test_what_came_before_a_connection_broke_is_kept(http: httpx.Client) -> None:
    url = begun(http, 100_000)

    def came() -> str:
        return httpx.head(f"{http.base_url}{url}", headers=SPEAKS).headers["upload-offset"]

    def breaks() -> Iterator[bytes]:
        yield b"x" * 40_000
        until(lambda: came() == "40000")
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        http.patch(url, headers=PIECE | {"upload-offset": "0"}, content=breaks())
    assert came() == "40000"
    until(lambda: http.delete(url, headers=SPEAKS).status_code == 204)
