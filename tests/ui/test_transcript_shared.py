"""A transcript that several work on, with a server that goes away, a login that ends, and rights that some lack."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from pydantic import SecretStr

from earwitness.config import Settings
from support import browser as browsing
from support.scribes import LINES, Place, opened, rows, said, saved, write
from support.server import housed


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with housed(Settings(home=tmp_path_factory.mktemp("home"))) as (base, house):
        yield Place(base, house)


@pytest.fixture(scope="module")
def site(place: Place) -> str:
    return place.base


# ── more than one at it ──
def cut(page: Page) -> None:
    """Let no change through to the server."""
    page.route("**/api/segments/*", lambda r: r.abort() if r.request.method == "PATCH" else r.continue_())


def test_two_tabs_follow_each_other_and_lose_nothing(browser: Browser, place: Place) -> None:
    ident = place.recording(said(*LINES))
    with (
        browsing.tab(browser, place.base, allowed=("409", "ERR_FAILED")) as one,
        browsing.tab(browser, place.base) as two,
    ):
        mine, theirs = opened(one, ident), opened(two, ident)
        write(one, mine.first, "Written in one.")
        one.keyboard.press("Escape")
        expect(theirs.first.locator("[data-text]")).to_have_text("Written in one.")
        cut(one)
        write(one, mine.nth(2), "Mine it is.")  # and while that does not get through
        expect(one.get_by_text("1 change waits for the server")).to_be_visible()
        place.house.archive.editing.edit(place.house.archive.editing.page(ident)[2].id, 0, text="Theirs.")
        one.unroute("**/api/segments/*")
        expect(one.get_by_text("Somebody else has changed this, too")).to_be_visible()
        clash = mine.nth(2).get_by_role("alert")
        expect(clash.locator("dd").first).to_have_text("Theirs.")
        expect(clash.locator("ins")).to_have_text("Mine it is.")
        assert browsing.barriers(one) == []
        clash.get_by_role("button", name="Take yours").click()
        saved(one)
        expect(theirs.nth(2).locator("[data-text]")).to_have_text("Mine it is.")
        past = [p.text for p in place.house.archive.editing.history(place.house.archive.editing.page(ident)[2].id)]
        assert "Theirs." in past, "the other's text stays in the history"
        two.locator("[data-row]").nth(1).focus()
        two.keyboard.press("Enter")
        two.keyboard.press("Home")
        two.keyboard.press("Backspace")
        expect(mine).to_have_count(3)


def test_a_segment_that_goes_while_it_is_written_in_leaves_its_text(browser: Browser, place: Place) -> None:
    ident = place.recording(said(*LINES))
    editing = place.house.archive.editing
    with browsing.tab(browser, place.base, allowed=("404", "ERR_FAILED")) as page:
        found = opened(page, ident)
        cut(page)
        write(page, found.nth(1), "Not to be lost.")
        expect(page.get_by_text("1 change waits for the server")).to_be_visible()
        editing.join(editing.page(ident)[0].id, 0)
        page.unroute("**/api/segments/*")
        expect(page.get_by_text("Somebody else has taken this segment away")).to_be_visible()
        expect(page.get_by_text("Not to be lost.")).to_be_visible()
        page.get_by_role("button", name="Let it go").click()
        saved(page)


def test_what_is_typed_while_the_server_is_away_is_sent_when_it_is_back(browser: Browser, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    held = browser.new_context()
    with housed(settings) as (base, house):
        ident = Place(base, house).recording(said(*LINES))
        port = int(base.rpartition(":")[2])
        page = held.new_page()
        page.goto(f"{base}/app/t/{ident}")
        expect(page.locator("[data-text]").first).to_be_visible()
    write(page, rows(page).first, "Typed into the dark.")
    page.keyboard.press("Escape")
    write(page, rows(page).nth(1), "And this.")
    expect(page.get_by_text("2 changes wait for the server")).to_be_visible(timeout=10_000)
    expect(rows(page).first.locator("[data-text]")).to_have_text("Typed into the dark.")
    with housed(settings, port=port) as (base, house):
        saved(page)
        assert Place(base, house).texts(ident)[:2] == ["Typed into the dark.", "And this."]
    write(page, rows(page).nth(2), "Before the tab is closed.")
    page.wait_for_timeout(100)
    page.close()
    with housed(settings, port=port) as (base, house):
        page = held.new_page()
        page.goto(f"{base}/app/t/{ident}")
        saved(page)
        expect(rows(page).nth(2).locator("[data-text]")).to_have_text("Before the tab is closed.")
        expect(page.get_by_text("All changes are saved")).to_be_attached()
        assert Place(base, house).texts(ident)[2] == "Before the tab is closed."
    held.close()


def test_a_login_that_ends_in_mid_edit_costs_nothing(browser: Browser, tmp_path: Path) -> None:
    key = "k" * 40
    with housed(Settings(home=tmp_path, api_key=SecretStr(key))) as (base, house):
        place = Place(base, house)
        anna = {"name": "anna", "password": "a sentence that is long"}
        httpx.post(
            f"{base}/api/setup", json={**anna, "code": key}, headers={"x-api-key": key}, timeout=60
        ).raise_for_status()
        with browsing.tab(browser, base, allowed=("401",)) as page:
            page.goto("")
            page.get_by_label("Name").fill(anna["name"])
            page.get_by_label("Password").fill(anna["password"])
            page.get_by_role("button", name="Log in").click()
            expect(page.get_by_role("button", name="anna")).to_be_visible()
            ident = place.recording(said(*LINES))
            found = opened(page, ident)
            http = httpx.Client(base_url=base, headers={"x-api-key": key}, timeout=60)
            page.context.request.post(f"{base}/api/logout")
            write(page, found.first, "After the login.")
            dialog = page.get_by_role("dialog")
            expect(dialog.get_by_label("Password")).to_be_visible()
            assert place.texts(ident)[0] == "Their is a house."
            dialog.get_by_label("Password").fill(anna["password"])
            dialog.get_by_role("button", name="Log in").click()
            saved(page)
            assert place.texts(ident)[0] == "After the login."
            http.close()


def test_who_may_only_read_changes_nothing(browser: Browser, tmp_path: Path) -> None:
    key = "k" * 40
    with housed(Settings(home=tmp_path, api_key=SecretStr(key))) as (base, house):
        admin = httpx.Client(base_url=base, headers={"x-api-key": key}, timeout=60)
        boss = {"name": "boss", "password": "a sentence that is long", "code": key}
        admin.post("/api/setup", json=boss).raise_for_status()
        guest = {"name": "guest", "password": "another sentence, long"}
        made = admin.post("/api/users", json={**guest, "role": "viewer"}).json()
        ident = Place(base, house).recording(said(*LINES))
        admin.post("/api/grants", json={"user": made["id"], "recording": ident, "verb": "view"}).raise_for_status()
        admin.close()
        with browsing.tab(browser, base, allowed=("401",)) as page:
            page.goto("")
            page.get_by_label("Name").fill(guest["name"])
            page.get_by_label("Password").fill(guest["password"])
            page.get_by_role("button", name="Log in").click()
            expect(page.get_by_role("button", name="guest")).to_be_visible()
            found = opened(page, ident)
            found.first.locator("[data-text]").dblclick()
            found.first.press("Enter")
            expect(page.get_by_role("textbox", name="Text of the segment")).to_have_count(0)
            expect(page.get_by_role("button", name="Change the title")).to_have_count(0)
            page.get_by_role("button", name="More").first.click()
            expect(page.get_by_role("menuitem", name="Delete")).to_have_count(0)
