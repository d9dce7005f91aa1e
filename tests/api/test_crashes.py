"""A server whose engine crashes goes on serving; the client gets its text or a clear error."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from earwitness import config
from earwitness.audio import decode
from earwitness.kit import Kit
from earwitness.models.isolated.engine import Isolated
from support import awful, sounds
from support.server import running

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")
WAIT_S = 60.0


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    """A kit whose engine is the awful one, isolated."""
    (tmp_path / "installed").mkdir()
    awful.installed(tmp_path / "installed", monkeypatch)
    settings = config.load(home=tmp_path / "home", log_level="error", preload=False, isolate=("awful",), workers=2)
    with Kit(settings) as made:
        yield made


@pytest.fixture
def client(kit: Kit) -> Iterator[httpx.Client]:
    """A client of a server with that kit."""
    with running(kit.settings, kit) as address, httpx.Client(base_url=address, timeout=WAIT_S) as found:
        yield found


Ask = Callable[..., httpx.Response]


@pytest.fixture
def ask(client: httpx.Client, sample: Path) -> Ask:
    """Sends speech, and something to be done with it."""
    voice = sounds.wav(decode.decode(sample, to_s=3.0).samples)

    def ask(prompt: str = "") -> httpx.Response:
        form = {"model": "fake", "prompt": prompt, "language_gate": "off"}
        return client.post("/v1/audio/transcriptions", files={"file": voice}, data=form)

    return ask


def pid_of(kit: Kit) -> int:
    """The process of the engine."""
    with kit.lane("fake") as (_, lane):
        assert isinstance(lane._engine, Isolated)
        process = lane._engine._process._process
        assert process is not None
        return process.pid


def test_a_process_killed_in_mid_call_costs_the_client_nothing(ask: Ask, client: httpx.Client, kit: Kit) -> None:
    assert ask().status_code == 200
    first = pid_of(kit)
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(ask, "sleep:1.5")
        time.sleep(0.7)
        os.kill(first, signal.SIGKILL)
        found = answer.result(WAIT_S)
    assert found.status_code == 200
    assert str(pid_of(kit)) in found.json()["text"]
    assert 'earwitness_engine_crashes_total{engine="awful"} 1.0' in client.get("/metrics").text


def test_a_recording_that_kills_the_engine_is_told_so_and_others_are_served(ask: Ask, client: httpx.Client) -> None:
    with ThreadPoolExecutor(3) as threads:
        others = [threads.submit(ask, f"sleep:{0.1 * n}") for n in (1, 2)]
        crashed = ask("segv")
        assert [o.result(WAIT_S).status_code for o in others] == [200, 200]
    assert crashed.status_code == 500
    assert crashed.json()["error"]["code"] == "engine_failed"
    assert "SIGSEGV" in crashed.json()["error"]["message"]
    assert client.get("/livez").status_code == 200
    assert ask().status_code == 200


def test_noise_of_the_engine_reaches_no_client(ask: Ask) -> None:
    found = ask("noise")
    assert found.status_code == 200
    assert found.json()["text"]
    assert "noise" not in found.text
