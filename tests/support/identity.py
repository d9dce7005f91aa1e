"""An OpenID Connect provider on loopback: discovery, authorize, token with PKCE, keys, userinfo, logout.

Whoever is `here` is logged in there, so that it asks nothing. It signs with keys of its own, by hand, and can be made
to say what no provider should.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from typing_extensions import override

Claims = dict[str, Any]
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

CLIENT, SECRET = "ears", "a secret: 100%+&?"


def encoded(raw: bytes) -> str:
    """Base64 for the web."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value: int) -> str:
    """A number as keys have it."""
    return encoded(value.to_bytes((value.bit_length() + 7) // 8))


def told(head: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """The part of a token that is signed."""
    return ".".join(encoded(json.dumps(part).encode()) for part in (head, claims))


def signed(head: Mapping[str, Any], claims: Mapping[str, Any], key: Key) -> str:
    """A token, by the algorithm that it says."""
    what = told(head, claims)
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(SHA256()), 32)
        signature = key.sign(what.encode(), pss if head["alg"] == "PS256" else padding.PKCS1v15(), SHA256())
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        parts = decode_dss_signature(key.sign(what.encode(), ec.ECDSA(SHA256())))
        signature = b"".join(part.to_bytes(32) for part in parts)
    else:
        signature = key.sign(what.encode())
    return f"{what}.{encoded(signature)}"


def mixed(head: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes) -> str:
    """A token signed with a secret that others have too."""
    what = told({**head, "alg": "HS256"}, claims)
    return f"{what}.{encoded(hmac.digest(secret, what.encode(), 'sha256'))}"


def public(ident: str, key: Key) -> dict[str, str]:
    """A key as it is given to everybody."""
    whole = key.public_key()
    if isinstance(whole, rsa.RSAPublicKey):
        numbers = whole.public_numbers()
        return {"kid": ident, "use": "sig", "kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
    if isinstance(whole, ec.EllipticCurvePublicKey):
        point = whole.public_numbers()
        return {"kid": ident, "kty": "EC", "crv": "P-256", "x": number(point.x), "y": number(point.y)}
    return {"kid": ident, "kty": "OKP", "crv": "Ed25519", "x": encoded(whole.public_bytes_raw())}


@dataclass
class Provider:
    """What it knows, and how it misbehaves. `address` is its issuer."""

    people: dict[str, Claims]
    keys: dict[str, Key]
    address: str = ""
    here: str = "anna"
    algorithm: str = "RS256"
    secret: str | None = SECRET
    beside: frozenset[str] = frozenset()
    """Claims that userinfo tells, and the token does not."""
    methods: tuple[str, ...] = ("client_secret_basic",)
    says: Claims = field(default_factory=dict)
    """What it says of itself instead."""
    further: list[object] = field(default_factory=list)
    """What lies among its keys."""
    bend: Callable[[Claims], Claims] = lambda claims: claims
    """What the token says instead."""
    forge: Callable[[Claims, Claims], str] | None = None
    """How it is made instead, of head and claims."""
    stranger: Claims | None = None
    """What userinfo says instead."""
    checks: bool = True
    """Whether it looks at PKCE."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """Who was logged out there."""

    def well_known(self) -> Claims:
        """Its discovery document."""
        places = {
            "authorization_endpoint": "/authorize?kept=yes", "token_endpoint": "/token", "jwks_uri": "/keys",
            "userinfo_endpoint": "/userinfo", "end_session_endpoint": "/logout",
        }  # fmt: skip
        found = {name: self.address + place for name, place in places.items()}
        told = {"issuer": self.address, "token_endpoint_auth_methods_supported": list(self.methods)}
        return {**found, **told, "authorization_response_iss_parameter_supported": True, **self.says}

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent, with a code."""
        assert asked["client_id"] == CLIENT
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert asked["kept"] == "yes", "the query of the endpoint itself"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = {**asked, "who": self.here}
        back = {"code": code, "state": asked["state"], "iss": self.address}
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def token(self, asked: dict[str, str], header: str) -> tuple[int, Claims]:
        """What it gives for a code; each is good once."""
        if self.secret is not None:
            both = base64.b64decode(header.removeprefix("Basic ")).decode().split(":") if header else ["", ""]
            basic = (unquote(both[0]), unquote(both[1])) == (CLIENT, self.secret)
            posted = (asked.get("client_id"), asked.get("client_secret")) == (CLIENT, self.secret)
            if not (basic if "client_secret_basic" in self.methods else posted):
                return 401, {"error": "invalid_client"}
        elif asked.get("client_id") != CLIENT or "client_secret" in asked:
            return 401, {"error": "invalid_client"}
        begun = self.codes.pop(asked.get("code", ""), None)
        if begun is None or begun["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        challenge = encoded(hashlib.sha256(asked["code_verifier"].encode()).digest())
        if self.checks and challenge != begun["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        access = f"{begun['who']}.{secrets.token_urlsafe(8)}"
        return 200, {"token_type": "Bearer", "access_token": access, "id_token": self.ident(begun, access)}

    def ident(self, begun: Mapping[str, str], access: str) -> str:
        """The ID token."""
        now, ident = int(time.time()), next(reversed(self.keys))
        said = {name: value for name, value in self.people[begun["who"]].items() if name not in self.beside}
        whole = hashlib.new("sha512" if self.algorithm == "EdDSA" else "sha256", access.encode()).digest()
        claims = {
            "iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": begun["nonce"],
            "at_hash": encoded(whole[: len(whole) // 2]), **said,
        }  # fmt: skip
        head = {"alg": self.algorithm, "kid": ident, "typ": "JWT"}
        claims = self.bend(claims)
        return signed(head, claims, self.keys[ident]) if self.forge is None else self.forge(head, claims)

    def userinfo(self, header: str) -> tuple[int, Claims]:
        """Who an access token is about."""
        who = header.removeprefix("Bearer ").partition(".")[0]
        if who not in self.people:
            return 401, {"error": "invalid_token"}
        return 200, self.people[who] if self.stranger is None else self.stranger


@contextmanager
def running(provider: Provider, port: int = 0) -> Iterator[Provider]:
    """The provider, with its address."""

    class Door(_Door):
        its = provider

    server = ThreadingHTTPServer(("127.0.0.1", port), Door)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    provider.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()


class _Door(BaseHTTPRequestHandler):
    its: Provider

    def do_GET(self) -> None:
        """Discovery, keys, the browser's part, userinfo."""
        place, asked = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
        self.its.asked.append((place, asked))
        if place == "/.well-known/openid-configuration":
            self._say(200, self.its.well_known())
        elif place == "/keys":
            keys = [public(ident, key) for ident, key in self.its.keys.items()]
            self._say(200, {"keys": [*self.its.further, *keys]})
        elif place == "/userinfo":
            self._say(*self.its.userinfo(self.headers.get("authorization", "")))
        elif place == "/authorize":
            self._lead(self.its.authorize(asked))
        elif place == "/logout":
            assert asked["client_id"] == CLIENT
            self.its.left.append(self.its.here)
            self._lead(asked["post_logout_redirect_uri"])
        else:
            self._say(404, {})

    def do_POST(self) -> None:
        """The token endpoint."""
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        asked = dict(parse_qsl(body, keep_blank_values=True))
        self.its.asked.append((self.path, asked))
        self._say(*self.its.token(asked, self.headers.get("authorization", "")))

    def _say(self, status: int, found: object) -> None:
        content = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _lead(self, where: str) -> None:
        self.send_response(302)
        self.send_header("location", where)
        self.send_header("content-length", "0")
        self.end_headers()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
