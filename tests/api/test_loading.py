"""Models that take their time to load, what is loaded ahead, and what clients are told meanwhile."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typing_extensions import override

from earwitness import config
from earwitness.api import app, loads
from earwitness.api.house import House
from earwitness.errors import EngineFailed
from earwitness.kit import Kit
from earwitness.models.lane import Lane
from earwitness.types import Plan
from support import sounds
from support.server import running

WAIT_S = 20.0
DAY_S = 86_400.0


class Slow(Kit):
    """A kit whose loads wait until they are let go, or break."""

    def __init__(self, settings: config.Settings) -> None:
        self.go = threading.Event()
        self.breaks = False
        super().__init__(settings, warm=True)

    @override
    def load(self, plan: Plan) -> Lane:
        assert self.go.wait(WAIT_S)
        if self.breaks:
            raise EngineFailed("it broke at last")
        return super().load(plan)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    """A slow kit, and requests that wait for a moment only."""
    monkeypatch.setattr(loads, "PATIENCE_S", 0.2)
    made = Slow(config.load(home=tmp_path, log_level="error", preload=False))
    yield made
    made.go.set()


@pytest.fixture
def slow(own: Slow) -> Iterator[httpx.Client]:
    """A client of a server with that kit."""
    with running(own.settings, own) as address, httpx.Client(base_url=address, timeout=WAIT_S) as client:
        yield client
        own.go.set()


def ask(client: httpx.Client, model: str = "fake") -> httpx.Response:
    """A request for a short tone."""
    return client.post(f"/transcribe/{model}", content=sounds.wav(sounds.tone(0.5)))


def patiently(client: httpx.Client) -> httpx.Response:
    """The answer of a client that comes back as often as it is told to."""
    deadline = time.monotonic() + WAIT_S
    while (found := ask(client)).status_code == 503:
        assert time.monotonic() < deadline
    return found


def until_loaded(client: httpx.Client) -> None:
    """Wait for the end of a load."""
    deadline = time.monotonic() + WAIT_S
    while client.get("/api/device-info").json()["loading"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_who_waits_too_long_for_a_model_is_told_when_to_come_back(slow: httpx.Client, own: Slow) -> None:
    first, second = ask(slow), ask(slow)
    assert [first.status_code, second.status_code] == [503, 503]
    assert first.json()["code"] == "busy"
    assert "fake is loading" in first.json()["error"].lower()
    assert int(first.headers["retry-after"]) >= 1
    shown = slow.get("/api/device-info").json()
    assert [(load["model"], load["expected_s"]) for load in shown["loading"]] == [("fake", None)]
    assert shown["loading"][0]["elapsed_s"] >= 0.2
    assert slow.get("/livez").status_code == 200
    own.go.set()
    until_loaded(slow)
    assert patiently(slow).status_code == 200


def test_models_tell_how_long_they_have_been_loading(slow: httpx.Client, own: Slow) -> None:
    ask(slow, "default")
    first = slow.get("/models").json()["models"][0]
    assert (first["loaded"], first["loading_s"] > 0) == (False, True)
    own.go.set()
    until_loaded(slow)
    first = slow.get("/models").json()["models"][0]
    assert (first["loaded"], first["loading_s"]) == (True, None)


def test_a_load_that_fails_when_nobody_waits_is_told_to_who_comes_back_and_then_tried_again(
    slow: httpx.Client, own: Slow
) -> None:
    own.breaks = True
    assert ask(slow).status_code == 503
    own.go.set()
    until_loaded(slow)
    own.breaks = False
    told = ask(slow)
    assert told.status_code == 500
    assert "it broke at last" in told.json()["error"].lower()
    assert patiently(slow).status_code == 200


def test_unknown_models_are_not_waited_for(slow: httpx.Client) -> None:
    assert ask(slow, "no-such-model").status_code == 404


def test_the_server_is_ready_when_all_that_it_should_load_is_there(tmp_path: Path) -> None:
    settings = config.load(home=tmp_path, log_level="error", preload=("default", "fake"))
    with running(settings) as address:
        deadline = time.monotonic() + WAIT_S
        while httpx.get(f"{address}/readyz").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        found = httpx.get(f"{address}/api/device-info").json()
        metrics = httpx.get(f"{address}/metrics").text
    assert {place["model"] for place in found["loaded"]} == {"moonshine-tiny-en", "fake"}
    assert found["loaded"][0]["size"] > 40e6
    assert found["loaded"][0]["load_s"] > 0
    assert found["model_memory"] < found["memory"]
    assert 'earwitness_loads_total{model="moonshine-tiny-en"} 1.0' in metrics
    assert 'earwitness_load_seconds_total{model="moonshine-tiny-en"}' in metrics


def test_a_model_that_can_not_be_loaded_at_the_start_is_why_the_server_is_not_ready(tmp_path: Path) -> None:
    settings = config.load(home=tmp_path, log_level="error", preload=("whisper-9",))
    with running(settings) as address:
        deadline = time.monotonic() + WAIT_S
        while "whisper-9" not in (found := httpx.get(f"{address}/readyz")).text:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert found.status_code == 503


def test_a_model_over_the_limit_is_refused_and_others_go_on(tmp_path: Path) -> None:
    settings = config.load(home=tmp_path, log_level="error", preload=False, model_memory_mb=1)
    with running(settings) as address, httpx.Client(base_url=address) as client:
        refused = ask(client, "default")
        assert (refused.status_code, refused.json()["code"]) == (507, "too_little_memory")
        assert "EARWITNESS_MODEL_MEMORY_MB" in refused.json()["error"]
        assert patiently(client).status_code == 200


# ── what is usually wanted ──
@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """A house whose server does not run."""
    made = app.create(config.load(home=tmp_path, log_level="error", unload_after_s=1e-9))
    found = made.state.house
    assert isinstance(found, House)
    yield found
    found.kit.close()


def loaded(home: House) -> set[str]:
    """Names of the loaded models."""
    return {place.plan.model for place in home.kit.pool.loaded()}


def test_what_is_usually_wanted_now_is_loaded_and_kept(home: House) -> None:
    for days in (2, 1):
        home.uses.note("fake", time.time() - days * DAY_S)
    home.kit.can("default")
    home.tidy()
    assert loaded(home) == {"fake"}, "nobody uses the default model, and it has been idle long enough"
    home.tidy()
    assert loaded(home) == {"fake"}
    assert (home.settings.home / "usage.json").is_file()


def test_nothing_is_loaded_by_use_where_it_is_not_wanted(tmp_path: Path) -> None:
    settings = config.load(home=tmp_path, log_level="error", preload_by_use=False)
    home: House = app.create(settings).state.house
    for days in (2, 1):
        home.uses.note("fake", time.time() - days * DAY_S)
    home.tidy()
    assert loaded(home) == set()
    assert not (tmp_path / "usage.json").exists()
    home.kit.close()


def test_a_model_that_is_gone_does_no_harm_and_is_left_alone_for_a_while(home: House) -> None:
    for days in (2, 1):
        home.uses.note("gone", time.time() - days * DAY_S)
    home.tidy()
    first_s = home.missed["gone"]
    home.tidy()
    assert home.missed == {"gone": first_s}
    assert loaded(home) == set()


def test_requests_are_noted_with_their_hour_and_nothing_else(tmp_path: Path) -> None:
    settings = config.load(home=tmp_path, log_level="error", preload=False)
    with running(settings) as address, httpx.Client(base_url=address) as client:
        patiently(client)
    kept = (tmp_path / "usage.json").read_text()
    assert kept.count("fake") == 1
    assert len(kept) < 120
