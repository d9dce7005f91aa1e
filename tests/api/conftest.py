"""A server without a key, shared by the tests of the doors, and the official client for it."""

from collections.abc import Iterator

import httpx
import pytest
from openai import OpenAI

from earwitness.config import Settings
from support.server import running


@pytest.fixture(scope="session")
def server(settings: Settings) -> Iterator[str]:
    """The base address of a running server."""
    with running(settings) as address:
        deadline = httpx.Client(transport=httpx.HTTPTransport(retries=3))
        with deadline:
            while deadline.get(f"{address}/readyz").status_code != 200:
                pass
        yield address


@pytest.fixture(scope="session")
def client(server: str) -> Iterator[OpenAI]:
    """OpenAI's own client; it never tries again, so that a test sees the first answer."""
    with OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0, timeout=60) as found:
        yield found


@pytest.fixture(scope="session")
def http(server: str) -> Iterator[httpx.Client]:
    """A plain HTTP client."""
    with httpx.Client(base_url=server, timeout=60) as found:
        yield found
