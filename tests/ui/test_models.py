"""Models: what is here, fetched from a hub on loopback with progress, measured, chosen, unloaded and removed."""

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from earwitness.config import Settings
from support import browser as browsing
from support import browsing as accounts
from support import hub as double
from support import whisper
from support.hub import Hub
from support.server import running

WAIT_MS = 60_000


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub that has one small Whisper, which it calls someone/whisper-micro."""
    with double.running(whisper.MODEL) as found:
        given = {"HF_ENDPOINT": found.address, "HF_HOME": str(tmp_path_factory.mktemp("hf"))}
        before = {name: os.environ.get(name) for name in given}
        os.environ.update(given)
        yield found
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, hub: Hub) -> Iterator[str]:
    with running(Settings(home=tmp_path_factory.mktemp("home"), log_level="error")) as base:
        yield base


@pytest.fixture
def models(page: Page) -> Page:
    page.goto("models")
    expect(page.get_by_role("heading", name="On this machine")).to_be_visible(timeout=WAIT_MS)
    return page


def here(page: Page, name: str) -> Locator:
    """The row of a model that is here."""
    return page.get_by_role("list", name="On this machine").get_by_role("listitem").filter(has_text=name)


def act(page: Page, name: str, what: str) -> None:
    """Choose from a model's menu."""
    page.get_by_role("button", name=f"Actions for {name}").click()
    page.get_by_role("menuitem", name=what).click()


def ask(page: Page, name: str, form: str | None = None) -> None:
    """Fetch another model of the hub."""
    if form:
        page.get_by_label("Format", exact=True).select_option(label=form)
    page.get_by_label("Another model of the hub").fill(name)
    page.get_by_label("Another model of the hub").press("Enter")


# ── fetching ──
def test_a_model_is_fetched_stopped_and_goes_on(models: Page, hub: Hub) -> None:
    hub.tags, hub.holds = ["license:apache-2.0"], threading.Event()
    ask(models, "someone/whisper-micro", "As published")
    work = models.get_by_role("list", name="Fetching and measuring")
    expect(work).to_contain_text("Fetching someone/whisper-micro")
    expect(work).to_contain_text(re.compile(r"[1-9]\d%\s*\d+ MB of 21 MB"), timeout=WAIT_MS)
    expect(work.get_by_role("progressbar")).to_be_visible()
    models.get_by_role("heading", name="Models").scroll_into_view_if_needed()
    browsing.picture(models, "models-fetching")
    work.get_by_role("button", name="Cancel").click()
    expect(work).to_contain_text("Files that have come whole are kept")
    hub.holds.set()
    hub.holds, hub.sent = None, {}
    work.get_by_role("button", name="Try again").click()
    expect(work).to_contain_text("someone/whisper-micro is here", timeout=WAIT_MS)
    assert set(hub.sent) == {"model.safetensors"}, "what had come whole was not fetched again"
    row = here(models, "whisper-micro")
    expect(row).to_contain_text("As published · 21 MB")
    expect(row).to_contain_text("apache-2.0")
    work.get_by_role("button", name="Dismiss").click()
    expect(work).to_have_count(0)


def test_what_can_not_be_fetched_says_what_to_do(models: Page, hub: Hub) -> None:
    ask(models, "someone/else")
    models.get_by_role("button", name="Fetch whisper-base", exact=True).click()
    alerts = models.get_by_role("alert")
    expect(alerts.filter(has_text="someone/else was not fetched")).to_contain_text("Check the name", timeout=WAIT_MS)
    expect(alerts.filter(has_text="whisper-base was not fetched")).to_contain_text("HF_TOKEN", timeout=WAIT_MS)
    hub.gated, hub.repo = True, "someone/whisper-gated"
    ask(models, "someone/whisper-gated")
    gated = alerts.filter(has_text="someone/whisper-gated was not fetched")
    expect(gated).to_contain_text("Accept them on the page", timeout=WAIT_MS)
    hub.gated, hub.repo = False, "someone/whisper-micro"
    browsing.picture(models, "models-failed")
    dismiss = models.get_by_role("button", name="Dismiss")
    for left in (2, 1, 0):
        dismiss.first.click()
        expect(dismiss).to_have_count(left)


def test_a_name_that_is_none_is_refused_and_stays_in_its_field(browser: Browser, site: str) -> None:
    with browsing.tab(browser, site, allowed=("400",)) as page:
        page.goto("models")
        ask(page, "https://models.example/<b>.bin")
        expect(page.get_by_text("This takes a name of the hub, not an address")).to_be_visible()
        expect(page.get_by_label("Another model of the hub")).to_have_value("https://models.example/<b>.bin")


# ── what is here ──
def test_a_model_is_measured_on_this_machine(models: Page) -> None:
    row = here(models, "moonshine-tiny-en")
    row.get_by_role("button", name="Measure").click()
    expect(models.get_by_text("Measuring moonshine-tiny-en").first).to_be_visible()
    expect(row).to_contain_text(re.compile(r"\d+× real time"), timeout=WAIT_MS)
    expect(row).to_contain_text("an hour of speech in")
    row.get_by_text("Ways to run it").click()
    ways = row.get_by_role("table")
    expect(ways.get_by_role("row").nth(1)).to_contain_text(re.compile(r"moonshine.*\d\.\d×.*\d s.*MB.*100%"))
    browsing.picture(models, "models-measured")


def test_the_default_is_chosen_by_keyboard(models: Page, site: str) -> None:
    expect(here(models, "moonshine-tiny-en")).to_contain_text("Default")
    models.get_by_role("button", name="Actions for whisper-micro").focus()
    models.keyboard.press("Enter")
    expect(models.get_by_role("menuitem", name="Make it the default")).to_be_visible()
    models.keyboard.press("Enter")
    expect(here(models, "whisper-micro")).to_contain_text("Default")
    assert httpx.get(f"{site}/models").json()["default"] == "whisper-micro/base"
    act(models, "moonshine-tiny-en", "Make it the default")
    expect(here(models, "moonshine-tiny-en")).to_contain_text("Default")


def test_a_model_comes_into_memory_and_leaves_it(models: Page) -> None:
    row = here(models, "moonshine-tiny-en")
    if row.get_by_text("In memory").count() == 0:
        act(models, "moonshine-tiny-en", "Load into memory")
    expect(row).to_contain_text(re.compile(r"In memory · \d+ MB"), timeout=WAIT_MS)
    act(models, "moonshine-tiny-en", "Take out of memory")
    expect(models.get_by_text("moonshine-tiny-en is out of memory.")).to_be_visible()
    expect(row).not_to_contain_text("In memory")


def test_a_model_is_removed_once_that_is_confirmed(models: Page) -> None:
    act(models, "whisper-micro", "Remove from disk")
    dialog = models.get_by_role("dialog")
    expect(dialog).to_contain_text("21 MB are deleted from disk")
    dialog.get_by_role("button", name="Cancel").click()
    expect(here(models, "whisper-micro")).to_be_visible()
    act(models, "whisper-micro", "Remove from disk")
    dialog.get_by_role("button", name="Remove from disk").click()
    expect(here(models, "whisper-micro")).to_have_count(0)
    models.get_by_role("button", name="Actions for moonshine-tiny-en").click()
    expect(models.get_by_role("menuitem", name="Remove from disk")).to_have_count(0)


# ── for everybody ──
def test_who_is_no_administrator_looks_and_changes_nothing(browser: Browser, tmp_path: Path) -> None:
    settings = accounts.set_up(Settings(home=tmp_path, log_level="error", preload=False))
    bob = {"name": "Bob", "password": accounts.PASSWORD}
    with running(settings) as base, browsing.tab(browser, base, allowed=("401",)) as page:
        with httpx.Client(base_url=base, timeout=60) as http:
            http.post("/api/login", json={"name": "Root", "password": accounts.PASSWORD}).raise_for_status()
            http.post("/api/users", json={**bob, "role": "operator"}).raise_for_status()
        page.context.request.post(f"{base}/api/login", data=bob)
        page.goto("models")
        expect(page.get_by_text("Only administrators fetch, measure and remove models.")).to_be_visible(timeout=WAIT_MS)
        expect(page.get_by_role("button", name=re.compile("^(Fetch|Measure|Actions for)"))).to_have_count(0)
        page.goto("system")
        expect(page.get_by_text("The log and the bundle are for administrators.")).to_be_visible(timeout=WAIT_MS)
        expect(page.get_by_role("button", name="Diagnostics bundle")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark", "contrast"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nobody_is_kept_out(browser: Browser, site: str, theme: str, width: int) -> None:
    with browsing.tab(browser, site, viewport={"width": width, "height": 800}) as page:
        page.add_init_script(f"localStorage.setItem('earwitness.theme', '{theme}')")
        page.goto("models")
        page.get_by_text("Ways to run it").first.click()
        assert browsing.barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is beside the screen"
        browsing.picture(page, f"models-{theme}-{width}")
