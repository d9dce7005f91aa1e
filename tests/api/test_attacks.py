"""Ids, queries and names that mean ill, through every door, on SQLite and on PostgreSQL."""

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from earwitness import config
from earwitness.archive.account import By
from earwitness.archive.whole import Archive
from support import postgres, routes, said
from support.server import running
from support.voices import hearer

from .test_jobs import talk

PLANTED = "the-planted-secret"

IDS = (
    "../../planted", "..%2f..%2fplanted", "%2e%2e%2f%2e%2e%2fplanted", "....//....//planted", "..%5c..%5cplanted",
    "%2fetc%2fpasswd", "%00", "a%00b", "%ff%fe", "%ed%a0%80", "%0d%0aset-cookie:%20x=1", "x" * 300, "%20", "-1", "0",
    "9" * 40, "1e9", "nan", "'%20OR%201=1%20--", "%25", "_", "*", "%3Cscript%3E", "%7B%7B7*7%7D%7D", "CON", "~root",
)  # fmt: skip
VALUES = (
    "\0", "a\0b", "\udcff", "' OR '1'='1", "'; DROP TABLE segments; --", '"', "\\", "%", "_", "NEAR(a b)", "{tokens}:x",
    "a:b:*", "^x", "* * *", "(", "a & ! | <-> b", "$$", "nan", "inf", "-1", "1e400", "9" * 300, "0x10", "true", "[]",
    "", "\u202e", "\x1b[2J", "{{7*7}}", "../../planted", "9e15:x", "MS4wIGo", "é" * 100,
)  # fmt: skip
NAMES = (
    "<img src=x onerror=alert(1)>", "a\0b", "\u202egpj.exe", "\x1b[2Jred", "a\r\nset-cookie: x=1", "𝕏" * 90,
    "x" * 20_000, "../../planted", "' OR 1=1 --", "{{7*7}}", "%s%n", "\ud83d", " ", "\u2028", 'a"b;c',
)  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def http(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server that lets it do everything; jobs stay where they are."""
    home: Path = tmp_path_factory.mktemp("attacked")
    (home / "planted").write_text(PLANTED)
    told: dict[str, Any] = {
        "home": home,
        "preload": False,
        "log_level": "error",
        "jobs_at_once": 0,
        "api_key": "sesame",
    }
    if request.param == "sqlite":
        yield from _client(config.load(**told))
        return
    with postgres.empty(request.getfixturevalue("postgresql")) as address:
        yield from _client(config.load(**told, database_url=address))


def _client(settings: config.Settings) -> Iterator[httpx.Client]:
    with closing(Archive(settings.archive, settings.kept)) as archive:
        archive.accounts.begin("Anna", "tall ships over quiet water", By())
        with archive.database.writing() as connection:
            ident = said.recording(connection, title="talk")
            said.speakers(connection, ident, [("S1", "Anna", None)])
            said.say(connection, ident, "The fire alarm", speaker="S1")
    key = {"authorization": "Bearer sesame"}
    with (
        running(settings, hearer(settings)) as address,
        httpx.Client(base_url=address, headers=key, timeout=60) as client,
    ):
        client.post("/api/jobs", files={"file": ("a.wav", talk(1.0))}, data={"model": "fake"}).raise_for_status()
        yield client


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    return routes.every(tmp_path_factory.mktemp("rows"))


def harmless(found: httpx.Response, told: str) -> None:
    assert found.status_code < 500 or found.status_code in {501, 503}, f"{told}: {found.status_code} {found.text[:300]}"
    assert PLANTED not in found.text, told
    assert "root:" not in found.text, told
    planted = [cookie for cookie in found.headers.get_list("set-cookie") if "x=1" in cookie]
    assert not planted, told
    assert found.headers.get("content-type", "json").partition(";")[0] != "text/html" or "<img" not in found.text, told


def test_ids_that_lead_elsewhere_lead_nowhere(http: httpx.Client, rows: list[tuple[str, str]]) -> None:
    asked = 0
    for method, template in rows:
        if "{" in template and method != "SOCKET" and template != "/app/{path:path}":  # the page answers to all
            for ident in IDS:
                path = routes.filled(template, {"": ident})
                found = routes.call(http, method, template, path)
                harmless(found, f"{method} {path}")
                assert found.status_code >= 400, f"{method} {path}"
                asked += 1
    assert asked > 500


def test_values_that_mean_ill_are_answered(http: httpx.Client) -> None:
    """In every parameter that a route has in its address, by the API's own document."""
    asked = 0
    for template, methods in http.get("/openapi.json").json()["paths"].items():
        for method, about in methods.items():
            names = [p["name"] for p in about.get("parameters", ()) if p["in"] == "query"]
            if template == "/api/events" or method == "delete":
                continue  # has no end; test_events.py asks it the same
            for name in names:
                for value in VALUES:
                    path = routes.filled(template, {"": "1"})
                    found = http.request(method, f"{path}?{name}={quote(value, errors='surrogateescape')}")
                    harmless(found, f"{method} {path} {name}={value!r}")
                    asked += 1
    assert asked > 500


def texts(body: Any) -> Iterator[str]:
    """All text in a JSON body."""
    if isinstance(body, str):
        yield body
    elif isinstance(body, dict | list):
        for inner in body.values() if isinstance(body, dict) else body:
            yield from texts(inner)


def named(http: httpx.Client, name: str) -> Iterator[httpx.Response]:
    """What is answered where somebody or something gets a name."""
    raw = json.dumps(name).encode()  # httpx refuses halves of characters
    recording = f"/api/recordings/{http.get('/api/recordings').json()['recordings'][0]['id']}"
    segment = f"/api/segments/{http.get(f'{recording}/segments').json()['segments'][0]['id']}"
    user = http.get("/api/users").json()["users"][0]["id"]
    plain = name.encode("utf-8", "replace").decode()
    tus = routes.TUS | {"upload-length": "1"}
    encoded = base64.b64encode(plain.encode()).decode()
    for method, path, body in (
        ("POST", "/api/jobs", b'{"model": "fake", "url": "https://93.184.215.14/a", "name": %s}'),
        ("POST", "/api/jobs", b'{"model": %s, "url": "https://93.184.215.14/a"}'),
        ("POST", "/api/jobs", b'{"model": "fake", "url": %s}'),
        ("POST", "/api/jobs", b'{"model": "fake", "upload": %s}'),
        ("POST", "/api/hooks", b'{"url": "https://93.184.215.14/", "name": %s}'),
        ("POST", "/api/hooks", b'{"url": "https://93.184.215.14/", "topics": [%s]}'),
        ("PATCH", recording, b'{"title": %s}'),
        ("PATCH", recording, b'{"speakers": {"S1": {"name": %s}}}'),
        ("PATCH", recording, b'{"speakers": {%s: {"name": "x"}}}'),
        ("PATCH", recording, b'{"speakers": {"S1": {"person": %s}}}'),
        ("PATCH", segment, b'{"revision": 99, "speaker": %s}'),
        ("POST", "/api/grants", b'{"user": "u_x", "verb": "view", "source": %s}'),
        ("POST", "/api/grants", b'{"user": %s, "verb": "view", "recording": "r_x"}'),
        ("POST", "/api/users", b'{"name": %s, "password": "tall ships over quiet water"}'),
        ("POST", "/api/keys", b'{"name": %s, "scopes": ["transcribe"], "user": "USER"}'),
        ("POST", "/api/keys", b'{"name": "k", "scopes": ["transcribe"], "sources": [%s], "user": "USER"}'),
        ("POST", "/api/speakers", b'{"name": %s, "audio": "eA=="}'),
        ("POST", "/api/speakers/merge", b'{"into": %s, "from": %s}'),
        ("POST", "/v1/realtime/client_secrets", b'{"session": {"type": %s}}'),
    ):
        content = body.replace(b"USER", user.encode()).replace(b"%s", raw)
        yield http.request(method, path, content=content, headers={"content-type": "application/json"})
    yield http.post("/api/jobs", files={"file": (plain, talk(1.0))}, data={"model": "fake"})
    yield http.post("/api/jobs", files={"file": ("a", talk(1.0))}, data={"model": "fake", "name": plain})
    yield http.post("/api/speakers", files={"file": ("a", talk(1.0))}, data={"name": plain})
    yield http.post("/api/uploads", headers=tus | {"upload-metadata": f"filename {encoded}"})
    yield http.post("/api/uploads", headers=tus | {"upload-metadata": f"{quote(plain[:50])} eA=="})


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:12]))
def test_names_are_kept_as_text_or_refused(http: httpx.Client, name: str) -> None:
    for number, found in enumerate(named(http, name)):
        harmless(found, f"{number}: {name[:40]!r}")
    http.delete(f"/api/users/{http.get('/api/users').json()['users'][-1]['id']}")
    for path in ("/api/jobs", "/api/hooks", "/api/recordings", "/api/keys?all=true", "/api/users", "/api/speakers"):
        found = http.get(path)
        assert found.headers["content-type"] == "application/json", path
        assert found.headers["x-content-type-options"] == "nosniff"
        assert all(text.isprintable() for text in texts(found.json())), (path, found.text)
