"""System: how the server fares, what failed and what to do, its log without secrets, and the bundle."""

import io
import json
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from earwitness.config import Settings
from support import browser as browsing
from support.server import running

WAIT_MS = 60_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Iterator[str]:
    """A server that has transcribed the sample, and failed with something that is no recording."""
    with running(Settings(home=tmp_path_factory.mktemp("home"))) as base:
        with httpx.Client(base_url=base, timeout=60) as http:
            http.post("/api/jobs", files={"file": ("no <b>sound</b>.txt", b"this is no sound")}).raise_for_status()
            job = http.post("/api/jobs", files={"file": ("Diary of Anna.wav", sample.read_bytes())}).json()
            while http.get(f"/api/jobs/{job['id']}").json()["state"] != "done":
                time.sleep(0.1)
            http.get("/api/jobs/j_nothing", headers={"x-request-id": "a-request-of-mine"})
        yield base


@pytest.fixture
def system(page: Page) -> Page:
    page.goto("system")
    expect(page.get_by_text("Ready", exact=True)).to_be_visible(timeout=WAIT_MS)
    return page


def test_how_the_server_fares_is_seen(system: Page) -> None:
    for name in ("Processor", "Memory", "Models in memory", "Free on disk", "Live sessions", "Lag of live text"):
        expect(system.get_by_role("term").filter(has_text=re.compile(f"^{name}$"))).to_be_visible()
    models = system.get_by_role("definition").nth(2)
    expect(models).to_contain_text(re.compile(r"\d+ MB of [\d.]+ [GM]B"))
    expect(system.get_by_role("definition").nth(5)).to_contain_text("1 failed", timeout=WAIT_MS)
    expect(system.get_by_role("img", name=re.compile(r"^Memory: this server [\d.]+ [MG]B, at most"))).to_be_visible()
    expect(system.get_by_role("img", name=re.compile("^At work: recordings"))).to_be_visible()
    assert system.locator("canvas").count() == 4
    system.get_by_role("button", name="24 hours").click()
    expect(system.get_by_role("button", name="24 hours")).to_have_attribute("aria-pressed", "true")
    browsing.picture(system, "system-day")


def test_what_failed_says_what_to_do(system: Page) -> None:
    failure = (
        system.get_by_role("list", name="Recent failures")
        .get_by_role("listitem")
        .filter(has_text="no <b>sound</b>.txt")
    )
    expect(failure).to_contain_text("could not be transcribed")
    expect(failure).to_contain_text("Check that the file is a recording")
    failure.get_by_role("link", name="To the jobs").click()
    expect(system).to_have_url(re.compile("/files$"))


def test_the_log_is_filtered_and_followed(system: Page, site: str) -> None:
    log = system.get_by_role("region", name="Log")
    expect(log).to_contain_text("started")
    filtering = system.get_by_label("Filter", exact=True)
    filtering.fill("j_nothing")
    expect(system.get_by_text("No such lines.")).to_be_visible()
    filtering.fill("A-REQUEST-of-mine")
    expect(log.get_by_role("listitem")).to_have_count(1)
    expect(log).to_contain_text("code=not_found")
    httpx.get(f"{site}/api/jobs", headers={"x-request-id": "another-request"})
    filtering.fill("")
    expect(log.get_by_role("listitem").first).to_contain_text("route=/api/jobs", timeout=WAIT_MS)
    log.get_by_role("button", name="All lines of request another-").click()
    expect(filtering).to_have_value("another-request")
    expect(log.get_by_role("listitem")).to_have_count(1)
    filtering.fill("")
    system.get_by_label("Level").select_option(label="Errors")
    expect(system.get_by_text("No such lines.")).to_be_visible()


def test_neither_the_log_nor_the_bundle_tells_what_was_said(system: Page) -> None:
    expect(system.get_by_role("region", name="Log")).to_contain_text("started")
    shown = system.get_by_role("region", name="Log").inner_text()
    with system.expect_download(timeout=2 * WAIT_MS) as download:
        system.get_by_role("button", name="Diagnostics bundle").click()
        expect(system.get_by_text("Gathering; that takes some seconds")).to_be_visible()
    assert re.fullmatch(r"earwitness-\d{8}-\d{6}\.zip", download.value.suggested_filename)
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as held:
        files = {name: held.read(name).decode() for name in held.namelist()}
    assert json.loads(files["doctor.json"])
    for said in ("hear me", "Anna", "Diary"):
        assert said not in shown
        assert said not in "\n".join(files.values())


def test_a_server_that_is_away_is_told_and_comes_back(browser: Browser, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, log_level="error", preload=False)
    with running(settings) as base:
        port = int(base.rpartition(":")[2])
        held = browser.new_context(base_url=f"{base}/app/")
        page = browsing.watched(held, complaints := list[str](), ("ERR_", "502", "503"))
        page.goto("system")
        expect(page.get_by_text("Ready", exact=True)).to_be_visible(timeout=WAIT_MS)
    gone = page.get_by_role("status").filter(has_text="The server does not answer. Is it running?").first
    expect(gone).to_be_visible(timeout=WAIT_MS)
    expect(page.get_by_role("term").first).to_be_visible()
    with running(settings, port=port):
        expect(gone).to_have_count(0, timeout=WAIT_MS)
    held.close()
    assert not complaints


@pytest.mark.parametrize("theme", ["light", "dark", "contrast"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nobody_is_kept_out(browser: Browser, site: str, theme: str, width: int) -> None:
    with browsing.tab(browser, site, viewport={"width": width, "height": 800}) as page:
        page.add_init_script(f"localStorage.setItem('earwitness.theme', '{theme}')")
        page.goto("system")
        expect(page.get_by_role("region", name="Log")).to_be_visible()
        assert browsing.barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is beside the screen"
        browsing.picture(page, f"system-{theme}-{width}")
