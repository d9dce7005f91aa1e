"""Servers whose users log in by a provider: settings, the first account, strangers, a provider that is not there."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from earwitness import config
from earwitness.api import issuer
from earwitness.api.app import create
from earwitness.errors import BadInput, Missing
from support.browsing import BEGIN, PASSWORD, Browser, set_up
from support.identity import CLIENT, SECRET, Provider, running
from support.server import running as serving


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"oidc_client": ""}, "OIDC_CLIENT"),
        ({"oidc_issuer": "http://id.example"}, "not https"),
        ({"oidc_issuer": "https://"}, "oidc_issuer"),
        ({"oidc_issuer": "https://id.example/?a"}, "oidc_issuer"),
        ({"oidc_issuer": "https://a@id.example/"}, "oidc_issuer"),
        ({"oidc_issuer": "id.example"}, "oidc_issuer"),
        ({"oidc_secret_file": "/nowhere"}, "both set"),
        ({"oidc_secret_file": "/nowhere", "oidc_secret": None}, "can't be read"),
        ({"oidc_scopes": ["profile"]}, "openid"),
        ({"public_url": "https://ears.example/x"}, "public_url"),
        ({"new_users": "admin"}, "new_users"),
        ({"group_roles": {"a": "king"}}, "group_roles"),
    ],
    ids=str,
)
def test_settings_that_will_not_do_stop_the_start(made: Any, tmp_path: Path, given: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput, match=why) as caught:
        create(made(tmp_path, **given))
    assert caught.value.remedy != BadInput.default_remedy


def test_without_its_package_the_start_says_so(made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuer, "find_spec", lambda name: None if name == "jwt" else find_spec(name))
    with pytest.raises(Missing, match="PyJWT") as caught:
        create(made(tmp_path))
    assert caught.value.remedy == "pip install 'earwitness[oidc]'"


def test_the_first_account_comes_before_all_others(
    made: Any, provider: Provider, somebody: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A server whose users log in elsewhere is closed until there is an administrator with a password."""
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    given = {"oidc_secret": None, "oidc_secret_file": secret, "new_users": "operator", "log_level": "warning"}
    who = somebody(groups=["bosses"])
    with (
        serving(made(tmp_path, log_format="json", **given)) as address,
        Browser(address) as browser,
        Browser(address) as phone,
    ):
        (line,) = [json.loads(x) for x in capfd.readouterr().err.splitlines() if "setup_code" in x]
        assert browser.get("/v1/models").status_code == 401
        early = browser.log_in()
        assert early.status_code == 401
        assert "/api/setup" in early.json()["error"]
        told = {"name": "Root", "password": PASSWORD}
        assert browser.post("/api/setup", json=told).status_code == 401
        assert browser.post("/api/setup", json=told | {"code": line["setup_code"]}).status_code == 201
        key = browser.post("/api/keys", json={"name": "k", "scopes": ["transcribe"]}).json()["key"]
        assert phone.get("/v1/models", headers={"x-api-key": key}).status_code == 200
        assert phone.log_in().status_code == 303
        assert (phone.user()["name"], phone.user()["role"]) == (who["preferred_username"], "operator")
        assert browser.patch(f"/api/users/{phone.user()['id']}", json={"role": "admin"}).status_code == 200
        assert phone.log_in().status_code == 303
        assert phone.user()["role"] == "admin", "without roles by group an administrator's word stays"
        ident = browser.get("/api/me").json()["user"]["id"]
        assert phone.delete(f"/api/users/{ident}").status_code == 400, "the last with a password"


def test_strangers_are_sent_away_where_nobody_is_made(
    made: Any, provider: Provider, somebody: Any, tmp_path: Path
) -> None:
    """By a public client, too, and under an address that requests don't tell."""
    provider.secret = None
    given = {"oidc_secret": None, "group_roles": {"staff": "operator"}, "public_url": "https://ears.example/"}
    with (
        serving(set_up(made(tmp_path, oidc_groups_claim="realm_access.roles", **given))) as address,
        Browser(address) as browser,
        Browser(address) as root,
    ):
        root.post("/api/login", json={"name": "Root", "password": PASSWORD})
        guest = somebody()
        there = browser.begin()
        assert dict(parse_qsl(there.query.decode()))["redirect_uri"] == f"https://ears.example{BEGIN}/callback"
        refused = browser.get(browser.there(there))
        assert refused.status_code == 403
        subject = f"{provider.address} {guest['sub']}"
        assert f"users link USER '{subject}'" in refused.json()["error"]
        assert root.get("/api/audit").json()["entries"][0]["what"] == "login refused"
        root.post("/api/users", json={"name": "Guest", "subject": subject})
        assert browser.log_in().status_code == 403, "in none of the groups"
        guest["realm_access"] = {"roles": ["staff"]}
        assert browser.log_in().status_code == 303
        somebody(realm_access={"roles": ["staff"]})
        assert browser.log_in().status_code == 303
        assert browser.user()["role"] == "operator"


def test_a_provider_that_is_not_there_keeps_nobody_from_the_rest(keys: Any, tmp_path: Path) -> None:
    provider = Provider({"anna": {"sub": "1", "preferred_username": "Anna"}}, {"first": keys["first"]}, here="anna")
    with running(provider):
        port = int(provider.address.rpartition(":")[2])
    asked = {"oidc_issuer": provider.address, "oidc_client": CLIENT, "oidc_secret": SECRET, "new_users": "viewer"}
    settings = config.load(home=tmp_path, preload=False, log_level="error", **asked)
    with serving(set_up(settings)) as address, Browser(address) as browser:
        assert browser.get("/livez").status_code == 200
        found = browser.get(BEGIN)
        assert (found.status_code, found.json()["code"]) == (502, "unreachable")
        assert "password" in found.json()["error"]
        assert browser.post("/api/login", json={"name": "Root", "password": PASSWORD}).status_code == 200
        with running(provider, port):
            back = browser.there(browser.begin())
        assert browser.get(back).status_code == 502, "it went away meanwhile"
        with running(provider, port):
            assert browser.log_in().status_code == 303
        assert browser.post("/api/logout").json()["url"], "what it said of itself is still known"
