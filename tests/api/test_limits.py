"""Limits: too large, too slow, no room on the disk, many at once, and a client that is killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import openai
import pytest
from openai import OpenAI

from earwitness import config
from earwitness.api import uploads
from support import sounds
from support.server import running

URL = "/v1/audio/transcriptions"


@contextmanager
def process(folder: Path, *, largest_file: int | None = None) -> Iterator[tuple[str, int]]:
    """A server process and its address; `largest_file` stands for a full disk."""

    env = {k: v for k, v in os.environ.items() if not k.startswith("EARWITNESS_")}
    env |= {"EARWITNESS_HOME": str(folder), "EARWITNESS_LOG_FORMAT": "json"}
    command = [sys.executable, "-m", "earwitness", "serve", "--port", "0"]
    if largest_file is not None:
        command = ["bash", "-c", f'ulimit -f {largest_file // 1024}; exec "$@"', "-", *command]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            address = server.stderr.readline().split()[3]
            while '"started"' not in server.stderr.readline():
                assert server.poll() is None, "the server ended while it started"
            yield address, server.pid
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=30)


def test_an_upload_over_the_limit_is_refused(tmp_path: Path) -> None:
    settings = config.load(home=tmp_path, max_upload_mb=1, preload=False, log_level="error")
    with running(settings) as address:
        with OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
            with pytest.raises(openai.APIStatusError) as caught:
                client.audio.transcriptions.create(file=("a.wav", bytes(3 * 2**20)), model="whisper-1")
            assert caught.value.status_code == 413
            assert caught.value.code == "too_large"

        for megabytes in (2, 40):
            found = httpx.post(f"{address}/transcribe", content=(bytes(2**20) for _ in range(megabytes)))
            assert found.status_code == 413
        assert list(settings.scratch.glob("upload-*")) == []


def test_an_upload_that_stalls_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "STALL_S", 0.3)
    settings = config.load(home=tmp_path, preload=False, log_level="error")
    with running(settings) as address:
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as slow:
            slow.sendall(b"POST /transcribe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nRIFF")
            answer = slow.recv(4096)
        assert b" 400 " in answer.split(b"\r\n")[0]
        assert list(settings.scratch.glob("upload-*")) == []


def test_a_full_disk_is_told_and_survived(tmp_path: Path, sample: Path) -> None:
    small = sounds.wav(sounds.silence(1))
    with process(tmp_path, largest_file=500_000) as (address, _):
        with sample.open("rb") as file:
            found = httpx.post(address + URL, files={"file": file}, data={"model": "whisper-1"}, timeout=60)
        assert found.status_code == 507
        assert found.json()["error"]["code"] == "storage_failed"
        assert "EARWITNESS_HOME" in found.json()["error"]["message"]
        again = httpx.post(address + URL, files={"file": small}, data={"model": "whisper-1"}, timeout=60)
        assert again.status_code == 200
        assert list((tmp_path / "scratch").glob("upload-*")) == []


def test_a_killed_client_harms_nobody(tmp_path: Path, sample: Path) -> None:
    with process(tmp_path) as (address, _):
        files = f"files={{'file': open({str(sample)!r}, 'rb')}}"
        script = f"import httpx; httpx.post({address + URL!r}, {files}, data={{'model': 'whisper-1'}})"
        for _ in range(3):
            with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL) as client:
                time.sleep(0.7)
                client.kill()
        with sample.open("rb") as file:
            found = httpx.post(address + URL, files={"file": file}, data={"model": "whisper-1"}, timeout=60)
        assert "do you hear me" in found.json()["text"].lower()
        deadline = time.monotonic() + 20
        while list((tmp_path / "scratch").glob("upload-*")):
            assert time.monotonic() < deadline, "an upload was left behind"
            time.sleep(0.1)


def test_what_a_killed_server_left_is_cleared(tmp_path: Path) -> None:
    scratch = config.ensure_folder(tmp_path / "scratch")
    (scratch / "upload-left").write_bytes(b"x")
    with running(config.load(home=tmp_path, preload=False, log_level="error")):
        assert list(scratch.glob("upload-*")) == []


def test_many_at_once_all_get_their_own_words(server: str, sample: Path) -> None:
    from earwitness.audio import decode

    whole = decode.decode(sample).samples
    pieces = [whole[0:25_600], whole[60_800:131_200], whole[192_000:226_000], whole[232_000:256_000]]
    wanted = ["do you hear me", "so we have still that resource", "less heartily", "a good story"]

    def ask(number: int) -> str:
        piece = sounds.wav(pieces[number % 4])
        fields = {"model": "whisper-1", "prompt": str(number)}
        found = httpx.post(server + URL, files={"file": ("a.wav", piece)}, data=fields, timeout=60)
        return str(found.json()["text"])

    with ThreadPoolExecutor(12) as pool:
        texts = list(pool.map(ask, range(24)))
    for number, text in enumerate(texts):
        assert wanted[number % 4] in text.lower()
