"""A transcript that several work on, with a server that goes away, a login that ends, and rights that some lack."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect
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
            page.context.request.post(f"{base}/api/logout")
            page.keyboard.press("Escape")
            page.keyboard.press("n")
            page.get_by_role("textbox", name="Note").fill("Nor is a note.")
            page.keyboard.press("Escape")
            expect(page.get_by_role("note").get_by_text("not saved yet")).to_be_visible()
            dialog.get_by_label("Password").fill(anna["password"])
            dialog.get_by_role("button", name="Log in").click()
            expect(page.locator("aside").get_by_text("Nor is a note.")).to_be_visible()
            assert [n.note.text for n in house.archive.notes.all(ident)] == ["Nor is a note."]


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


# ── what else may be wrong ──
def test_typing_does_not_wait_for_a_server_that_is_slow(page: Page, place: Place) -> None:
    ident = place.recording(said(*LINES))
    found = opened(page, ident)
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "PATCH":
            held.append(route)
        else:
            route.continue_()

    page.route("**/api/segments/*", hold)
    with page.expect_request(lambda r: r.method == "PATCH"):
        write(page, found.first, "One")
    page.keyboard.press("End")
    page.keyboard.type(", two, three.")
    expect(page.get_by_label("Text of the segment")).to_have_value("One, two, three.")
    expect(page.get_by_text("Saving")).to_be_visible()
    page.unroute("**/api/segments/*")
    for route in held:
        route.continue_()
    saved(page)
    assert place.texts(ident)[0] == "One, two, three."


def test_a_server_that_is_too_busy_is_asked_again(browser: Browser, place: Place) -> None:
    ident = place.recording(said(*LINES))
    busy = {"outline": 2, "segments?": 2}

    def refuse(route: Route) -> None:
        what = next(name for name in busy if f"/{name}" in route.request.url)
        busy[what] -= 1
        if busy[what] >= 0:
            route.fulfill(status=503, headers={"retry-after": "1"}, json={"error": "Too busy.", "code": "busy"})
        else:
            route.continue_()

    with browsing.tab(browser, place.base, allowed=("503",)) as page:
        page.route(re.compile("/outline|/segments[?]"), refuse)
        opened(page, ident)
        expect(rows(page)).to_have_count(4)
        expect(page.get_by_text("Too busy.")).to_have_count(0)


def test_what_is_not_there_is_not_asked_for_for_ever(browser: Browser, place: Place) -> None:
    with browsing.tab(browser, place.base, allowed=("404",)) as page:
        asked: list[str] = []
        page.on("request", lambda r: asked.append(r.url) if r.url.endswith("/outline") else None)
        page.goto("t/r_none")
        expect(page.get_by_text("There is no such recording")).to_be_visible()
        expect(page.get_by_text("Connected")).to_be_attached()
        page.wait_for_timeout(500)
        assert len(asked) <= 2


def test_names_and_texts_are_no_html(page: Page, place: Place) -> None:
    bad = "<img src=x onerror='window.broken=1'>"
    ident = place.recording(said(("S1", f"{bad} he said"), ("S2", "Yes."), names={"S1": bad}), bad)
    found = opened(page, ident)
    found.first.focus()
    page.keyboard.press("n")
    page.get_by_role("textbox", name="Note").fill(bad)
    page.keyboard.press("Escape")
    expect(page.locator("aside").get_by_text(bad)).to_have_count(2)
    write(page, found.first, f"{bad} she said")
    page.keyboard.press("Escape")
    saved(page)
    page.keyboard.press("h")
    expect(page.get_by_role("dialog").locator("ins")).to_have_text(re.compile("she"))
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", level=1)).to_have_text(bad)
    assert page.evaluate("document.querySelectorAll('img[src=x]').length") == 0
    assert page.evaluate("window.broken") is None


def test_right_to_left_and_left_to_right_stand_side_by_side(page: Page, place: Place) -> None:
    lines = ("S1", "مرحبا بكم في هذا التسجيل."), ("S2", "And this is English, 3:45."), ("S1", "شكرا Anna لكم")
    found = opened(page, place.recording(said(*lines, language="ar"), sound=1))
    ways = found.locator("[data-text]").evaluate_all("all => all.map((p) => getComputedStyle(p).direction)")
    assert ways == ["rtl", "ltr", "rtl"]
    boxes = found.first.evaluate(
        "row => ['[data-text]', 'button[title^=Hear]'].map((one) => row.querySelector(one).getBoundingClientRect().x)"
    )
    assert boxes[0] < boxes[1], "the time stands before the text, which is on its right"
    slider = page.get_by_role("slider", name="Position")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuenow", "5")
    assert slider.evaluate("one => getComputedStyle(one).direction") == "ltr"
    text = found.first.locator("[data-text]")
    width = text.evaluate("p => p.getBoundingClientRect().width")
    text.click(position={"x": width - 5, "y": 8})  # its first word
    expect(slider).to_have_attribute("aria-valuenow", re.compile("^[01]$"))
    page.keyboard.press("Enter")
    box = page.get_by_label("Text of the segment")
    assert box.evaluate("one => getComputedStyle(one).direction") == "rtl"


def test_where_nobody_is_known_somebody_can_be_named(page: Page, place: Place) -> None:
    ident = place.recording(said((None, "Who says this?"), (None, "Nobody knows.")))
    found = opened(page, ident)
    expect(page.get_by_text("It is not known who speaks")).to_be_visible()
    found.nth(1).focus()
    page.keyboard.press("s")
    page.get_by_role("menuitem", name="A new speaker").click()
    expect(page.locator("aside").get_by_text("Speaker 1")).to_be_visible()
    saved(page)
    assert place.who(ident) == [None, "S1"]


def test_nothing_was_said(page: Page, place: Place) -> None:
    page.goto(f"t/{place.recording(said(), 'Silence')}")
    expect(page.get_by_text("Nobody says anything here")).to_be_visible()
    for key in ("ArrowDown", "Enter", "m", "n", "r", "s", "h", "c", "Space"):
        page.keyboard.press(key)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()


def test_sound_that_was_deleted_leaves_the_text(browser: Browser, place: Place) -> None:
    ident = place.recording(said(*LINES), sound=1)
    shutil.rmtree(place.house.archive.folder / "audio" / ident)
    with browsing.tab(browser, place.base, allowed=("404", "410", "503", "500")) as page:
        found = opened(page, ident)
        page.get_by_role("button", name="Play", exact=True).click()
        expect(page.get_by_text("The sound can't be played")).to_be_visible()
        write(page, found.first, "Corrected all the same.")
        page.keyboard.press("Escape")
        saved(page)
        assert place.texts(ident)[0] == "Corrected all the same."
