"""What tests of the web UI share: one browser, and a real server with the embedded model a module."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from earwitness.config import Settings
from support import browser as browsing
from support.server import running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    why = browsing.why_not()
    if why is not None:
        assert browsing.BUILT.is_file() or "CI" not in os.environ, why
        pytest.skip(why)
    with sync_playwright() as play:
        found = browsing.launched(play)
        yield found
        found.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server without accounts, with an archive of its own."""
    with running(Settings(home=tmp_path_factory.mktemp("home"))) as base:
        yield base


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    with browsing.tab(browser, site) as found:
        yield found
