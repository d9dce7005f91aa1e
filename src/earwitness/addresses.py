"""Addresses that users give the server to fetch or to send to: where they may lead, and the way there.

A name is resolved once, what it means is checked, and the connection goes to exactly that. Each redirect is checked
likewise; nothing goes through a proxy of the environment. What a server of ours may reach and its users may not, such
as this machine, its network and the metadata of clouds, is refused; a setting allows all but the last.
"""

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from earwitness.errors import BadInput, Cancelled, NotFound, TooLarge, Unreachable, UnsafeSource

if TYPE_CHECKING:
    import httpx

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LONGEST = 2000
MOST_HOPS = 5
CONNECT_S, SILENT_S = 10.0, 30.0
ANSWER_S = 15.0
"""How long a message may take, with its answer."""

METADATA = frozenset(
    map(ipaddress.ip_address, ("169.254.169.254", "fd00:ec2::254", "168.63.129.16", "100.100.100.200", "192.0.0.192"))
)
"""Where clouds tell their machines what is secret: Amazon, Google and most others, Azure, Alibaba, Oracle."""

NAT64 = ipaddress.ip_network("64:ff9b::/96")
REDIRECTS = (301, 302, 303, 307, 308)
PRIVATE = "It leads into this machine or its network, which EARWITNESS_ALLOW_PRIVATE_URLS allows."


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a message."""

    status: int
    wait_s: float = 0.0
    """When the other side wants the next try."""


def checked(url: str) -> "httpx.URL":
    """An address as it will be used. Raises BadInput for one that is none, or that holds a password."""
    import httpx

    try:
        found = httpx.URL(url)
        host = found.raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError, TypeError) as error:
        raise BadInput("the address can't be read", param="url") from error
    if found.scheme not in {"http", "https"} or not host or not 0 < _port(found) < 2**16:
        raise BadInput("the address has to look like https://host/path", param="url")
    if len(url) > LONGEST or not url.isprintable() or " " in url or "\\" in url:
        raise BadInput(f"the address holds spaces or control characters, or over {LONGEST} of any", param="url")
    if found.userinfo:
        raise BadInput("the address may hold no user and password", param="url")
    return found.copy_with(fragment=None)


def shown(url: str) -> str:
    """An address for logs: where it leads, without what may be secret in it."""
    found = checked(url)
    return f"{found.scheme}://{found.netloc.decode('ascii', 'replace')}/…"


def refused(address: Address, *, private: bool) -> bool:
    """Whether nothing may be fetched from there or sent there; `private` allows this machine and its network."""
    for one in _meant(address):
        nowhere = one.is_multicast or one.is_unspecified or (one.is_reserved and not one.is_loopback)
        if one in METADATA or one.is_link_local or nowhere:
            return True
        if not (one.is_global or (private and (one.is_private or one.is_loopback))):
            return True
    return False


def _meant(address: Address) -> tuple[Address, ...]:
    """What an address leads to: an IPv6 address may hold one of IPv4."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    inner = (address.ipv4_mapped, address.sixtofour, *(address.teredo or ()))
    found: list[Address] = [one for one in inner if one is not None]
    if address.ipv4_mapped is not None:
        return tuple(found)
    low = int(address) & 0xFFFF_FFFF
    if address in NAT64:
        return (ipaddress.IPv4Address(low),)
    if int(address) >> 32 == 0 and low > 1:  # the old way to write one of IPv4
        return (ipaddress.IPv4Address(low),)
    return address, *found


async def resolved(host: str, port: int, *, private: bool) -> tuple[str, ...]:
    """The numeric addresses of a host. Raises UnsafeSource where any of them is refused, and Unreachable."""
    try:
        async with asyncio.timeout(CONNECT_S):
            told = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        raise Unreachable(f"nobody knows where {host[:100]} is") from error
    found = [str(entry[4][0]) for entry in told]
    if not found or any("%" in one or refused(ipaddress.ip_address(one), private=private) for one in found):
        raise UnsafeSource(f"{host[:100]} is no place to fetch from or send to", remedy=PRIVATE, param="url")
    return tuple(dict.fromkeys(found))


async def check(url: str, *, private: bool) -> None:
    """Raise BadInput for an address that is none, UnsafeSource for one that is refused, and Unreachable."""
    found = checked(url)
    await resolved(found.raw_host.decode("ascii"), _port(found), private=private)


async def fetch(
    url: str,
    take: Callable[[bytes], object],
    *,
    private: bool,
    most_bytes: int,
    within_s: float,
    stopped: Callable[[], object] = lambda: False,
) -> str:
    """Fetch what lies at an address, and hand it on as it comes; its file name.

    Raises UnsafeSource, TooLarge, NotFound, BadInput, Cancelled once `stopped`, and Unreachable where trying again may
    help.
    """
    try:
        async with asyncio.timeout(within_s):
            for _ in range(MOST_HOPS):
                async with _asked("GET", url, private=private) as response:
                    if response.status_code in REDIRECTS and "location" in response.headers:
                        url = str(checked(url).join(response.headers["location"]))
                        continue
                    await _received(response, take, most_bytes, stopped)
                    return _name(url)
    except TimeoutError as error:
        raise Unreachable(f"it did not come within {within_s:g} s") from error
    raise BadInput(f"the address leads on more than {MOST_HOPS} times", param="url")


async def send(url: str, body: bytes, headers: Mapping[str, str], *, private: bool) -> Answer:
    """Send a message; what is answered to it is not read. Raises UnsafeSource, BadInput and Unreachable."""
    try:
        async with asyncio.timeout(ANSWER_S), _asked("POST", url, body, headers, private=private) as response:
            return Answer(response.status_code, _wait_s(response.headers.get("retry-after", "")))
    except TimeoutError as error:
        raise Unreachable(f"there was no answer within {ANSWER_S:g} s") from error


async def exchange(
    method: str, url: str, body: bytes, headers: Mapping[str, str], *, private: bool, most_bytes: int, within_s: float
) -> tuple[int, bytes]:
    """Send a message and read what is answered, whatever it is: its status and content. Nothing is followed.

    Raises UnsafeSource, BadInput, TooLarge and Unreachable.
    """
    found = bytearray()
    try:
        async with asyncio.timeout(within_s), _asked(method, url, body, headers, private=private) as response:
            async for chunk in response.aiter_raw():
                found += chunk
                if len(found) > most_bytes:
                    raise TooLarge(f"what was answered has over {most_bytes / 2**20:.0f} MB")
            return response.status_code, bytes(found)
    except TimeoutError as error:
        raise Unreachable(f"there was no answer within {within_s:g} s") from error


@asynccontextmanager
async def _asked(
    method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, private: bool
) -> "AsyncIterator[httpx.Response]":
    """One request to the place that the address led to when it was checked: the first of them that can be reached."""
    import httpx

    found = checked(url)
    host = found.raw_host.decode("ascii")
    places = await resolved(host, _port(found), private=private)
    told = {"host": found.netloc.decode("ascii"), "accept-encoding": "identity", **(headers or {})}
    limits = httpx.Timeout(SILENT_S, connect=CONNECT_S)
    try:
        async with httpx.AsyncClient(
            trust_env=False, follow_redirects=False, timeout=limits, verify=_trust()
        ) as client:
            for place in places:
                request = client.build_request(
                    method,
                    found.copy_with(host=place),
                    content=body or None,
                    headers=told,
                    extensions={"sni_hostname": host},  # certificates are those of the name, not of the number
                )
                try:
                    response = await client.send(request, stream=True)
                    break
                except (httpx.ConnectError, httpx.ConnectTimeout):
                    if place == places[-1]:
                        raise
            try:
                yield response
            finally:
                await response.aclose()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(f"{host[:100]} could not be reached, or broke off ({type(error).__name__})") from error


@cache
def _trust() -> ssl.SSLContext:
    """Whose certificates are believed: Mozilla's authorities, and the system's or those in SSL_CERT_FILE."""
    import httpx

    found = httpx.create_ssl_context(trust_env=False)
    found.load_default_certs()
    return found


async def _received(
    response: "httpx.Response", take: Callable[[bytes], object], most_bytes: int, stopped: Callable[[], object]
) -> None:
    status = response.status_code
    if status in {404, 410}:
        raise NotFound("there is nothing at that address", remedy="Check the address.", param="url")
    if status in {408, 425, 429} or status >= 500:
        raise Unreachable(f"the other side answered {status}")
    if status != 200:
        raise BadInput(f"the other side answered {status}", remedy="Check the address.", param="url")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise BadInput("the other side sent it compressed, though asked not to", param="url")
    seen, told = 0, response.headers.get("content-length", "")
    if told.isdigit() and int(told) > most_bytes:
        raise TooLarge(f"there are {int(told) / 2**20:.0f} MB at that address")
    async for chunk in response.aiter_raw():
        seen += len(chunk)
        if seen > most_bytes:
            raise TooLarge(f"there are over {most_bytes / 2**20:.0f} MB at that address")
        if stopped():
            raise Cancelled("fetching was stopped")
        take(chunk)


def _port(url: "httpx.URL") -> int:
    return url.port if url.port is not None else 443 if url.scheme == "https" else 80


def _name(url: str) -> str:
    last = unquote(checked(url).path).rstrip("/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable())[:200]


def _wait_s(told: str) -> float:
    """Seconds in a Retry-After, which is a number or a date; at most a day."""
    try:
        found = float(told) if told.strip().isdigit() else parsedate_to_datetime(told).timestamp() - time.time()
    except (ValueError, TypeError, IndexError):
        return 0.0
    return min(86_400.0, max(0.0, found))
