"""The transcript's editor: heard, read and corrected, by mouse and by keyboard."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from earwitness.audio import decode
from earwitness.config import Settings
from earwitness.export import FORMATS
from earwitness.noted import Note
from earwitness.types import Segment, Transcript
from support import browser as browsing
from support import sounds
from support.scribes import LINES, Place, opened, rows, said, saved, write
from support.server import housed


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with housed(Settings(home=tmp_path_factory.mktemp("home"))) as (base, house):
        yield Place(base, house)


@pytest.fixture(scope="module")
def site(place: Place) -> str:
    return place.base


# ── hearing ──
def test_a_recording_of_a_job_is_heard_and_corrected(page: Page, place: Place, sample: Path) -> None:
    http = httpx.Client(base_url=place.base, timeout=120)
    job = http.post(
        "/api/jobs",
        files={"file": ("talk.wav", sounds.wav(decode.decode(sample, to_s=14.0).samples))},
        data={"speakers": "auto", "keep_audio": "true", "words": "true"},
    ).json()
    while (job := http.get(f"/api/jobs/{job['id']}").json())["state"] != "done":
        assert job["state"] in {"waiting", "running"}, job
        time.sleep(0.2)
    found = opened(page, job["recording"])
    expect(page.get_by_role("slider", name="Position")).to_be_visible()
    expect(page.locator("aside").get_by_text("Speaker 2")).to_be_visible()
    third = found.nth(2).locator("[data-text]")
    third.click(position={"x": 5, "y": 8})
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    start_s = http.get(f"/api/recordings/{job['recording']}/outline").json()["start_s"][2]
    page.wait_for_function("CSS.highlights.get('ew-spoken')?.size === 1")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    at_s = float(page.get_by_role("slider").get_attribute("aria-valuenow") or "")
    assert start_s - 1 <= at_s <= start_s + 5
    write(page, found.nth(2), "Something else was said.")
    page.keyboard.press("Escape")
    saved(page)
    assert place.texts(job["recording"])[2] == "Something else was said."
    browsing.picture(page, "transcript")
    http.close()


def test_sound_goes_on_over_pieces_and_skips_silence(page: Page, place: Place) -> None:
    opened(page, place.recording(said(*LINES[:2]), sound=5))
    slider = page.get_by_role("slider", name="Position")
    expect(slider).to_have_attribute("aria-valuemax", "10")
    page.keyboard.press("]")
    for _ in range(7):
        page.keyboard.press("]")
    expect(page.get_by_role("button", name="Speed: 3")).to_be_visible()
    page.keyboard.press("Space")
    expect(slider).to_have_attribute("aria-valuenow", re.compile("^[3-9]$"), timeout=10_000)
    expect(slider).to_have_attribute("aria-valuenow", "10", timeout=10_000)
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.keyboard.press("j")
    expect(slider).to_have_attribute("aria-valuenow", "5")
    page.keyboard.press("g")
    page.keyboard.type("0:03")
    page.keyboard.press("Enter")
    expect(slider).to_have_attribute("aria-valuetext", "0:03, Speaker 1")
    found = page.evaluate(
        "async () => (await fetch('../api/recordings/' + location.pathname.split('/').pop() + '/peaks')).json()"
    )
    assert found["whole"]
    assert len(found["peaks"]) == 100


def test_silence_is_left_out(page: Page, place: Place) -> None:
    far = said(("S1", "Now."), ("S1", "Then."))
    late = Segment(30.0, 34.0, "Then.", "en", (), speaker="S1")
    opened(
        page,
        place.recording(
            Transcript((far.segments[0], late), 40.0, "en", "transcribe", far.provenance, speakers=far.speakers),
            sound=1,
        ),
    )
    page.get_by_role("button", name="Skip silence").click()
    page.keyboard.press("g")
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    page.locator("[data-row]").first.focus()
    page.keyboard.press("Space")
    slider = page.get_by_role("slider", name="Position")
    expect(slider).to_have_attribute("aria-valuenow", "31", timeout=6000)
    page.keyboard.press("Space")


def test_a_click_lets_it_be_heard_and_a_second_one_be_written_wherever_it_is(page: Page, place: Place) -> None:
    ident = place.recording(said(*(("S1", f"This is sentence {n}.") for n in range(40))), sound=1)
    found = opened(page, ident)
    low = found.nth(13).locator("[data-text]")
    box = low.bounding_box()
    assert box is not None
    assert box["y"] > 600, "so low that following it would scroll"
    page.mouse.move(box["x"] + 5, box["y"] + 8)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_function("() => CSS.highlights.get('ew-spoken')?.size === 1")
    page.mouse.down(click_count=2)
    page.mouse.up(click_count=2)
    expect(found.nth(13).get_by_label("Text of the segment")).to_be_focused()
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()


# ── writing ──
def test_a_text_is_changed_in_its_place_taken_back_and_done_again(page: Page, place: Place) -> None:
    ident = place.recording(said(*LINES))
    found = opened(page, ident)
    write(page, found.first, "There is a house.")
    expect(page.get_by_label("Text of the segment")).to_be_focused()
    saved(page)  # by itself, while one still writes
    assert place.texts(ident)[0] == "There is a house."
    page.keyboard.press("End")
    page.keyboard.type(" Really")
    page.keyboard.press("Escape")
    saved(page)
    assert place.texts(ident)[0] == "There is a house. Really"
    expect(found.first).to_be_focused()
    page.keyboard.press("Control+z")
    expect(found.first.locator("[data-text]")).to_have_text("Their is a house.")
    words = place.house.archive.recordings.transcript(ident).segments[0].words
    assert words[0].confidence == 0.9, "what is taken back is as it was"
    page.keyboard.press("Control+Shift+z")
    expect(found.first.locator("[data-text]")).to_have_text("There is a house. Really")
    page.keyboard.press("h")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Text changed").first).to_be_visible()
    expect(dialog.locator("del").first).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="More").first.click()
    page.get_by_role("menuitem", name="Compare with the original").click()
    expect(found.first.locator("del")).to_have_text("Their")


def test_segments_are_split_and_joined_by_keyboard(page: Page, place: Place) -> None:
    ident = place.recording(said(("S1", "one 😀 two three"), ("S1", "four five")))
    found = opened(page, ident)
    found.first.focus()
    page.keyboard.press("Enter")
    box = page.get_by_label("Text of the segment")
    expect(box).to_be_focused()
    page.keyboard.press("Home")
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(found).to_have_count(3)
    expect(box).to_have_value("two three")
    assert place.texts(ident) == ["one 😀", "two three", "four five"]
    page.keyboard.type("Two, ")
    page.keyboard.press("Home")
    page.keyboard.press("Backspace")
    expect(found).to_have_count(2)
    expect(box).to_have_value("one 😀 Two, two three")
    assert page.evaluate("document.activeElement.selectionStart") == len("one 😀 ".encode("utf-16-le")) // 2
    page.keyboard.press("End")
    page.keyboard.press("Delete")
    expect(found).to_have_count(1)
    page.keyboard.press("Escape")
    for count in (2, 3):
        page.keyboard.press("Control+z")
        expect(found).to_have_count(count)
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect(found).to_have_count(2)
    assert place.texts(ident) == ["one 😀 two three", "four five"]


def test_an_empty_text_is_put_back(page: Page, place: Place) -> None:
    ident = place.recording(said(*LINES))
    found = opened(page, ident)
    write(page, found.first, "   ")
    page.keyboard.press("Escape")
    expect(page.get_by_text("A segment needs some text")).to_be_visible()
    expect(found.first.locator("[data-text]")).to_have_text("Their is a house.")
    assert place.texts(ident)[0] == "Their is a house."


def test_a_text_is_found_and_replaced_after_a_look(page: Page, place: Place) -> None:
    ident = place.recording(said(*LINES, ("S2", "HOUSEhold")))
    opened(page, ident)
    page.keyboard.press("Control+f")
    page.keyboard.type("house")
    expect(page.get_by_text("0 of 3")).to_be_visible()
    page.keyboard.press("Enter")
    page.get_by_label("Find", exact=True).press("Enter")
    page.get_by_label("Whole words").check()
    expect(page.get_by_text("0 of 2")).to_be_visible()
    page.get_by_label("Replace with").fill("home $&")
    page.get_by_role("button", name="Preview").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("ins").first).to_have_text("home $&.")
    dialog.get_by_role("checkbox").nth(2).uncheck()
    assert browsing.barriers(page) == []
    dialog.get_by_role("button", name="Replace in 1 segment").click()
    expect(page.get_by_text("Replaced in 1 segment")).to_be_visible()
    assert place.texts(ident)[:2] == ["Their is a home $&.", "It is a big house."]
    page.get_by_role("button", name="Undo", exact=True).last.click()
    expect(rows(page).first.locator("[data-text]")).to_have_text("Their is a house.")
    assert place.texts(ident)[0] == "Their is a house."


# ── who ──
def test_speakers_are_named_given_and_joined(page: Page, place: Place) -> None:
    ident = place.recording(said(*LINES))
    found = opened(page, ident)
    panel = page.locator("aside")
    panel.get_by_role("button", name="What to do with Speaker 1").click()
    page.get_by_role("menuitem", name="Change the name").click()
    page.get_by_label("Name").fill("<b>Anna</b>")
    page.keyboard.press("Enter")
    expect(panel.get_by_text("<b>Anna</b>")).to_be_visible()
    expect(found.first.get_by_text("<b>Anna</b>")).to_be_visible()
    found.nth(1).focus()
    page.keyboard.press("s")
    page.get_by_role("menuitem", name="A new speaker").click()
    expect(panel.get_by_text("Speaker 3")).to_be_visible()
    assert place.who(ident) == ["S1", "S3", "S2", "S1"]
    panel.locator("li").filter(has_text="Speaker 2").drag_to(panel.locator("li").filter(has_text="Anna"))
    expect(panel.locator("li")).to_have_count(2)
    assert place.who(ident) == ["S1", "S3", "S1", "S1"]
    page.keyboard.press("Control+z")
    expect(panel.locator("li")).to_have_count(3)
    assert place.who(ident) == ["S1", "S3", "S2", "S1"]
    panel.get_by_role("button", name="What to do with Speaker 3").click()
    page.get_by_role("menuitem", name="The same as <b>Anna</b>").click()
    expect(panel.locator("li")).to_have_count(2)
    assert place.who(ident) == ["S1", "S1", "S2", "S1"]


def test_a_whole_block_is_given_to_nobody(page: Page, place: Place) -> None:
    ident = place.recording(said(*LINES))
    found = opened(page, ident)
    found.first.get_by_role("button", name="Speaker 1").click()
    expect(page.get_by_text("2 segments")).to_be_visible()
    page.get_by_role("menuitem", name="Nobody").click()
    expect(found.first.get_by_role("button", name="Nobody")).to_be_visible()
    saved(page)
    assert place.who(ident) == [None, None, "S2", "S1"]


# ── the whole ──
def test_twenty_thousand_segments_open_at_once(page: Page, place: Place) -> None:
    ident = place.recording(said(*((f"S{n // 3 % 4 + 1}", f"This is sentence {n}.") for n in range(20_000))))
    found = opened(page, ident)
    assert found.count() < 120
    page.goto(f"t/{ident}?at=75001")
    expect(page.get_by_text("This is sentence 15000.")).to_be_visible()
    page.locator("[data-row]", has_text="sentence 15000.").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-row]", has_text="sentence 15001.")).to_be_focused()
    page.keyboard.press("Control+f")
    page.keyboard.type("sentence 19999")
    expect(page.get_by_text("0 of 1")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text("This is sentence 19999.")).to_be_in_viewport()
    assert found.count() < 120


def test_every_format_is_exported(page: Page, place: Place) -> None:
    ident = place.recording(said(*LINES), "A / B: “talk”")
    opened(page, ident)
    page.get_by_role("button", name="Export").click()
    items = page.get_by_role("menuitem")
    expect(items).to_have_count(len(FORMATS))
    with page.expect_download() as waited:
        items.filter(has_text="SRT").click()
    assert waited.value.suggested_filename == "A B “talk”.srt"
    assert "Their is a house." in Path(waited.value.path()).read_text("utf-8")
    plain = place.recording(said((None, "Who is it?")))
    opened(page, plain)
    page.get_by_role("button", name="Export").click()
    expect(page.get_by_role("menuitem", name="needs speakers")).to_have_count(sum(f.speakers for f in FORMATS.values()))


def test_a_recording_is_renamed_kept_and_deleted(page: Page, place: Place) -> None:
    ident = place.recording(said(*LINES))
    opened(page, ident)
    page.get_by_role("button", name="Change the title").click()
    page.keyboard.type("<i>Monday</i>")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="<i>Monday</i>")).to_be_visible()
    page.get_by_role("button", name="More").first.click()
    page.get_by_role("menuitem", name="Keep for good").click()
    expect(page.get_by_text("Kept for good")).to_be_visible()
    page.get_by_role("button", name="More").first.click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page).to_have_url(f"{place.base}/app/archive")
    assert httpx.get(f"{place.base}/api/recordings/{ident}").status_code == 404


def test_a_recording_that_is_taken_away_says_so(browser: Browser, place: Place) -> None:
    ident = place.recording(said(*LINES))
    with browsing.tab(browser, place.base, allowed=("404",)) as page:
        opened(page, ident)
        place.house.archive.recordings.remove(ident)
        expect(page.get_by_text("This recording was taken away")).to_be_visible()
        page.goto("t/r_none")
        expect(page.get_by_text("There is no such recording")).to_be_visible()


@pytest.mark.parametrize(
    ("theme", "width", "other"),
    [
        ("light", 2200, "right-to-left"),
        ("dark", 1280, "nobody"),
        ("contrast", 390, "silence"),
        ("light", 390, "right-to-left"),
    ],
)
def test_nobody_is_kept_out(browser: Browser, place: Place, theme: str, width: int, other: str) -> None:
    talk = place.recording(said(*LINES), sound=1)
    for kind, text in (("highlight", ""), ("note", "Ask Anna about it.")):
        place.house.archive.notes.add(talk, Note(5.0, 9.0, kind, text))
    others = {
        "right-to-left": said(
            ("S1", "مرحبا بكم في هذا التسجيل."), ("S2", "شكرا <b>لكم</b>"), language="ar", names={"S1": "<b>سارة</b>"}
        ),
        "nobody": said((None, "Who says this?"), (None, "Nobody knows.")),
        "silence": said(),
    }
    found = {"talk": talk, other: place.recording(others[other], "تسجيل <script>alert(1)</script>")}
    with browsing.tab(browser, place.base, viewport={"width": width, "height": 800}) as page:
        page.add_init_script(f"localStorage.setItem('earwitness.theme', '{theme}')")
        for name, ident in found.items():
            page.goto(f"t/{ident}")
            expect(
                page.get_by_text("Nobody says anything here" if name == "silence" else "Speakers").first
            ).to_be_attached()
            if name != "silence":
                expect(page.locator("[data-text]").first).to_be_visible()
            if name == "talk":
                expect(page.get_by_role("slider")).to_be_visible()
                expect(page.get_by_text("being made")).to_have_count(0)
                page.locator("[data-row]").nth(1).focus()
                page.keyboard.press("Shift+ArrowDown")
            assert browsing.barriers(page) == [], name
            browsing.picture(page, f"transcript-{name}-{theme}-{width}")
            assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), name
        opened(page, found["talk"])
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
        assert browsing.barriers(page) == [], "keys"
        browsing.picture(page, f"transcript-keys-{theme}-{width}")
        page.keyboard.press("Escape")
        page.locator("[data-row]").nth(1).focus()
        page.keyboard.press("s")
        expect(page.get_by_role("menu")).to_be_visible()
        assert browsing.barriers(page) == [], "menu"
