"""A browser's own EventSource on the stream of events, while the server is killed and started again."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from support.eventful import eventful
from support.sockets import free_port
from support.watching import until

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt install chromium")

WATCH = """() => {
  window.numbers = []; window.boots = new Set(); window.resyncs = 0;
  const source = new EventSource('/api/events?topics=models&after=0');
  source.addEventListener('hello', e => window.boots.add(JSON.parse(e.data).boot));
  source.addEventListener('resync', () => window.resyncs++);
  source.addEventListener('models', e => window.numbers.push(JSON.parse(e.data).about.n));
}"""


def test_a_browser_misses_nothing_of_a_server_that_is_killed(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "go").touch()
    process = eventful(tmp_path, port, 0.02)
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{port}/live")
            page.evaluate(WATCH)
            until(lambda: page.evaluate("window.numbers.length > 100"))
            process.kill()
            process.wait()
            process = eventful(tmp_path, port, 0.02)
            until(lambda: page.evaluate("window.boots.size == 2"))
            seen = page.evaluate("window.numbers.length")
            until(lambda: page.evaluate("window.numbers.length") > seen + 100)
            numbers, resyncs = page.evaluate("[window.numbers, window.resyncs]")
            browser.close()
    finally:
        process.kill()
        process.wait()
    assert numbers == list(range(1, numbers[-1] + 1))
    assert resyncs == 0
