"""People: a voice is learned from a file, the microphone and a recording; named, merged, split and forgotten."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, FilePayload, Locator, Page, Playwright, expect

from earwitness.archive.naming import proposal
from earwitness.archive.told import piece
from earwitness.archive.viewer import HOUSE
from earwitness.audio import decode
from earwitness.config import Settings
from earwitness.types import Provenance, Segment, Speaker, Transcript
from support import browser as browsing
from support import sounds
from support.colours import KitOfColours, heard, spoken
from support.scribes import Place
from support.server import housed, running

EVIL = "Bert <img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server whose diarizer goes by colours: what it hears is real, and it is quick."""
    settings = Settings(home=tmp_path_factory.mktemp("home"), preload=False)
    with housed(settings, KitOfColours(settings)) as (base, house):
        yield Place(base, house)


@pytest.fixture(scope="module")
def site(place: Place) -> str:
    return place.base


@pytest.fixture
def people(page: Page, place: Place) -> Iterator[Page]:
    """The screen, of a server that knows nobody again at the end."""
    yield page
    for person in place.house.people.all():
        place.house.people.forget(person.id)


def talk(place: Place, title: str = "Talk", notices: tuple[tuple[str, str], ...] = ()) -> str:
    """A recording with its sound, in which two speak."""
    voices = [decode.decode(spoken("espeak", 1)).samples, decode.decode(spoken("flite", 6, 2)).samples]
    ends = np.cumsum([len(v) for v in voices]) / 16_000
    said = (
        Segment(0.0, float(ends[0]), "Well.", "en", speaker="S1"),
        Segment(float(ends[0]), float(ends[1]), "Indeed.", "en", speaker="S2"),
    )
    speakers = tuple(Speaker(s.speaker or "", s.duration_s) for s in said)
    origin = Provenance("0", "", "", "0", {}, notices=tuple(proposal(*one) for one in notices))
    told = Transcript(said, float(ends[1]), "en", "transcribe", origin, speakers=speakers)
    archive = place.house.archive
    ident = archive.recordings.add(told, viewer=HOUSE, title=title, kind="file", began_s=1e9)
    file = archive.folder / ident / "0.wav"
    file.parent.mkdir(parents=True)
    file.write_bytes(sounds.wav(np.concatenate(voices)))
    row = {"recording_id": ident, "kind": "audio", "path": f"{ident}/0.wav", "size": 1, "made_s": 0.0}
    archive.writer.write(partial(piece, row | {"start_s": 0.0, "end_s": float(ends[1])}))
    return ident


def wav(content: bytes) -> FilePayload:
    return {"name": "x.wav", "mimeType": "audio/wav", "buffer": content}


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has_text=name)


def does(page: Page, name: str, what: str) -> Locator:
    """The dialog of something that is done with somebody."""
    page.get_by_role("button", name=f"What to do with {name}", exact=True).click()
    page.get_by_role("menuitem", name=what).click()
    return page.get_by_role("dialog")


# ── learning ──
def test_a_person_comes_from_a_file_and_a_bad_one_is_told(browser: Browser, place: Place, people: Page) -> None:
    with browsing.tab(browser, place.base, allowed=("400",)) as page:
        page.goto("speakers")
        expect(page.get_by_text("Nobody is known by voice")).to_be_visible()
        expect(page.get_by_text("Recognition is off")).to_be_visible()
        assert browsing.barriers(page) == []
        browsing.picture(page, "speakers-empty")
        page.get_by_role("button", name="Add a person").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name", exact=True).fill(EVIL)
        dialog.get_by_role("button", name="File").click()
        dialog.get_by_label("Clip of the voice").set_input_files(wav(b"no sound"))
        dialog.get_by_role("button", name="Learn the voice").click()
        expect(dialog.get_by_role("alert")).to_contain_text("not a recording")
        expect(dialog.get_by_label("Name", exact=True)).to_have_value(EVIL)
        dialog.get_by_label("Clip of the voice").set_input_files(wav(spoken("espeak", 1)))
        dialog.get_by_role("button", name="Learn the voice").click()
        expect(row(page, EVIL)).to_contain_text("1 voice")
        expect(page.get_by_text(f"{EVIL} is known by voice now")).to_be_visible()
        page.get_by_role("button", name="Add a person").click()
        dialog.get_by_label("Name", exact=True).fill(EVIL.upper())
        expect(dialog.get_by_text(f"{EVIL} is known already")).to_be_visible()
        dialog.get_by_role("button", name="File").click()
        dialog.get_by_label("Clip of the voice").set_input_files(wav(spoken("espeak", 4, 2)))
        dialog.get_by_role("button", name="Learn the voice").click()
        expect(row(page, EVIL)).to_contain_text("2 voices")


def test_a_person_comes_from_a_recording_and_is_heard(people: Page, place: Place) -> None:
    ident = talk(place, "Board <b>")
    people.goto("speakers")
    people.get_by_role("button", name="Add a person").click()
    dialog = people.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("Anna")
    dialog.get_by_role("button", name="Recording").click()
    dialog.get_by_label("Words of its title").fill("board")
    expect(dialog.get_by_text("Board <b>")).to_be_visible()
    dialog.get_by_role("radio", name=re.compile("Speaker 1")).check()
    dialog.get_by_role("button", name="Learn the voice").click()
    expect(row(people, "Anna")).to_contain_text("1 recording")
    play = people.get_by_role("button", name="Hear Anna")
    play.click()
    expect(play).to_have_attribute("aria-pressed", "true")
    play.click()
    expect(play).to_have_attribute("aria-pressed", "false")
    row(people, "Anna").get_by_role("link", name="1 recording").click()
    expect(people.locator("[data-hit]")).to_have_count(1)
    expect(people.get_by_label("Speaker", exact=True)).to_have_value(place.house.people.all()[0].id)
    place.house.archive.recordings.remove(ident)


def test_a_person_speaks_into_the_microphone(play: Playwright, place: Place, tmp_path: Path) -> None:
    sound = tmp_path / "voice.wav"
    sound.write_bytes(spoken("espeak", 1, 5))
    browser = browsing.launched(play, sound)
    with browsing.tab(browser, place.base) as page:
        page.goto("speakers")
        page.get_by_role("button", name="Add a person").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name", exact=True).fill("Dora")
        dialog.get_by_role("button", name="Begin").click()
        expect(dialog.get_by_role("progressbar", name=re.compile("Listening: 0:0[4-9]"))).to_be_attached(timeout=15_000)
        dialog.get_by_role("button", name="Stop").click()
        expect(dialog.get_by_text("Speak for ten seconds or more.")).to_be_visible()
        dialog.get_by_role("button", name="Learn the voice").click()
        expect(row(page, "Dora")).to_be_visible()
    browser.close()
    (dora,) = place.house.people.all()
    assert dora.voices[0].print.speech_s > 2
    place.house.people.forget(dora.id)


def test_without_a_microphone_it_is_told_what_to_do(play: Playwright, place: Place) -> None:
    browser = browsing.launched(play, arguments=browsing.REAL)
    with browsing.tab(browser, place.base) as page:
        page.goto("speakers")
        page.get_by_role("button", name="Add a person").click()
        page.get_by_role("dialog").get_by_role("button", name="Begin").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("microphone")
    browser.close()


# ── suggestions ──
def test_who_somebody_may_be_is_answered(people: Page, place: Place) -> None:
    known = place.house.people
    anna, bert = known.enrol("Anna", [heard(1)]), known.enrol(EVIL, [heard(2)])
    ident = talk(place, "Board <b>", (("S1", anna.id), ("S2", bert.id)))
    people.goto("speakers")
    region = people.get_by_role("list", name="Who may this be?")
    expect(region.get_by_role("listitem")).to_have_count(2)
    hear = region.get_by_role("button", name="Hear Speaker 1")
    hear.click()
    expect(hear).to_have_attribute("aria-pressed", "true")
    region.get_by_role("button", name="It is Anna").click()
    expect(region.get_by_role("listitem")).to_have_count(1)
    region.get_by_role("button", name="Somebody else").click()
    expect(region).to_have_count(0)
    expect(row(people, "Anna")).to_contain_text("1 recording")
    people.reload()
    expect(row(people, "Anna")).to_contain_text("1 recording")
    expect(region).to_have_count(0)
    assert [s.name for s in place.house.archive.recordings.speakers(ident)] == ["Anna", None]
    place.house.archive.recordings.remove(ident)


# ── changing ──
def test_people_are_renamed_merged_split_and_forgotten(people: Page, place: Place) -> None:
    known = place.house.people
    for n, name in enumerate(("Anna", "Ann", "Carl")):
        known.enrol(name, [heard(n)])
    people.goto("speakers")
    dialog = does(people, "Carl", "Change the name")
    dialog.get_by_label("Name", exact=True).fill(EVIL)
    dialog.get_by_role("button", name="Save").click()
    expect(row(people, EVIL)).to_be_visible()
    dialog = does(people, "Ann", "Same person as")
    dialog.get_by_label("The same person as").select_option(label="Anna")
    dialog.get_by_role("button", name="They are one").click()
    expect(row(people, "Anna")).to_contain_text("2 voices")
    expect(people.get_by_role("button", name="What to do with Ann", exact=True)).to_have_count(0)
    dialog = does(people, "Anna", "Split")
    go = dialog.get_by_role("button", name="Split them off")
    dialog.get_by_label("Name of the other person").fill("Ann")
    expect(go).to_be_disabled()
    dialog.get_by_role("checkbox").nth(1).check()
    go.click()
    expect(people.get_by_role("button", name="What to do with Ann", exact=True)).to_be_visible()
    dialog = does(people, EVIL, "Forget")
    expect(dialog.get_by_text("This can't be undone.")).to_be_visible()
    dialog.get_by_role("button", name="Forget for good").click()
    expect(row(people, EVIL)).to_have_count(0)
    assert sorted(person.name for person in known.all()) == ["Ann", "Anna"]


def test_a_server_that_is_gone_loses_nothing_that_was_typed(browser: Browser, tmp_path: Path) -> None:
    with running(Settings(home=tmp_path, preload=False)) as base:
        held = browser.new_context(base_url=f"{base}/app/")
        page = held.new_page()
        page.goto("speakers")
        page.get_by_role("button", name="Add a person").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name", exact=True).fill("Anna")
        dialog.get_by_role("button", name="File").click()
        dialog.get_by_label("Clip of the voice").set_input_files(wav(spoken("espeak", 1)))
    dialog.get_by_role("button", name="Learn the voice").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Nothing you typed is lost")
    expect(dialog.get_by_label("Name", exact=True)).to_have_value("Anna")
    held.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark", "contrast"])
def test_nobody_is_kept_out(browser: Browser, place: Place, people: Page, theme: str, width: int) -> None:
    known = place.house.people
    anna, _ = known.enrol("Anna", [heard(1), heard(4)]), known.enrol(EVIL, [heard(2)])
    ident = talk(place, "Board <b>", (("S1", anna.id),))
    with browsing.tab(browser, place.base, viewport={"width": width, "height": 1200}) as page:
        page.add_init_script(f"localStorage.setItem('earwitness.theme', '{theme}')")
        page.goto("speakers")
        expect(page.get_by_role("list", name="Who may this be?")).to_be_visible()
        assert browsing.barriers(page) == []
        browsing.picture(page, f"speakers-{theme}-{width}")
        does(page, "Anna", "Split")
        assert browsing.barriers(page) == []
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Add a person").click()
        page.get_by_role("dialog").get_by_role("button", name="Recording").click()
        expect(page.get_by_role("radio").first).to_be_visible()
        assert browsing.barriers(page) == []
        browsing.picture(page, f"speakers-add-{theme}-{width}")
    place.house.archive.recordings.remove(ident)
