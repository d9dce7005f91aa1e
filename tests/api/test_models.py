"""Models over the API: what is here, what is fetched from a hub on loopback, and what is refused with what to do."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from earwitness import config
from earwitness.api.house import House
from earwitness.archive.viewer import HOUSE
from support import hub as double
from support import whisper
from support.hub import Hub
from support.server import housed, running

MICRO = "someone/whisper-micro"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with double.running(whisper.MODEL) as found:
        monkeypatch.setenv("HF_ENDPOINT", found.address)
        yield found


@pytest.fixture
def home(tmp_path: Path) -> config.Settings:
    return config.load(home=tmp_path / "home", preload=False, log_level="error")


@pytest.fixture
def house(hub: Hub, home: config.Settings) -> Iterator[tuple[httpx.Client, House]]:
    with housed(home) as (address, found), httpx.Client(base_url=address, timeout=60) as http:
        yield http, found


@pytest.fixture
def http(house: tuple[httpx.Client, House]) -> httpx.Client:
    return house[0]


def pull(http: httpx.Client, name: str = MICRO, **more: str) -> dict[str, Any]:
    found = http.post("/api/models/pull", json={"name": name, "to": "base", **more})
    assert found.status_code == 202, found.text
    return dict(found.json())


def errand(http: httpx.Client, ident: str) -> dict[str, Any]:
    return next(one for one in http.get("/api/models").json()["errands"] if one["id"] == ident)


def over(http: httpx.Client, ident: str) -> dict[str, Any]:
    """The errand once it is over."""
    deadline = time.monotonic() + 60
    while (found := errand(http, ident))["state"] in {"waiting", "running"}:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def model(http: httpx.Client, name: str) -> dict[str, Any]:
    return next(one for one in http.get("/api/models").json()["models"] if one["name"] == name)


def test_what_is_here_and_what_may_be_fetched(http: httpx.Client) -> None:
    told = http.get("/api/models").json()
    assert told["default"] == "moonshine-tiny-en"
    embedded = told["models"][0]
    assert (embedded["languages"], embedded["licence"]) == (["en"], "MIT")
    assert embedded["ways"][0]["engine"] == "moonshine"
    assert embedded["ways"][0]["speed"] is None, "nothing was measured"
    base = next(known for known in told["known"] if known["name"] == "whisper-base")
    assert (base["languages"], base["size"], base["here"]) == (99, 290_000_000, False)


# ── fetching ──
def test_a_model_is_fetched_and_everybody_is_told(house: tuple[httpx.Client, House], hub: Hub) -> None:
    http, found = house
    hub.tags = ["license:apache-2.0"]
    begun = pull(http)
    assert over(http, begun["id"])["state"] == "done"
    told = model(http, "whisper-micro")
    assert [form["format"] for form in told["forms"]] == ["base"]
    assert told["licence"] == "apache-2.0"
    assert told["forms"][0]["source"] == f"{hub.address}/{MICRO}"
    page = found.archive.events.after(HOUSE, 0, 100)
    kinds = [event.kind for event in page.events if event.topic == "models"]
    assert kinds == ["waiting", "running", "done"]


def test_what_comes_is_converted_for_the_engine_that_is_here(http: httpx.Client) -> None:
    best = http.get("/api/models").json()["read_as"][0]
    begun = http.post("/api/models/pull", json={"name": MICRO}).json()
    assert begun["to"] == best
    assert over(http, begun["id"])["state"] == "done"
    told = model(http, "whisper-micro")
    assert [form["format"] for form in told["forms"]] == [best, "base"]
    assert told["ways"][0]["model"].startswith(f"whisper-micro/{best}")


def test_the_same_wish_is_one_errand(http: httpx.Client, hub: Hub) -> None:
    hub.holds = threading.Event()
    first, second, other = pull(http), pull(http), pull(http, "someone/else")
    hub.holds.set()
    assert first["id"] == second["id"] != other["id"]


def test_a_fetch_that_is_stopped_goes_on_with_what_came_whole(
    http: httpx.Client, hub: Hub, home: config.Settings
) -> None:
    hub.holds = threading.Event()
    begun = pull(http)
    deadline = time.monotonic() + 60
    while not errand(http, begun["id"])["done"] > 100_000:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    seen = errand(http, begun["id"])
    assert (seen["state"], seen["step"]) == ("running", "fetching")
    assert seen["total"] == sum(map(len, hub.files.values()))
    assert http.delete(f"/api/models/errands/{begun['id']}").json()["state"] == "cancelled"
    hub.holds.set()
    hub.holds, hub.sent = None, {}
    assert over(http, pull(http)["id"])["state"] == "done"
    assert set(hub.sent) == {"model.safetensors"}
    assert sum(p.stat().st_size for p in home.models_folder.rglob("*.incomplete")) == 0


@pytest.mark.parametrize(
    ("gated", "away", "code", "said"),
    [
        (False, False, "not_found", "the hub has no someone/else"),
        (True, False, "hub_failed", "given only to those who accepted its terms"),
        (False, True, "hub_failed", "the hub can't be reached"),
    ],
    ids=["unknown", "gated", "no hub"],
)
def test_a_failed_fetch_says_why_and_what_to_do(
    http: httpx.Client, hub: Hub, monkeypatch: pytest.MonkeyPatch, gated: bool, away: bool, code: str, said: str
) -> None:
    hub.gated = gated
    if away:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
    found = over(http, pull(http, MICRO if gated or away else "someone/else")["id"])
    assert (found["state"], found["code"]) == ("failed", code)
    assert said in found["error"]
    assert found["remedy"].endswith(".")
    assert http.delete(f"/api/models/errands/{found['id']}").status_code == 200
    assert http.get("/api/models").json()["errands"] == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"name": "https://models.example/ggml-base.bin"}, "name of the hub, not an address"),
        ({"name": "some one/Whi sper!"}, "no name for a model"),
        ({"name": "../../etc"}, "no name for a model"),
        ({"name": "whisper-base", "to": "gguf"}, "to: "),
        ({"name": ""}, "name: "),
        ({"model": "whisper-base"}, "name: "),
    ],
)
def test_wishes_that_will_not_do_are_refused_at_once(http: httpx.Client, body: dict[str, str], said: str) -> None:
    found = http.post("/api/models/pull", json=body)
    assert found.status_code == 400, found.text
    assert said in found.json()["error"]
    assert http.get("/api/models").json()["errands"] == []


def test_a_stopping_server_ends_its_errands(hub: Hub, home: config.Settings) -> None:
    hub.holds = threading.Event()
    with running(home) as address, httpx.Client(base_url=address, timeout=60) as http:
        ident = pull(http)["id"]
        while errand(http, ident)["step"] != "fetching":
            time.sleep(0.05)
        began = time.monotonic()
    assert time.monotonic() - began < 20
    hub.holds.set()


# ── what is here ──
def test_a_model_is_measured_here(http: httpx.Client) -> None:
    begun = http.post("/api/models/bench", json={"name": "default"}).json()
    assert begun["name"] == "moonshine-tiny-en"
    assert over(http, begun["id"])["state"] == "done"
    way = model(http, "moonshine-tiny-en")["ways"][0]
    assert way["speed"] > 0
    assert way["memory"] > 0
    assert (way["agreement"], way["error"]) == (1.0, "")


def test_the_default_is_chosen_and_stays_over_a_restart(hub: Hub, home: config.Settings) -> None:
    with running(home) as address, httpx.Client(base_url=address, timeout=60) as http:
        over(http, pull(http)["id"])
        assert http.put("/api/models/default", json={"name": "whisper-nothing"}).status_code == 404
        assert http.put("/api/models/default", json={"name": "whisper-micro"}).json() == {"name": "whisper-micro"}
        assert http.delete("/api/models/whisper-micro").status_code == 409
    with running(home) as address, httpx.Client(base_url=address, timeout=60) as http:
        assert http.get("/api/models").json()["default"] == "whisper-micro"
        assert http.get("/models").json()["default"] == "whisper-micro/base"
        assert model(http, "moonshine-tiny-en")["aliases"] == []
        assert http.put("/api/models/default", json={"name": "moonshine-tiny-en"}).status_code == 200
        assert http.delete("/api/models/whisper-micro").json()["removed"] == ["whisper-micro/base"]
        assert [one["name"] for one in http.get("/api/models").json()["models"]] == ["moonshine-tiny-en"]


def test_a_default_of_the_settings_is_not_changed_here(tmp_path: Path) -> None:
    settings = config.load(home=tmp_path, preload=False, log_level="error", aliases={"default": "moonshine-tiny-en"})
    with running(settings) as address:
        found = httpx.put(f"{address}/api/models/default", json={"name": "moonshine-tiny-en"})
    assert found.status_code == 409
    assert "EARWITNESS_ALIASES" in found.json()["error"]


def test_a_model_leaves_memory_unless_it_is_in_use(house: tuple[httpx.Client, House]) -> None:
    http, found = house

    def unload() -> httpx.Response:
        return http.post("/api/models/unload", json={"name": "whisper-1"})

    assert unload().json() == {"unloaded": 0}
    with found.kit.lane("default"):
        assert model(http, "moonshine-tiny-en")["loaded"][0]["users"] == 1
        refused = unload()
        assert refused.status_code == 409
        assert "in use" in refused.json()["error"]
    assert unload().json() == {"unloaded": 1}
    assert model(http, "moonshine-tiny-en")["loaded"] == []


def test_what_comes_with_a_package_or_is_not_here_is_not_removed(http: httpx.Client) -> None:
    packed, unknown = http.delete("/api/models/whisper-1"), http.delete("/api/models/whisper-nothing")
    assert packed.status_code == 400
    assert "moonshine_voice" in packed.json()["error"]
    assert unknown.status_code == 404
