"""What a provider says and how: which tokens are believed, and which of somebody who can forge one."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support.browsing import Browser
from support.identity import CLIENT, SECRET, Claims, Key, Provider, encoded, mixed, public, signed, told

Bend = Callable[[Claims], Claims]


def with_claims(**claims: object) -> Bend:
    """Other claims instead, or none of them."""
    return lambda said: {name: value for name, value in {**said, **claims}.items() if value is not None}


def later(name: str, s: float) -> Bend:
    """One of the times is another."""
    return lambda said: {**said, name: int(time.time() + s)}


FALSE: dict[str, tuple[Bend, str]] = {
    "for another client": (with_claims(aud="another"), "audience"),
    "for nobody": (with_claims(aud=None), "aud"),
    "for no one": (with_claims(aud=[]), "aud"),
    "for several": (with_claims(aud=[CLIENT, "another"]), "somebody else"),
    "for another party": (with_claims(aud=[CLIENT, "another"], azp="another"), "somebody else"),
    "for another party alone": (with_claims(azp="another"), "somebody else"),
    "of another issuer": (with_claims(iss="https://evil.example"), "issuer"),
    "of an issuer that looks alike": (lambda said: {**said, "iss": said["iss"] + "/"}, "issuer"),
    "of no issuer": (with_claims(iss=None), "iss"),
    "over": (later("exp", -120), "expired"),
    "without an end": (with_claims(exp=None), "exp"),
    "whose end is no time": (with_claims(exp="never"), "exp"),
    "not yet true": (later("nbf", 120), "not yet"),
    "made tomorrow": (later("iat", 86_400), "not yet"),
    "made at no time": (with_claims(iat=None), "iat"),
    "of another login": (with_claims(nonce="another"), "another login"),
    "of no login": (with_claims(nonce=None), "another login"),
    "about nobody": (with_claims(sub=None), "sub"),
    "about a number": (with_claims(sub=7), "sub"),
}


@pytest.mark.parametrize("which", FALSE)
def test_a_token_is_not_believed(browser: Browser, provider: Provider, somebody: Any, which: str) -> None:
    somebody()
    provider.bend, why = FALSE[which]
    refused = browser.log_in()
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_api_key")
    assert "can't be believed" in refused.json()["error"]
    assert why in refused.json()["error"]
    assert browser.out()


@pytest.mark.parametrize("subject", ["", "x" * 256, "a\nb"])
def test_a_subject_is_one_that_a_standard_allows(
    browser: Browser, provider: Provider, somebody: Any, subject: str
) -> None:
    somebody(sub=subject)
    assert browser.log_in().status_code == 400
    assert browser.out()


FORGED: dict[str, Callable[[Claims, Claims, Provider, dict[str, Key]], str]] = {
    "unsigned": lambda head, said, *_: f"{told({**head, 'alg': 'none'}, said)}.",
    "unsigned in capitals": lambda head, said, *_: f"{told({**head, 'alg': 'NONE'}, said)}.",
    "signed with nothing": lambda head, said, *_: f"{told(head, said)}.",
    "of no algorithm": lambda head, said, *_: f"{told({'kid': head['kid']}, said)}.x",
    "of a list of algorithms": lambda head, said, *_: f"{told({**head, 'alg': ['RS256']}, said)}.x",
    "with our secret": lambda head, said, *_: mixed(head, said, SECRET.encode()),
    "with their public key": lambda head, said, _, keys: mixed(
        head, said, keys["first"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    ),
    "with their public key in JSON": lambda head, said, _, keys: mixed(
        head, said, json.dumps(public("first", keys["first"])).encode()
    ),
    "with another key of that name": lambda head, said, _, keys: signed(head, said, keys["second"]),
    "with a key that nobody knows": lambda head, said, _, keys: signed({**head, "kid": "x"}, said, keys["second"]),
    "with a key of its own": lambda head, said, _, keys: signed(
        {**head, "jwk": public("first", keys["second"])}, said, keys["second"]
    ),
    "with a key from elsewhere": lambda head, said, p, keys: signed(
        {**head, "jku": f"{p.address}/evil", "x5u": f"{p.address}/evil"}, said, keys["second"]
    ),
    "by another algorithm than it says": lambda head, said, _, keys: signed(
        {**head, "alg": "ES256"}, said, keys["first"]
    ),
    "changed afterwards": lambda head, said, _, keys: ".".join(
        (told(head, {**said, "sub": "n-1"}), signed(head, said, keys["first"]).rpartition(".")[2])
    ),
    "no token": lambda *_: "x",
    "empty": lambda *_: "",
    "three dots": lambda *_: "...",
    "a list": lambda head, said, _, keys: signed(head, [said], keys["first"]),  # type: ignore[arg-type]
    "encrypted": lambda *_: encoded(b'{"alg":"dir","enc":"A256GCM"}') + "....",
}


@pytest.mark.parametrize("which", FORGED)
def test_a_token_is_forged(
    browser: Browser, provider: Provider, somebody: Any, keys: dict[str, Key], which: str
) -> None:
    somebody()
    provider.forge = lambda head, said: FORGED[which](head, said, provider, keys)
    refused = browser.log_in()
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_api_key")
    assert browser.out()
    assert ("/evil", {}) not in provider.asked


@pytest.mark.parametrize(
    "bend",
    [later("exp", -30), later("iat", 30), later("nbf", 30), with_claims(aud=[CLIENT]), with_claims(azp=CLIENT),
     with_claims(aud=[CLIENT, "account"], azp=CLIENT)],
    ids=["just over", "just made", "just true", "a list", "a party", "several"],
)  # fmt: skip
def test_clocks_may_differ_a_little(browser: Browser, provider: Provider, somebody: Any, bend: Bend) -> None:
    somebody()
    provider.bend = bend
    assert browser.log_in().status_code == 303
    assert browser.user()


# ── keys ──
def test_a_provider_gets_other_keys(
    server: str, browser: Browser, provider: Provider, somebody: Any, keys: dict[str, Key], forget: Callable[[], None]
) -> None:
    somebody()
    provider.asked.clear()
    assert browser.log_in().status_code == 303
    before = [place for place, _ in provider.asked].count("/keys")
    provider.keys = {"first": keys["first"], "second": keys["second"]}  # the newest signs
    assert browser.log_in().status_code == 303
    assert [place for place, _ in provider.asked].count("/keys") == before + 1
    provider.keys = {"second": keys["first"]}  # another one of the same name
    assert browser.log_in().status_code == 303
    provider.forge = lambda head, said: signed(head, said, keys["second"])
    assert browser.log_in().status_code == 401, "the old one counts no more"


def test_signatures_of_other_kinds_and_keys_for_other_things(
    server: str, provider: Provider, somebody: Any, keys: dict[str, Key], forget: Callable[[], None]
) -> None:
    somebody()
    one = public("a", keys["first"])
    shared = {"kty": "oct", "kid": "a", "k": encoded(b"x" * 32)}
    provider.further = [7, {}, {"kty": "RSA", "kid": "a"}, {"kty": "new", "kid": "a"}, one | {"use": "enc"}, shared]
    for algorithm, key in (("ES256", "ES256"), ("EdDSA", "EdDSA"), ("PS256", "first"), ("RS256", "first")):
        provider.algorithm, provider.keys = algorithm, {"a": keys[key]}
        with Browser(server) as browser:
            assert browser.log_in().status_code == 303, algorithm
    provider.keys = {}
    for further in ([shared], [one | {"use": "enc"}], [one | {"alg": "PS256"}], [public("b", keys["first"])]):
        provider.further = list(further)
        provider.forge = lambda head, said: signed({**head, "kid": "a"}, said, keys["first"])
        provider.keys = {"other": keys["second"]}
        forget()
        with Browser(server) as browser:
            assert browser.log_in().status_code == 401, further


def test_a_token_without_the_name_of_a_key(
    browser: Browser, provider: Provider, somebody: Any, keys: dict[str, Key], forget: Callable[[], None]
) -> None:
    somebody()
    provider.keys = {"x": keys["second"], "y": keys["ES256"], "z": keys["first"]}
    provider.forge = lambda head, said: signed({"alg": "RS256"}, said, keys["first"])
    assert browser.log_in().status_code == 303


# ── what is told beside the token ──
def test_what_the_token_does_not_say_is_asked_for(browser: Browser, provider: Provider, somebody: Any) -> None:
    who = somebody(groups=["ops"])
    provider.beside = frozenset({"preferred_username", "groups"})
    assert browser.log_in().status_code == 303
    assert (browser.user()["name"], browser.user()["role"]) == (who["preferred_username"], "operator")


@pytest.mark.parametrize("said", [{"sub": "n-0", "groups": ["bosses"]}, {"groups": ["bosses"]}, {"sub": ["n"]}])
def test_what_is_told_beside_is_about_the_same(
    browser: Browser, provider: Provider, somebody: Any, said: Claims
) -> None:
    somebody()
    provider.stranger = said
    refused = browser.log_in()
    assert refused.status_code == 401
    assert "two people" in refused.text


def test_an_access_token_of_another_login_is_none(browser: Browser, provider: Provider, somebody: Any) -> None:
    somebody()
    provider.bend = with_claims(at_hash=encoded(b"x" * 16))
    refused = browser.log_in()
    assert refused.status_code == 401
    assert "belong together" in refused.text


def test_what_the_token_says_goes_first(browser: Browser, provider: Provider, somebody: Any) -> None:
    who = somebody()
    provider.stranger = {"sub": who["sub"], "preferred_username": "Somebody else", "groups": ["ops"], "nonce": "x"}
    assert browser.log_in().status_code == 303
    assert (browser.user()["name"], browser.user()["role"]) == (who["preferred_username"], "operator")


# ── what it says of itself ──
@pytest.mark.parametrize(
    ("says", "why"),
    [
        ({"issuer": "https://evil.example"}, "evil.example"),
        ({"issuer": None}, "None"),
        ({"token_endpoint": "http://evil.example/token"}, "token_endpoint"),
        ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri"),
        ({"authorization_endpoint": None}, "authorization_endpoint"),
        ({"authorization_endpoint": 7}, "authorization_endpoint"),
        ({"userinfo_endpoint": "http://169.254.169.254/"}, "userinfo_endpoint"),
        ({"x": "y" * 2**20}, "MB"),
    ],
    ids=str,
)
def test_a_provider_that_says_nonsense_of_itself(
    browser: Browser, provider: Provider, forget: Callable[[], None], says: Claims, why: str
) -> None:
    provider.says = says
    forget()
    found = browser.get("/api/login/oidc")
    assert (found.status_code, found.json()["code"]) == (502, "unreachable")
    assert why in found.json()["error"]
    assert "location" not in found.headers


def test_one_that_leads_into_the_cloud_is_not_followed(
    browser: Browser, provider: Provider, somebody: Any, forget: Callable[[], None]
) -> None:
    somebody()
    provider.says = {"token_endpoint": "https://169.254.169.254/token"}
    forget()
    assert browser.log_in().status_code == 502


def test_one_that_names_itself_with_a_slash_and_wants_the_secret_in_the_form(
    browser: Browser, provider: Provider, somebody: Any, forget: Callable[[], None]
) -> None:
    who = somebody()
    provider.says, provider.methods = {"issuer": f"{provider.address}/"}, ("client_secret_post", "private_key_jwt")
    provider.bend = with_claims(iss=f"{provider.address}/")
    forget()
    back = httpx.URL(browser.there(browser.begin()))
    assert browser.get(str(back.copy_merge_params({"iss": f"{provider.address}/"}))).status_code == 303
    assert browser.user()["subject"] == f"{provider.address} {who['sub']}"


@pytest.mark.parametrize("status", [200, 400, 500])
def test_one_that_breaks_down_on_the_way(
    browser: Browser, provider: Provider, somebody: Any, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    somebody()
    monkeypatch.setattr(provider, "token", lambda *_: (status, ["x"]))
    assert browser.log_in().status_code == (502 if status == 200 else 401)
    monkeypatch.setattr(provider, "token", lambda *_: (status, {}))
    assert browser.log_in().status_code == 401
