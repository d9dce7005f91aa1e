"""Who may come in, and as whom: the house's key, a user's key, a proxy's word, a cookie, or being on this machine.

As long as there is no user, no key and nobody who vouches for users, a server on loopback lets in whoever is on its
machine. Once there is a user, all routes but those that stand open need a login or a key, for as long as the process
runs. Where it can't be read whether there are users, nobody comes in but with the installation's key.
"""

import asyncio
import hmac
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Scope

from earwitness.api import cookies, origins
from earwitness.api.caller import Caller, stranger, the_house, through_proxy, with_key, with_login
from earwitness.api.needs import CAPTIONS, NOT_UPLOADS, SEARCHES, TRANSCRIBING, opens, row_of, table
from earwitness.api.passes import Passes
from earwitness.api.proxies import Proxies
from earwitness.api.rates import Rates
from earwitness.archive.account import By, User
from earwitness.archive.vouched import Admission, Vouched
from earwitness.archive.whole import Archive
from earwitness.config import Settings
from earwitness.errors import Forbidden, TooMany, Unauthorized

T = TypeVar("T")

SCHEMES = {"bearer", "token"}
KEY_PREFIXES = ("earwitness-key.", "openai-insecure-api-key.")
"""Browsers can send a socket's key only as a subprotocol."""

LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"


class Access:
    """The door of the house."""

    def __init__(self, settings: Settings, archive: Archive, passes: Passes, proxies: Proxies) -> None:
        self.rates, self.setup_code = Rates(), "-".join(_letters(4) for _ in range(4))
        self._settings, self._accounts, self._passes, self._proxies = settings, archive.accounts, passes, proxies
        self._admission = Admission(settings.new_users, settings.group_roles)
        self._closed = False
        """Whether there was a user: it stays so."""
        self._lookups = ThreadPoolExecutor(4, "lookups")
        self._slow = ThreadPoolExecutor(2, "passwords")

    @property
    def alone(self) -> bool:
        """Whether the machine is all that this server serves, by its settings."""
        told = self._settings
        asked = told.api_key is not None or told.oidc_issuer is not None or bool(told.login_proxies)
        return not asked and told.host in {"localhost", "127.0.0.1", "::1"}

    async def anybody(self) -> bool:
        """Whether there is any user. Raises what reading raises."""
        self._closed = self._closed or await self.look(self._accounts.anybody)
        return self._closed

    async def look(self, function: Callable[[], T]) -> T:
        """A short question to the database, off the event loop and not behind other work."""
        return await asyncio.get_running_loop().run_in_executor(self._lookups, function)

    async def slowly(self, function: Callable[[], T]) -> T:
        """Something with a password: two at a time."""
        return await asyncio.get_running_loop().run_in_executor(self._slow, function)

    def close(self) -> None:
        """Let go of the threads."""
        self._lookups.shutdown(wait=False, cancel_futures=True)
        self._slow.shutdown(wait=False, cancel_futures=True)

    def is_house(self, given: str) -> bool:
        """Whether this is the installation's key."""
        key = self._settings.api_key
        return key is not None and _same(given, key.get_secret_value())

    def is_code(self, given: str) -> bool:
        """Whether this is the code that the log shows."""
        return _same(given.strip().upper(), self.setup_code)

    async def admit(self, scope: Scope) -> Caller:
        """Who calls, who is written into the scope. Raises Unauthorized, Forbidden, TooMany, StorageFailed."""
        headers, path = Headers(scope=scope), scope["path"]
        await self._check_host(headers)
        method = "SOCKET" if scope["type"] == "websocket" else scope["method"]
        if opens(path, method):
            if method not in origins.SAFE:
                origins.check_page(headers, self._settings.cors)
            return stranger(origins.address_of(scope))
        caller = scope["caller"] = await self.known(scope, headers, method)
        row = row_of(method, path)
        need = table()[row] if row else "admin"
        if not caller.may(need):
            if row is None:
                raise Forbidden("this route is for administrators, or there is none")
            raise Forbidden(f"this needs {'a login' if need == 'self' else f'the scope {need}'}")
        if caller.key is not None and caller.key.recording is not None and row not in CAPTIONS:
            raise Forbidden("this key is for the captions of one recording", remedy="Log in, or use another key.")
        if row is not None and caller.way != "house":
            await self._check_amount(caller, row, need)
        return caller

    async def vouched(self, who: Vouched, by: By) -> User:
        """The user somebody vouches for. Raises what `Vouching.admitted` raises."""
        return await self.look(lambda: self._accounts.vouched.admitted(who, self._admission, by))

    async def known(self, scope: Scope, headers: Headers, method: str) -> Caller:
        """Who calls, whatever they want. Raises Unauthorized, Forbidden, Conflict, StorageFailed."""
        settings, address = self._settings, origins.address_of(scope)
        given = given_key(headers, _socket_key(scope) if method == "SOCKET" else "")
        if self.is_house(given):
            return the_house(address)
        if (issuer := self._passes.issuer(scope["path"], given)) is not None:
            return issuer
        if self.alone and not await self.anybody():
            if method not in origins.SAFE:
                origins.check_page(headers, settings.cors, ports=method != "SOCKET")
            return the_house(address)
        if given:
            key = await self.look(lambda: self._accounts.keys.of(given))
            if key is not None:
                return with_key(*key, address)
        elif (who := self._proxies.vouched(scope, headers)) is not None:
            if method not in origins.SAFE or "origin" in headers:  # a page could let this machine's proxy seem to speak
                origins.check_page(headers, settings.cors)
            return through_proxy(await self.vouched(who, By("stranger", address)), address)
        elif token := cookies.held(scope, headers):
            login = await self.look(lambda: self._accounts.logins.of(token))
            if login is not None:
                if method not in origins.SAFE:
                    origins.check_page(headers, settings.cors)
                return with_login(login[0], login[1].id, address)
        raise await self._stranger()

    def charge(self, caller: Caller, heard_s: float) -> None:
        """Count what was transcribed for somebody: the one place. From any thread; does not wait."""
        if caller.key is not None and heard_s > 0:
            self._accounts.keys.spend(caller.key.id, heard_s)

    async def _check_amount(self, caller: Caller, row: str, need: str) -> None:
        """Raise TooMany for who had enough."""
        if row in SEARCHES:
            self.rates.count("search", caller.id)
        if row not in TRANSCRIBING and (need != "transcribe" or not row.startswith(("POST ", "SOCKET "))):
            return
        if row not in NOT_UPLOADS:
            self.rates.count("upload", caller.id)
        key, keys = caller.key, self._accounts.keys
        if key is not None and key.day_s is not None and await self.look(lambda: keys.left_s(key)) == 0:
            raise TooMany(
                f"this key has had its {key.day_s:g} s of audio for today",
                retry_after_s=keys.until_tomorrow_s(),
                remedy="A new day begins at midnight UTC; an administrator can make a key for more.",
            )

    async def _stranger(self) -> Unauthorized:
        if self._settings.api_key is None and not await self.anybody():
            told = "Set it up first: POST /api/setup with the code from its log, or `earwitness users add`."
            return Unauthorized("this server is reached by others and has no accounts yet", remedy=told)
        if await self.anybody():
            return Unauthorized(
                "the API key is missing or wrong",
                remedy="Log in, or send `Authorization: Bearer KEY` with a key of this server.",
            )
        return Unauthorized("the API key is missing or wrong")

    async def _check_host(self, headers: Mapping[str, str]) -> None:
        """Raise Unauthorized for a name that is none of this server's: a web page might have given it one."""
        allowed, name = self._settings.allowed_hosts, origins.host_of(headers)
        if name in (allowed or origins.LOOPBACK) or (not allowed and (not self.alone or await self.anybody())):
            return
        if name not in {a.lower() for a in allowed}:
            raise Unauthorized(
                f"this server does not answer to the name {name[:100]!r}",
                remedy="Call it by a loopback name, or set EARWITNESS_API_KEY or EARWITNESS_ALLOWED_HOSTS.",
            )


def given_key(headers: Mapping[str, str], further: str = "") -> str:
    """The key in the headers, else `further`, which came by another way; empty for another scheme."""
    scheme, _, given = headers.get("authorization", f"bearer {headers.get('x-api-key') or further}").partition(" ")
    return given.strip() if scheme.lower() in SCHEMES else ""


def key_of(scope: Scope) -> str:
    """The key that a socket came with; empty for none."""
    return given_key(Headers(scope=scope), _socket_key(scope))


def _same(given: str, key: str) -> bool:
    return hmac.compare_digest(given.encode(), key.encode())


def _letters(number: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(number))


def _socket_key(scope: Scope) -> str:
    """The key among a socket's subprotocols: after a prefix, or after the word `token` or `bearer`.

    At `/` it may stand in the address too, as `token`: WhisperLive's clients have no other way.
    """
    offered = [str(p) for p in scope.get("subprotocols", ())]
    for prefix in KEY_PREFIXES:
        if found := next((p.removeprefix(prefix) for p in offered if p.startswith(prefix)), ""):
            return found
    if len(offered) > 1 and offered[0].lower() in SCHEMES:
        return offered[1]
    query: bytes = scope.get("query_string", b"") if scope["path"] == "/" else b""
    return parse_qs(query.decode("latin-1")).get("token", [""])[0]
