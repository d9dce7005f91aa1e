"""The edge: keys, names, request ids, and what is written down."""

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from openai import OpenAI
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from earwitness import config
from earwitness.cli.serve import bound
from support import sounds
from support.server import running

KEY = "a-key-of-this-server"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a key."""
    settings = config.load(home=tmp_path_factory.mktemp("locked"), api_key=KEY, log_level="error", preload=False)
    with running(settings) as address:
        yield address


def test_a_socket_that_is_refused_is_no_error_of_the_server(locked: str, caplog: pytest.LogCaptureFixture) -> None:
    for path in ("/ws", "/v1/listen?encoding=nothing", "/nowhere"):
        with pytest.raises(InvalidStatus) as refused, connect(locked.replace("http", "ws") + path):
            pass
        assert refused.value.response.status_code == 401
        assert refused.value.response.body, "the reason"
    with pytest.raises(InvalidStatus, match="400"):
        connect(
            f"{locked.replace('http', 'ws')}/v1/listen?redact=pci", additional_headers={"Authorization": f"Token {KEY}"}
        )
    assert not [r for r in caplog.records if r.name.startswith("uvicorn") and r.levelname == "ERROR"]


def test_an_answer_does_not_wait_for_the_one_before_to_be_acknowledged() -> None:
    """Without this, an answer on a connection that is used again came 40 ms late."""
    at_once = list[int]()

    async def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link: socket.socket = writer.get_extra_info("socket")
        at_once.append(link.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async def call() -> None:
        listener = bound("127.0.0.1", 0, "the port")
        async with await asyncio.start_server(accepted, sock=listener) as server:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            await reader.read()
            writer.close()
            server.close()

    asyncio.run(call())
    assert at_once == [1]


def test_the_right_key_opens(locked: str) -> None:
    with OpenAI(base_url=f"{locked}/v1", api_key=KEY, max_retries=0) as client:
        assert client.models.retrieve("whisper-1").id == "whisper-1"


@pytest.mark.parametrize("key", ["wrong", KEY[:-1], KEY + "x", KEY.upper(), "ключ".encode().decode("latin-1")])
def test_a_wrong_key_does_not(locked: str, key: str) -> None:
    found = httpx.get(f"{locked}/v1/models", headers=[(b"authorization", f"Bearer {key}".encode("latin-1"))])
    assert found.status_code == 401
    assert found.json()["error"]["code"] == "invalid_api_key"


def test_the_official_client_sees_the_right_class(locked: str) -> None:
    with OpenAI(base_url=f"{locked}/v1", api_key="wrong", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            client.audio.transcriptions.create(file=("a.wav", b"x"), model="whisper-1")
        assert caught.value.type == "authentication_error"


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/metrics", "/api/device-info", "/openapi.jsonx"])
def test_every_other_route_needs_the_key(locked: str, path: str) -> None:
    assert httpx.get(f"{locked}{path}").status_code == 401


@pytest.mark.parametrize("path", ["/livez", "/health", "/docs", "/openapi.json"])
def test_health_and_documents_do_not(locked: str, path: str) -> None:
    assert httpx.get(f"{locked}{path}").status_code in {200, 503}


def test_another_host_name_is_refused_without_a_key(server: str) -> None:
    for name in ("evil.example", "127.0.0.1.evil.example", ""):
        found = httpx.get(f"{server}/v1/models", headers={"host": name})
        assert found.status_code == 401, name
    for name in ("localhost:1234", "LOCALHOST", "[::1]:80"):
        assert httpx.get(f"{server}/v1/models", headers={"host": name}).status_code == 200


def test_request_ids_are_echoed_or_made(server: str) -> None:
    assert httpx.get(f"{server}/livez", headers={"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
    made = [httpx.get(f"{server}/livez").headers["x-request-id"] for _ in range(2)]
    assert made[0] != made[1]
    hostile = httpx.get(f"{server}/livez", headers={"x-request-id": "a b\tc<script>"}).headers["x-request-id"]
    assert hostile.startswith("req_")


def test_wrong_methods_and_routes_are_told(server: str) -> None:
    wrong = httpx.get(f"{server}/v1/audio/transcriptions")
    assert wrong.status_code == 405
    assert wrong.headers["allow"] == "POST"
    assert wrong.json()["error"]["type"] == "invalid_request_error"
    assert httpx.get(f"{server}/v1/nothing").json()["error"]["code"] == "not_found"


def test_the_log_says_what_was_done_and_not_what_was_said(
    tmp_path: Path, sample: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = config.load(home=tmp_path, api_key=KEY, log_format="json", log_level="debug")
    with running(settings) as address:
        headers = {"authorization": f"Bearer {KEY}"}
        with sample.open("rb") as file:
            found = httpx.post(
                f"{address}/v1/audio/transcriptions?token=s3cret",
                files={"file": ("Diary of Anna.wav", file)},
                data={"model": "whisper-1", "prompt": "Rumpel"},
                headers=headers,
                timeout=60,
            )
        httpx.post(f"{address}/transcribe", content=sounds.wav(sounds.silence(0)), headers=headers)
    assert "hear me" in found.text
    log = capfd.readouterr().err
    lines = [json.loads(line) for line in log.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert [r["status"] for r in requests] == [200, 400]
    assert requests[0]["route"] == "/v1/audio/transcriptions"
    assert requests[0]["request"] == found.headers["x-request-id"]
    for secret in ("hear me", "Anna", "Rumpel", "s3cret", KEY):
        assert secret not in log
