"""Hooks: what they are told, signed as Standard Webhooks verifies it, tried again, given up, and guarded."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from earwitness import config
from earwitness.archive import hooks as rules
from support.clocks import Later
from support.faults import until
from support.posted import Heard, listening
from support.server import running
from support.voices import hearer

from .test_jobs import MODEL, talk


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    home = tmp_path_factory.mktemp("hooked")
    settings = config.load(home=home, log_level="error", preload=False, allow_private_urls=True)
    with running(settings, hearer(settings)) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.fixture
def heard() -> Iterator[Heard]:
    with listening() as found:
        yield found


@pytest.fixture
def hook(http: httpx.Client, heard: Heard) -> Iterator[dict[str, Any]]:
    made = http.post("/api/hooks", json={"url": heard.address, "name": "mine"})
    assert made.status_code == 201, made.text
    yield made.json()
    http.delete(f"/api/hooks/{made.json()['id']}")


def sent(http: httpx.Client, hook: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = http.get(f"/api/hooks/{hook['id']}/deliveries").json()
    return found


def test_a_job_that_is_done_is_told_and_the_signature_is_right(
    http: httpx.Client, heard: Heard, hook: dict[str, Any]
) -> None:
    job = http.post("/api/jobs", files={"file": ("a.wav", talk(1.2))}, data=MODEL).json()
    until(lambda: len(heard.came) == 1)
    body, headers = heard.came[0]
    told = Webhook(hook["secret"]).verify(body, headers)
    assert (told["type"], told["data"]["id"], told["data"]["state"]) == ("job.done", job["id"], "done")
    assert told["timestamp"].startswith("20")
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(hook["secret"]).verify(body + b" ", headers)
    until(lambda: sent(http, hook)[0]["state"] == "sent")
    assert (sent(http, hook)[0]["status"], sent(http, hook)[0]["tries"]) == (200, 1)


def test_a_new_secret_signs_beside_the_one_before_for_a_while(
    http: httpx.Client, heard: Heard, hook: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"/api/hooks/{hook['id']}"
    secrets = [hook["secret"]]
    assert hook["earlier_until_s"] is None

    def signed() -> list[bool]:
        """Which secrets the next message can be verified with."""
        heard.came.clear()
        http.post(f"{url}/test")
        until(lambda: len(heard.came) == 1)
        body, headers = heard.came[0]
        return [fits(secret, body, headers) for secret in secrets]

    changed = http.post(f"{url}/secret").json()
    secrets.append(changed["secret"])
    assert changed["earlier_until_s"] - time.time() == pytest.approx(rules.GRACE_S, abs=60.0)
    assert http.get(url).json()["secret"] is None
    assert signed() == [True, True]
    assert len(heard.came[0][1]["webhook-signature"].split()) == 2
    secrets.append(http.post(f"{url}/secret", json={"grace_s": 3600}).json()["secret"])
    assert signed() == [True, True, True], "an answer may be lost on its way"
    monkeypatch.setattr("earwitness.archive.hooks.time", Later(7200.0))
    assert signed() == [True, False, True]
    monkeypatch.setattr("earwitness.archive.hooks.time", Later(rules.GRACE_S + 7200.0))
    assert signed() == [False, False, True]
    secrets.append(http.post(f"{url}/secret", json={"grace_s": 0}).json()["secret"])
    assert signed() == [False, False, False, True]
    for wrong in ({"grace_s": -1}, {"grace_s": rules.LONGEST_GRACE_S + 1}, {"secret": "mine"}):
        assert http.post(f"{url}/secret", json=wrong).status_code == 400
    assert http.post("/api/hooks/h_none/secret").status_code == 404


def fits(secret: str, body: bytes, headers: dict[str, str]) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


def test_what_does_not_arrive_is_tried_later_and_given_up_where_nobody_is(
    http: httpx.Client, heard: Heard, hook: dict[str, Any]
) -> None:
    heard.status = 500
    http.post("/api/jobs", files={"file": ("a.wav", talk(1.3))}, data=MODEL)
    until(lambda: bool(sent(http, hook)) and sent(http, hook)[0]["status"] == 500)
    one = sent(http, hook)[0]
    assert (one["state"], one["tries"]) == ("waiting", 1)
    assert 4.0 < one["not_before_s"] - one["made_s"] < 60.0
    heard.status = 410
    until(lambda: sent(http, hook)[0]["state"] == "given_up")
    told = http.get(f"/api/hooks/{hook['id']}").json()
    assert (told["enabled"], told["why"]) == (False, "the other side answered 410")
    heard.status = 200
    again = http.patch(f"/api/hooks/{hook['id']}", json={"enabled": True}).json()
    assert (again["enabled"], again["why"]) == (True, None)


def test_a_hook_can_be_tried_and_a_redirect_is_no_arrival(
    http: httpx.Client, heard: Heard, hook: dict[str, Any]
) -> None:
    assert http.post(f"/api/hooks/{hook['id']}/test").status_code == 202
    until(lambda: sent(http, hook)[0]["state"] == "sent")
    assert json.loads(heard.came[0][0])["type"] == "hook.test"
    heard.status = 302
    http.post(f"/api/hooks/{hook['id']}/test")
    until(lambda: sent(http, hook)[0]["state"] == "given_up")
    assert sent(http, hook)[0]["status"] == 302
    assert http.get(f"/api/hooks/{hook['id']}").json()["enabled"]


def test_hooks_are_listed_changed_and_removed(http: httpx.Client, hook: dict[str, Any], heard: Heard) -> None:
    listed = http.get("/api/hooks").json()
    assert [h["id"] for h in listed] == [hook["id"]]
    assert listed[0]["secret"] is None
    assert listed[0]["topics"] == list(rules.TOPICS)
    new = http.patch(f"/api/hooks/{hook['id']}", json={"topics": ["batch.done"], "name": "other", "enabled": False})
    assert (new.json()["topics"], new.json()["name"], new.json()["enabled"]) == (["batch.done"], "other", False)
    assert http.delete(f"/api/hooks/{hook['id']}").status_code == 204
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test"), ("GET", "/deliveries")):
        found = http.request(method, f"/api/hooks/{hook['id']}{path}", json={} if method == "PATCH" else None)
        assert found.status_code == 404, (method, path)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/",
        "http://[fd00:ec2::254]/",
        "ftp://127.0.0.1/",
        "http://a:b@127.0.0.1/",
        "http://0/",
        "",
    ],
)
def test_an_address_that_may_not_be_told_anything_is_refused(http: httpx.Client, url: str) -> None:
    assert http.post("/api/hooks", json={"url": url}).status_code == 400


def test_a_topic_that_nobody_tells_of_is_refused(http: httpx.Client, heard: Heard) -> None:
    found = http.post("/api/hooks", json={"url": heard.address, "topics": ["job.dreamt"]})
    assert found.status_code == 400
    assert "job.dreamt" in found.json()["error"]


def test_this_machine_is_told_nothing_unless_that_is_allowed(tmp_path: Path, heard: Heard) -> None:
    settings = config.load(home=tmp_path, log_level="error", preload=False)
    with running(settings, hearer(settings)) as address:
        for url in (heard.address, heard.address.replace("127.0.0.1", "localhost"), "http://[::ffff:127.0.0.1]/"):
            assert httpx.post(f"{address}/api/hooks", json={"url": url}).status_code == 400
            assert httpx.post(f"{address}/api/jobs", json={"url": url}).status_code == 400
    assert heard.came == []
