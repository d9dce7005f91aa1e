"""The first account: who may make it, and what is open until then."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from earwitness import config
from earwitness.api.app import create
from earwitness.errors import BadInput
from support.browsing import PASSWORD, another, first, served

OTHER = "nine green kettles whistle"
FAR = {"x-forwarded-for": "203.0.113.9"}
"""A proxy on this machine passed it on."""


def test_without_users_whoever_is_on_this_machine_is_let_in_until_there_is_one(tmp_path: Path) -> None:
    with served(tmp_path) as http:
        assert http.get("/api/setup").json() == {"needed": True, "code": False}
        assert http.get("/v1/models").status_code == 200
        assert http.get("/api/me").json()["user"] is None
        assert (
            http.post("/api/users", json={"name": "Bob", "password": PASSWORD}).status_code == 400
        )  # not an administrator
        first(http)
        assert http.get("/api/setup").json() == {"needed": False, "code": False}
        anna = http.get("/api/me").json()["user"]
        assert anna["name"] == "Anna"
        assert http.patch(f"/api/users/{anna['id']}", json={"role": "viewer"}).status_code == 400  # the last one
        with httpx.Client(base_url=http.base_url, verify=False) as stranger:
            assert stranger.get("/v1/models").status_code == 401
            again = stranger.post("/api/setup", json={"name": "Eve", "password": OTHER})
            assert (again.status_code, again.json()["code"]) == (400, "bad_input")
    with served(tmp_path) as http:
        assert http.get("/v1/models").status_code == 401
        assert http.get("/livez").status_code == 200


def test_a_server_for_others_is_closed_until_it_is_first(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with served(tmp_path, host="0.0.0.0", log_level="warning", log_format="json") as http:
        found = http.get("/v1/models")
        assert found.status_code == 401
        assert "/api/setup" in found.json()["error"]["message"]
        (line,) = [json.loads(x) for x in capfd.readouterr().err.splitlines() if "setup_code" in x]
        for code in ("", "AAAA-AAAA-AAAA-AAAA", line["setup_code"][:-1]):
            told = {"name": "Eve", "password": OTHER, "code": code}
            assert http.post("/api/setup", json=told, headers=FAR).status_code == 401
        assert http.get("/api/setup", headers=FAR).json() == {"needed": True, "code": True}
        told = {"name": "Anna", "password": PASSWORD, "code": line["setup_code"].lower()}
        assert http.post("/api/setup", json=told, headers=FAR).status_code == 201
        assert http.get("/v1/models", headers=FAR).status_code == 200
        assert http.post("/api/setup", json=told, headers=FAR).status_code == 400  # the code is good once


@pytest.fixture(scope="module")
def unset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server on which nobody has an account, and nobody here can make one."""
    with served(tmp_path_factory.mktemp("unset"), allowed_hosts=["my.example", "127.0.0.1"]) as http:
        yield http


def test_the_setup_code_is_not_guessed(unset: httpx.Client) -> None:
    told = {"name": "Eve", "password": OTHER, "code": "AAAA-AAAA-AAAA-AAAA"}
    tried = [unset.post("/api/setup", json=told, headers=FAR).status_code for _ in range(7)]
    assert tried == [401] * 5 + [429] * 2


@pytest.mark.parametrize("header", ["host", "forwarded", "x-real-ip", "x-forwarded-host"])
def test_a_call_that_was_passed_on_is_none_from_this_machine(unset: httpx.Client, header: str) -> None:
    headers = {"host": "my.example", header: "my.example"}
    told = {"name": "Eve", "password": OTHER}
    assert unset.post("/api/setup", json=told, headers=headers).status_code == 401


def test_a_page_of_another_site_does_not_first(unset: httpx.Client) -> None:
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}):
        found = unset.post("/api/setup", json={"name": "Eve", "password": OTHER}, headers=headers)
        assert found.status_code == 401, headers
        assert unset.post("/v1/audio/transcriptions", headers=headers).status_code == 401
    assert unset.get("/api/setup").json()["needed"]
    assert unset.get("/v1/models").status_code == 200  # who asks without a page is on this machine


def test_the_installations_key_works_beside_accounts(tmp_path: Path) -> None:
    with served(tmp_path, api_key="the-key") as http:
        told = {"name": "Anna", "password": PASSWORD}
        assert http.post("/api/setup", json=told).status_code == 401
        key = {"authorization": "Bearer the-key"}
        assert http.post("/api/setup", json=told, headers=key).status_code == 201
        with another(http) as other:
            assert other.get("/api/users", headers=key).status_code == 200
            assert other.get("/api/me", headers=key).json()["way"] == "house"
            (anna,) = other.get("/api/users", headers=key).json()["users"]
            body = {"name": "k", "scopes": ["transcribe"]}
            assert other.post("/api/keys", json=body, headers=key).status_code == 400
            assert other.post("/api/keys", json=body | {"user": anna["id"]}, headers=key).status_code == 201
            assert other.get("/api/keys", headers=key).json()["keys"][0]["user"] == anna["id"]


def test_the_first_administrator_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    with served(tmp_path / "home", admin_password_file=file) as http:
        assert http.post("/api/login", json={"name": "admin", "password": PASSWORD}).status_code == 200
    file.write_text(OTHER)
    with served(tmp_path / "home", admin_password_file=file) as http:  # is for the first time alone
        assert http.post("/api/login", json={"name": "admin", "password": OTHER}).status_code == 401


@pytest.mark.parametrize("content", [None, b"short", b"", b"\xff\xfe"])
def test_a_file_without_a_password_stops_the_start(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    app = create(config.load(home=tmp_path / "home", admin_password_file=file, preload=False, log_level="error"))
    with pytest.raises(BadInput, match="password"), TestClient(app):
        pass
    app.state.house.access.close()
    app.state.house.archive.close()
    app.state.house.kit.close()


def test_a_database_that_cannot_be_read_opens_no_door(tmp_path: Path) -> None:
    (tmp_path / "archive.db").write_bytes(np.random.default_rng(0).bytes(5000))
    with served(tmp_path) as http:
        assert http.get("/v1/models").status_code == 507
        assert http.post("/api/setup", json={"name": "Eve", "password": OTHER}).status_code == 507
        assert http.post("/api/login", json={"name": "Eve", "password": OTHER}).status_code == 507
        assert http.get("/livez").status_code == 200
