"""The frame around all screens: where one can go, in what colours and language, and who is let in."""

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from pydantic import SecretStr

from earwitness.config import Settings
from support import browser as browsing
from support.server import running

SCREENS = ("", "record", "files", "archive", "speakers", "models", "system", "settings")


def test_the_address_alone_leads_to_the_page(page: Page, site: str) -> None:
    page.goto(site)
    expect(page).to_have_url(f"{site}/app/")
    expect(page.get_by_role("link", name="Home")).to_have_attribute("aria-current", "page")
    expect(page.get_by_text("Connected")).to_be_attached()


def test_every_screen_is_reached_by_its_link_and_by_its_address(page: Page, site: str) -> None:
    page.goto(site)
    links = page.get_by_role("navigation").first.get_by_role("link")
    for name in ("Record", "Files", "Archive", "Speakers", "Models", "System", "Settings"):
        links.filter(has_text=name).click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.reload()
        expect(links.filter(has_text=name)).to_have_attribute("aria-current", "page")
    page.go_back()
    expect(links.filter(has_text="System")).to_have_attribute("aria-current", "page")


def test_an_address_that_leads_nowhere_says_so(page: Page) -> None:
    page.goto("nowhere/at/all")
    expect(page.get_by_text("There is no such page")).to_be_visible()


def test_colours_and_language_are_remembered(page: Page) -> None:
    page.goto("")
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("menuitem", name="Dark").click()
    page.get_by_role("button", name="Language").click()
    page.get_by_role("menuitem", name="Deutsch").click()
    page.reload()
    expect(page.get_by_role("link", name="Aufnehmen").first).to_be_visible()
    assert page.evaluate("[document.documentElement.dataset.theme, document.documentElement.lang]") == ["dark", "de"]


def test_the_keyboard_goes_everywhere(page: Page) -> None:
    page.goto("")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Commands")).to_be_focused()
    page.keyboard.type("spea")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Speakers").first).to_have_attribute("aria-current", "page")
    page.keyboard.press("/")
    page.keyboard.type("fire drill")
    page.keyboard.press("Enter")
    expect(page).to_have_url(page.url.split("/app/")[0] + "/app/archive?q=fire%20drill")


def test_a_screen_is_told_by_its_title_and_reached_past_the_navigation(page: Page, site: str) -> None:
    page.goto("files")
    expect(page).to_have_title("Files · Earwitness")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    expect(page).to_have_url(f"{site}/app/files")
    page.get_by_role("navigation").first.get_by_role("link", name="Models").click()
    expect(page).to_have_title("Models · Earwitness")
    expect(page.locator("p[aria-live=polite]").filter(has_text="Models · Earwitness")).to_be_attached()
    expect(page.get_by_role("region", name="Notifications")).to_have_attribute("aria-live", "polite")


def test_a_phone_reaches_every_screen(browser: Browser, site: str) -> None:
    with browsing.tab(browser, site, viewport={"width": 390, "height": 800}) as page:
        page.goto("")
        for name in ("Speakers", "Models", "System", "Settings"):
            page.get_by_role("button", name="More", exact=True).click()
            page.get_by_role("menuitem", name=name).click()
            expect(page).to_have_url(f"{site}/app/{name.lower()}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_who_wants_no_motion_sees_none(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto("settings")
    button = page.get_by_role("main").get_by_role("button").first
    assert button.evaluate("e => getComputedStyle(e).transitionDuration") in {"0.001s", "1ms"}


@pytest.mark.parametrize("theme", ["light", "dark", "contrast"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nobody_is_kept_out_of_any_screen(browser: Browser, site: str, theme: str, width: int) -> None:
    with browsing.tab(browser, site, viewport={"width": width, "height": 800}) as page:
        page.add_init_script(f"localStorage.setItem('earwitness.theme', '{theme}')")
        for screen in SCREENS:
            page.goto(screen)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            assert browsing.barriers(page) == [], screen
            browsing.picture(page, f"{screen or 'home'}-{theme}-{width}")


def test_who_has_no_account_makes_the_first_and_logs_in(browser: Browser, tmp_path: Path) -> None:
    with running(Settings(home=tmp_path, api_key=SecretStr("k" * 40))) as base:
        with browsing.tab(browser, base, allowed=("401",)) as page:
            page.goto("")
            page.get_by_label("Setup code").fill("k" * 40)
            page.get_by_label("Your name").fill("Anna <b>")
            page.get_by_label("A password").fill("too short")
            page.get_by_role("button", name="Make the account").click()
            page.get_by_label("A password").fill("a sentence that is long")
            page.get_by_role("button", name="Make the account").click()
            page.get_by_role("button", name="Anna <b>").click()
            page.get_by_role("menuitem", name="Log out").click()
            page.get_by_label("Name").fill("Anna <b>")
            page.get_by_label("Password").fill("some other sentence")
            page.get_by_role("button", name="Log in").click()
            expect(page.get_by_text("Name or password is wrong.")).to_be_visible()
            page.get_by_label("Password").fill("a sentence that is long")
            page.get_by_role("button", name="Log in").click()
            expect(page.get_by_role("button", name="Anna <b>")).to_be_visible()
        assert httpx.get(f"{base}/api/me").status_code == 401


def test_a_server_that_goes_and_comes_back_is_waited_for(browser: Browser, tmp_path: Path) -> None:
    with running(Settings(home=tmp_path)) as base:
        port = int(base.rpartition(":")[2])
        held = browser.new_context(base_url=f"{base}/app/")
        page = held.new_page()
        page.goto("settings/retention")
        expect(page.get_by_text("Connected")).to_be_attached()
        expect(page.get_by_role("row").first).to_be_visible()
    expect(page.get_by_text("The server does not answer. Trying again")).to_be_visible()
    page.get_by_role("link", name="Privacy").first.click()
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer.")
    with running(Settings(home=tmp_path), port=port):
        expect(page.get_by_text("Connected")).to_be_attached(timeout=15_000)
        expect(page.get_by_text("The server is back.")).to_be_visible()
        expect(page.get_by_text("No voice is known here")).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(0)
    held.close()
