"""What people put to a transcript and do with a part of it: notes, highlights, another transcription, the original."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from earwitness.audio import decode
from earwitness.config import Settings
from earwitness.noted import Note
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


def noted(place: Place, ident: str) -> list[tuple[str, float, float, str]]:
    """What the archive says was noted."""
    notes = [n.note for n in place.house.archive.notes.all(ident)]
    return [(n.kind, round(n.start_s, 2), round(n.end_s, 2), n.text) for n in notes]


def lit(page: Page) -> list[str]:
    """The texts that are shown highlighted."""
    found: list[str] = page.evaluate("[...(CSS.highlights.get('ew-light') ?? [])].map(String)")
    return sorted(found)


def test_notes_are_written_by_keyboard_changed_and_taken_away(page: Page, place: Place) -> None:
    ident = place.recording(said(*LINES))
    found = opened(page, ident)
    found.nth(1).focus()
    page.keyboard.press("n")
    page.keyboard.type("Ask <b>Anna</b>")
    page.keyboard.press("Enter")
    page.keyboard.type("about it")
    page.keyboard.press("Escape")
    expect(found.nth(1)).to_be_focused()
    panel = page.locator("aside")
    expect(panel.get_by_text("Ask <b>Anna</b> about it")).to_be_visible()
    assert noted(place, ident) == [("note", 5.0, 9.0, "Ask <b>Anna</b>\nabout it")]
    found.nth(1).get_by_role("note").get_by_role("button", name="Ask").click()
    page.get_by_role("textbox", name="Note").fill("Done")
    page.keyboard.press("Control+Enter")
    expect(panel.get_by_text("Done")).to_be_visible()
    assert noted(place, ident)[0][3] == "Done"
    page.keyboard.press("Control+z")
    expect(panel.get_by_text("Ask <b>Anna</b> about it")).to_be_visible()
    found.nth(1).get_by_role("button", name="Take the note away").click()
    expect(panel.get_by_text("Ask")).to_have_count(0)
    assert noted(place, ident) == []
    page.keyboard.press("Control+z")
    expect(panel.get_by_text("Ask")).to_be_visible()
    place.house.archive.notes.add(ident, Note(16.0, 16.0, "note", "From elsewhere"))
    expect(found.nth(3).get_by_text("From elsewhere")).to_be_visible()
    page.keyboard.press("n")
    page.keyboard.press("Escape")  # nothing was written, so nothing is kept
    expect(page.get_by_role("note")).to_have_count(2)


def test_words_and_segments_are_highlighted_and_stay_so_when_it_is_corrected(page: Page, place: Place) -> None:
    ident = place.recording(said(*LINES))
    found = opened(page, ident)
    found.first.locator("[data-text]").evaluate(
        "p => getSelection().setBaseAndExtent(p.firstChild, 7, p.firstChild, 10)"
    )
    bar = page.get_by_role("toolbar", name="What is chosen")
    bar.get_by_role("button", name="Highlight").click()
    expect(bar).to_have_count(0)
    assert noted(place, ident) == [("highlight", 1.0, 2.9, "")]
    page.wait_for_function("() => CSS.highlights.get('ew-light')?.size === 1")
    assert lit(page) == ["is a"]
    found.nth(1).focus()
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    expect(bar.get_by_text("3 segments")).to_be_visible()
    page.keyboard.press("Shift+ArrowUp")
    expect(bar.get_by_text("2 segments")).to_be_visible()
    assert browsing.barriers(page) == []
    page.keyboard.press("m")
    expect(page.locator("aside").get_by_text("Highlight", exact=True)).to_have_count(2)
    assert noted(place, ident)[1] == ("highlight", 5.0, 14.0, "")
    write(page, found.first, "There is a house.")
    page.keyboard.press("Escape")
    saved(page)
    assert lit(page) == ["Hello there.", "It is a big house.", "is a"]
    found.nth(1).focus()
    page.keyboard.press("m")  # of two segments one
    page.wait_for_function("() => CSS.highlights.get('ew-light')?.size === 2")
    assert noted(place, ident)[1] == ("highlight", 9.0, 14.0, "")
    page.keyboard.press("Control+z")
    page.wait_for_function("() => CSS.highlights.get('ew-light')?.size === 3")
    assert noted(place, ident)[1] == ("highlight", 5.0, 14.0, "")


def test_several_segments_are_given_to_a_speaker_and_copied(page: Page, place: Place) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ident = place.recording(said(*LINES))
    found = opened(page, ident)
    found.first.locator("[data-text]").click()
    found.nth(2).locator("[data-text]").click(modifiers=["Shift"])
    bar = page.get_by_role("toolbar", name="What is chosen")
    bar.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").splitlines() == [
        "[0:00] Speaker 1: Their is a house.",
        "[0:05] Speaker 1: It is a big house.",
        "[0:10] Speaker 2: Hello there.",
    ]
    bar.get_by_role("button", name="Who says this?").click()
    page.get_by_role("menuitem", name="A new speaker").click()
    expect(page.locator("aside").get_by_text("Speaker 3")).to_be_visible()
    saved(page)
    assert place.who(ident) == ["S3", "S3", "S3", "S1"]


def test_a_speaker_is_remembered_and_a_part_transcribed_again(page: Page, place: Place, sample: Path) -> None:
    with httpx.Client(base_url=place.base, timeout=120) as http:
        wishes = {"speakers": "auto", "keep_audio": "true", "words": "true"}
        clip = sounds.wav(decode.decode(sample, to_s=20.0).samples)
        job = http.post("/api/jobs", files={"file": ("talk.wav", clip)}, data=wishes).json()
        while (job := http.get(f"/api/jobs/{job['id']}").json())["state"] != "done":
            assert job["state"] in {"waiting", "running"}, job
            time.sleep(0.2)
        ident = job["recording"]
        found = opened(page, ident)
        page.get_by_role("button", name="What to do with Speaker 1").click()
        page.get_by_role("menuitem", name="Remember the voice").click()
        page.get_by_label("Name").fill("Nell <i>")
        page.get_by_role("button", name="Remember", exact=True).click()
        expect(page.locator("aside").get_by_text("Nell <i>")).to_be_visible(timeout=60_000)
        assert [p["name"] for p in http.get("/api/speakers").json()["people"]] == ["Nell <i>"]
        before = place.texts(ident)
        write(page, found.first, "Never said.")
        page.keyboard.press("Escape")
        saved(page)
        page.keyboard.press("Shift+ArrowDown")
        page.keyboard.press("r")
        dialog = page.get_by_role("dialog", name="Transcribe again")
        expect(dialog.get_by_text("1 segment that was corrected stays as it is.")).to_be_visible()
        dialog.get_by_label("In another way").check()
        expect(dialog.get_by_label("Model")).to_have_value("moonshine-tiny-en")
        assert browsing.barriers(page) == []
        dialog.get_by_role("button", name="Transcribe").click()
        expect(page.get_by_text("It was transcribed again")).to_be_visible(timeout=60_000)
        expect(found.first.locator("[data-text]")).to_have_text("Never said.")
        assert place.texts(ident)[0] == "Never said."
        notices = place.house.archive.recordings.transcript(ident).provenance.notices
        assert "transcribed_again" in {n.code for n in notices}
        assert place.texts(ident)[-1] == before[-1]


def test_what_can_not_be_transcribed_again_says_why(browser: Browser, place: Place) -> None:
    with browsing.tab(browser, place.base, allowed=("409",)) as page:
        ident = place.recording(said(*LINES), sound=1)
        opened(page, ident)
        page.get_by_role("button", name="More").first.click()
        page.get_by_role("menuitem", name="Transcribe again").click()
        shutil.rmtree(place.house.archive.folder / "audio" / ident)
        page.get_by_role("button", name="Transcribe", exact=True).click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("No sound of this is kept")
        opened(page, place.recording(said(*LINES)))  # that never had any
        page.get_by_role("button", name="More").first.click()
        expect(page.get_by_role("menuitem", name="Compare with the original")).to_be_visible()
        expect(page.get_by_role("menuitem", name="Transcribe again")).to_have_count(0)


def test_what_was_changed_is_compared_and_put_back(page: Page, place: Place) -> None:
    ident = place.recording(said(*LINES))
    found = opened(page, ident)
    for n in (0, 3):
        write(page, found.nth(n), "Something else.")
        page.keyboard.press("Escape")
        saved(page)
    page.get_by_role("button", name="More").first.click()
    page.get_by_role("menuitem", name="Compare with the original").click()
    strip = page.get_by_role("region", name="Compare with the original")
    expect(strip.get_by_text("2 segments were changed")).to_be_visible()
    expect(found.first.locator("del")).to_have_text("Their is a house.")
    assert browsing.barriers(page) == []
    strip.get_by_role("button", name="Next").click()
    found.first.get_by_role("button", name="Put the original back").click()
    expect(found.first.locator("del")).to_have_count(0)
    saved(page)
    assert place.texts(ident)[0] == "Their is a house."
    page.get_by_role("button", name="Undo: Text").click()
    expect(found.first.locator("ins")).to_have_text("Something else.")
    strip.get_by_role("button", name="Close").click()
    expect(rows(page).first.locator("[data-text]")).to_have_text("Something else.")
