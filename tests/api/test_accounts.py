"""Logging in and out, accounts, and everything that is tried to come in without."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from earwitness import config
from earwitness.archive.account import By
from earwitness.archive.whole import Archive
from earwitness.errors import BadInput
from support.browsing import PASSWORD, Browser, another, first, served

OTHER = "nine green kettles whistle"
FAR = {"x-forwarded-for": "203.0.113.9"}
"""A proxy on this machine passed it on."""

NUMBERS = itertools.count(1)


# ── logins ──
@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server of the tests from here on keeps everything."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def http(home: Path) -> Iterator[httpx.Client]:
    """A browser of its first user, logged in: for tests that change nothing about her."""
    with served(home) as found:
        first(found)
        yield found


class Own(Browser):
    """A browser of somebody."""

    name = ""


@pytest.fixture
def own(http: httpx.Client) -> Iterator[Own]:
    """One of another administrator, who logs in, does and suffers what a test wants."""
    name = f"Bea {next(NUMBERS)}"
    made = http.post("/api/users", json={"name": name, "password": PASSWORD, "role": "admin"})
    assert made.status_code == 201, made.text
    with Own(str(http.base_url)) as found:
        found.name = name
        assert found.post("/api/login", json={"name": name, "password": PASSWORD}).status_code == 200
        yield found


def cookie(http: httpx.Client) -> str:
    return http.cookies["earwitness"]


def test_a_page_is_told_how_to_log_in(http: httpx.Client) -> None:
    with another(http) as stranger:
        assert stranger.get("/api/login").json() == {"password": True, "oidc": None}
        for path in ("/api/login/oidc", "/api/login/oidc/callback?code=x&state=y"):
            assert (stranger.get(path).status_code, stranger.get(path).json()["code"]) == (404, "not_found")


def test_the_cookie_is_kept_from_scripts_and_other_sites(own: Own) -> None:
    found = own.post("/api/login", json={"name": own.name.lower(), "password": PASSWORD})
    told = found.headers["set-cookie"].lower()
    assert "httponly" in told
    assert "samesite=lax" in told
    assert "path=/" in told
    assert "domain" not in told
    assert "secure" not in told
    https = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9"}
    with another(own) as far:
        found = far.post("/api/login", json={"name": own.name, "password": PASSWORD}, headers=https)
        told = found.headers["set-cookie"]
        assert told.startswith("__Host-earwitness=")
        assert "secure" in told.lower()
        held = {"cookie": told.partition(";")[0]}
        assert far.get("/api/me", headers=held | https).status_code == 200
        far.cookies.clear()
        assert far.get("/api/me", headers={"cookie": held["cookie"].replace("__Host-", "")} | https).status_code == 401


def test_a_login_has_a_token_of_its_own(own: Own) -> None:
    """Whoever put a cookie into a browser beforehand has nothing of the login that follows."""
    before = cookie(own)
    for planted in (before, "planted-by-somebody"):
        with another(own) as browser:
            browser.cookies.set("earwitness", planted)
            assert browser.post("/api/login", json={"name": own.name, "password": PASSWORD}).status_code == 200
            after = re.findall(r"earwitness=([^;]+)", str(browser.get("/api/me").request.headers["cookie"]))
            assert planted not in browser.headers.values()
            assert any(token != planted for token in after)
        with another(own) as thief:
            assert thief.get("/api/me", headers={"cookie": f"earwitness={planted}"}).status_code == 401


def test_a_logout_is_one(own: Own) -> None:
    had = cookie(own)
    assert own.post("/api/logout").json() == {"ok": True, "url": None}
    assert "earwitness" not in own.cookies
    with another(own) as replayed:
        assert replayed.get("/api/me", headers={"cookie": f"earwitness={had}"}).status_code == 401


@pytest.mark.parametrize("forged", ["", "x", "A" * 43, "null", "' OR 1=1 --", "%00", "=" * 9, "\u00e4" * 5])
def test_forged_cookies_open_nothing(http: httpx.Client, forged: str) -> None:
    with another(http) as thief:
        value = f"earwitness={forged}; __Host-earwitness={cookie(http)}".encode("latin-1")
        assert thief.get("/api/me", headers=[(b"cookie", value)]).status_code == 401


def test_a_browser_is_logged_out_from_another_one(own: Own) -> None:
    with another(own) as phone:
        phone.post("/api/login", json={"name": own.name, "password": PASSWORD}, headers={"user-agent": "A phone"})
        found = own.get("/api/logins").json()["logins"]
        assert {one["agent"] for one in found} >= {"A phone"}
        assert [one["current"] for one in found].count(True) == 1
        (lost,) = [one["id"] for one in found if one["agent"] == "A phone"]
        assert phone.get("/api/me").status_code == 200
        assert own.delete(f"/api/logins/{lost}").status_code == 200
        assert phone.get("/api/me").status_code == 401
        assert own.delete(f"/api/logins/{lost}").status_code == 404


def test_another_password_ends_all_other_logins(own: Own) -> None:
    with another(own) as phone:
        phone.post("/api/login", json={"name": own.name, "password": PASSWORD})
        wrong = own.patch("/api/me", json={"password": OTHER, "new_password": OTHER})
        assert wrong.status_code == 403
        short = own.patch("/api/me", json={"password": PASSWORD, "new_password": "short"})
        assert short.status_code == 400
        assert phone.get("/api/me").status_code == 200
        assert own.patch("/api/me", json={"password": PASSWORD, "new_password": OTHER}).status_code == 200
        assert own.get("/api/me").status_code == 200
        assert phone.get("/api/me").status_code == 401


def test_another_name_is_what_one_logs_in_by(own: Own, http: httpx.Client) -> None:
    ident, new = own.get("/api/me").json()["user"]["id"], f"Ann {next(NUMBERS)}"
    assert own.patch("/api/me", json={}).status_code == 400
    assert own.patch("/api/me", json={"name": "  "}).status_code == 400
    taken = own.patch("/api/me", json={"name": "ANNA"})
    assert (taken.status_code, "of the name" in taken.json()["error"]) == (400, True)
    assert own.patch("/api/me", json={"name": f" {new} "}).status_code == 200
    with another(own) as phone:
        assert phone.post("/api/login", json={"name": new.upper(), "password": PASSWORD}).status_code == 200
        assert phone.post("/api/login", json={"name": own.name, "password": PASSWORD}).status_code == 401
    assert http.patch(f"/api/users/{ident}", json={"name": own.name}).json()["name"] == own.name
    assert http.patch("/api/users/u_nobody", json={"name": "Eve"}).status_code == 404
    assert "user renamed" in [entry["what"] for entry in http.get("/api/audit").json()["entries"]]


def test_everybody_is_told_what_is_kept_and_those_who_see_everything_how_much(http: httpx.Client) -> None:
    name = f"Val {next(NUMBERS)}"
    assert http.post("/api/users", json={"name": name, "password": PASSWORD}).status_code == 201
    with another(http) as viewer:
        viewer.post("/api/login", json={"name": name, "password": PASSWORD})
        found = viewer.get("/api/policy").json()
    assert found["keep_days"] == {"text": 0.0, "audio": 0.0, "video": 0.0, "pictures": 0.0, "uploads": 0.0}
    assert (found["login_days"], found["delivery_days"]) == ({"idle": 14.0, "longest": 90.0}, 30.0)
    assert found["bytes"] is None
    assert http.get("/api/policy").json()["bytes"]["database"] > 0


def test_passwords_are_not_guessed(own: Own) -> None:
    """Five a minute for an account, whoever it is that tries, and for an address, whomever it tries."""

    def tries(name: str, address: str) -> int:
        headers = {"x-forwarded-for": address}
        return own.post("/api/login", json={"name": name, "password": OTHER}, headers=headers).status_code

    assert [tries(own.name, f"203.0.113.{n}") for n in range(6)] == [401] * 4 + [429] * 2, "the fifth was a login"
    assert [tries("Nobody", f"198.51.100.{n}") for n in range(6)] == [401] * 5 + [429]
    assert [tries(f"name {n}", "192.0.2.1") for n in range(6)] == [401] * 5 + [429]
    assert [tries(f"user {n}", f"2001:db8::{n}") for n in range(6)] == [401] * 5 + [429]
    found = own.post("/api/login", json={"name": own.name.upper(), "password": PASSWORD}, headers=FAR)
    assert found.status_code == 429
    assert 0 < int(found.headers["retry-after"]) <= 60
    assert found.json()["code"] == "too_many_requests"


def test_nobody_is_told_who_has_an_account(http: httpx.Client) -> None:
    with another(http) as far:
        names = ("Anna", "No such user", "")
        told = [far.post("/api/login", json={"name": name, "password": OTHER}) for name in names]
    assert told[0].status_code == 401
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


def test_our_own_pages_do_and_so_does_a_key_from_anywhere(own: Own) -> None:
    base = str(own.base_url).rstrip("/")
    pages = [{"origin": base}, {"sec-fetch-site": "same-origin", "origin": base}, {"sec-fetch-site": "none"}, {}]
    for number, headers in enumerate(pages):
        made = own.post("/api/keys", json={"name": f"k{number}", "scopes": ["transcribe"]}, headers=headers)
        assert made.status_code == 201, headers
    key = {"authorization": f"Bearer {made.json()['key']}"}
    with another(own) as other:
        for headers in CROSS:
            assert other.post("/v1/realtime/client_secrets", json={}, headers=headers | key).status_code == 200
    with connect(
        base.replace("http", "ws") + "/ws", additional_headers={"cookie": f"earwitness={cookie(own)}", "origin": base}
    ):
        pass


def test_origins_that_were_named_may_call(tmp_path: Path) -> None:
    asks = {"origin": "https://my.example", "access-control-request-method": "POST"}
    with served(tmp_path, cors=["https://My.example/"]) as http:
        first(http)
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


# ── administration ──
def test_an_account_is_made_changed_granted_and_removed(http: httpx.Client) -> None:
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
    assert http.delete(f"/api/users/{bob}").status_code == 200
    assert http.delete(f"/api/users/{bob}").status_code == 404
    page = http.get("/api/audit?limit=2").json()
    assert [entry["what"] for entry in page["entries"]] == ["user removed", "user changed"]
    assert http.get(f"/api/audit?before={page['next']}").json()["entries"][-1]["what"] == "user added"
    assert "Bob" not in http.get("/api/audit").text


def test_what_the_command_line_changes_counts_at_once(own: Own, home: Path) -> None:
    settings = config.load(home=home)
    archive = Archive(settings.archive, settings.kept)
    user = archive.accounts.meant(own.name)
    key = archive.accounts.keys.make(user, "k", ("transcribe",), By())[1]
    assert own.get("/v1/models", headers={"x-api-key": key}).status_code == 200
    archive.accounts.password(user.id, OTHER, By())
    archive.close()
    assert own.out()


# ── streams ──
def test_a_login_that_is_ended_elsewhere_ends_its_stream_and_comes_not_again(own: Own) -> None:
    with another(own) as phone:
        assert phone.post("/api/login", json={"name": own.name, "password": PASSWORD}).status_code == 200
        mine = own.get("/api/logins").json()["logins"]
        other = next(login["id"] for login in mine if not login["current"])
        with phone.stream("GET", "/api/events?topics=jobs") as stream:
            lines = stream.iter_lines()
            assert "event: hello" in next(lines) + next(lines)
            assert own.delete(f"/api/logins/{other}").status_code == 200
            assert "login ended" in "".join(lines), "and that is the end of it"
        assert phone.get("/api/events").status_code == 401
