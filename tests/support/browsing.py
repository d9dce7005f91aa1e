"""A browser, as far as logging in goes: it keeps cookies, and is led to a provider and back."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from earwitness import config
from earwitness.archive.account import By
from earwitness.archive.whole import Archive
from support.server import running

NUMBERS = itertools.count(1)
BEGIN = "/api/login/oidc"
PASSWORD = "tall ships over quiet water"


def set_up(settings: config.Settings) -> config.Settings:
    """Let there be an administrator, Root."""
    archive = Archive(settings.archive, settings.kept)
    archive.accounts.begin("Root", PASSWORD, By())
    archive.close()
    return settings


@contextmanager
def served(home: Path, **given: object) -> Iterator[httpx.Client]:
    """A client of a server with these settings, on its machine."""
    told: dict[str, object] = {"preload": False, "log_level": "error", **given}
    with (
        running(config.load(home=home, **told)) as address,
        httpx.Client(base_url=address, timeout=60, verify=False) as http,
    ):
        yield http


def first(http: httpx.Client) -> None:
    """Make the first account, that of Anna, who is logged in then."""
    found = http.post("/api/setup", json={"name": "Anna", "password": PASSWORD})
    assert found.status_code == 201, found.text


class Browser(httpx.Client):
    """One that nobody has used yet, at an address of its own: no test uses up the logins of another."""

    def __init__(self, server: str, **headers: str) -> None:
        number = next(NUMBERS)
        far = {"x-forwarded-for": f"198.51.{number // 250}.{number % 250 + 1}", **headers}
        super().__init__(base_url=server, headers=far, timeout=30, verify=False)  # http alone: no authorities to load

    def begin(self, following: str | None = None) -> httpx.URL:
        """Want to log in: where the provider is."""
        found = self.get(BEGIN, params={} if following is None else {"next": following})
        assert found.status_code == 303, found.text
        return httpx.URL(found.headers["location"])

    def there(self, provider: httpx.URL) -> str:
        """Log in there: where that leads back to."""
        return httpx.URL(httpx.get(provider, verify=False).headers["location"]).raw_path.decode()

    def log_in(self, following: str | None = None) -> httpx.Response:
        """All of it: the last answer."""
        return self.get(self.there(self.begin(following)))

    def user(self) -> dict[str, Any]:
        """Who is logged in."""
        found = self.get("/api/me")
        assert found.status_code == 200, found.text
        return dict(found.json()["user"])

    def out(self) -> bool:
        """Whether nobody is."""
        return self.get("/api/me").status_code == 401


def another(http: httpx.Client) -> Browser:
    """A client of the same server that knows nothing yet."""
    return Browser(str(http.base_url))
