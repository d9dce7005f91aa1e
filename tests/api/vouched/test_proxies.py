"""Whoever has logged in at a proxy: what it says is believed of it alone, and goes as far as the account does."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from socket import create_connection
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from earwitness import config
from earwitness.api.app import create
from earwitness.api.proxies import PEER, Peers, Proxies
from earwitness.errors import BadInput
from support.browsing import PASSWORD, Browser, set_up
from support.server import running as serving

WHERE = {"login_proxies": ["192.0.2.0/24", "127.0.0.1/32"], "allowed_hosts": ["ears.example"], "new_users": "viewer"}
NAMED = {"host": "ears.example"}


def settings(home: Path, **given: object) -> config.Settings:
    return config.load(**{"home": home, "preload": False, "log_level": "error", **WHERE, **given})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server behind a proxy on this machine."""
    how = {"proxy_groups_header": "Remote-Groups", "group_roles": {"bosses": "admin", "ops": "operator"}}
    with serving(set_up(settings(tmp_path_factory.mktemp("proxied"), **how))) as address:
        yield address


@pytest.fixture(scope="module")
def root(server: str) -> Iterator[Browser]:
    """The administrator's, who has logged in with a password."""
    with Browser(server, **NAMED) as found:
        assert found.post("/api/login", json={"name": "Root", "password": PASSWORD}).status_code == 200
        yield found


def through(server: str, name: str, groups: str = "", **headers: str) -> Browser:
    """What the proxy passes on for somebody who has logged in there."""
    return Browser(server, **NAMED, **{"remote-user": name, "remote-groups": groups}, **headers)


def socket(server: str, headers: dict[str, str]) -> ClientConnection:
    """A socket by the server's name; these headers beside what sockets have anyway."""
    told = httpx.URL(server)
    line = create_connection((told.host, told.port))
    return connect("ws://ears.example/ws", sock=line, additional_headers={k: v for k, v in headers.items() if v})


# ── what is believed ──
def test_whom_the_proxy_names_is_in(server: str, root: Browser) -> None:
    with through(server, "dora") as browser:
        me = browser.get("/api/me").json()
        assert (me["way"], me["user"]["name"], me["user"]["role"]) == ("proxy", "dora", "viewer")
        assert me["user"]["subject"] == "proxy dora"
        assert browser.get("/v1/models").status_code == 200
        assert browser.get("/api/users").status_code == 403
        assert not browser.cookies
        assert browser.get("/api/logins").json() == {"logins": []}
        assert browser.post("/api/logout").status_code == 400
        assert browser.user()
        with through(server, "dora") as again:
            assert again.user()["id"] == browser.user()["id"]
        entry = root.get("/api/audit").json()["entries"][0]
        assert (entry["what"], entry["about"]["user"]) == ("user added", browser.user()["id"])
        assert entry["address"] == browser.headers["x-forwarded-for"], "the client's address, and not the proxy's"
    with socket(server, {"remote-user": "dora"}):
        pass


def test_the_same_from_elsewhere_is_not_heard(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever the request says of where it comes from."""
    given = {"login_proxies": ["192.0.2.0/24", "2001:db8::/32"], "log_level": "warning", "log_format": "json"}
    with serving(set_up(settings(tmp_path, **given))) as address:
        for claimed in ("192.0.2.5", "2001:db8::1", "192.0.2.5, 192.0.2.6", "198.51.100.1, 192.0.2.5"):
            headers = {**NAMED, "remote-user": "Root", "x-forwarded-for": claimed, "x-real-ip": claimed}
            headers |= {"forwarded": f"for={claimed}", "earwitness.peer": claimed, "client": claimed}
            for method, path in (("GET", "/api/me"), ("GET", "/v1/models"), ("POST", "/api/keys")):
                assert httpx.request(method, address + path, headers=headers, verify=False).status_code == 401
            with pytest.raises(InvalidStatus) as caught, socket(address, {**headers, "host": ""}):
                pass
            assert caught.value.response.status_code == 401
        assert httpx.get(f"{address}/livez", headers=headers).status_code == 200
    lines = [json.loads(x) for x in capfd.readouterr().err.splitlines() if "not believed" in x]
    assert [(line["peer"], line["header"]) for line in lines] == [("127.0.0.1", "Remote-User")], "once"


@pytest.mark.parametrize("header", ["x-forwarded-user", "remote_user", "x-remote-user", "remote-users"])
def test_no_other_header_is_heard(server: str, header: str) -> None:
    with Browser(server, **NAMED, **{header: "Root"}) as browser:
        assert browser.out()


def test_without_the_setting_nothing_is_heard(tmp_path: Path) -> None:
    with (
        serving(set_up(settings(tmp_path, login_proxies=[], allowed_hosts=[]))) as address,
        Browser(address, **{"remote-user": "Root"}) as browser,
    ):
        assert browser.out()


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ([b"dora", b"root"], 401), ([b"dora", b"dora"], 401), ([b"dora", b""], 401), ([b"dora, root"], 401),
        ([b"\xff\xfe"], 401), ([b"x" * 101], 400), (["d\u202eora".encode()], 400), ([b""], 401),
        (["Jos\u00e9 \u5f20".encode()], 200), ([b"dora@example.com"], 200),
    ],
    ids=str,
)  # fmt: skip
def test_a_name_is_one_and_clear(server: str, said: list[bytes], status: int) -> None:
    headers = [(b"host", b"ears.example"), *((b"remote-user", one) for one in said)]
    found = httpx.get(f"{server}/api/me", headers=headers, verify=False)
    assert found.status_code == status, found.text
    if status == 200:
        assert found.json()["user"]["name"] == said[0].decode()


def test_a_page_does_not_pretend_to_be_a_proxy(server: str) -> None:
    """A browser on the proxy's machine comes from its address, and whatever it shows could set the header."""
    with through(server, "Root", "bosses") as browser:
        for headers in ({"origin": "https://evil.example"}, {"origin": "null"}):
            for method in ("GET", "POST", "DELETE"):
                assert browser.request(method, "/api/keys", json={}, headers=headers).status_code == 401
        assert browser.post("/api/keys", json={}, headers={"sec-fetch-site": "cross-site"}).status_code == 401
    for host in ("evil.example", "127.0.0.1", "localhost", ""):  # a name that was led here
        assert (
            httpx.get(f"{server}/api/me", headers={"host": host, "remote-user": "dora"}, verify=False).status_code
            == 401
        )
    with through(server, "dora", origin="http://ears.example") as own:
        assert own.get("/api/me").status_code == 200


# ── as whom ──
def test_the_proxys_word_goes_before_a_cookie_and_a_key_before_that(server: str, root: Browser) -> None:
    key = root.post("/api/keys", json={"name": "k", "scopes": ["transcribe"]}).json()["key"]
    with through(server, "edna") as browser:
        browser.cookies.update(root.cookies)
        assert browser.user()["name"] == "edna", "whoever had this browser before"
        assert browser.get("/api/me", headers={"x-api-key": key}).json()["way"] == "key"
        assert browser.get("/api/me", headers={"x-api-key": key[:-1]}).status_code == 401
        assert browser.get("/api/me", headers={"authorization": "Basic ZWRuYTp4"}).json()["way"] == "proxy"
    with Browser(server, **NAMED) as direct:
        assert direct.get("/api/me", headers={"x-api-key": key}).json()["way"] == "key"
        direct.cookies.update(root.cookies)
        assert direct.get("/api/me").json()["way"] == "login"


def test_a_role_goes_by_groups_at_once(server: str) -> None:
    for groups, role, status in (
        ("", "viewer", 403), ("staff, ops", "operator", 403), ("ops|bosses", "admin", 200), ("staff", "viewer", 403),
    ):  # fmt: skip
        with through(server, "fritz", groups) as browser:
            assert browser.user()["role"] == role
            assert browser.get("/api/users").status_code == status
    headers = [(b"host", b"ears.example"), (b"remote-user", b"fritz"), *[(b"remote-groups", b"bosses")] * 2]
    assert httpx.get(f"{server}/api/me", headers=headers, verify=False).status_code == 401


def test_an_account_that_is_here_is_not_theirs_who_have_its_name(server: str, root: Browser) -> None:
    me = root.get("/api/me").json()["user"]
    for name in ("Root", "root", "ROOT", me["id"]):
        with through(server, name, "bosses") as browser:
            assert browser.get("/api/me").status_code == (409 if name.lower() == "root" else 200)
    hanna = root.post("/api/users", json={"name": "Hanna", "password": "nine green kettles"}).json()
    told = {"subject": "proxy hanna"}
    assert root.patch(f"/api/users/{hanna['id']}", json=told).status_code == 200
    with through(server, "hanna", "bosses") as browser:
        assert (browser.user()["id"], browser.user()["role"]) == (hanna["id"], "viewer"), "as an administrator has said"


def test_who_is_disabled_or_removed_stays_out(server: str, root: Browser) -> None:
    with through(server, "gero", "ops") as browser:
        user = f"/api/users/{browser.user()['id']}"
        with browser.stream("GET", "/api/events?topics=jobs") as stream:
            lines = stream.iter_lines()
            assert "event: hello" in next(lines) + next(lines)
            assert root.patch(user, json={"enabled": False}).status_code == 200
            assert "user changed" in "".join(lines), "and that is the end of it"
        assert browser.get("/api/me").status_code == 403
        root.patch(user, json={"enabled": True})
        assert browser.get("/api/me").status_code == 200
        root.delete(user)
        assert browser.get("/api/me").status_code == 403


def test_the_first_account_comes_before_all_others(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with serving(settings(tmp_path, log_level="warning", log_format="json")) as address:
        (line,) = [json.loads(x) for x in capfd.readouterr().err.splitlines() if "setup_code" in x]
        with through(address, "Ida", "bosses") as browser:
            early = browser.get("/api/me")
            assert early.status_code == 401
            assert "/api/setup" in early.json()["error"]
            told = {"name": "Root", "password": PASSWORD}
            assert browser.post("/api/setup", json=told).status_code == 401
            assert browser.post("/api/setup", json=told | {"code": line["setup_code"]}).status_code == 201
            assert browser.get("/api/me").json()["user"]["name"] == "Ida"


def test_strangers_are_sent_away_where_nobody_is_made(tmp_path: Path) -> None:
    home = set_up(settings(tmp_path, new_users=None, proxy_header="X-Forwarded-User"))
    with serving(home) as address, Browser(address, **NAMED, **{"x-forwarded-user": "ida"}) as browser:
        found = browser.get("/api/me")
        assert found.status_code == 403
        assert "users link USER 'proxy ida'" in found.json()["error"]


@pytest.mark.parametrize(
    ("peer", "allowed", "client"),
    [("192.0.2.9", None, "203.0.113.1"), ("127.0.0.1", None, "203.0.113.1"), ("192.0.3.9", None, "192.0.3.9"),
     ("127.0.0.1", "10.0.0.1", "127.0.0.1"), ("10.0.0.1", "10.0.0.2, 10.0.0.1", "203.0.113.1"),
     ("192.0.2.9", "10.0.0.1", "203.0.113.1"), ("192.0.3.9", "*", "203.0.113.1")],
)  # fmt: skip
def test_who_is_behind_a_proxy_is_told_by_it_and_not_by_others(
    monkeypatch: pytest.MonkeyPatch, peer: str, allowed: str | None, client: str
) -> None:
    """The other end stays what it is, whoever is believed about who is behind it."""
    if allowed is not None:
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", allowed)
    seen = list[Any]()

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["client"][0], scope["scheme"], scope[PEER]))

    told = [(b"x-forwarded-for", b"203.0.113.1"), (b"x-forwarded-proto", b"https")]
    scope = {"type": "http", "client": (peer, 1), "scheme": "http", "headers": told}
    asyncio.run(Peers(inner, ("192.0.2.0/24",))(scope, None, None))  # type: ignore[arg-type]
    assert seen == [(client, "http" if client == peer else "https", peer)]


# ── settings ──
@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"allowed_hosts": []}, "ALLOWED_HOSTS"),
        ({"login_proxies": ["0.0.0.0/0"]}, "everybody"),
        ({"login_proxies": ["::/0"]}, "everybody"),
        ({"login_proxies": ["*"]}, "login_proxies"),
        ({"login_proxies": ["proxy.example"]}, "login_proxies"),
        ({"login_proxies": ["10.0.0.1/8"]}, "host bits"),
        ({"proxy_header": "Remote User"}, "proxy_header"),
        ({"proxy_header": "Remote_User"}, "proxy_header"),
        ({"proxy_header": ""}, "proxy_header"),
        ({"proxy_groups_header": "a:b"}, "proxy_groups_header"),
    ],
    ids=str,
)
def test_settings_that_will_not_do_stop_the_start(tmp_path: Path, given: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        create(settings(tmp_path, **given))


@pytest.mark.parametrize(
    ("peer", "believed"),
    [("127.0.0.1", True), ("::ffff:127.0.0.1", True), ("192.0.2.9", True), ("192.0.3.1", False), ("::1", False),
     ("", False), ("unix", False), ("127.0.0.2", False), ("::ffff:192.0.3.1", False)],
)  # fmt: skip
def test_a_proxy_is_known_by_its_address(tmp_path: Path, peer: str, believed: bool) -> None:
    proxies = Proxies(settings(tmp_path), lambda *_, **__: None)
    for scope in ({PEER: peer}, {PEER: peer, "client": ("127.0.0.1", 1)}):
        found = proxies.vouched({"type": "http", **scope}, Headers({"remote-user": "anna"}))
        assert (found is not None) == believed
    assert proxies.vouched({"type": "http", "client": ("127.0.0.1", 1)}, Headers({"remote-user": "anna"})) is None
