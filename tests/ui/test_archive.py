"""The archive: what was said is found, heard in place and carried away; recordings are kept and deleted."""

import io
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import update

from earwitness.archive.schema.heard import RecordingRow, SegmentRow
from earwitness.config import Settings
from support import browser as browsing
from support.scribes import Place, said
from support.server import housed, running

DAY_S = 86_400
FIRE = ("S1", "The fire alarm went off in the kitchen.")
AGENDA = ("S2", "Let us move on to the agenda.")
EVIL = "Assembly <img src=x onerror=alert(1)>"


def kept(place: Place, title: str, days_ago: float, *lines: tuple[str, str], sound: int = 0) -> str:
    """A recording of so many days ago."""
    ident = place.recording(said(*lines, names={"S1": "Anna <b>"}), title, sound=sound)
    began_s = time.time() - DAY_S * days_ago - 3600

    def old(connection: object) -> None:
        connection.execute(update(RecordingRow).where(RecordingRow.id == ident).values(began_s=began_s))  # type: ignore[attr-defined]
        when = update(SegmentRow).where(SegmentRow.recording_id == ident)
        connection.execute(when.values(said_s=began_s + SegmentRow.start_s))  # type: ignore[attr-defined]

    place.house.archive.writer.write(old)
    return ident


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Some sixty recordings over a month."""
    with housed(Settings(home=tmp_path_factory.mktemp("home"), preload=False)) as (base, house):
        found = Place(base, house)
        for n in range(55):
            kept(found, f"Daily {n}", 10 + n % 20, ("S1", "Nothing to tell today."))
        kept(found, EVIL, 5, FIRE, AGENDA)
        kept(found, "Board", 2, FIRE, AGENDA, ("S2", "There was smoke, but no fire."), sound=1)
        yield found


@pytest.fixture(scope="module")
def site(place: Place) -> str:
    return place.base


def hits(page: Page) -> Locator:
    return page.locator("[data-hit]")


def box(page: Page) -> Locator:
    return page.get_by_label("Search what was said")


def searched(page: Page, text: str) -> Locator:
    """The hits of a search that is typed."""
    page.goto("archive")
    box(page).fill(text)
    expect(page.get_by_role("heading", name=re.compile("passage"))).to_be_visible()
    return hits(page)


# ── search ──
def test_what_was_said_is_found_marked_and_opened_at_its_place(page: Page) -> None:
    page.goto("files")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("fire")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="3 passages")).to_be_visible()
    expect(hits(page).first.locator("mark")).to_have_text("fire")
    expect(page.get_by_role("link", name=EVIL)).to_be_visible()
    expect(hits(page).nth(1).get_by_text("Anna <b>").first).to_be_attached()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("j")
    expect(hits(page).nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/t/r_\w+\?at=[\d.]+$"))
    page.go_back()
    expect(page).to_have_url(re.compile(r"/archive\?q=fire$"))
    expect(hits(page)).to_have_count(3)
    page.keyboard.press("/")
    expect(box(page)).to_be_focused()


def test_the_address_carries_the_search_and_back_takes_it_back(page: Page) -> None:
    searched(page, "agenda")
    expect(page).to_have_url(re.compile(r"\?q=agenda$"))
    page.get_by_label("Speaker", exact=True).select_option("Anna <b>")
    expect(page.get_by_text("Nothing is found")).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    expect(hits(page)).to_have_count(2)
    box(page).fill("smoke")
    expect(hits(page)).to_have_count(1)
    page.go_back()
    expect(box(page)).to_have_value("agenda")
    expect(hits(page)).to_have_count(2)
    page.reload()
    expect(box(page)).to_have_value("agenda")
    hits(page).first.get_by_role("button", name=re.compile("^More for")).click()
    page.get_by_role("menuitem", name="Only in this recording").click()
    expect(hits(page)).to_have_count(1)
    page.get_by_role("button", name=re.compile("Without the filter")).click()
    expect(hits(page)).to_have_count(2)


def test_typos_are_forgiven_and_what_can_not_be_read_is_told(browser: Browser, site: str) -> None:
    with browsing.tab(browser, site, allowed=("400", "501")) as page:
        searched(page, "kitchn")
        expect(page.get_by_text("Nothing has “kitchn”. This is found for “kitchen”.")).to_be_visible()
        box(page).fill("after:then")
        expect(page.get_by_text("This search can't be read")).to_be_visible()
        expect(page.get_by_text("is no date. Write after:2026-11-01")).to_be_visible()
        assert box(page).input_value() == "after:then"
        box(page).fill("kitch")
        expect(page.get_by_text("Nothing is found")).to_be_visible()
        page.get_by_role("button", name="Search for kitch*").click()
        expect(hits(page)).to_have_count(2)


def test_ten_seconds_are_heard_in_place(page: Page) -> None:
    found = searched(page, "fire")
    board = found.filter(has_text="smoke")
    board.focus()
    page.keyboard.press(" ")
    button = board.get_by_role("button", name=re.compile("^Hear ten seconds"))
    expect(button).to_have_attribute("aria-pressed", "true")
    page.keyboard.press(" ")
    expect(button).to_have_attribute("aria-pressed", "false")
    silent = page.get_by_role("article", name=re.compile(r"^Assembly")).get_by_role("button", name=re.compile("^Hear"))
    silent.click()
    expect(silent).to_have_attribute("title", "No sound of this is kept")


def test_what_is_found_is_narrowed_over_the_bars(page: Page) -> None:
    page.goto("archive")
    bars = page.get_by_role("img", name=re.compile("^When it was said"))
    expect(bars).to_be_visible()
    expect(bars.locator("canvas")).to_be_visible()
    room = bars.bounding_box()
    assert room is not None
    page.mouse.move(room["x"] + 0.8 * room["width"], room["y"] + 20)
    page.mouse.down()
    page.mouse.move(room["x"] + room["width"] - 2, room["y"] + 20, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"from=\d{4}-\d\d-\d\d&to="))
    expect(hits(page)).to_have_count(2)
    page.get_by_role("button", name="Whole time").click()
    expect(hits(page).nth(40)).to_be_attached()
    yesterday = time.strftime("%Y-%m-%d", time.localtime(time.time() - 4 * DAY_S))
    page.get_by_role("textbox", name="From").fill(yesterday)
    expect(hits(page)).to_have_count(1)


# ── what is carried away, and what is kept ──
def test_chosen_passages_and_whole_recordings_are_exported(page: Page) -> None:
    found = searched(page, "fire")
    found.nth(0).focus()
    page.keyboard.press("x")
    found.nth(2).get_by_role("checkbox").click(modifiers=["Shift"])
    bar = page.get_by_role("region", name="3 chosen")
    bar.get_by_role("button", name="Choose none").click()
    expect(bar).to_have_count(0)
    found.filter(has_text="smoke").get_by_role("checkbox").click()
    page.get_by_role("region", name="1 chosen").get_by_role("button", name="Export").click()
    with page.expect_download() as one:
        page.get_by_role("menuitem", name="Text", exact=True).click()
    assert one.value.path().read_text("utf-8").strip() == "S2: There was smoke, but no fire."
    page.goto("archive")
    for title in ("Board", EVIL):
        page.get_by_role("checkbox", name=f"Choose {title}", exact=True).click()
    page.get_by_role("region", name="2 chosen").get_by_role("button", name="Export").click()
    with page.expect_download() as many:
        page.get_by_role("menuitem", name="Subtitles (SRT)").click()
    with zipfile.ZipFile(io.BytesIO(many.value.path().read_bytes())) as archive:
        assert len(archive.namelist()) == 2


def test_recordings_are_listed_to_the_end_kept_and_deleted(page: Page, place: Place) -> None:
    ident = kept(place, "To be gone", 0.1, AGENDA)
    page.goto("archive")
    row = hits(page).first
    expect(row).to_contain_text("To be gone")
    expect(hits(page)).to_have_count(50)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    expect(hits(page)).to_have_count(58)
    row.get_by_role("button", name="More for To be gone").click()
    page.get_by_role("menuitem", name="Keep for good").click()
    expect(row.get_by_text("Kept for good")).to_be_attached()
    page.get_by_role("button", name="Kept for good").click()
    expect(hits(page)).to_have_count(1)
    assert place.house.archive.recordings.one(ident).kept
    page.get_by_role("button", name="All", exact=True).click()
    page.get_by_label("Words of the title").fill("gone to")
    expect(hits(page)).to_have_count(1)
    row.focus()
    page.keyboard.press("x")
    page.get_by_role("region", name="1 chosen").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("The recording is deleted")).to_be_visible()
    expect(page.get_by_text("No recording is like that")).to_be_visible()


def test_searches_are_kept_in_this_browser(page: Page) -> None:
    searched(page, "fire kitchen")
    page.get_by_role("button", name="Saved searches").click()
    expect(page.get_by_text("Kept in this browser only.")).to_be_visible()
    page.get_by_label("Name of the search").fill("Fires <i>")
    page.get_by_role("button", name="Save this search").click()
    page.goto("archive")
    page.get_by_role("button", name="Saved searches").click()
    page.get_by_role("link", name="Fires <i>").click()
    expect(page).to_have_url(re.compile(r"q=fire\+kitchen$"))
    expect(hits(page)).to_have_count(2)


def test_meaning_that_is_not_installed_says_what_to_do(browser: Browser, tmp_path: Path) -> None:
    with (
        running(Settings(home=tmp_path, semantic_mb=0, preload=False)) as base,
        browsing.tab(browser, base, allowed=("501", "400")) as page,
    ):
        page.goto("archive")
        expect(page.get_by_text("Nothing is kept yet")).to_be_visible()
        assert browsing.barriers(page) == []
        browsing.picture(page, "archive-empty")
        page.goto("archive?q=trouble&by=meaning")
        page.get_by_role("button", name="Search by words").click()
        expect(page.get_by_text("Nothing is found")).to_be_visible()


def test_a_server_that_goes_is_told_and_what_was_typed_stays(browser: Browser, tmp_path: Path) -> None:
    with running(Settings(home=tmp_path, preload=False)) as base:
        held = browser.new_context(base_url=f"{base}/app/")
        page = held.new_page()
        page.goto("archive")
        expect(page.get_by_text("Nothing is kept yet")).to_be_visible()
    box(page).fill("fire")
    expect(page.get_by_text("That did not work")).to_be_visible()
    expect(box(page)).to_have_value("fire")
    with running(Settings(home=tmp_path, preload=False), port=int(base.rpartition(":")[2])):
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_text("Nothing is found")).to_be_visible()
        expect(page).to_have_url(re.compile(r"\?q=fire$"))
    held.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark", "contrast"])
def test_nobody_is_kept_out(browser: Browser, site: str, theme: str, width: int) -> None:
    with browsing.tab(browser, site, viewport={"width": width, "height": 1600}) as page:
        page.add_init_script(f"localStorage.setItem('earwitness.theme', '{theme}')")
        for name, path in (("list", "archive"), ("hits", "archive?q=fire")):
            page.goto(path)
            expect(hits(page).first).to_be_visible()
            page.get_by_role("checkbox").first.click()
            expect(page.get_by_role("region", name="1 chosen")).to_be_visible()
            assert browsing.barriers(page) == [], path
            browsing.picture(page, f"archive-{name}-{theme}-{width}")
