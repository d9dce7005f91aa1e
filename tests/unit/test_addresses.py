"""Where addresses of users may lead."""

import asyncio
import ipaddress
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from earwitness import addresses
from earwitness.errors import BadInput, Cancelled, TooLarge, Unreachable, UnsafeSource
from support.scripted import Reply, Script, running

INSIDE = ("127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "::1", "fd12::1", "::ffff:10.0.0.1", "64:ff9b::a00:1")
NEVER = (
    "169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "0.0.0.0", "::",
    "224.0.0.1", "ff02::1", "fe80::1", "255.255.255.255", "2002:a9fe:a9fe::", "64:ff9b::a9fe:a9fe", "::a9fe:a9fe",
)  # fmt: skip
OUTSIDE = ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822")


@pytest.mark.parametrize("address", INSIDE)
def test_this_machine_and_its_network_are_only_for_those_who_say_so(address: str) -> None:
    assert addresses.refused(ipaddress.ip_address(address), private=False)
    assert not addresses.refused(ipaddress.ip_address(address), private=True)


@pytest.mark.parametrize("address", NEVER)
def test_what_is_secret_or_nowhere_is_for_nobody(address: str) -> None:
    for private in (False, True):
        assert addresses.refused(ipaddress.ip_address(address), private=private)


@pytest.mark.parametrize("address", OUTSIDE)
def test_the_world_is_open(address: str) -> None:
    assert not addresses.refused(ipaddress.ip_address(address), private=False)


@pytest.mark.parametrize(
    "url",
    ["", "x", "file:///etc/passwd", "gopher://a/", "http://", "http://u:p@a/", "http://a b/", "http://a/\n", "http://[::1",
     "http://a\\b/", "http://a:99999/", f"http://a/{'x' * 3000}"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        addresses.checked(url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "127.1", "[::1]", "017700000001"])
def test_other_ways_to_write_this_machine_are_seen_through(host: str) -> None:
    with pytest.raises((UnsafeSource, Unreachable)):
        asyncio.run(addresses.check(f"http://{host}/", private=False))


def _resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let every name mean what the answers say, one after the other; the names that were asked for."""
    asked, left = list[str](), list(answers)

    async def told(self: object, host: str, port: int, **_: Any) -> list[Any]:
        if host[0].isdigit():  # the connection itself
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        asked.append(host)
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in found]

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", told)
    return asked


def test_one_bad_address_among_good_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolving(monkeypatch, ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(UnsafeSource):
        asyncio.run(addresses.check("http://a.example/", private=False))


def test_the_connection_goes_where_the_check_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script({"/x": [Reply(body=b"here")]})
    with running(script) as address:
        port = address.rpartition(":")[2]
        asked = _resolving(monkeypatch, ["127.0.0.1"])
        got = list[bytes]()
        url = f"http://a.example:{port}/x"
        fetching = addresses.fetch(url, got.append, private=True, most_bytes=100, within_s=20.0)
        assert asyncio.run(fetching) == "x"
    assert (b"".join(got), asked) == (b"here", ["a.example"])
    assert script.asked[0].headers["host"] == f"a.example:{port}"


def test_each_redirect_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script({"/x": [Reply(302, headers={"location": "http://b.example/secret"})]})
    with running(script) as address:
        _resolving(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
        url = address.replace("127.0.0.1", "a.example") + "/x"
        with pytest.raises(UnsafeSource):
            asyncio.run(addresses.fetch(url, len, private=True, most_bytes=100, within_s=20.0))


def test_who_is_slow_or_breaks_off_is_unreachable_and_fetching_can_be_stopped() -> None:
    script = Script(
        {
            "/slow": [Reply(body=b"x", delay_s=2.0)],
            "/cut": [Reply(body=b"x" * 1000, cut=10)],
            "/long": [Reply(endless=True)],
        }
    )
    with running(script) as address:

        def fetched(path: str, within_s: float = 20.0, *, stop: bool = False) -> None:
            given: dict[str, Any] = {"private": True, "most_bytes": 2**30, "within_s": within_s}
            asyncio.run(addresses.fetch(f"{address}{path}", len, stopped=lambda: stop, **given))

        with pytest.raises(Unreachable, match="did not come within"):
            fetched("/slow", 0.3)
        with pytest.raises(Unreachable, match="broke off"):
            fetched("/cut")
        with pytest.raises(Cancelled):
            fetched("/long", stop=True)


def test_the_next_address_is_tried_where_one_is_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script({"/x": [Reply(418, b"here")]})
    with running(script) as address:
        asked = _resolving(monkeypatch, ["127.0.0.9", "127.0.0.1"])  # as localhost means ::1 first
        url = address.replace("127.0.0.1", "a.example") + "/x"
        assert asyncio.run(exchanged(url)) == (418, b"here")
        assert (len(script.asked), asked) == (1, ["a.example"])
        _resolving(monkeypatch, ["127.0.0.9", "127.0.0.8"])
        with pytest.raises(Unreachable):
            asyncio.run(exchanged(url))


async def exchanged(url: str, within_s: float = 20.0, most_bytes: int = 1000) -> tuple[int, bytes]:
    how: dict[str, Any] = {"private": True, "most_bytes": most_bytes, "within_s": within_s}
    return await addresses.exchange("GET", url, b"", {}, **how)


def test_an_answer_is_read_as_it_is_and_no_longer_than_it_may_be() -> None:
    replies = {
        "/led": [Reply(302, headers={"location": "/slow"})], "/long": [Reply(endless=True)],
        "/slow": [Reply(delay_s=2.0)], "/cut": [Reply(body=b"x" * 900, cut=10)],
    }  # fmt: skip
    with running(Script(replies)) as address:
        assert asyncio.run(exchanged(f"{address}/led")) == (302, b"")
        with pytest.raises(TooLarge):
            asyncio.run(exchanged(f"{address}/long"))
        for path in ("/slow", "/cut"):
            with pytest.raises(Unreachable):
                asyncio.run(exchanged(address + path, within_s=1.0))


def _certificate(folder: Path) -> ssl.SSLContext:
    """A server's, whose authority nobody knows; it lies in `authority.pem`."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ours")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = made.add_extension(here, critical=False).add_extension(x509.BasicConstraints(True, None), critical=True)
    (folder / "authority.pem").write_bytes(made.sign(key, SHA256()).public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(secret)
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(folder / "authority.pem", folder / "key.pem")
    return found


def test_an_authority_of_ones_own_is_believed_where_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(Script({"/x": [Reply(body=b"here")]}), _certificate(tmp_path)) as address:
        try:
            addresses._trust.cache_clear()
            with pytest.raises(Unreachable):
                asyncio.run(exchanged(f"{address}/x"))
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
            addresses._trust.cache_clear()
            assert asyncio.run(exchanged(f"{address}/x")) == (200, b"here")
            with pytest.raises(Unreachable):
                asyncio.run(exchanged(f"{address.replace('127.0.0.1', 'localhost')}/x"))  # it has another name
        finally:
            addresses._trust.cache_clear()


def test_the_way_of_an_address_in_logs_holds_no_secrets() -> None:
    assert addresses.shown("https://a.example/secret?token=x") == "https://a.example/…"
