"""Who comes in: every route of the application, with no login, with one that may see nothing, and with a stolen one."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import insert
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from earwitness import config
from earwitness.api.needs import NOT_UPLOADS, OPEN_DOORS, SEARCHES, TRANSCRIBING, opens, row_of, table
from earwitness.archive.account import SCOPES, By, User
from earwitness.archive.job import Order
from earwitness.archive.people import People
from earwitness.archive.schema.heard import RecordingRow, SegmentRow
from earwitness.archive.viewer import Viewer
from earwitness.archive.whole import Archive
from support import routes, sounds
from support.colours import heard
from support.server import running

PASSWORD = "tall ships over quiet water"
SECRET = "zanzibarberries"
"""What is said in a recording of somebody else, and what they and their things are called."""


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    return routes.every(tmp_path_factory.mktemp("rows"))


@dataclass(frozen=True)
class Place:
    """A server with accounts, and who has one."""

    address: str
    admin: User
    viewer: User
    admin_key: str
    viewer_key: str
    ids: Mapping[str, str]
    """Ids of the administrator's things, by the beginnings of the paths that lead to them."""
    recording: str = "r_secret"

    def client(self, key: str = "") -> httpx.Client:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.address, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One recording and one voice are there; the viewer may see neither."""
    home = tmp_path_factory.mktemp("accounts")
    settings = config.load(home=home, preload=False, log_level="error", jobs_at_once=0)
    archive, by = Archive(settings.archive, settings.kept), By()
    accounts = archive.accounts
    admin = accounts.begin(f"admin {SECRET}", PASSWORD, by)
    viewer = accounts.add("viewer", "viewer", PASSWORD, by)
    everything = accounts.keys.make(admin, "all", SCOPES, by)[1]
    little = accounts.keys.make(viewer, "own", ("transcribe", "archive:read", "archive:write", "sources:read"), by)[1]
    found = accounts.logins.of(accounts.logins.begin(admin, by, ""))
    assert found is not None
    recording = {
        "id": Place.recording, "kind": "file", "state": "whole", "title": SECRET, "owner_id": admin.id, "began_s": 1.0,
        "duration_s": 1.0, "about": {}, "kept": False, "made_s": 1.0, "changed_s": 1.0,
    }  # fmt: skip
    segment = {
        "recording_id": Place.recording, "number": 1, "said_s": 1.0, "start_s": 0.0, "end_s": 1.0, "text": SECRET,
        "tokens": SECRET, "words": [], "rest": {}, "revision": 0, "by_person": False,
    }  # fmt: skip
    archive.writer.write(lambda c: c.execute(insert(RecordingRow).values(recording)).rowcount)
    archive.writer.write(lambda c: c.execute(insert(SegmentRow).values(segment)).rowcount)
    ids = {"/api/logins/": found[1].id, "/api/keys/": everything.split("_")[1], "/api/users/": admin.id, "": "1"}
    ids |= {"/api/recordings/": Place.recording} | things(archive, Viewer(admin.id), settings.kept)
    archive.close()
    with running(settings) as address:
        yield Place(address, admin, viewer, everything, little, ids)


def things(archive: Archive, viewer: Viewer, folder: Path) -> dict[str, str]:
    """What somebody has beside recordings, a job of a batch, an upload, a hook, a voice, a grant, by secret names."""
    (job,) = archive.jobs.add(
        viewer, [Order(SECRET, {"model": SECRET}, batch="b_0", about={"url": f"http://x/{SECRET}"})]
    )
    upload = archive.uploads.add(viewer, SECRET, 10, {})
    (folder / "arriving").mkdir(parents=True)
    (folder / "arriving" / upload.id).write_text("x")
    hook = archive.hooks.add(viewer, f"https://93.184.215.14/{SECRET}", (), SECRET)
    person = People(archive.database).enrol(SECRET, [heard(1)])
    archive.accounts.grant(viewer.id, "view", By(), recording=Place.recording)
    return {
        "/api/jobs/": job.id, "/api/batches/": "b_0", "/api/uploads/": upload.id, "/api/hooks/": hook.id,
        "/api/speakers/": person.id,
    }  # fmt: skip


# ── the table ──
def test_every_route_is_in_the_table(rows: list[tuple[str, str]]) -> None:
    missing = [f"{m} {p}" for m, p in rows if not opens(p, m) and f"{m} {p}" not in table()]
    assert not missing, (
        f"no one but administrators may call {missing}: say in TABLE of api/needs.py what they need "
        "(a scope, `anybody` or `self`), or put them into OPEN there if they may be called without login and key"
    )
    assert len(rows) > 40
    assert set(table().values()) <= {*SCOPES, "anybody", "self"}


def test_every_path_is_found_in_its_own_row(rows: list[tuple[str, str]]) -> None:
    for method, template in rows:
        if not opens(template, method):
            assert row_of(method, re.sub(r"\{[^}]*\}", "u_0123", template)) == f"{method} {template}"


# ── walking all routes ──
def test_a_stranger_gets_nowhere(rows: list[tuple[str, str]], place: Place) -> None:
    with place.client() as http:
        for method, template in rows:
            if method == "SOCKET" or opens(template, method):
                continue
            found = routes.call(http, method, template, routes.filled(template, place.ids))
            assert found.status_code == 401, f"{method} {template}"
            assert SECRET not in found.text


@pytest.mark.parametrize(
    "offered", [(), ("token", "wrong"), ("bearer", "x"), ("earwitness-key.ew_00000000_" + "x" * 43,)]
)
def test_no_socket_opens_for_a_stranger(rows: list[tuple[str, str]], place: Place, offered: tuple[str, ...]) -> None:
    for path in (path for method, path in rows if method == "SOCKET"):
        with (
            pytest.raises(InvalidStatus) as caught,
            connect(
                place.address.replace("http", "ws") + path,
                subprotocols=[Subprotocol(o) for o in offered] or None,
                open_timeout=30,
            ),
        ):
            pass
        assert caught.value.response.status_code == 401, path


def test_who_may_see_nothing_sees_nothing_and_changes_nothing(rows: list[tuple[str, str]], place: Place) -> None:
    """With the ids of somebody else's things, on every route, by key and by cookie: they are not there."""
    before = everything(place)
    with place.client() as by_cookie, place.client(place.viewer_key) as by_key:
        assert by_cookie.post("/api/login", json={"name": "viewer", "password": PASSWORD}).status_code == 200
        for http in (by_key, by_cookie):
            for method, template in rows:
                if method == "SOCKET" or opens(template, method) or template in {"/api/logout", "/api/me"}:
                    continue
                if template == "/api/events":  # has no end; test_events.py asks it the same
                    continue
                check(http, method, template, place)
            theirs = {"model": "default", "upload": place.ids["/api/uploads/"]}
            assert http.post("/api/jobs", json=theirs).status_code == 404
            assert http.get("/api/jobs", params={"batch": "b_0"}).json() == {"jobs": [], "next": None, "states": {}}
            assert http.get("/api/transcripts", params={"q": f"recording:{place.recording}"}).json()["hits"] == []
            assert http.get("/api/analytics/talk-time").json() == {"speakers": []}
            assert http.get("/api/recordings").json()["recordings"] == []
    assert everything(place) == before


def check(http: httpx.Client, method: str, template: str, place: Place) -> None:
    """A route answers as if nothing were there, or says that it is for others."""
    asked = {"q": SECRET, "all": "false", "batch": "b_0"} if method == "GET" else {}
    found = routes.call(http, method, template, routes.filled(template, place.ids), **asked)
    told = f"{method} {template}: {found.status_code} {found.text[:200]}"
    assert SECRET not in found.text.replace(f"'{SECRET}'", ""), told
    assert place.admin.id not in found.text.replace(f"'{place.admin.id}'", ""), told
    assert found.status_code < 500 or found.status_code in {501, 503}, told
    if table()[f"{method} {template}"] in {"admin", "metrics", "people:read", "people:write"}:
        assert found.status_code == 403, told
    elif "{" in template and place.ids[""] not in routes.filled(template, place.ids):
        nothing = routes.call(http, method, template, routes.filled(template, dict.fromkeys(place.ids, "x_0")))
        assert (found.status_code, nothing.status_code) in {(404, 404), (403, 403)}, told
        body = found.json()["error"] if method != "HEAD" else ""
        assert re.sub(r"'[^']*'", "", str(body)) == re.sub(r"'[^']*'", "", str(nothing.json()["error"] if body else ""))


def everything(place: Place) -> list[Any]:
    """What the administrator has, in so far as somebody might change it."""
    mine = [start + place.ids[start] for start in ("/api/jobs/", "/api/batches/", "/api/hooks/", "/api/speakers/")]
    recording = f"/api/recordings/{place.recording}"
    with place.client(place.admin_key) as http:
        upload = http.head(f"/api/uploads/{place.ids['/api/uploads/']}", headers=routes.TUS)
        found = [http.get(p) for p in (*mine, recording, f"{recording}/segments", "/api/grants?all=true")]
        users = [(user["name"], user["role"]) for user in http.get("/api/users").json()["users"]]
        assert len(http.get("/api/keys?all=true").json()["keys"]) == 2
        assert place.ids["/api/logins/"] in str(http.get("/api/logins?all=true").json())
    assert all(answer.is_success for answer in found)
    return [upload.headers["upload-offset"], users, *(answer.json() for answer in found)]


def test_a_key_does_what_it_is_for_and_no_more(place: Place, sample: Path) -> None:
    with place.client(place.admin_key) as http:
        made = http.post("/api/keys", json={"name": "only people", "scopes": ["people:read"]}).json()
        assert http.get("/metrics").status_code == 200
    with place.client(made["key"]) as http:
        assert http.get("/api/speakers").status_code == 200
        for method, path in (
            ("GET", "/v1/models"),
            ("POST", "/api/speakers"),
            ("GET", "/metrics"),
            ("GET", "/api/users"),
        ):
            found = http.request(method, path)
            assert found.status_code == 403, path
        assert http.get("/v1/models").json()["error"]["type"] == "permission_error"
        assert http.post("/api/keys", json={"name": "more", "scopes": ["people:read"]}).status_code == 403
        assert http.get("/api/me").json()["scopes"] == ["people:read"]
    with place.client(place.admin_key) as http:
        assert http.delete(f"/api/keys/{made['card']['id']}").status_code == 200
    with place.client(made["key"]) as http:
        assert http.get("/api/speakers").status_code == 401


def test_a_key_opens_every_door(rows: list[tuple[str, str]], place: Place) -> None:
    """Whatever else a door says to nothing, or to what is not there."""
    key = {"authorization": f"Bearer {place.admin_key}"}
    with place.client(place.admin_key) as http:
        for method, template in rows:
            path = routes.filled(template, {"": "x_0"})
            if method == "SOCKET":
                status = 101
                try:
                    with connect(place.address.replace("http", "ws") + path, additional_headers=key):
                        pass
                except InvalidStatus as refused:
                    status = refused.response.status_code
                assert status not in {401, 403}, path
            elif not opens(template, method) and template != "/api/logout":
                with http.stream(method, path, headers=routes.TUS, json={} if method == "POST" else None) as found:
                    assert found.status_code not in {401, 403}, f"{method} {path}"


@pytest.mark.parametrize(
    "header", ["Authorization: Bearer", "Authorization: Token", "authorization: bearer", "X-API-Key:"]
)
def test_a_key_comes_by_every_way(place: Place, header: str) -> None:
    name, _, scheme = header.partition(":")
    value = f"{scheme.strip()} {place.viewer_key}".strip()
    assert httpx.get(f"{place.address}/v1/models", headers={name: value}).status_code == 200
    assert httpx.get(f"{place.address}/v1/models", headers={name: value + "x"}).status_code == 401
    assert httpx.get(f"{place.address}/v1/models?token={place.viewer_key}").status_code == 401


def test_the_log_says_who_may_not(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    settings = config.load(home=tmp_path, preload=False, log_format="json")
    archive, by = Archive(settings.archive, settings.kept), By()
    user = archive.accounts.begin("Anna", PASSWORD, by)
    key, whole = archive.accounts.keys.make(user, "k", ("metrics",), by)
    archive.close()
    with running(settings) as address:
        for path in ("/v1/models", "/metrics"):
            httpx.get(f"{address}{path}", headers={"x-api-key": whole})
        httpx.get(f"{address}/v1/models")
    log = capfd.readouterr().err
    lines = [line for line in map(json.loads, log.splitlines()) if line["event"] == "request"]
    assert [(line["status"], line["by"]) for line in lines] == [(403, key.id), (401, "stranger")]
    assert whole.split("_", 2)[2] not in log


def test_a_live_session_is_its_owners(place: Place) -> None:
    quiet = bytes(6400)
    with place.client(place.viewer_key) as mine, place.client(place.admin_key) as admin:
        other = admin.post("/api/keys", json={"name": "b", "scopes": ["transcribe"]}).json()["key"]
        began = mine.post("/api/process-chunk?drafts=false", content=quiet)
        assert began.status_code == 200, began.text
        ident = began.json()["session"]
        again = f"/api/process-chunk?session={ident}&drafts=false"
        assert mine.post(again, content=quiet).status_code == 200
        theirs = admin.post("/api/process-chunk?drafts=false", content=quiet).json()["session"]
        hers = mine.post(f"/api/process-chunk?session={theirs}&drafts=false", content=quiet)
        nobody = mine.post(f"/api/process-chunk?session={'0' * 32}&drafts=false", content=quiet)
        assert (hers.status_code, hers.json()) == (nobody.status_code, nobody.json())
        assert hers.status_code == 404
        with place.client(other) as key:
            assert key.post(again, content=quiet).status_code == 200  # an administrator's: it sees everything
        for client, one in ((mine, ident), (admin, theirs)):
            assert client.post(f"/api/process-chunk?session={one}&end=true", content=b"").json()["over"]
        over = mine.post(f"/api/process-chunk?session={theirs}", content=b"")
        assert over.status_code == 404


def test_audio_is_charged_to_the_key(place: Place, sample: Path) -> None:
    with place.client(place.admin_key) as http:
        told = {"name": "little", "scopes": ["transcribe", "archive:write"], "audio_seconds_per_day": 1}
        key = http.post("/api/keys", json=told).json()["key"]
    files = {"file": ("a.wav", sounds.wav(sounds.silence(1.5)))}
    with place.client(key) as http:
        first = http.post("/v1/audio/transcriptions", files=files, data={"model": "whisper-1"})
        assert first.status_code == 200
        second = http.post("/v1/audio/transcriptions", files=files, data={"model": "whisper-1"})
        while second.status_code == 200:  # it is counted soon, not at once
            second = http.post("/v1/audio/transcriptions", files=files, data={"model": "whisper-1"})
        assert second.status_code == 429
        assert second.json()["error"]["type"] == "rate_limit_error"
        assert 0 < int(second.headers["retry-after"]) <= 86_400
        deepgram = http.post(
            "/v1/listen", content=sounds.wav(sounds.silence(1.0)), headers={"content-type": "audio/wav"}
        )
        assert deepgram.status_code == 429
        assert deepgram.json()["code"] == "too_many_requests"
        assert http.get("/v1/models").status_code == 200
        assert http.post(f"/api/recordings/{Place.recording}/transcribe").status_code == 429
        with (
            pytest.raises(InvalidStatus) as caught,
            connect(f"{place.address.replace('http', 'ws')}/ws", additional_headers={"authorization": f"Bearer {key}"}),
        ):
            pass
        assert caught.value.response.status_code == 429


def test_searches_are_searches() -> None:
    assert {*SEARCHES, *NOT_UPLOADS, *TRANSCRIBING} <= set(table())
    assert row_of("HEAD", "/v1/models") == "GET /v1/models"
    assert row_of("HEAD", "/api/uploads/a") == "HEAD /api/uploads/{upload}"
    assert row_of("HEAD", "/nothing") is None


def test_open_doors_are_few() -> None:
    assert OPEN_DOORS == ("/api/setup", "/api/login", "/api/login/oidc", "/api/login/oidc/callback")
    for path in (
        "/api/setups",
        "/api/login/x",
        "/api/login/oidc/x",
        "/api/login/oidc/callback/x",
        "/livezz",
        "/health../models",
        "/docs.json",
        "/LIVEZ",
        "//livez",
    ):
        assert not opens(path, "GET")
    assert opens("/", "GET")
    assert not opens("/", "SOCKET")
    assert not opens("/", "POST")
