"""A provider, and a server whose users log in there: one of each for all tests, with somebody new in each."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import fields

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from earwitness import config
from earwitness.api.house import House
from support.browsing import PASSWORD, Browser, set_up
from support.identity import CLIENT, SECRET, Claims, Key, Provider, running
from support.server import housed

NUMBERS = itertools.count(1)
Settings = Callable[..., config.Settings]
Somebody = Callable[..., Claims]


@pytest.fixture(scope="session")
def keys() -> dict[str, Key]:
    """Keys of a provider: making one of RSA takes its time."""
    return {
        "first": rsa.generate_private_key(65537, 2048),
        "second": rsa.generate_private_key(65537, 2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    }


@pytest.fixture(scope="session")
def only_provider(keys: dict[str, Key]) -> Iterator[Provider]:
    """The provider."""
    with running(Provider({}, {"first": keys["first"]})) as found:
        yield found


@pytest.fixture
def provider(only_provider: Provider) -> Iterator[Provider]:
    """Likewise; what a test makes of it is undone."""
    kept = {part.name: getattr(only_provider, part.name) for part in fields(only_provider)}
    only_provider.keys, only_provider.asked = dict(only_provider.keys), []
    yield only_provider
    for name, value in kept.items():
        setattr(only_provider, name, value)


@pytest.fixture
def somebody(provider: Provider) -> Somebody:
    """Somebody new is there, with these claims beside their own."""

    def found(**claims: object) -> Claims:
        number = next(NUMBERS)
        said = {"sub": f"n-{number}", "preferred_username": f"User {number}", **claims}
        provider.people[str(number)] = {name: value for name, value in said.items() if value is not None}
        provider.here = str(number)
        return provider.people[str(number)]

    return found


@pytest.fixture(scope="session")
def made(only_provider: Provider) -> Settings:
    """Settings of a server whose users log in at the provider."""

    def found(home: object, **given: object) -> config.Settings:
        asked = {"oidc_issuer": only_provider.address, "oidc_client": CLIENT, "oidc_secret": SECRET}
        return config.load(**{"home": home, "preload": False, "log_level": "error", **asked, **given})

    return found


@pytest.fixture(scope="session")
def place(made: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, House]]:
    """A server that lets in everybody for whom the provider vouches, and what is behind its doors."""
    how = {"new_users": "viewer", "group_roles": {"bosses": "admin", "ops": "operator"}}
    with housed(set_up(made(tmp_path_factory.mktemp("oidc"), **how))) as found:
        yield found


@pytest.fixture(scope="session")
def server(place: tuple[str, House]) -> str:
    """Its address."""
    return place[0]


@pytest.fixture
def forget(place: tuple[str, House]) -> Iterator[Callable[[], None]]:
    """Let it ask the provider anew what it is, as it does each hour."""
    issuer = place[1].issuer
    assert issuer is not None

    def found() -> None:
        issuer._known, issuer._keys_until = None, 0.0

    yield found
    found()


@pytest.fixture
def browser(server: str) -> Iterator[Browser]:
    with Browser(server) as found:
        yield found


@pytest.fixture(scope="session")
def root(server: str) -> Iterator[Browser]:
    """The administrator's: logged in once, as that is not done often."""
    with Browser(server) as found:
        assert found.post("/api/login", json={"name": "Root", "password": PASSWORD}).status_code == 200
        yield found
