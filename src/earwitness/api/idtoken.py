"""ID tokens: whether what a provider is said to have signed is its word, for us, of this login and of now.

OpenID Connect Core 1.0, section 3.1.3.7, and RFC 8725. Signatures and times are PyJWT's work, which comes with an extra
and is imported where it is needed.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from earwitness.errors import Unauthorized

if TYPE_CHECKING:
    from jwt import PyJWK

Claims = dict[str, Any]
Keys = Sequence[Mapping[str, Any]]
"""Keys as JSON has them (RFC 7517)."""

SKEW_S = 60.0
"""How far a provider's clock may be from ours."""

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Ways to sign with a key that only the provider has. Never `none`, nor one whose key we have too, as HS256."""


def doubted(why: str) -> Unauthorized:
    """That something a provider is said to have said is not believed."""
    told = "Begin again. If it stays so, an administrator has to compare the clocks, and the settings here and there."
    return Unauthorized(f"the provider's answer can't be believed: {why}", remedy=told)


def opened(token: str, keys: Keys, *, issuer: str, client: str) -> Claims | None:
    """What an issuer has signed for a client; None where none of the keys fits. Raises Unauthorized."""
    import jwt

    algorithm, ident = _head(token)
    for key in _fitting(keys, algorithm, ident):
        try:
            found: Claims = jwt.decode(
                token, key.key, [algorithm], audience=client, issuer=issuer, leeway=SKEW_S,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )  # fmt: skip
        except jwt.InvalidSignatureError:
            continue
        except jwt.PyJWTError as error:
            raise doubted(str(error).lower()) from error
        return found
    return None


def check(claims: Claims, *, client: str, nonce: str) -> None:
    """Raise Unauthorized for claims that were made for another party, or belong to another login."""
    many = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if many else client) != client:
        raise doubted("it is meant for somebody else")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise doubted("it belongs to another login")


def check_pair(claims: Claims, token: str, access: str) -> None:
    """Raise Unauthorized for an access token that did not come with the ID token, where that says so (3.1.3.6)."""
    algorithm = _head(token)[0]
    whole = hashlib.new("sha512" if algorithm == "EdDSA" else f"sha{algorithm[2:]}", access.encode()).digest()
    half = base64.urlsafe_b64encode(whole[: len(whole) // 2]).rstrip(b"=").decode()
    if claims.get("at_hash", half) != half:
        raise doubted("its tokens don't belong together")


def _head(token: str) -> tuple[str, str | None]:
    """How a token says that it is signed, and with which key."""
    import jwt

    try:
        head = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise doubted("there is no token in it") from error
    algorithm = str(head.get("alg"))
    if algorithm not in ALGORITHMS:
        raise doubted("it is signed in a way that proves nothing")
    return algorithm, head.get("kid")


def _fitting(keys: Keys, algorithm: str, ident: str | None) -> "Iterator[PyJWK]":
    """The keys that may have signed something, of the kind that its algorithm takes."""
    import jwt

    for told in keys:
        other = told.get("alg", algorithm) != algorithm or told.get("use", "sig") != "sig"
        if other or (ident is not None and told.get("kid", ident) != ident):
            continue
        try:
            yield jwt.PyJWK(dict(told), algorithm)
        except jwt.PyJWTError:  # a key of another kind, or a broken one
            continue
