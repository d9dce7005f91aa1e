"""An OpenID Connect provider, as this server sees it: what it says of itself, its keys, and whom it says somebody is.

The authorization code flow with PKCE (OpenID Connect Core 1.0, section 3.1; RFC 7636; RFC 9700). Nothing is asked of it
before somebody wants to log in, so that the server starts without it. Its address is an administrator's: it may be on
this machine or its network.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from earwitness import addresses
from earwitness.api import idtoken
from earwitness.api.idtoken import Claims, Keys, doubted
from earwitness.archive.vouched import Vouched, subject_of
from earwitness.config import Settings
from earwitness.errors import BadInput, EarwitnessError, Missing, Unauthorized, Unreachable
from earwitness.files import secret_in

FRESH_S = 3600.0
"""How long what it says of itself, and its keys, are taken for what they are."""

WITHIN_S = 10.0
LARGEST = 1 << 20
MOST_KEYS = 50
WELL_KNOWN = "/.well-known/openid-configuration"
BASIC = "client_secret_basic"


@dataclass(frozen=True, slots=True)
class Known:
    """What a provider says of itself (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization: str
    token: str
    jwks: str
    userinfo: str | None
    goodbye: str | None
    basic: bool
    """Whether our secret goes into a header, and not into the form."""
    says_itself: bool
    """Whether it names itself in what it sends back (RFC 9207)."""
    until: float


@dataclass(frozen=True, slots=True)
class Begun:
    """A login that was begun in a browser, which keeps the secret from which all else comes."""

    secret: str

    @property
    def state(self) -> str:
        """Says that an answer belongs to this login: against answers to logins of others."""
        return self._made("state")

    @property
    def nonce(self) -> str:
        """Says so within the token: against tokens of other logins."""
        return self._made("nonce")

    @property
    def verifier(self) -> str:
        """Says it to the provider: against codes of other logins."""
        return self._made("verifier")

    @property
    def challenge(self) -> str:
        """What the provider is told of the verifier beforehand."""
        return _encoded(hashlib.sha256(self.verifier.encode()).digest())

    def _made(self, what: str) -> str:
        return _encoded(hmac.digest(self.secret.encode(), what.encode(), "sha256"))


class Issuer:
    """The provider of the settings. Used on the event loop."""

    def __init__(self, settings: Settings) -> None:
        """Raises BadInput for settings that won't do, and Missing."""
        _check(settings)
        self.url, self._client = str(settings.oidc_issuer), str(settings.oidc_client)
        self._secret, self._scopes = _secret(settings), " ".join(settings.oidc_scopes)
        self._name_claim, self._groups_claim = settings.oidc_name_claim, settings.oidc_groups_claim
        self._wants_groups = bool(settings.group_roles)
        self._known: Known | None = None
        self._keys: Keys = ()
        self._keys_until = 0.0

    async def address(self, begun: Begun, back: str) -> str:
        """Where a browser is sent to log in, and from there to `back`. Raises Unreachable."""
        known = await self._itself()
        asked = {
            "response_type": "code", "client_id": self._client, "redirect_uri": back, "scope": self._scopes,
            "state": begun.state, "nonce": begun.nonce, "code_challenge": begun.challenge,
            "code_challenge_method": "S256",
        }  # fmt: skip
        return _with(known.authorization, asked)

    async def goodbye(self, back: str) -> str | None:
        """Where a browser is sent to log out there too (RP-Initiated Logout 1.0); None where it has no such place."""
        known = await self._itself()
        asked = {"client_id": self._client, "post_logout_redirect_uri": back}
        return None if known.goodbye is None else _with(known.goodbye, asked)

    async def who(self, code: str, issuer: str, begun: Begun, back: str) -> Vouched:
        """Whom the provider means by the code that a browser brought back; `issuer` is who the answer says it is from.

        Raises Unauthorized for what can't be believed, Unreachable, and BadInput for somebody without a proper subject.
        """
        known = await self._itself()
        if issuer != known.issuer and (issuer or known.says_itself):
            raise doubted("it comes from another one")
        tokens = await self._tokens(known, code, begun, back)
        claims = await self._claims(known, str(tokens.get("id_token", "")))
        idtoken.check(claims, client=self._client, nonce=begun.nonce)
        claims = await self._completed(known, claims, tokens)
        subject, name = str(claims["sub"]), _at(claims, self._name_claim)
        told = name.strip() if isinstance(name, str) else ""
        return Vouched(subject_of(self.url, subject), (told or subject)[:100], _listed(_at(claims, self._groups_claim)))

    # ── what it says of itself ──
    async def _itself(self) -> Known:
        if self._known is None or self._known.until < time.monotonic():
            self._known = self._read(await _fetched(f"{self.url}{WELL_KNOWN}"))
        return self._known

    def _read(self, told: Mapping[str, Any]) -> Known:
        issuer = told.get("issuer")
        if not isinstance(issuer, str) or issuer.rstrip("/") != self.url:
            raise Unreachable(
                f"the provider at {self.url} says that it is {str(issuer)[:300]!r}",
                remedy="An administrator has to put exactly that into EARWITNESS_OIDC_ISSUER, if it is right.",
            )
        return Known(
            issuer=issuer,
            authorization=_place(told, "authorization_endpoint"),
            token=_place(told, "token_endpoint"),
            jwks=_place(told, "jwks_uri"),
            userinfo=_place(told, "userinfo_endpoint") if told.get("userinfo_endpoint") else None,
            goodbye=_place(told, "end_session_endpoint") if told.get("end_session_endpoint") else None,
            basic=not isinstance(ways := told.get("token_endpoint_auth_methods_supported"), list) or BASIC in ways,
            says_itself=told.get("authorization_response_iss_parameter_supported") is True,
            until=time.monotonic() + FRESH_S,
        )

    # ── tokens ──
    async def _tokens(self, known: Known, code: str, begun: Begun, back: str) -> Mapping[str, Any]:
        """What the provider gives for a code."""
        asked = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": begun.verifier,
        }  # fmt: skip
        headers = {"content-type": "application/x-www-form-urlencoded"}
        if self._secret is not None and known.basic:
            both = f"{quote(self._client, safe='')}:{quote(self._secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(both.encode()).decode()}"
        else:
            asked |= {"client_id": self._client} | ({} if self._secret is None else {"client_secret": self._secret})
        status, told = await _answered("POST", known.token, urlencode(asked).encode(), headers)
        if status != 200:
            raise Unauthorized(
                f"the provider refused the login: {str(told.get('error', status))[:60]!r}",
                remedy="Begin again. If it stays so, an administrator has to look at the client's id and secret.",
            )
        return told

    async def _claims(self, known: Known, token: str) -> Claims:
        """What a token says; where no key fits, the provider may have other ones by now."""
        keys = self._keys if self._keys_until > time.monotonic() else ()
        found = idtoken.opened(token, keys, issuer=known.issuer, client=self._client)
        if found is None:
            told = (await _fetched(known.jwks)).get("keys")
            self._keys = [key for key in told if isinstance(key, dict)][:MOST_KEYS] if isinstance(told, list) else ()
            self._keys_until = time.monotonic() + FRESH_S
            found = idtoken.opened(token, self._keys, issuer=known.issuer, client=self._client)
        if found is None:
            raise doubted("it is signed with none of its keys")
        return found

    async def _completed(self, known: Known, claims: Claims, tokens: Mapping[str, Any]) -> Claims:
        """With what the provider tells beside the token, where that does not say all that is wanted."""
        wanted = [self._name_claim] + [self._groups_claim] * self._wants_groups
        if known.userinfo is None or all(_at(claims, claim) is not None for claim in wanted):
            return claims
        access = str(tokens.get("access_token", ""))
        idtoken.check_pair(claims, str(tokens["id_token"]), access)
        status, told = await _answered("GET", known.userinfo, b"", {"authorization": f"Bearer {access}"})
        if status != 200:
            raise Unauthorized(f"the provider does not say who that is: it answered {status}", remedy="Begin again.")
        if told.get("sub") != claims["sub"]:
            raise doubted("it speaks of two people")
        return {**told, **claims}


def trusty(url: str) -> bool:
    """Whether nobody in between reads or writes what is sent to an address: https, or on this machine."""
    try:
        found = urlsplit(url)
        return found.scheme == "https" or found.hostname == "localhost" or ip_address(found.hostname or "").is_loopback
    except ValueError:
        return False


def _check(settings: Settings) -> None:
    """Raise BadInput for what can't work, and Missing."""
    if find_spec("jwt") is None:
        told = "EARWITNESS_OIDC_ISSUER is set, and the package PyJWT is not installed"
        raise Missing(told, remedy="pip install 'earwitness[oidc]'")
    if not settings.oidc_client:
        told = "EARWITNESS_OIDC_ISSUER needs EARWITNESS_OIDC_CLIENT"
        raise BadInput(told, remedy="Put the id there that the provider gave this server.")
    if not trusty(str(settings.oidc_issuer)):
        told = f"{settings.oidc_issuer} is not https: anybody on the way could log in as anybody"
        raise BadInput(told, remedy="Give an https address; http is for a provider on this machine alone.")
    if "openid" not in settings.oidc_scopes:
        raise BadInput("EARWITNESS_OIDC_SCOPES lacks openid", remedy="Add it: without it nobody says who somebody is.")


def _secret(settings: Settings) -> str | None:
    """The client's secret. Raises BadInput."""
    given, file = settings.oidc_secret, settings.oidc_secret_file
    if given is not None and file is not None:
        told = "EARWITNESS_OIDC_SECRET and EARWITNESS_OIDC_SECRET_FILE are both set"
        raise BadInput(told, remedy="Leave one of them out.")
    if file is not None:
        return secret_in(file, "EARWITNESS_OIDC_SECRET_FILE")
    return None if given is None else given.get_secret_value() or None


async def _fetched(url: str) -> Mapping[str, Any]:
    """What lies at an address of the provider. Raises Unreachable."""
    status, told = await _answered("GET", url, b"", {})
    if status != 200:
        raise _unreachable(f"it answered {status} at {urlsplit(url).path}")
    return told


async def _answered(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, Mapping[str, Any]]:
    """Status and content of what a provider answers. Raises Unreachable, also for what is no JSON object."""
    headers = {"accept": "application/json", **headers}
    try:
        status, content = await addresses.exchange(
            method, url, body, headers, private=True, most_bytes=LARGEST, within_s=WITHIN_S
        )
        told = json.loads(content) if content else None
    except EarwitnessError as error:
        raise _unreachable(error.message) from error
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        if status != 200:
            return status, {}
        raise _unreachable("what it answers is no JSON")
    return status, told


def _unreachable(why: str) -> Unreachable:
    told = "Try again soon. Whoever has a password here comes in without it."
    return Unreachable(f"the provider of logins can't be asked now: {why}", remedy=told)


def _place(told: Mapping[str, Any], name: str) -> str:
    """An address that the provider has told. Raises Unreachable."""
    found = told.get(name)
    if not isinstance(found, str) or not trusty(found):
        raise _unreachable(f"it tells no {name}, or none that is https")
    return found


def _with(url: str, asked: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(asked)}"


def _at(claims: Mapping[str, Any], claim: str) -> object:
    """A claim by its name, else by the way to it; None where there is none."""
    if claim in claims:
        return claims[claim]
    found: object = claims
    for step in claim.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _listed(groups: object) -> frozenset[str]:
    """Groups in a list, or with commas between them."""
    told = groups.split(",") if isinstance(groups, str) else groups if isinstance(groups, list) else []
    return frozenset(group.strip() for group in told if isinstance(group, str))


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
