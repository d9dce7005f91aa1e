"""Setting up, logging in and out, and everything that is tried to come in without."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from earwitness import config
from earwitness.api.app import create
from earwitness.archive.account import By
from earwitness.archive.whole import Archive
from earwitness.errors import BadInput
from support.server import running

PASSWORD, OTHER = "tall ships over quiet water", "nine green kettles whistle"
FAR = {"x-forwarded-for": "203.0.113.9"}
"""A proxy on this machine passed it on."""


@contextmanager
def served(home: Path, **given: object) -> Iterator[httpx.Client]:
    """A client of a server with these settings."""
    told: dict[str, object] = {"preload": False, "log_level": "error", **given}
    with running(config.load(home=home, **told)) as address, httpx.Client(base_url=address, timeout=60) as http:
        yield http


@contextmanager
def another(http: httpx.Client) -> Iterator[httpx.Client]:
    """A client of the same server that knows nothing yet."""
    with httpx.Client(base_url=http.base_url, timeout=60) as found:
        yield found


def set_up(http: httpx.Client) -> None:
    found = http.post("/api/setup", json={"name": "Anna", "password": PASSWORD})
    assert found.status_code == 201, found.text


# ── the first user ──
def test_without_users_whoever_is_on_this_machine_is_let_in_until_there_is_one(tmp_path: Path) -> None:
    with served(tmp_path) as http:
        assert http.get("/api/setup").json() == {"needed": True, "code": False}
        assert http.get("/v1/models").status_code == 200
        assert http.get("/api/me").json()["user"] is None
        assert (
            http.post("/api/users", json={"name": "Bob", "password": PASSWORD}).status_code == 400
        )  # not an administrator
        set_up(http)
        assert http.get("/api/setup").json() == {"needed": False, "code": False}
        assert http.get("/api/me").json()["user"]["name"] == "Anna"
        with another(http) as stranger:
            assert stranger.get("/v1/models").status_code == 401
            again = stranger.post("/api/setup", json={"name": "Eve", "password": OTHER})
            assert (again.status_code, again.json()["code"]) == (400, "bad_input")
    with served(tmp_path) as http:
        assert http.get("/v1/models").status_code == 401
        assert http.get("/livez").status_code == 200


def test_a_server_for_others_is_closed_until_it_is_set_up(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
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


def test_the_setup_code_is_not_guessed(tmp_path: Path) -> None:
    with served(tmp_path, host="0.0.0.0") as http:
        told = {"name": "Eve", "password": OTHER, "code": "AAAA-AAAA-AAAA-AAAA"}
        tried = [http.post("/api/setup", json=told, headers=FAR).status_code for _ in range(7)]
        assert tried == [401] * 5 + [429] * 2


@pytest.mark.parametrize("header", ["host", "forwarded", "x-real-ip", "x-forwarded-host"])
def test_a_call_that_was_passed_on_is_none_from_this_machine(tmp_path: Path, header: str) -> None:
    with served(tmp_path, allowed_hosts=["my.example", "127.0.0.1"]) as http:
        headers = {"host": "my.example", header: "my.example"}
        told = {"name": "Eve", "password": OTHER}
        assert http.post("/api/setup", json=told, headers=headers).status_code == 401


def test_a_page_of_another_site_does_not_set_up(tmp_path: Path) -> None:
    with served(tmp_path) as http:
        for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}):
            found = http.post("/api/setup", json={"name": "Eve", "password": OTHER}, headers=headers)
            assert found.status_code == 401, headers
            assert http.post("/v1/audio/transcriptions", headers=headers).status_code == 401
        assert http.get("/api/setup").json()["needed"]


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


# ── logins ──
@pytest.fixture
def http(tmp_path: Path) -> Iterator[httpx.Client]:
    """A browser of the first user, logged in."""
    with served(tmp_path) as found:
        set_up(found)
        yield found


def cookie(http: httpx.Client) -> str:
    return http.cookies["earwitness"]


def test_the_cookie_is_kept_from_scripts_and_other_sites(http: httpx.Client) -> None:
    found = http.post("/api/login", json={"name": "anna", "password": PASSWORD})
    told = found.headers["set-cookie"].lower()
    assert "httponly" in told
    assert "samesite=lax" in told
    assert "path=/" in told
    assert "domain" not in told
    assert "secure" not in told
    https = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9"}
    with another(http) as far:
        told = far.post("/api/login", json={"name": "Anna", "password": PASSWORD}, headers=https).headers["set-cookie"]
        assert told.startswith("__Host-earwitness=")
        assert "secure" in told.lower()
        held = {"cookie": told.partition(";")[0]}
        assert far.get("/api/me", headers=held | https).status_code == 200
        far.cookies.clear()
        assert far.get("/api/me", headers={"cookie": held["cookie"].replace("__Host-", "")} | https).status_code == 401


def test_a_login_has_a_token_of_its_own(http: httpx.Client) -> None:
    """Whoever put a cookie into a browser beforehand has nothing of the login that follows."""
    before = cookie(http)
    for planted in (before, "planted-by-somebody"):
        with another(http) as browser:
            browser.cookies.set("earwitness", planted)
            assert browser.post("/api/login", json={"name": "Anna", "password": PASSWORD}).status_code == 200
            after = re.findall(r"earwitness=([^;]+)", str(browser.get("/api/me").request.headers["cookie"]))
            assert planted not in browser.headers.values()
            assert any(token != planted for token in after)
        with another(http) as thief:
            assert thief.get("/api/me", headers={"cookie": f"earwitness={planted}"}).status_code == 401


def test_a_logout_is_one(http: httpx.Client) -> None:
    had = cookie(http)
    assert http.post("/api/logout").status_code == 200
    assert "earwitness" not in http.cookies
    with another(http) as replayed:
        assert replayed.get("/api/me", headers={"cookie": f"earwitness={had}"}).status_code == 401


@pytest.mark.parametrize("forged", ["", "x", "A" * 43, "null", "' OR 1=1 --", "%00", "=" * 9, "\u00e4" * 5])
def test_forged_cookies_open_nothing(http: httpx.Client, forged: str) -> None:
    with another(http) as thief:
        value = f"earwitness={forged}; __Host-earwitness={cookie(http)}".encode("latin-1")
        assert thief.get("/api/me", headers=[(b"cookie", value)]).status_code == 401


def test_a_browser_is_logged_out_from_another_one(http: httpx.Client) -> None:
    with another(http) as phone:
        phone.post("/api/login", json={"name": "Anna", "password": PASSWORD}, headers={"user-agent": "A phone"})
        found = http.get("/api/logins").json()["logins"]
        assert {one["agent"] for one in found} >= {"A phone"}
        assert [one["current"] for one in found].count(True) == 1
        (lost,) = [one["id"] for one in found if one["agent"] == "A phone"]
        assert phone.get("/api/me").status_code == 200
        assert http.delete(f"/api/logins/{lost}").status_code == 200
        assert phone.get("/api/me").status_code == 401
        assert http.delete(f"/api/logins/{lost}").status_code == 404


def test_another_password_ends_all_other_logins(http: httpx.Client) -> None:
    with another(http) as phone:
        phone.post("/api/login", json={"name": "Anna", "password": PASSWORD})
        wrong = http.patch("/api/me", json={"password": OTHER, "new_password": OTHER})
        assert wrong.status_code == 403
        short = http.patch("/api/me", json={"password": PASSWORD, "new_password": "short"})
        assert short.status_code == 400
        assert phone.get("/api/me").status_code == 200
        assert http.patch("/api/me", json={"password": PASSWORD, "new_password": OTHER}).status_code == 200
        assert http.get("/api/me").status_code == 200
        assert phone.get("/api/me").status_code == 401


def test_passwords_are_not_guessed(http: httpx.Client) -> None:
    """Five a minute for an account, whoever it is that tries, and for an address, whomever it tries."""

    def tries(name: str, address: str) -> int:
        headers = {"x-forwarded-for": address}
        return http.post("/api/login", json={"name": name, "password": OTHER}, headers=headers).status_code

    assert [tries("Anna", f"203.0.113.{n}") for n in range(6)] == [401] * 5 + [429]
    assert [tries("Nobody", f"198.51.100.{n}") for n in range(6)] == [401] * 5 + [429]
    assert [tries(f"name {n}", "192.0.2.1") for n in range(6)] == [401] * 5 + [429]
    assert [tries(f"user {n}", f"2001:db8::{n}") for n in range(6)] == [401] * 5 + [429]
    found = http.post("/api/login", json={"name": "ANNA", "password": PASSWORD}, headers=FAR)
    assert found.status_code == 429
    assert 0 < int(found.headers["retry-after"]) <= 60
    assert found.json()["code"] == "too_many_requests"


def test_nobody_is_told_who_has_an_account(http: httpx.Client) -> None:
    told = [
        http.post("/api/login", json={"name": name, "password": OTHER}, headers=FAR) for name in ("Anna", "Nobody", "")
    ]
    assert len({(found.status_code, found.text) for found in told}) == 1


# ── pages of others ──
CROSS = [
    {"origin": "https://evil.example"}, {"origin": "null"}, {"origin": "http://localhost:1"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:1"}, {"origin": "http://127.0.0.1.evil.example"},
]  # fmt: skip


@pytest.mark.parametrize("headers", CROSS, ids=str)
def test_another_page_does_nothing_with_the_cookie(http: httpx.Client, headers: dict[str, str]) -> None:
    made = {"name": "k", "scopes": ["admin"]}
    assert http.post("/api/keys", json=made, headers=headers).status_code == 401
    assert http.post("/api/logout", headers=headers).status_code == 401
    assert http.post("/api/login", json={"name": "Anna", "password": PASSWORD}, headers=headers).status_code == 401
    assert http.get("/api/keys").json() == {"keys": []}
    with (
        pytest.raises(InvalidStatus) as caught,
        connect(
            str(http.base_url).replace("http", "ws") + "/ws",
            additional_headers={"cookie": f"earwitness={cookie(http)}", **headers},
        ),
    ):
        pass
    assert caught.value.response.status_code == 401


def test_our_own_pages_do_and_so_does_a_key_from_anywhere(http: httpx.Client) -> None:
    base = str(http.base_url).rstrip("/")
    own = [{"origin": base}, {"sec-fetch-site": "same-origin", "origin": base}, {"sec-fetch-site": "none"}, {}]
    for number, headers in enumerate(own):
        made = http.post("/api/keys", json={"name": f"k{number}", "scopes": ["transcribe"]}, headers=headers)
        assert made.status_code == 201, headers
    key = {"authorization": f"Bearer {made.json()['key']}"}
    with another(http) as other:
        for headers in CROSS:
            assert other.post("/v1/realtime/client_secrets", json={}, headers=headers | key).status_code == 200
    with connect(
        base.replace("http", "ws") + "/ws", additional_headers={"cookie": f"earwitness={cookie(http)}", "origin": base}
    ):
        pass


def test_origins_that_were_named_may_call(tmp_path: Path) -> None:
    asks = {"origin": "https://my.example", "access-control-request-method": "POST"}
    with served(tmp_path, cors=["https://My.example/"]) as http:
        set_up(http)
        ahead = http.options("/api/keys", headers=asks)
        assert ahead.status_code == 200
        assert ahead.headers["access-control-allow-origin"] == "https://my.example"
        assert http.options("/api/keys", headers=asks | {"origin": "https://evil.example"}).status_code == 400
        made = {"name": "k", "scopes": ["transcribe"]}
        assert http.post("/api/keys", json=made, headers={"origin": "https://my.example"}).status_code == 201
        assert http.post("/api/keys", json=made, headers={"origin": "https://evil.example"}).status_code == 401
    with served(tmp_path, cors=["*"]) as http:
        assert "access-control-allow-credentials" not in http.options("/api/keys", headers=asks).headers
        http.post("/api/login", json={"name": "Anna", "password": PASSWORD})
        assert http.post("/api/keys", json=made, headers={"origin": "https://my.example"}).status_code == 401


@pytest.mark.parametrize("origin", ["my.example", "https://", "https://a/b", "ftp://a", "https://u@a", ""])
def test_what_is_no_origin_is_refused(tmp_path: Path, origin: str) -> None:
    with pytest.raises(BadInput, match="cors"):
        config.load(home=tmp_path, cors=[origin])


def test_browsers_are_told_what_pages_may_do(http: httpx.Client) -> None:
    for path in ("/livez", "/api/me", "/nothing", "/v1/models"):
        told = http.get(path).headers
        assert "script-src 'self';" in told["content-security-policy"]
        assert "frame-ancestors 'none'" in told["content-security-policy"]
        assert told["x-content-type-options"] == "nosniff"
        assert told["referrer-policy"] == "same-origin"
        assert told["cross-origin-opener-policy"] == "same-origin"
    assert "script-src 'self' 'unsafe-inline'" in http.get("/docs").headers["content-security-policy"]
    assert "default-src 'none'" in http.get("/live").headers["content-security-policy"]


# ── administration ──
def test_an_account_is_made_changed_granted_and_removed(http: httpx.Client, tmp_path: Path) -> None:
    made = http.post("/api/users", json={"name": "Bob", "password": PASSWORD})
    assert made.status_code == 201
    bob = made.json()["id"]
    assert http.post("/api/users", json={"name": "bob", "password": PASSWORD}).status_code == 400
    assert http.post("/api/users", json={"name": "Eve", "password": "password1234"}).status_code == 400
    with another(http) as his:
        assert his.post("/api/login", json={"name": "Bob", "password": PASSWORD}).json()["user"]["role"] == "viewer"
        for method, path in (("GET", "/api/users"), ("GET", "/api/audit"), ("PATCH", f"/api/users/{bob}")):
            assert his.request(method, path, json={"role": "admin"}).status_code == 403
        for path in ("/api/logins?all=true", "/api/keys?all=true", "/api/grants?all=true"):
            assert his.get(path).status_code == 403
        assert his.post("/api/keys", json={"name": "k", "scopes": ["admin"]}).status_code == 403
        anna = http.get("/api/me").json()["user"]["id"]
        assert his.post("/api/keys", json={"name": "k", "scopes": ["transcribe"], "user": anna}).status_code == 403
        assert his.get("/api/speakers").status_code == 403
        assert http.patch(f"/api/users/{bob}", json={"role": "operator"}).json()["role"] == "operator"
        assert his.get("/api/speakers").status_code == 200
        assert http.patch(f"/api/users/{bob}", json={"enabled": False}).status_code == 200
        assert his.get("/api/speakers").status_code == 401
    assert http.post("/api/grants", json={"user": bob, "verb": "view", "source": "s_no"}).status_code == 404
    assert http.patch(f"/api/users/{anna}", json={"role": "viewer"}).status_code == 400
    assert http.delete(f"/api/users/{bob}").status_code == 200
    assert http.delete(f"/api/users/{bob}").status_code == 404
    page = http.get("/api/audit?limit=2").json()
    assert [entry["what"] for entry in page["entries"]] == ["user removed", "user changed"]
    assert http.get(f"/api/audit?before={page['next']}").json()["entries"][-1]["what"] == "user added"
    assert "Bob" not in http.get("/api/audit").text


def test_what_the_command_line_changes_counts_at_once(http: httpx.Client, tmp_path: Path) -> None:
    settings = config.load(home=tmp_path)
    archive = Archive(settings.archive, settings.kept)
    user = archive.accounts.meant("anna")
    key = archive.accounts.keys.make(user, "k", ("transcribe",), By())[1]
    assert http.get("/v1/models", headers={"x-api-key": key}).status_code == 200
    archive.accounts.password(user.id, OTHER, By())
    archive.close()
    assert http.get("/api/me").status_code == 401


# ── streams ──
def test_a_login_that_is_ended_elsewhere_ends_its_stream_and_comes_not_again(tmp_path: Path) -> None:
    with served(tmp_path) as http, another(http) as phone:
        set_up(http)
        assert phone.post("/api/login", json={"name": "Anna", "password": PASSWORD}).status_code == 200
        mine = http.get("/api/logins").json()["logins"]
        other = next(login["id"] for login in mine if not login["current"])
        with phone.stream("GET", "/api/events?topics=jobs") as stream:
            lines = stream.iter_lines()
            assert "event: hello" in next(lines) + next(lines)
            assert http.delete(f"/api/logins/{other}").status_code == 200
            assert "login ended" in "".join(lines), "and that is the end of it"
        assert phone.get("/api/events").status_code == 401
