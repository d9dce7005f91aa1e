"""Debian's Chromium for tests of the page: one for all, and pages that may not complain."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--auto-accept-this-tab-capture",
)  # fmt: skip
REAL = tuple(argument for argument in ARGUMENTS if "fake" not in argument)
"""As a browser is on a machine without a microphone."""

PICTURES = os.environ.get("TEST_PICTURES")
"""A folder for screenshots that are to be looked at."""

BUILT = Path(__file__).parents[2] / "src" / "earwitness" / "web" / "app" / "index.html"
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"

STILL = """() => {
    const still = new CSSStyleSheet()
    still.replaceSync('*, ::before, ::after { transition: none !important }')
    document.adoptedStyleSheets = [still]
}"""
"""Colours that are on their way to others are none that anybody reads."""

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")


def why_not() -> str | None:
    """Why the page can't be tried here, or None."""
    if CHROMIUM is None:
        return "no Chromium here: apt install chromium"
    return None if BUILT.is_file() else "the web UI is not built: python tools/webui.py"


def launched(play: Playwright, sound: Path | None = None, arguments: tuple[str, ...] = ARGUMENTS) -> Browser:
    """A browser; its microphone hears the WAV file `sound` once, where one is given. Tabs are heard when captured."""
    heard = [] if sound is None else [f"--use-file-for-fake-audio-capture={sound}%noloop"]
    args = [*arguments, *heard]
    return play.chromium.launch(executable_path=CHROMIUM, args=args, ignore_default_args=["--mute-audio"])


@contextmanager
def tab(browser: Browser, base: str, *, allowed: tuple[str, ...] = (), **context: Any) -> Iterator[Page]:
    """A page in a browser profile of its own, with paths under the web UI; what it complains of fails the test.

    Messages of the console that hold one of `allowed` are expected.
    """
    complaints = list[str]()
    held = browser.new_context(base_url=f"{base}/app/", **{"viewport": {"width": 1280, "height": 800}, **context})
    try:
        yield watched(held, complaints, allowed)
    finally:
        held.close()
    assert not complaints, complaints


def watched(context: BrowserContext, complaints: list[str], allowed: tuple[str, ...] = ()) -> Page:
    """A new page whose errors go into a list."""

    def said(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(known in message.text for known in allowed):
            complaints.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    page = context.new_page()
    page.on("console", said)
    page.on("pageerror", lambda error: complaints.append(f"the page broke: {error}"))
    return page


def picture(page: Page, name: str) -> None:
    """Take a screenshot where somebody wants to look at it."""
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(PICTURES) / f"{name}.png")


def barriers(page: Page) -> list[str]:
    """What axe-core finds that keeps people out: rule, and the first element of each."""
    page.evaluate(STILL)
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("rules => axe.run(document, {runOnly: rules})", list(RULES))
    return [f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:200]}" for v in found["violations"]]
