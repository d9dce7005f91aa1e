"""What tests of the web UI share: a browser and a real server with the embedded model, for each module."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from earwitness.config import Settings
from support import browser as browsing
from support.server import running

expect.set_options(timeout=20_000)  # machines that test have other work too


@pytest.fixture(scope="module")  # while it is there the thread has a running event loop, which other tests may not have
def play() -> Iterator[Playwright]:
    why = browsing.why_not()
    if why is not None:
        assert browsing.BUILT.is_file() or "CI" not in os.environ, why
        pytest.skip(why)
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="module")
def browser(play: Playwright) -> Iterator[Browser]:
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
