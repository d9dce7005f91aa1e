"""Recording: a microphone that hears the sample conversation, what is read of it at once, and what is kept of it.

The connection is cut and the server killed while somebody speaks: what is missing afterwards is the point.
"""

import base64
import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Playwright, WebSocketRoute, expect

from earwitness import batch
from earwitness.audio import decode
from earwitness.config import Settings
from earwitness.kit import Kit
from earwitness.stages.recipe import Recipe, live
from support import browser as browsing
from support import sounds
from support.processes import Processes
from support.server import running
from support.sockets import free_port

WAIT_MS = 40_000
SPOKEN_S = 8.0


@pytest.fixture(scope="module")
def said(sample: Path, kit: Kit) -> list[str]:
    """The words of what the microphone hears, as a file of them is transcribed."""
    return words(" ".join(s.text for s in batch.run(sample, live(Recipe(to_s=SPOKEN_S)), kit).segments))


@pytest.fixture(scope="module")
def ears(play: Playwright, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose microphone hears a moment of silence, the conversation's beginning, and silence."""
    path = tmp_path_factory.mktemp("microphone") / "microphone.wav"
    spoken = decode.decode(sample, to_s=SPOKEN_S).samples
    path.write_bytes(sounds.wav(np.concatenate([sounds.silence(0.5), spoken, sounds.silence(30)])))
    found = browsing.launched(play, path)
    yield found
    found.close()


@pytest.fixture
def page(ears: Browser, site: str) -> Iterator[Page]:
    with browsing.tab(ears, site) as found:
        yield found


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def begin(page: Page) -> None:
    page.goto("record")
    page.get_by_role("button", name="Start recording").click()
    expect(page.get_by_role("status").get_by_text("Listening")).to_be_visible(timeout=WAIT_MS)


def all_heard(page: Page) -> None:
    """Wait until the conversation is over."""
    expect(page.locator("span").get_by_text(re.compile(r"^0:[1-5]\d$"))).to_be_visible(timeout=WAIT_MS)


def stop(page: Page) -> str:
    """End it; the id of what it has become."""
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Everything is written down")).to_be_visible(timeout=WAIT_MS)
    found = page.get_by_role("link", name="Open the transcript").get_attribute("href")
    assert found is not None
    return found.rpartition("/")[2]


def kept(base: str, recording: str) -> list[str]:
    """The words of a recording in the archive."""
    found = httpx.get(f"{base}/api/recordings/{recording}/segments").json()["segments"]
    return words(" ".join(segment["text"] for segment in found))


def missing(said: list[str], kept: list[str]) -> list[str]:
    """What was said and is not there."""
    found = SequenceMatcher(None, said, kept, autojunk=False)
    return [word for tag, a, b, _, _ in found.get_opcodes() if tag == "delete" for word in said[a:b]]


# ── what is heard is read ──
def test_a_conversation_is_read_as_it_is_spoken(page: Page, site: str, said: list[str]) -> None:
    wires = list[WebSocketRoute]()

    def through(wire: WebSocketRoute) -> None:
        wires.append(wire)
        wire.connect_to_server()

    page.route_web_socket(re.compile("/ws$"), through)
    page.goto("record")
    page.get_by_label("Title").fill("Endgame <b>")
    page.get_by_role("button", name="Start recording").click()
    log = page.get_by_role("log")
    expect(log).to_contain_text("do you hear me", ignore_case=True, timeout=WAIT_MS)
    expect(log).to_contain_text("Speaker 1")
    expect(page.get_by_text(re.compile(r"^-?\d+\.\d s behind$"))).to_be_visible()
    page.keyboard.press("m")
    page.get_by_placeholder("A note").fill("the first <i>mark</i>")
    page.keyboard.press("Enter")
    wires[-1].close()  # the network is gone for a moment, and what is said meanwhile waits in the page
    expect(log).to_contain_text(re.compile("Speaker [2-9]"), timeout=WAIT_MS)
    for theme in ("light", "dark", "contrast"):
        page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
        assert browsing.barriers(page) == [], theme
        browsing.picture(page, f"record-{theme}")
    page.set_viewport_size({"width": 390, "height": 800})
    assert browsing.barriers(page) == []
    browsing.picture(page, "record-390")
    page.set_viewport_size({"width": 1280, "height": 800})
    all_heard(page)
    recording = stop(page)
    assert len(wires) > 1, "it was gone on with"
    assert missing(said, kept(site, recording)) == []
    assert browsing.barriers(page) == []
    browsing.picture(page, "record-done")
    notes = httpx.get(f"{site}/api/recordings/{recording}/notes").json()["notes"]
    assert [(note["kind"], note["text"]) for note in notes] == [("note", "the first <i>mark</i>")]
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as text").click()
    text = Path(saved.value.path()).read_text("utf-8")
    assert "★ the first <i>mark</i>" in text
    assert re.search("Speaker [2-9]:", text)
    page.get_by_role("link", name="Open the transcript").click()
    expect(page.get_by_text("Endgame <b>").first).to_be_visible()


def test_what_a_tab_plays_is_read(play: Playwright, site: str, sample: Path) -> None:
    title = "a tab that talks"
    wav = base64.b64encode(sounds.wav(decode.decode(sample, to_s=6.0).samples)).decode()
    found = browsing.launched(play, arguments=(*browsing.REAL, f"--auto-select-tab-capture-source-by-title={title}"))
    with browsing.tab(found, site) as page:
        tab = page.context.new_page()
        tab.set_content(f"<title>{title}</title><audio src='data:audio/wav;base64,{wav}'></audio>")
        page.bring_to_front()
        page.goto("record")
        page.get_by_text("Browser tab").click()
        page.get_by_role("button", name="Start recording").click()
        expect(page.get_by_role("status").get_by_text("Listening")).to_be_visible(timeout=WAIT_MS)
        tab.evaluate("document.querySelector('audio').play()")
        expect(page.get_by_role("log")).to_contain_text("do you hear me", ignore_case=True, timeout=WAIT_MS)
        tab.close()  # and with it its sound
        expect(page.get_by_text("The tab is shared no longer")).to_be_visible(timeout=WAIT_MS)
        stop(page)
    found.close()


# ── faults ──
def test_a_server_that_is_killed_costs_no_word(ears: Browser, tmp_path: Path, said: list[str]) -> None:
    servers, port = Processes(), free_port()
    try:
        base = servers.begin(tmp_path, port, log_level="error")
        with browsing.tab(ears, base, allowed=("ERR_", "WebSocket", "502", "503")) as page:
            begin(page)
            expect(page.get_by_role("log")).to_contain_text("hear me", ignore_case=True, timeout=WAIT_MS)
            servers.kill()
            expect(page.get_by_text(re.compile(r"Nothing is lost: \d+:\d\d of sound wait here"))).to_be_visible()
            browsing.picture(page, "record-away")
            servers.begin(tmp_path, port, log_level="error")
            expect(page.get_by_role("status").get_by_text("Listening")).to_be_visible(timeout=WAIT_MS)
            all_heard(page)
            recording = stop(page)
        assert missing(said, kept(base, recording)) == []
    finally:
        servers.close()


def test_a_page_that_is_loaded_again_goes_on_and_a_copy_of_it_does_not(page: Page, site: str, said: list[str]) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    begin(page)
    log = page.get_by_role("log")
    expect(log).to_contain_text("hear me", ignore_case=True, timeout=WAIT_MS)
    with page.context.expect_page() as opened:
        page.evaluate("open(location.href)")  # with a copy of what the tab remembers, as a tab that is duplicated has
    expect(opened.value.get_by_role("button", name="Start recording")).to_be_visible()
    expect(opened.value.get_by_text("was interrupted")).to_have_count(0)
    opened.value.close()
    page.get_by_role("button", name="Mark").click()
    page.get_by_placeholder("A note").fill("before")
    page.keyboard.press("Enter")
    page.reload()
    expect(page.get_by_text("A recording was interrupted")).to_be_visible()
    browsing.picture(page, "record-interrupted")
    page.get_by_role("button", name="Go on recording").click()
    expect(log).to_contain_text("hear me", ignore_case=True, timeout=WAIT_MS)
    expect(page.get_by_placeholder("A note")).to_have_value("before")
    before = len(log.locator("li").all())
    expect(log.locator("li")).not_to_have_count(before, timeout=WAIT_MS)
    recording = stop(page)
    read = words(" ".join(log.locator("p").all_inner_texts()))
    assert read.count("hear") >= 2, "once before and once after, when the microphone begins anew"
    assert kept(site, recording) == read


def test_two_tabs_record_beside_each_other(page: Page, ears: Browser, site: str) -> None:
    with browsing.tab(ears, site) as other:
        begin(page)
        begin(other)
        other.get_by_role("link", name="Home").first.click()
        expect(other.get_by_text("Live", exact=True)).to_have_count(2)
        expect(other.get_by_role("link", name="Record Recording")).to_be_visible()
        other.get_by_role("link", name="Record").first.click()
        for tab in (page, other):
            expect(tab.get_by_role("log")).to_contain_text("hear me", ignore_case=True, timeout=WAIT_MS)
        assert len({stop(page), stop(other)}) == 2


# ── no sound ──
FAR = "--host-resolver-rules=MAP ears.example 127.0.0.1"


@pytest.mark.parametrize(
    ("flag", "host", "told"),
    [
        ("--mute-audio", "127.0.0.1", "There is no microphone"),
        ("--use-fake-device-for-media-stream", "127.0.0.1", "The microphone is not allowed"),
        (FAR, "ears.example", "This address gets no microphone"),
    ],
    ids=["no microphone", "no permission", "no secure context"],
)
def test_what_to_do_is_said_where_there_is_no_sound(
    play: Playwright, far: str, flag: str, host: str, told: str
) -> None:
    found = browsing.launched(play, arguments=(*browsing.REAL, flag))
    with browsing.tab(found, far.replace("127.0.0.1", host), allowed=("Cross-Origin-Opener-Policy",)) as page:
        page.goto("record")
        start = page.get_by_role("button", name="Start recording")
        if flag == FAR:
            expect(start).to_be_disabled()
        else:
            start.click()
        expect(page.get_by_role("alert")).to_contain_text(told)
        assert browsing.barriers(page) == []
        browsing.picture(page, f"record-{told}")
    found.close()


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that answers to a name that is not its machine's own, too."""
    hosts = ("127.0.0.1", "ears.example")
    home = tmp_path_factory.mktemp("far")
    with running(Settings(home=home, allowed_hosts=hosts, preload=False, log_level="error")) as base:
        yield base
