"""Captions: what is said is read at once, huge, by whoever may see it, and by whoever was given a link to it."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from websockets.sync.client import ClientConnection, connect

from earwitness.audio import decode, timebase
from earwitness.config import Settings
from earwitness.types import Samples
from support import browser as browsing
from support import sounds
from support.server import running

PASSWORD = "a sentence that is long"
WAIT_MS = 30_000


@dataclass
class Talk:
    """Somebody who speaks into a live session, as fast as it is heard."""

    wire: ClientConnection
    samples: Samples
    recording: str
    at: int = 0

    def speak(self, to_s: float, *, quiet_s: float = 1.0) -> None:
        """Say what comes up to a time, and be quiet for a moment, or not."""
        to = timebase.samples(to_s)
        self.wire.send(_pcm(self.samples[self.at : to]) + _pcm(sounds.silence(quiet_s)))
        self.at = to

    def drafted(self, page: Page) -> None:
        """Speak on at the pace of people until a page shows a draft of it."""
        draft = page.locator("[data-draft]")
        while not draft.count():
            assert self.at < len(self.samples), "everything was said, and no draft was seen"
            self.speak(timebase.seconds(self.at) + 0.3, quiet_s=0.0)
            page.wait_for_timeout(300)
        expect(draft).to_contain_text(re.compile(r"\w+"))

    def end(self) -> None:
        self.wire.send('{"type": "end"}')
        assert any(json.loads(told)["type"] == "ended" for told in self.wire)


@contextmanager
def talking(base: str, samples: Samples, key: str = "") -> Iterator[Talk]:
    """Somebody who is recorded."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    with connect(f"{base.replace('http', 'ws')}/ws", additional_headers=headers) as wire:
        hello = {"type": "hello", "encoding": "s16le", "rate": 16_000, "speakers": True, "keep": True}
        wire.send(json.dumps({**hello, "title": "A talk <b>"}))
        talk = Talk(wire, samples, str(json.loads(wire.recv())["recording"]))
        yield talk
        talk.end()


def _pcm(samples: Samples) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


@pytest.fixture(scope="module")
def samples(sample: Path) -> Samples:
    return decode.decode(sample).samples


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with accounts."""
    with running(Settings(home=tmp_path_factory.mktemp("home"), log_level="error")) as base:
        yield base


@pytest.fixture(scope="module")
def key(house: str, browser: Browser) -> str:
    """Of Anna, who has the first account."""
    held = browser.new_context(base_url=house)
    told = {"name": "Anna", "password": PASSWORD}
    assert held.request.post("/api/setup", data=told).status == 201
    made = held.request.post("/api/keys", data={"name": "microphone", "scopes": ["transcribe"]}).json()
    held.close()
    return str(made["key"])


# ── to be read ──
def test_what_is_said_is_read_as_it_is_said(page: Page, site: str, samples: Samples) -> None:
    with talking(site, samples) as talk:
        page.goto("captions/live")
        log = page.get_by_role("log")
        talk.speak(1.5)
        expect(log).to_contain_text("do you hear me", ignore_case=True, timeout=WAIT_MS)
        expect(page).to_have_title(re.compile("^Captions of A talk <b>"))
        talk.drafted(page)
        browsing.picture(page, "captions-live")
        talk.speak(16.0)
        expect(log).to_contain_text(re.compile("Speaker [2-9]"), timeout=WAIT_MS)
    expect(page.get_by_text("The recording has ended")).to_be_visible(timeout=WAIT_MS)
    expect(page.locator("[data-draft]")).to_have_count(0)
    page.get_by_role("link", name="To the transcript").click()
    expect(page).to_have_url(re.compile(f"/t/{talk.recording}$"))


def test_it_waits_for_somebody_to_begin(page: Page, site: str, samples: Samples) -> None:
    page.goto("captions/live")
    expect(page.get_by_text("Nothing is being recorded just now")).to_be_visible()
    with talking(site, samples) as talk:
        talk.speak(1.5)
        expect(page.get_by_role("log")).to_contain_text("hear me", ignore_case=True, timeout=WAIT_MS)


# ── how it looks ──
def test_it_is_as_large_as_one_likes_and_remembers_it(page: Page, site: str, samples: Samples) -> None:
    with talking(site, samples) as talk:
        talk.speak(3.5)
        page.goto(f"captions/{talk.recording}")
        log = page.get_by_role("log")
        expect(log).to_contain_text("hear me", ignore_case=True, timeout=WAIT_MS)

        def height() -> float:
            return float(log.evaluate("e => parseFloat(getComputedStyle(e).fontSize)"))

        before = height()
        for _ in range(3):
            page.get_by_role("button", name="Larger").click()
        assert height() > 1.5 * before
        page.get_by_label("Colours").select_option("yellow")
        page.get_by_label("Speakers").click()
        expect(log).not_to_contain_text("Speaker 1")
        page.reload()
        expect(log).to_contain_text("hear me", ignore_case=True)
        assert height() > 1.5 * before
        expect(page.get_by_label("Colours")).to_have_value("yellow")
        page.get_by_role("button", name="Full screen").click()
        page.wait_for_function("document.fullscreenElement !== null")
        page.get_by_role("button", name="Full screen").click()
        page.wait_for_function("document.fullscreenElement === null")
        for look in ("dark", "light", "yellow"):
            page.get_by_label("Colours").select_option(look)
            assert browsing.barriers(page) == [], look
            browsing.picture(page, f"captions-{look}")
        page.set_viewport_size({"width": 390, "height": 800})
        assert browsing.barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        browsing.picture(page, "captions-390")


def test_nothing_but_its_letters_is_seen_in_obs(page: Page, site: str, samples: Samples) -> None:
    with talking(site, samples) as talk:
        talk.speak(1.5)
        page.goto("captions/live?bare&size=12&lines=2&look=light")
        expect(page.get_by_role("log")).to_contain_text("hear me", ignore_case=True, timeout=WAIT_MS)
        expect(page.get_by_role("button")).to_have_count(0)
        seen = page.evaluate("[document.documentElement, document.body, document.querySelector('main')]"
                             ".map(e => getComputedStyle(e).backgroundColor)")  # fmt: skip
        assert set(seen) == {"rgba(0, 0, 0, 0)"}
        browsing.picture(page, "captions-obs")


# ── for others ──
def test_a_link_lets_others_read_one_recording_until_it_is_taken_back(
    browser: Browser, house: str, key: str, samples: Samples
) -> None:
    with talking(house, samples, key) as talk:
        talk.speak(1.5)
        with browsing.tab(browser, house) as mine, browsing.tab(browser, house, allowed=("401",)) as theirs:
            mine.request.post(f"{house}/api/login", data={"name": "Anna", "password": PASSWORD})
            mine.goto(f"captions/{talk.recording}")
            mine.get_by_role("button", name="Share these captions").click()
            mine.get_by_label("Good for").select_option("One day")
            mine.get_by_role("button", name="Make a link").click()
            link = mine.get_by_label("For people", exact=True).input_value()
            bare = mine.get_by_label("For OBS", exact=True).input_value()
            assert browsing.barriers(mine) == []
            browsing.picture(mine, "captions-share")
            sent = list[str]()
            theirs.on("request", lambda r: sent.append(r.url))
            theirs.goto(link)
            log = theirs.get_by_role("log")
            expect(log).to_contain_text("do you hear me", ignore_case=True, timeout=WAIT_MS)
            expect(theirs.get_by_role("button", name="Share these captions")).to_have_count(0)
            expect(theirs.get_by_role("link", name="To the transcript")).to_have_count(0)
            talk.drafted(theirs)
            talk.speak(16.0)
            expect(log).to_contain_text(re.compile("Speaker [2-9]"), timeout=WAIT_MS)
            assert not [url for url in sent if "ew_" in url], "the key goes into no log"
            assert theirs.context.cookies() == []
            browsing.picture(theirs, "captions-shared")
            mine.get_by_role("button", name="Take back").click()
            expect(theirs.get_by_text("This link is not good any more")).to_be_visible(timeout=WAIT_MS)
            expect(mine.get_by_role("button", name="Take back")).to_have_count(0)
            theirs.goto("about:blank")
            theirs.goto(bare.replace("bare", "size=5"))
            expect(theirs.get_by_text("This link is not good any more")).to_be_visible(timeout=WAIT_MS)
            browsing.picture(theirs, "captions-taken-back")


def test_without_accounts_it_says_why_there_are_no_links(page: Page) -> None:
    page.goto("captions/live")
    page.get_by_role("button", name="Share these captions").click()
    expect(page.get_by_text("Without accounts there are no links for others")).to_be_visible()
    expect(page.get_by_label("For OBS", exact=True)).to_have_value(re.compile(r"/captions/live\?bare&size="))
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Share these captions")).to_be_focused()
