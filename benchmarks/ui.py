"""How fast the web UI is with a long transcript: opening, scrolling, typing and the first sound, in a real browser.

    python benchmarks/ui.py [--segments 20000] [--hours 5] [--repeat 5]

A recording of so many segments, with words and four speakers, is put into an archive, with so many hours of sound in
one file; a server in a process of its own gives it to Debian's Chromium, which has seen nothing of it before. Opening
is from the call of the address to the first text that can be read, and to the player; sound is from the press of Space
until the media plays on, at the beginning and from the middle. The waveform is computed when it is first asked for.

Scrolling: slowly, as one reads (720 points a second), a screen a frame, and jumps to any place. A frame is the time
between two calls of `requestAnimationFrame`, `late` the share of those over 25 ms, `empty` that of frames in which a
segment in sight had no text yet. Typing is from the event of the key to the end of the first frame after it, with a
server that answers and with one that keeps every change waiting. `own ms` is the processor time of the page's process
for each frame or key: it tells more than the clock where other work goes on beside it.

Playwright and Chromium are wanted; the page is built by `python tools/webui.py`.
"""

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

import common
from earwitness.archive import told
from earwitness.archive.viewer import HOUSE
from earwitness.archive.whole import Archive
from earwitness.types import Provenance, Segment, Speaker, Transcript, Word

sys.path.insert(0, str(common.ROOT / "tests"))
from support import browser as browsing

COLUMNS = ["what", "p50 ms", "p95 ms", "most ms", "late %", "empty %", "own ms", "of"]
WORDS = (
    "the house of a great many people who came to see what was said there about it and how it was heard by them all"
).split()
TEXT = "[data-text]"
LATE_MS = 25.0
"""A frame and a half of a display of 60."""

FRAMES = """async ({ frames, by }) => {
    const list = document.querySelector('[role=region]')
    const deltas = [], empty = []
    const here = () => {
        const box = list.getBoundingClientRect()
        return [...list.querySelectorAll('[data-row]')].some((row) => {
            const { top, bottom } = row.getBoundingClientRect()
            return bottom > box.top && top < box.bottom && !row.querySelector('[data-text]')
        })
    }
    await new Promise(requestAnimationFrame)
    let last = performance.now()
    for (let n = 0; n < frames; n++) {
        if (by === null) list.scrollTop = Math.random() * (list.scrollHeight - list.clientHeight)
        else list.scrollTop += by
        await new Promise(requestAnimationFrame)
        const now = performance.now()
        deltas.push(now - last)
        last = now
        empty.push(here())
        if (by !== null) continue
        await new Promise((go) => setTimeout(go, 250))
        await new Promise(requestAnimationFrame)
        last = performance.now()
    }
    return [deltas, empty.filter(Boolean).length]
}"""
PAINTS = """() => {
    window.paints = []
    const box = document.querySelector('textarea')
    box.addEventListener('keydown', (event) => {
        const from = event.timeStamp
        requestAnimationFrame(() => {
            const { port1, port2 } = new MessageChannel()
            port1.onmessage = () => window.paints.push(performance.now() - from)
            port2.postMessage(null)
        })
    })
}"""
SOUND = """() => new Promise((go) => {
    const tell = HTMLMediaElement.prototype.play
    window.pressed = null
    addEventListener('keydown', (event) => event.key === ' ' && (window.pressed ??= event.timeStamp), true)
    HTMLMediaElement.prototype.play = function (...given) {
        const media = this
        const from = media.currentTime
        const look = () => {
            if (media.currentTime <= from || media.seeking || media.readyState < 3) requestAnimationFrame(look)
            else window.sounded = performance.now() - window.pressed
        }
        requestAnimationFrame(look)
        return tell.apply(this, given)
    }
    go()
})"""


def transcript(count: int, hours: float) -> Transcript:
    """So many segments of 4 to 20 words over so many hours, with a time for each word."""
    draw = np.random.default_rng(7)
    each_s = 3600 * hours / count
    segments = list[Segment]()
    for n in range(count):
        size = int(draw.integers(4, 21))
        said = [f"sentence {n}", *(WORDS[i] for i in draw.integers(0, len(WORDS), size))]
        at_s, step_s, who = n * each_s, 0.9 * each_s / len(said), f"S{n // 4 % 4 + 1}"
        words = tuple(
            Word(w, at_s + i * step_s, at_s + (i + 1) * step_s, 0.3 if i % 9 == 8 else 0.9, True, who)
            for i, w in enumerate(said)
        )
        segments.append(Segment(at_s, at_s + 0.9 * each_s, " ".join(said) + ".", "en", words, speaker=who))
    speakers = tuple(Speaker(f"S{n}", 900.0 * hours) for n in range(1, 5))
    origin = Provenance("0", "made", "made", "benchmark", {})
    return Transcript(tuple(segments), 3600 * hours, "en", "transcribe", origin, speakers=speakers)


def put(folder: Path, options: argparse.Namespace) -> str:
    """Put the recording and its sound into the archive of a home; its id."""
    settings = common.settings(folder)
    piece = common.long_recording(10.0, folder)
    with closing(Archive(settings.archive, settings.kept)) as archive:
        made = transcript(options.segments, options.hours)
        ident = archive.recordings.add(made, viewer=HOUSE, title="Five hours", kind="file", began_s=time.time())
        path = archive.folder / "audio" / ident / "0.wav"
        path.parent.mkdir(parents=True)
        common.looped(piece, 3600 * options.hours, path)
        row: dict[str, Any] = {
            "recording_id": ident, "kind": "audio", "path": path.relative_to(archive.folder).as_posix(),
            "start_s": 0.0, "end_s": 3600 * options.hours, "size": path.stat().st_size, "made_s": time.time(),
        }  # fmt: skip
        archive.writer.write(lambda connection: told.piece(row, connection))
    return ident


def row(what: str, values: list[float], own: float | None = None, empty: int | None = None) -> list[Any]:
    """A row of the table from milliseconds."""
    p50, p95 = np.percentile(values, [50, 95])
    late = "" if empty is None else round(100 * float(np.mean(np.array(values) > LATE_MS)), 1)
    lacks = "" if empty is None else round(100 * empty / len(values), 1)
    told = [round(float(v), 1) for v in (p50, p95, max(values))]
    return [what, *told, late, lacks, "" if own is None else round(own, 1), len(values)]


def own_ms(browser: Browser) -> float:
    """Processor time of all pages."""
    told = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
    return 1000.0 * float(sum(one["cpuTime"] for one in told["processInfo"] if one["type"] == "renderer"))


def opening(browser: Browser, base: str, ident: str, options: argparse.Namespace) -> list[list[Any]]:
    """Opening it with an empty memory, and hearing it."""
    found = defaultdict[str, list[float]](list)
    for n in range(options.repeat):
        for where, place in (("", ""), (", from the middle", f"?at={1800 * options.hours:g}")):
            with browsing.tab(browser, base) as page:
                page.add_init_script(f"({SOUND})()")
                began = time.perf_counter()

                def took(what: str, began: float = began) -> None:
                    found[what].append(1000 * (time.perf_counter() - began))

                page.goto(f"t/{ident}{place}", wait_until="commit")
                page.wait_for_selector(TEXT)
                took(f"to the first text{where}")
                page.get_by_role("slider").wait_for()
                took(f"to the player{where}")
                page.locator("[data-row]").first.focus()
                page.keyboard.press("Space")
                page.wait_for_function("() => window.sounded")
                found[f"to sound after Space{where}"].append(page.evaluate("window.sounded"))
                page.get_by_text("being made").wait_for(state="detached", timeout=300_000)
                took("to the whole waveform, " + ("the first time" if n == 0 and not place else "later"))
    return [row(what, values) for what, values in found.items()]


def scrolling(browser: Browser, page: Page) -> list[list[Any]]:
    """Frames while one scrolls."""
    found = []
    ways = ("scrolling as one reads", 600, 12), ("a screen a frame", 300, 700), ("jumps to any place", 40, None)
    for what, frames, by in ways:
        before = own_ms(browser)
        values, empty = page.evaluate(FRAMES, {"frames": frames, "by": by})
        found.append(row(what, values, (own_ms(browser) - before) / frames, empty))
    return found


def typing(browser: Browser, page: Page, what: str) -> list[Any]:
    """From a key to the end of the frame that shows it."""
    page.locator("[data-row]").nth(3).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("textarea")
    page.evaluate(PAINTS)
    before = own_ms(browser)
    text = "what was said here was heard and is written down now, letter by letter " * 3
    for n, letter in enumerate(text):
        page.keyboard.press("Space" if letter == " " else letter)
        page.wait_for_timeout(1200 if n % 40 == 39 else 30)  # pauses in which it is sent
    values = page.evaluate("window.paints")
    page.keyboard.press("Escape")
    return row(f"key to paint, {what}", values, (own_ms(browser) - before) / len(text))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, default=20_000, help="in the recording (20000)")
    parser.add_argument("--hours", type=float, default=5.0, help="of sound (5)")
    parser.add_argument("--repeat", type=int, default=5, help="times that it is opened (5)")
    options = parser.parse_args()
    if why := browsing.why_not():
        sys.exit(why)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as play:
        folder = Path(name)
        ident = put(folder, options)
        with common.serving(folder) as server:
            base = f"http://127.0.0.1:{server.port}"
            browser = browsing.launched(play)
            rows = opening(browser, base, ident, options)
            with browsing.tab(browser, base) as page:
                page.goto(f"t/{ident}")
                page.wait_for_selector(TEXT)
                rows += scrolling(browser, page)
                page.goto(f"t/{ident}")
                page.wait_for_selector(TEXT)
                rows.append(typing(browser, page, "a server that answers"))
                page.route("**/api/segments/*", lambda r: None if r.request.method == "PATCH" else r.continue_())
                rows.append(typing(browser, page, "a server that does not answer"))
                page.unroute_all(behavior="ignoreErrors")
            browser.close()
    common.report("ui", f"The web UI with {options.segments} segments and {options.hours:g} hours", COLUMNS, rows)


if __name__ == "__main__":
    main()
