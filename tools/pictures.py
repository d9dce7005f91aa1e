"""Pictures of every screen of the web UI, in light, dark and at the width of a phone: `make pictures`.

    PYTHONPATH=tests python tools/pictures.py [FOLDER] [--docs]

A real server hears the sample conversation, remembers who speaks, and a browser goes from screen to screen; while it
records, its microphone hears the sample too. FOLDER is build/pictures unless named. With `--docs` those that the
documentation shows are put into docs/pictures. The web UI must be built (`make ui`), and Chromium be here.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pydantic import SecretStr

from earwitness.config import Settings
from support import browser as browsing
from support.server import running

ROOT = Path(__file__).parent.parent

LOOKS: dict[str, tuple[str, int, int]] = {
    "light": ("light", 1280, 800),
    "dark": ("dark", 1280, 800),
    "phone": ("light", 390, 844),
}
"""Theme, width and height of each kind of picture."""

SHOWN = ("home-light", "record-dark", "files-light", "transcript-light", "transcript-dark", "transcript-phone",
         "captions-dark", "archive-light", "speakers-light", "models-light", "system-light", "settings-light",
         "setup-light")  # fmt: skip
"""Those in the documentation."""


class Screen(NamedTuple):
    """A screen: its name, its address, and what is done there first."""

    name: str
    path: str
    first: Callable[[Page], None] = lambda _: None


def recording(page: Page) -> None:
    """Record until words are there."""
    page.get_by_role("button", name="Start recording").click()
    expect(page.get_by_text("less heartily").first).to_be_visible(timeout=60_000)


def screens(ident: str) -> tuple[Screen, ...]:
    """All, with a recording that is there."""
    return (
        Screen("home", ""),
        Screen("record", "record", recording),
        Screen("files", "files"),
        Screen("transcript", f"t/{ident}"),
        Screen("captions", f"captions/{ident}"),
        Screen("archive", "archive?q=laugh"),
        Screen("speakers", "speakers"),
        Screen("models", "models"),
        Screen("system", "system"),
        Screen("settings", "settings"),
    )


def heard(base: str) -> str:
    """Have the sample heard, and its speakers remembered. Returns the recording's id."""
    with httpx.Client(base_url=base, timeout=120) as client:
        sample = client.get("/api/sample").raise_for_status().content
        sent = client.post(
            "/api/jobs",
            files={"file": ("A scene for two.wav", sample)},
            data={"speakers": "auto", "keep_audio": "true"},
        )
        job = sent.raise_for_status().json()
        while (job := client.get(f"/api/jobs/{job['id']}").raise_for_status().json())["state"] not in {
            "done",
            "failed",
        }:
            time.sleep(0.2)
        ident = str(job["recording"])
        for speaker, name in (("S1", "Nell"), ("S2", "Nagg")):
            told = {"recording": ident, "speaker": speaker, "name": name}
            client.post("/api/speakers/heard", json=told).raise_for_status()
    return ident


def still(page: Page, path: Path) -> None:
    """Take a picture once nothing moves any more."""
    expect(page.get_by_role("heading", level=1).or_(page.get_by_role("log")).first).to_be_attached()
    page.wait_for_timeout(900)
    page.screenshot(path=path)


def taken(browser: Browser, base: str, wanted: tuple[Screen, ...], folder: Path) -> None:
    """Pictures of some screens in all looks."""
    for look, (theme, width, height) in LOOKS.items():
        view: dict[str, Any] = {"viewport": {"width": width, "height": height}, "permissions": ["microphone"]}
        for screen in wanted:
            with browsing.tab(browser, base, allowed=("401",), **view) as page:
                page.add_init_script(f"localStorage.setItem('earwitness.theme', '{theme}')")
                page.goto(screen.path)
                screen.first(page)
                still(page, folder / f"{screen.name}-{look}.png")
                print(folder / f"{screen.name}-{look}.png", flush=True)


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "pictures")
    parser.add_argument("--docs", action="store_true", help="put those of the documentation into docs/pictures")
    asked = parser.parse_args()
    if why := browsing.why_not():
        print(why, file=sys.stderr)
        return 1
    asked.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        home = Path(folder)
        with running(Settings(home=home / "used", log_level="error")) as base:
            sound = home / "sample.wav"
            sound.write_bytes(httpx.get(f"{base}/api/sample").raise_for_status().content)
            browser = browsing.launched(play, sound)
            taken(browser, base, screens(heard(base)), asked.folder)
        with running(Settings(home=home / "new", log_level="error", api_key=SecretStr("k" * 40))) as base:
            taken(browser, base, (Screen("setup", ""),), asked.folder)
        browser.close()
    if asked.docs:
        kept = ROOT / "docs" / "pictures"
        kept.mkdir(exist_ok=True)
        for name in SHOWN:
            shutil.copy(asked.folder / f"{name}.png", kept)
    return 0


if __name__ == "__main__":
    sys.exit(main())
