"""Logging in by a provider: there and back, as whom, and what is tried to come in as somebody else."""

import re
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from support.browsing import BEGIN, Browser
from support.identity import CLIENT, Provider

BACK = f"{BEGIN}/callback"


def audit(root: Browser) -> list[tuple[str, dict[str, Any]]]:
    """What was done, newest first."""
    return [(entry["what"], entry["about"]) for entry in root.get("/api/audit").json()["entries"]]


# ── there and back ──
def test_a_login_leads_there_and_back(browser: Browser, root: Browser, provider: Provider, somebody: Any) -> None:
    who = somebody(email="x@example.com")
    assert browser.get("/api/login").json() == {"password": True, "oidc": BEGIN}
    assert browser.out()
    there = browser.begin("/app/files?a=b")
    asked = dict(parse_qsl(there.query.decode()))
    assert asked["redirect_uri"] == str(browser.base_url).rstrip("/") + BACK
    assert {asked["response_type"], asked["code_challenge_method"], asked["client_id"]} == {"code", "S256", CLIENT}
    assert len({asked["state"], asked["nonce"], asked["code_challenge"], browser.cookies["earwitness-oidc"]}) == 4
    back = browser.get(browser.there(there))
    assert (back.status_code, back.headers["location"]) == (303, "/app/files?a=b")
    assert back.headers["cache-control"] == "no-store"
    for cookie in back.headers.get_list("set-cookie"):
        assert {"httponly", "samesite=lax", "path=/"} <= set(cookie.lower().split("; "))
    assert set(browser.cookies) == {"earwitness"}
    me = browser.get("/api/me").json()
    assert (me["way"], me["user"]["name"], me["user"]["role"]) == ("login", who["preferred_username"], "viewer")
    assert me["user"]["subject"] == f"{provider.address} {who['sub']}"
    (login,) = browser.get("/api/logins").json()["logins"]
    assert (login["way"], login["current"]) == ("oidc", True)
    done = audit(root)[:2]
    assert done == [("login", {"login": login["id"], "way": "oidc"}), ("user added", done[1][1])]
    assert done[1][1] == {"user": me["user"]["id"], "role": "viewer"}
    verifier = next(form["code_verifier"] for place, form in provider.asked if place == "/token")
    assert verifier not in str(there)


def test_a_login_is_one_like_any_other(browser: Browser, root: Browser, somebody: Any) -> None:
    somebody()
    browser.log_in()
    token = browser.cookies["earwitness"]
    assert browser.user()
    (login,) = browser.get("/api/logins").json()["logins"]
    assert root.delete(f"/api/logins/{login['id']}").status_code == 200
    assert browser.out()
    browser.log_in()
    assert browser.cookies["earwitness"] != token
    key = browser.post("/api/keys", json={"name": "k", "scopes": ["transcribe"]}).json()["key"]
    evil = {"origin": "https://evil.example"}
    assert browser.post("/api/keys", json={"name": "k", "scopes": ["transcribe"]}, headers=evil).status_code == 401
    browser.cookies.clear()
    assert browser.get("/v1/models", headers={"authorization": f"Bearer {key}"}).status_code == 200


def test_who_logs_out_may_log_out_there_too(browser: Browser, provider: Provider, somebody: Any) -> None:
    somebody()
    browser.log_in()
    had = browser.cookies["earwitness"]
    told = browser.post("/api/logout").json()
    assert httpx.get(told["url"]).headers["location"] == str(browser.base_url).rstrip("/")
    assert provider.left == [provider.here]
    assert browser.get("/api/me", headers={"cookie": f"earwitness={had}"}).status_code == 401
    browser.post("/api/login", json={"name": "Root", "password": "tall ships over quiet water"})
    assert browser.post("/api/logout").json() == {"ok": True, "url": None}  # a password is no matter of the provider


def test_over_https_the_cookies_are_the_hosts(server: str, somebody: Any) -> None:
    somebody()
    with Browser(server, **{"x-forwarded-proto": "https", "host": "ears.example"}) as far:
        found = far.get(BEGIN)
        (cookie,) = found.headers.get_list("set-cookie")
        assert cookie.startswith("__Host-earwitness-oidc=")
        assert "secure" in cookie.lower()
        there = httpx.URL(found.headers["location"])
        assert dict(parse_qsl(there.query.decode()))["redirect_uri"] == f"https://ears.example{BACK}"
        held = {"cookie": cookie.partition(";")[0]}
        told = far.get(far.there(there), headers=held).headers.get_list("set-cookie")
        assert any(one.startswith("__Host-earwitness=") and "Secure" in one for one in told)


# ── who somebody is ──
def test_somebody_is_who_the_issuer_says_by_subject(browser: Browser, server: str, somebody: Any) -> None:
    who = somebody(email="one@example.com")
    browser.log_in()
    ident = browser.user()["id"]
    who |= {"preferred_username": f"{who['preferred_username']} of old", "email": "two@example.com"}
    with Browser(server) as phone:
        phone.log_in()
        assert phone.user()["id"] == ident
    twin = somebody(preferred_username=browser.user()["name"].upper(), email="two@example.com")
    with Browser(server) as other:
        refused = other.log_in()
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
        assert twin["sub"] in refused.json()["error"]
        assert other.out()


def test_an_account_that_is_here_is_linked_by_an_administrator_alone(
    browser: Browser, root: Browser, provider: Provider, somebody: Any
) -> None:
    who = somebody(preferred_username="Lena", email="lena@example.com")
    lena = root.post("/api/users", json={"name": "Lena", "password": "nine green kettles", "role": "operator"}).json()
    assert browser.log_in().status_code == 409
    assert audit(root)[0] == ("login refused", {"user": None, "way": "oidc"})
    subject = f"{provider.address} {who['sub']}"
    for wrong in (
        "x",
        "lena@example.com",
        f"{provider.address}",
        "proxy ",
        "ftp://x y",
        f"{provider.address} {'x' * 300}",
    ):
        assert root.patch(f"/api/users/{lena['id']}", json={"subject": wrong}).status_code == 400
    assert root.patch(f"/api/users/{lena['id']}", json={"subject": subject}).json()["subject"] == subject
    browser.log_in()
    assert (browser.user()["id"], browser.user()["role"]) == (lena["id"], "operator")
    root_id = root.get("/api/me").json()["user"]["id"]
    assert root.patch(f"/api/users/{root_id}", json={"subject": subject}).status_code == 409
    assert root.patch(f"/api/users/{lena['id']}", json={"subject": ""}).json()["subject"] is None
    assert browser.out()
    assert [what for what, _ in audit(root)[:3]] == ["user unlinked", "login", "user linked"]


def test_who_is_disabled_or_removed_stays_out(
    browser: Browser, root: Browser, provider: Provider, somebody: Any
) -> None:
    who = somebody()
    browser.log_in()
    user = browser.user()["id"]
    root.patch(f"/api/users/{user}", json={"enabled": False})
    assert browser.out()
    assert browser.log_in().status_code == 403
    assert audit(root)[0] == ("login refused", {"user": user, "way": "oidc"})
    root.patch(f"/api/users/{user}", json={"enabled": True})
    assert browser.log_in().status_code == 303
    root.delete(f"/api/users/{user}")
    assert browser.out()
    assert browser.log_in().status_code == 403
    told = {"name": who["preferred_username"], "subject": f"{provider.address} {who['sub']}"}
    assert root.post("/api/users", json=told).status_code == 201
    assert root.post("/api/users", json=told | {"name": "Another"}).status_code == 409
    assert browser.log_in().status_code == 303


@pytest.mark.parametrize(
    ("groups", "role"),
    [(None, "viewer"), ([], "viewer"), (["ops"], "operator"), ("staff, ops", "operator"), (["ops", "bosses"], "admin"),
     ("BOSSES", "viewer"), ([["bosses"], {"bosses": 1}, 7], "viewer"), ({"bosses": True}, "viewer"), (7, "viewer")],
)  # fmt: skip
def test_a_role_goes_by_groups(browser: Browser, somebody: Any, groups: object, role: str) -> None:
    somebody(groups=groups)
    assert browser.log_in().status_code == 303
    assert browser.user()["role"] == role


def test_a_role_is_another_with_the_next_login(browser: Browser, root: Browser, server: str, somebody: Any) -> None:
    who = somebody(groups=["bosses"])
    browser.log_in()
    assert browser.get("/api/users").status_code == 200
    who["groups"] = []
    with Browser(server) as phone:
        phone.log_in()
        assert audit(root)[1][1]["role"] == "viewer"
    assert browser.get("/api/users").status_code == 403  # where they had logged in before, too
    assert root.patch(f"/api/users/{browser.user()['id']}", json={"role": "operator"}).status_code == 200
    assert browser.get("/api/speakers").status_code == 200


@pytest.mark.parametrize("name", ["", "  ", None, 7, "x" * 300])
def test_who_has_no_name_goes_by_the_subject(browser: Browser, provider: Provider, somebody: Any, name: object) -> None:
    who = somebody(preferred_username=name)
    assert browser.log_in().status_code == 303
    assert browser.user()["name"] == ("x" * 100 if name == "x" * 300 else who["sub"])


def test_a_name_is_no_markup_and_no_trick(browser: Browser, somebody: Any) -> None:
    somebody(preferred_username="Eve\u202e\x00")
    refused = browser.log_in()
    assert refused.status_code == 400
    assert browser.out()


# ── as somebody else ──
def test_an_answer_counts_where_it_was_asked_for(server: str, browser: Browser, somebody: Any) -> None:
    """Login CSRF: whoever sends their own answer to somebody does not log them in."""
    somebody()
    with Browser(server) as evil:
        bait = evil.there(evil.begin())
        for state in ("", "x", "é" * 43):
            assert evil.get(BACK, params={"code": "x", "state": state}).status_code == 400
    assert browser.get(bait).status_code == 400  # nothing was begun here
    browser.begin()
    assert browser.get(bait).status_code == 400  # nor was this
    assert browser.out()


def test_an_answer_counts_once(browser: Browser, somebody: Any) -> None:
    somebody()
    back = browser.there(browser.begin())
    kept = browser.cookies["earwitness-oidc"]
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 400
    browser.cookies.set("earwitness-oidc", kept)
    assert browser.get(back).status_code == 401  # the provider has it only once, too


@pytest.mark.parametrize("checks", [True, False])
def test_a_code_of_another_login_is_none(
    server: str, browser: Browser, provider: Provider, somebody: Any, *, checks: bool
) -> None:
    """Somebody else's code in one's own login: PKCE is against it, and the nonce where the provider forgot that."""
    provider.checks = checks
    somebody()
    with Browser(server) as other:
        stolen = dict(parse_qsl(httpx.URL(other.there(other.begin())).query.decode()))["code"]
    mine = dict(parse_qsl(httpx.URL(browser.there(browser.begin())).query.decode()))
    refused = browser.get(BACK, params={**mine, "code": stolen})
    assert refused.status_code == 401
    assert ("another login" in refused.text) != checks
    assert browser.out()


@pytest.mark.parametrize("issuer", ["https://evil.example", "", None])
def test_an_answer_of_another_provider_is_none(browser: Browser, somebody: Any, issuer: str | None) -> None:
    somebody()
    found = dict(parse_qsl(httpx.URL(browser.there(browser.begin())).query.decode()))
    found |= {"iss": issuer or ""}
    assert browser.get(BACK, params={k: v for k, v in found.items() if (k, issuer) != ("iss", None)}).status_code == 401
    assert browser.out()


def test_what_a_provider_refuses_is_refused(browser: Browser, somebody: Any) -> None:
    somebody()
    state = dict(parse_qsl(browser.begin().query.decode()))["state"]
    refused = browser.get(BACK, params={"state": state, "error": "access_denied<script>\r\n", "error_description": "x"})
    assert refused.status_code == 401
    assert "access_denied<script>'" in refused.json()["error"]
    assert refused.headers["content-type"] == "application/json"


def test_whoever_put_a_cookie_into_a_browser_has_nothing_of_the_login(
    server: str, browser: Browser, somebody: Any
) -> None:
    somebody()
    with Browser(server) as evil:
        evil.log_in()
        planted = evil.cookies["earwitness"]
        browser.cookies.set("earwitness", planted)
        somebody()
        browser.log_in()
        assert evil.out(), "that login has ended"
    tokens = re.findall(r"earwitness=([^;]+)", browser.get("/api/me").request.headers["cookie"])
    assert any(token != planted for token in tokens)


@pytest.mark.parametrize(
    "following",
    ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "", "x",
     "/\n/evil.example", "javascript:alert(1)", " /app", "/app\r\nset-cookie: a=b", f"/{'x' * 1000}", "/ü"],
)  # fmt: skip
def test_a_login_leads_to_pages_of_this_server(browser: Browser, following: str) -> None:
    assert browser.get(BEGIN, params={"next": following}).status_code == 400


@pytest.mark.parametrize("kept", ["", "Ly9ldmlsLmV4YW1wbGU=", "aHR0cHM6Ly9ldmls", "%%%", "w7w="])
def test_so_does_one_whose_cookie_was_bent(browser: Browser, somebody: Any, kept: str) -> None:
    somebody()
    back = browser.there(browser.begin("/docs"))
    secret = browser.cookies["earwitness-oidc"].partition(".")[0]
    browser.cookies.clear()
    browser.cookies.set("earwitness-oidc", f"{secret}.{kept}")
    assert browser.get(back).headers["location"] == "/"


def test_logins_are_not_guessed(browser: Browser) -> None:
    tried = [browser.get(BACK, params={"code": "x", "state": "y"}).status_code for _ in range(6)]
    assert tried == [400] * 5 + [429]
    told = {"name": "Root", "password": "x" * 20}
    assert browser.post("/api/login", json=told).status_code == 429, "it is one count with that of passwords"
    assert [browser.get(BEGIN).status_code for _ in range(21)] == [303] * 20 + [429]
