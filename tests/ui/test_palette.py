"""The command palette and the search above every screen: all of the page, by keyboard and by ear."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from earwitness.config import Settings
from support import browser as browsing
from support.scribes import LINES, said
from support.server import housed
from support.visitors import PHONE, Visitors


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitors]:
    with housed(Settings(home=tmp_path_factory.mktemp("home"), preload=False)) as (base, house):
        found = Visitors(base, house)
        found.recording(said(*LINES), "Board meeting <b>")
        found.recording(said(*LINES), "Über Wetter")
        yield found


@pytest.fixture
def page(browser: Browser, place: Visitors) -> Iterator[Page]:
    with place.tab(browser) as found:
        yield found


def offered(page: Page) -> list[str]:
    return page.get_by_role("listbox", name="Commands").get_by_role("option").all_inner_texts()


def typed(page: Page, text: str) -> None:
    """Open it, and type."""
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Commands")).to_be_focused()
    page.keyboard.type(text)


def test_every_screen_is_offered_and_reached(page: Page) -> None:
    links = page.get_by_role("navigation").first.get_by_role("link").all_inner_texts()
    screens = [text.strip() for text in links if text.strip() != "Earwitness"]
    typed(page, "")
    assert offered(page)[: len(screens)] == screens
    for name in ("Board meeting <b>", "Upload files", "Theme: Dark", "Language: Deutsch", "Log out"):
        expect(page.get_by_role("option", name=name)).to_be_attached()
    page.keyboard.type("audit")
    assert offered(page) == ["Settings: Audit log", "Search all recordings for “audit”"]
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Audit log")).to_be_visible()
    expect(page.get_by_role("main")).to_be_focused()


def test_arrows_choose_and_the_choice_is_told(page: Page) -> None:
    typed(page, "theme")
    field = page.get_by_role("combobox", name="Commands")
    expect(page.get_by_role("dialog").get_by_role("status")).to_have_text("5 results")
    assert browsing.barriers(page) == []
    for nth, key in enumerate(("", "ArrowDown", "ArrowDown", "ArrowUp", "ArrowUp", "ArrowUp")):
        if key:
            page.keyboard.press(key)
        chosen = page.get_by_role("option", selected=True)
        expect(chosen).to_have_count(1)
        expect(field).to_have_attribute("aria-activedescendant", chosen.get_attribute("id") or "?")
        assert field.get_attribute("aria-controls") == page.get_by_role("listbox").get_attribute("id"), nth
    expect(page.get_by_role("option", selected=True)).to_have_text("Search all recordings for “theme”")
    page.keyboard.press("PageUp")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_focus_comes_back(page: Page) -> None:
    button = page.get_by_role("button", name="Commands (Ctrl K)")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Commands")).to_be_focused()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    page.keyboard.press("Control+k")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()


def test_recordings_are_found_by_their_titles_and_in_both_languages(page: Page) -> None:
    typed(page, "uber w")
    expect(page.get_by_role("option").first).to_contain_text("Über Wetter")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Über Wetter")
    typed(page, "einstell")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Profile")).to_be_visible()
    typed(page, "deutsch")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Profil", exact=True)).to_be_visible()


def test_what_was_said_is_searched_from_anywhere(page: Page, place: Visitors) -> None:
    typed(page, "fire drill & more")
    assert offered(page) == ["Search all recordings for “fire drill & more”"]
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{place.base}/app/archive?q=fire%20drill%20%26%20more")
    expect(page.locator("[data-search]")).to_have_value("fire drill & more")
    page.goto("settings")
    name = page.get_by_label("Name")
    name.focus()
    page.keyboard.type("/")
    expect(name).to_be_focused()
    name.blur()
    page.keyboard.press("/")
    expect(page.get_by_role("banner").get_by_role("searchbox")).to_be_focused()


def test_files_are_chosen_and_one_logs_out(browser: Browser, place: Visitors, sample: Path) -> None:
    with place.tab(browser, allowed=("401",)) as page:
        choose_and_leave(page, sample)


def choose_and_leave(page: Page, sample: Path) -> None:
    page.on("filechooser", lambda chooser: chooser.set_files(sample))  # before anything else: it takes a while
    typed(page, "upload")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Files")).to_be_visible()
    expect(page.get_by_text(sample.name).first).to_be_visible()
    typed(page, "log out")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name")).to_be_focused()
    expect(page).to_have_title("Log in · Earwitness")


def test_who_may_less_is_offered_less(browser: Browser, place: Visitors) -> None:
    with place.tab(browser, place.user("Val"), **PHONE) as page:
        page.get_by_role("button", name="Commands").click()
        expect(page.get_by_role("combobox", name="Commands")).to_be_focused()
        assert not {"System", "Speakers"} & set(offered(page))
        expect(page.get_by_role("option", name="Board meeting")).to_have_count(0)
        page.keyboard.type("users")
        assert offered(page) == ["Search all recordings for “users”"]
