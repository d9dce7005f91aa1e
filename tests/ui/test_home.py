"""The way of somebody new: an account, the machine and its speed, a model, and the first transcript; home later on."""

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from pydantic import SecretStr

from earwitness.config import Settings
from support import browser as browsing
from support.server import running

PASSWORD = "a sentence that is long"
WAIT_MS = 40_000


def test_somebody_new_gets_to_a_transcript(browser: Browser, tmp_path: Path) -> None:
    with (
        running(Settings(home=tmp_path, log_level="error", api_key=SecretStr("k" * 40))) as base,
        browsing.tab(browser, base, allowed=("401",)) as page,
    ):
        page.goto("")
        for theme in ("light", "dark", "contrast"):
            page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
            assert browsing.barriers(page) == [], theme
            browsing.picture(page, f"setup-{theme}")
        page.get_by_label("Setup code").fill("wrong")
        page.get_by_label("Your name").fill("Anna")
        page.get_by_label("A password").fill(PASSWORD)
        page.get_by_role("button", name="Make the account").click()
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.get_by_label("Your name")).to_have_value("Anna")
        page.get_by_label("Setup code").fill("k" * 40)
        page.get_by_role("button", name="Make the account").click()
        expect(page.get_by_role("heading", name="What shall be written down?")).to_be_visible()
        machine = page.get_by_role("region", name="What it runs on")
        expect(machine).to_contain_text(re.compile(r"\d+ cores? · [\d.,]+ GB of memory"))
        expect(machine).to_contain_text("English")
        machine.get_by_role("button", name="Measure").click()
        expect(machine).to_contain_text(re.compile(r"[\d.]+ times as fast as people speak"), timeout=WAIT_MS)
        expect(machine).to_contain_text(re.compile(r"28 s of talk took [\d.]+ s"))
        browsing.picture(page, "home-measured")
        page.reload()
        expect(machine).to_contain_text("times as fast as people speak")
        page.get_by_role("button", name="Try the sample").click()
        expect(page.get_by_role("link", name=re.compile("Sample conversation"))).to_be_visible(timeout=WAIT_MS)
        expect(machine).to_have_count(0)
        browsing.picture(page, "home-later")
        page.get_by_role("link", name=re.compile("Sample conversation")).click()
        expect(page).to_have_url(re.compile(r"/t/r_\w+$"))
        expect(page.get_by_text("Do you hear me").first).to_be_visible(timeout=WAIT_MS)


def test_a_machine_that_is_not_measured_says_why(browser: Browser, site: str) -> None:
    with browsing.tab(browser, site, allowed=("503",)) as page:
        page.route(
            "**/transcribe/**", lambda route: route.fulfill(status=503, json={"error": "All are busy.", "code": "busy"})
        )
        page.goto("")
        page.get_by_role("button", name="Measure").click()
        expect(page.get_by_role("alert")).to_contain_text("All are busy.")
        expect(page.get_by_role("button", name="Measure")).to_be_enabled()


def test_recordings_that_cannot_be_had_say_so_and_come_back(browser: Browser, site: str) -> None:
    with browsing.tab(browser, site, allowed=("507",)) as page:
        page.route(
            "**/api/recordings?*",
            lambda route: route.fulfill(status=507, json={"error": "The disk is full.", "code": "x"}),
        )
        page.goto("")
        expect(page.get_by_role("alert")).to_contain_text("The disk is full.")
        page.unroute_all()
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("heading", name="What shall be written down?")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark", "contrast"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nobody_is_kept_out(browser: Browser, site: str, theme: str, width: int) -> None:
    with browsing.tab(browser, site, viewport={"width": width, "height": 900}) as page:
        page.add_init_script(f"localStorage.setItem('earwitness.theme', '{theme}')")
        page.goto("")
        expect(page.get_by_role("region", name="What it runs on")).to_contain_text("cores")
        assert browsing.barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        browsing.picture(page, f"home-{theme}-{width}")


def test_the_language_is_german_where_it_is_chosen(page: Page, site: str) -> None:
    page.add_init_script("localStorage.setItem('earwitness.language', 'de')")
    page.goto("")
    expect(page.get_by_role("heading", name="Was soll aufgeschrieben werden?")).to_be_visible()
    expect(page.get_by_role("region", name="Worauf es läuft")).to_contain_text("Englisch")
    assert httpx.get(f"{site}/api/recordings").json()["recordings"] == []
