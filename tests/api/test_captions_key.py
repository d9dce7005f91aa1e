"""A key for the captions of one recording: it follows that one, and opens nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection, Insert, insert
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from earwitness import config
from earwitness.api.needs import CAPTIONS, opens, table
from earwitness.archive.account import By
from earwitness.archive.schema.heard import RecordingRow, SegmentRow
from earwitness.archive.whole import Archive
from support import routes
from support.server import running

PASSWORD = "tall ships over quiet water"
SHOWN, SECRET = "a talk for everybody", "zanzibarberries"


@dataclass(frozen=True)
class Place:
    """A server with an administrator who has two recordings, and a viewer who has none."""

    address: str
    admin_key: str
    viewer_key: str

    def client(self, key: str) -> httpx.Client:
        return httpx.Client(base_url=self.address, headers={"authorization": f"Bearer {key}"}, timeout=60)

    def make(self, recording: str = "r_shown", by: str = "", **more: object) -> httpx.Response:
        told = {"name": "captions", "scopes": ["archive:read"], "recording": recording, **more}
        with self.client(by or self.admin_key) as http:
            return http.post("/api/keys", json=told)

    def key(self, **more: object) -> str:
        return str(self.make(**more).json()["key"])  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    settings = config.load(home=tmp_path_factory.mktemp("home"), preload=False, log_level="error", jobs_at_once=0)
    archive, by = Archive(settings.archive, settings.kept), By()
    admin = archive.accounts.begin("Anna", PASSWORD, by)
    viewer = archive.accounts.add("Bob", "viewer", PASSWORD, by)
    admin_key = archive.accounts.keys.make(admin, "all", ("admin", "archive:read", "archive:write"), by)[1]
    viewer_key = archive.accounts.keys.make(viewer, "own", ("archive:read",), by)[1]
    for ident, text in (("r_shown", SHOWN), ("r_secret", SECRET)):
        recording = {
            "id": ident, "kind": "live", "state": "open", "title": text, "owner_id": admin.id, "began_s": 1.0,
            "duration_s": 1.0, "about": {}, "kept": False, "made_s": 1.0, "changed_s": 1.0,
        }  # fmt: skip
        segment = {
            "recording_id": ident, "number": 1, "said_s": 1.0, "start_s": 0.0, "end_s": 1.0, "text": text,
            "tokens": text, "words": [], "rest": {}, "revision": 0, "by_person": False,
        }  # fmt: skip
        for row in (insert(RecordingRow).values(recording), insert(SegmentRow).values(segment)):
            archive.writer.write(partial(_put, row))
    archive.close()
    with running(settings) as address:
        yield Place(address, admin_key, viewer_key)


def _put(row: Insert, connection: Connection) -> None:
    connection.execute(row)


def test_it_follows_its_recording_alone(place: Place) -> None:
    with place.client(place.key()) as http:
        assert http.get("/api/recordings/r_shown").json()["title"] == SHOWN
        assert http.get("/api/recordings/r_shown/segments").json()["segments"][0]["text"] == SHOWN
        for path in ("", "/segments"):
            assert http.get(f"/api/recordings/r_secret{path}").status_code == 404


def test_it_is_told_what_happens_to_that_and_to_nothing_else(place: Place) -> None:
    with (
        place.client(place.key()) as http,
        place.client(place.admin_key) as admin,
        http.stream("GET", "/api/events") as stream,
    ):
        lines = stream.iter_lines()
        next(line for line in lines if line.startswith("event: hello"))
        for recording, title in (("r_secret", f"{SECRET} anew"), ("r_shown", f"{SHOWN} again")):
            assert admin.patch(f"/api/recordings/{recording}", json={"title": title}).status_code == 200
        assert place.make().status_code == 201  # of keys it is told nothing
        seen = list[str]()
        for line in lines:
            seen.append(line)
            if line.startswith("data:") and "r_shown" in line:
                break
    assert not [line for line in seen if "r_secret" in line or "accounts" in line]


def test_it_opens_nothing_else(place: Place, tmp_path: Path) -> None:
    """All routes are walked, with the recording that it may read."""
    key = place.key()
    ids = {"": "r_shown"}
    with place.client(key) as http:
        for method, template in routes.every(tmp_path):
            path = routes.filled(template, ids)
            if method == "SOCKET":
                with (
                    pytest.raises(InvalidStatus) as refused,
                    connect(
                        place.address.replace("http", "ws") + path,
                        additional_headers={"authorization": f"Bearer {key}"},
                    ),
                ):
                    pass
                assert refused.value.response.status_code == 403, path
            elif not opens(template, method) and f"{method} {template}" not in CAPTIONS:
                found = routes.call(http, method, template, path)
                assert found.status_code == 403, f"{method} {template}"
    assert set(CAPTIONS) <= set(table())
    with place.client(place.admin_key) as http:
        assert http.get("/api/recordings/r_shown/segments").json()["segments"][0]["revision"] == 0


def test_it_is_over_when_it_is_taken_back_or_its_time_is_up(place: Place) -> None:
    made = place.make().json()
    short = place.key(days=0.5 / 86_400)
    with place.client(made["key"]) as http, place.client(place.admin_key) as admin:
        card = next(k for k in admin.get("/api/keys").json()["keys"] if k["id"] == made["card"]["id"])
        assert card["recording"] == "r_shown"
        with http.stream("GET", "/api/events") as stream:
            lines = stream.iter_lines()
            next(line for line in lines if line.startswith("event: hello"))
            assert admin.delete(f"/api/keys/{card['id']}").status_code == 200
            assert all(SECRET not in line for line in lines), "and the stream ends at once"
        assert http.get("/api/recordings/r_shown").status_code == 401
    with place.client(short) as http:
        while http.get("/api/recordings/r_shown").status_code == 200:
            pass
        assert http.get("/api/recordings/r_shown/segments").status_code == 401


def test_who_may_not_see_a_recording_makes_no_key_for_it(place: Place) -> None:
    with place.client(place.viewer_key) as http:
        assert http.post("/api/login", json={"name": "Bob", "password": PASSWORD}).status_code == 200
        del http.headers["authorization"]
        told = {"name": "captions", "scopes": ["archive:read"], "recording": "r_shown"}
        assert http.post("/api/keys", json=told).status_code == 404
        assert http.post("/api/keys", json=told | {"recording": "r_none"}).status_code == 404


@pytest.mark.parametrize("more", [{"scopes": ["archive:read", "archive:write"]}, {"sources": []}, {"days": 0}])
def test_it_is_made_for_that_and_nothing_else(place: Place, more: dict[str, object]) -> None:
    assert place.make(**more).status_code == 400  # type: ignore[arg-type]


def test_it_goes_with_its_recording(place: Place) -> None:
    with place.client(place.admin_key) as admin:
        key = place.key(recording="r_secret")
        assert admin.delete("/api/recordings/r_secret").status_code in {200, 204}
        assert all(k["recording"] != "r_secret" for k in admin.get("/api/keys").json()["keys"])
    with place.client(key) as http:
        assert http.get("/api/recordings/r_secret").status_code == 401
