"""The live page in Chromium, whose microphone is the sample conversation, and a tab of which plays it."""

import base64
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from earwitness import config
from earwitness.audio import decode
from support import sounds
from support.server import running
from support.sockets import free_port

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt install chromium")

PICTURES = os.environ.get("TEST_PICTURES")
"""A folder for screenshots that are to be looked at."""


@pytest.fixture(scope="module")
def microphone(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of silence while the page starts, the conversation, silence."""
    samples = decode.decode(sample).samples
    path = tmp_path_factory.mktemp("microphone") / "microphone.wav"
    path.write_bytes(sounds.wav(np.concatenate([sounds.silence(2), samples, sounds.silence(20)])))
    return path


TAB = "a tab that talks"


@contextmanager
def browsing(*flags: str) -> Iterator[Page]:
    """A page of a browser that is started with these flags."""
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM,
            ignore_default_args=["--mute-audio"],
            args=[
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required", *flags,
            ],
        )  # fmt: skip
        found = browser.new_context(viewport={"width": 900, "height": 1000}).new_page()
        found.on("pageerror", lambda error: pytest.fail(f"the page broke: {error}"))
        yield found
        browser.close()


@pytest.fixture
def page(microphone: Path) -> Iterator[Page]:
    """A page of a browser with that microphone, and somebody who allows its use."""
    with browsing(
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}%noloop",
    ) as found:
        yield found


def picture(page: Page, name: str) -> bytes:
    taken = page.screenshot()
    if PICTURES:
        (Path(PICTURES) / f"{name}.png").write_bytes(taken)
    assert isinstance(taken, bytes)
    return taken


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


@pytest.fixture(scope="module")
def server(settings: config.Settings) -> Iterator[str]:
    with running(settings) as address:
        yield address


def test_what_is_said_into_the_microphone_is_read_on_the_page(server: str, page: Page) -> None:
    page.goto(f"{server}/live")
    empty = picture(page, "live-empty")
    page.check("#speakers")
    page.click("#mic")
    said = page.locator("#said")
    expect(said).to_contain_text("do you hear me", ignore_case=True, timeout=30_000)
    picture(page, "live-listening")
    expect(said).to_contain_text("what are you talking about", ignore_case=True, timeout=40_000)
    expect(said.locator(".who")).not_to_have_count(0)
    page.click("#stop")
    expect(page.locator("#told")).to_contain_text("Everything was told", timeout=30_000)
    full = picture(page, "live-stopped")
    assert len(full) > len(empty), "there is more to see than at first"
    with page.expect_download() as saved:
        page.click("#save")
    text = Path(saved.value.path()).read_text()
    assert "S1:" in text
    assert "S2:" in text


def test_what_a_tab_plays_is_read_on_the_page(server: str, sample: Path) -> None:
    wav = base64.b64encode(sounds.wav(decode.decode(sample, to_s=6.0).samples)).decode()
    with browsing(f"--auto-select-tab-capture-source-by-title={TAB}") as page:
        tab = page.context.new_page()
        tab.set_content(f"<title>{TAB}</title><audio src='data:audio/wav;base64,{wav}'></audio>")
        page.bring_to_front()
        page.goto(f"{server}/live")
        page.click("#tab")
        expect(page.locator("#told")).to_contain_text("Listening", timeout=20_000)
        tab.evaluate("document.querySelector('audio').play()")
        expect(page.locator("#said")).to_contain_text("do you hear me", ignore_case=True, timeout=30_000)
        tab.close()  # and with it its sound
        expect(page.locator("#told")).to_contain_text("Everything was told", timeout=30_000)


def test_a_key_is_asked_for_where_there_is_one(tmp_path: Path, page: Page) -> None:
    with running(config.load(home=tmp_path, api_key="sesame", log_level="error")) as address:
        page.goto(f"{address}/live")
        page.click("#mic")
        expect(page.locator("#keyed")).to_be_visible(timeout=20_000)
        picture(page, "live-key")
        page.fill("#key", "sesame")
        page.click("#keyed button")
        page.click("#mic")
        expect(page.locator("#told")).to_contain_text("Listening", timeout=20_000)


def test_a_server_that_is_started_again_is_gone_on_with(tmp_path: Path, page: Page) -> None:
    settings = config.load(home=tmp_path, port=free_port(), log_level="error")
    with running(settings, port=settings.port) as address:
        page.goto(f"{address}/live")
        page.click("#mic")
        expect(page.locator("#said")).to_contain_text("hear me", ignore_case=True, timeout=30_000)
    expect(page.locator("#told")).to_contain_text("the server stops", timeout=20_000)
    with running(settings, port=settings.port):
        expect(page.locator("#said")).to_contain_text("do you remember the day", ignore_case=True, timeout=60_000)
        page.click("#stop")
        expect(page.locator("#told")).to_contain_text("Everything was told", timeout=30_000)
        found = words(page.locator("#said").inner_text())
    for phrase in ("just less heartily", "that's a good story", "you from that ditch"):
        assert " ".join(words(phrase)) in " ".join(found)
