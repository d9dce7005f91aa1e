"""Files and jobs: recordings come to the server whatever happens on the way, and one sees what becomes of them."""

import re
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, FilePayload, Page, Route, expect

from earwitness.audio import decode
from earwitness.config import Settings
from support import browser as browsing
from support import sounds
from support.server import running

WAIT_MS = 60_000

PIECE = 4 * 2**20
"""Bytes that the page sends at once."""


@pytest.fixture(scope="module")
def clip(sample: Path) -> bytes:
    """Four seconds in which two people speak."""
    return sounds.wav(decode.decode(sample, to_s=4.0).samples)


@pytest.fixture
def files(page: Page) -> Page:
    page.goto("files")
    expect(page.get_by_role("heading", name="Files")).to_be_visible()
    return page


def named(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "audio/wav", "buffer": content}


def give(page: Page, *files: FilePayload) -> None:
    """Choose files, as in the browser's own dialog."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose files").click()
    chooser.value.set_files(list(files))


def drop(page: Page, *files: tuple[str, bytes]) -> None:
    """Let go of files over the window."""
    given = [[name, list(content)] for name, content in files]
    page.evaluate(
        """files => {
            const transfer = new DataTransfer()
            for (const [name, bytes] of files) transfer.items.add(new File([new Uint8Array(bytes)], name))
            const told = { dataTransfer: transfer, bubbles: true, cancelable: true }
            document.body.dispatchEvent(new DragEvent('dragover', told))
            if (document.body.dispatchEvent(new DragEvent('drop', told))) throw new Error('the browser would open it')
        }""",
        given,
    )


# ── the way of a file ──
def test_files_become_transcripts(files: Page, clip: bytes) -> None:
    expect(files.get_by_text("Nothing was transcribed from files yet")).to_be_visible()
    give(files, named("one <b>.wav", clip), named("no sound.txt", b"this is no sound"))
    done = files.get_by_role("row").filter(has_text="one <b>.wav")
    expect(done.get_by_text("Done")).to_be_visible(timeout=WAIT_MS)
    expect(done).to_contain_text("0:04")
    failed = files.get_by_role("row").filter(has_text="no sound.txt")
    expect(failed).to_contain_text("This is not a recording in any format", timeout=WAIT_MS)
    expect(failed.get_by_role("button", name="Try again")).to_be_visible()
    browsing.picture(files, "files-done")
    files.get_by_role("button", name=re.compile("Not done")).click()
    expect(done).to_have_count(0)
    files.get_by_role("button", name=re.compile("^Done")).click()
    done.get_by_role("link", name="Open").click()
    expect(files).to_have_url(re.compile(r"/t/r_\w+$"))


def test_a_file_may_be_dropped_on_any_screen(page: Page, clip: bytes) -> None:
    page.goto("settings")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    drop(page, ("dropped.wav", clip))
    expect(page).to_have_url(re.compile("/files$"))
    dropped = page.get_by_role("row").filter(has_text="dropped.wav")
    expect(dropped.get_by_text("Done", exact=True)).to_be_visible(timeout=WAIT_MS)


def test_what_was_done_before_is_answered_at_once(files: Page, clip: bytes, site: str) -> None:
    with httpx.Client(base_url=site, timeout=60) as http:
        wanted = {"words": "true", "keep_audio": "true", "speakers": "auto"}
        first = http.post("/api/jobs", files={"file": ("first.wav", clip[:-2] + b"\1\0")}, data=wanted).json()
        while http.get(f"/api/jobs/{first['id']}").json()["state"] != "done":
            time.sleep(0.1)
    give(files, named("again.wav", clip[:-2] + b"\1\0"))
    expect(files.get_by_role("row").filter(has_text="again.wav")).to_contain_text("Done before", timeout=WAIT_MS)


# ── what is wished ──
def test_wishes_are_remembered_and_sent(files: Page, site: str, clip: bytes) -> None:
    files.get_by_label("Speakers").last.select_option("2")
    files.get_by_label("Times of words").click()
    files.reload()
    expect(files.get_by_label("Speakers").last).to_have_value("2")
    expect(files.get_by_label("Times of words")).not_to_be_checked()
    with files.expect_request(lambda r: r.method == "POST" and r.url.endswith("/api/jobs")) as sent:
        give(files, named("two.wav", clip))
    told = sent.value.post_data_json
    assert told is not None
    assert {k: v for k, v in told.items() if k != "upload"} == {
        "words": False, "translate": False, "keep_audio": True, "speakers": "auto", "num_speakers": 2,
    }  # fmt: skip


def test_an_address_is_fetched_by_the_server_or_refused(browser: Browser, site: str) -> None:
    with browsing.tab(browser, site, allowed=("400",)) as page:
        page.goto("files")
        page.get_by_label("Or from an address").fill("http://127.0.0.1:9/talk.mp3")
        page.get_by_role("button", name="Fetch").click()
        expect(page.get_by_role("alert")).to_contain_text("127.0.0.1 is no place to fetch from")
        expect(page.get_by_label("Or from an address")).to_have_value("http://127.0.0.1:9/talk.mp3")


def test_a_job_is_cancelled(files: Page, site: str, sample: Path) -> None:
    long = sounds.wav(np.tile(decode.decode(sample).samples, 12))
    give(files, named("long.wav", long))
    job = files.get_by_role("row").filter(has_text="long.wav")
    expect(job.get_by_role("progressbar")).to_be_visible(timeout=WAIT_MS)
    expect(job).to_contain_text(re.compile(r"\d+ %|\d+%|In work"), timeout=WAIT_MS)
    job.get_by_role("button", name="Cancel").click()
    expect(job).to_contain_text("Cancelled", timeout=WAIT_MS)


# ── what goes wrong on the way ──
def test_an_upload_that_is_cut_goes_on(browser: Browser, site: str, clip: bytes) -> None:
    cuts = list[str]()

    def cut(route: Route) -> None:
        if route.request.method == "PATCH" and len(cuts) < 2:
            cuts.append(route.request.headers["upload-offset"])
            route.abort("connectionreset")
        else:
            route.continue_()

    with browsing.tab(browser, site, allowed=("ERR_CONNECTION_RESET",)) as page:
        page.goto("files")
        page.route("**/api/uploads/*", cut)
        give(page, named("cut.wav", clip + b"\0" * 1000))
        whole = page.get_by_role("row").filter(has_text="cut.wav")
        expect(whole.get_by_text("Done", exact=True)).to_be_visible(timeout=WAIT_MS)
    assert cuts == ["0", "0"]


def test_a_file_that_is_too_large_is_refused_in_place(browser: Browser, tmp_path: Path, clip: bytes) -> None:
    with (
        running(Settings(home=tmp_path, log_level="error", max_upload_mb=0.0625)) as base,
        browsing.tab(browser, base, allowed=("413",)) as page,
    ):
        page.goto("files")
        give(page, named("large.wav", clip))
        alert = page.get_by_role("row").filter(has_text="large.wav").get_by_role("alert")
        expect(alert).to_contain_text("0.1 MB, and 0.0625 MB are accepted")
        page.get_by_role("button", name="Remove").click()
        expect(page.get_by_text("large.wav")).to_have_count(0)


def test_an_upload_goes_on_after_a_reload_once_its_file_is_given_again(
    browser: Browser, tmp_path: Path, clip: bytes
) -> None:
    path = tmp_path / "talk.wav"
    path.write_bytes(clip + b"\0" * PIECE)  # two pieces, of which one gets through
    held = list[Route]()

    def hold(route: Route) -> None:
        if route.request.method == "PATCH" and route.request.headers["upload-offset"] != "0":
            held.append(route)
        else:
            route.continue_()

    with running(Settings(home=tmp_path / "home", log_level="error")) as base, browsing.tab(browser, base) as page:
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto("files")
        page.route("**/api/uploads/*", hold)
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Choose files").click()
        with page.expect_request(lambda r: r.headers.get("upload-offset") == str(PIECE)):
            chooser.value.set_files(path)
        expect(page.get_by_role("row").filter(has_text="talk.wav")).to_contain_text("Uploading")
        page.reload()
        page.unroute_all(behavior="ignoreErrors")
        left = page.get_by_role("row").filter(has_text="talk.wav")
        expect(left).to_contain_text(re.compile(r"Cut off · 9\d%"))
        browsing.picture(page, "files-cut")
        with page.expect_file_chooser() as again:
            left.get_by_role("button", name="Choose it again").click()
        with page.expect_request(lambda r: r.method == "PATCH") as sent:
            again.value.set_files(path)
        assert sent.value.headers["upload-offset"] == str(PIECE), "what has come is not sent again"
        expect(left.get_by_text("Done", exact=True)).to_be_visible(timeout=WAIT_MS)
        page.reload()
        expect(left).to_have_count(1)
        assert page.evaluate("localStorage.getItem('earwitness.uploads')") is None
    assert len(held) == 1


def test_a_server_that_restarts_loses_no_upload(browser: Browser, tmp_path: Path, clip: bytes) -> None:
    settings = Settings(home=tmp_path, log_level="error")
    allowed = ("ERR_", "502", "503")
    with running(settings) as base:
        port = int(base.rpartition(":")[2])
        held = browser.new_context(base_url=f"{base}/app/")
        page = browsing.watched(held, complaints := list[str](), allowed)
        page.goto("files")
        expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    give(page, named("late.wav", clip))
    waiting = page.get_by_role("row").filter(has_text="late.wav")
    expect(waiting).to_contain_text("Waits for the server")
    with running(settings, port=port):
        expect(waiting.get_by_text("Done", exact=True)).to_be_visible(timeout=WAIT_MS)
    held.close()
    assert not complaints


# ── for everybody ──
@pytest.mark.parametrize("theme", ["light", "dark", "contrast"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nobody_is_kept_out(browser: Browser, site: str, theme: str, width: int) -> None:
    with browsing.tab(browser, site, viewport={"width": width, "height": 800}) as page:
        page.add_init_script(f"localStorage.setItem('earwitness.theme', '{theme}')")
        page.goto("files")
        expect(page.get_by_role("row").nth(1)).to_be_visible()
        assert browsing.barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is beside the screen"
        browsing.picture(page, f"files-{theme}-{width}")
