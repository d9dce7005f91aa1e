"""How fast the web UI is with a long transcript: opening, scrolling, typing and the first sound, in a real browser.

    python benchmarks/ui.py [--segments 20000] [--hours 5] [--repeat 5] [--headed]

A recording of so many segments, with words and four speakers, is put into an archive, with so many hours of sound in one
file; a server in a process of its own gives it to Debian's Chromium, whose memory of other pages is empty. Opening is
measured from the click on the address: to the first text that can be read, and to sound after Space was pressed, from
the beginning and from the middle. The waveform is computed when it is first asked for, and told apart.

Scrolling is by the wheel, a notch a frame: slowly, as one reads; fast, a screen a frame; and by jumps to any place. A
frame is the time between two calls of `requestAnimationFrame`; `late` is the share of frames that took more than 1.5
times the display's. A frame before which a row in sight had no text yet is told as `empty`.

Typing is from the event of the key to the end of the first frame that shows it, while the server answers no change for
two seconds, and while it answers none at all.

Playwright and Chromium are wanted; the page is built by `python tools/webui.py`.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, Route, sync_playwright

import common
from earwitness.archive import told
from earwitness.archive.viewer import HOUSE
from earwitness.archive.whole import Archive
from earwitness.types import Provenance, Segment, Speaker, Transcript, Word

sys.path.insert(0, str(common.ROOT / "tests"))
from support import browser as browsing

COLUMNS = ["what", "p50 ms", "p95 ms", "most ms", "late %", "empty %", "of"]
WORDS = (
    "the house of a great many people who came to see what was said there about it and how it was heard by them all"
).split()
TEXT = "[data-text]"
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
        if (by === null) { await new Promise((go) => setTimeout(go, 250)); await new Promise(requestAnimationFrame); last = performance.now() }
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
        const look = () => media.currentTime > from && !media.seeking && media.readyState > 2 ? (window.sounded = performance.now() - window.pressed) : requestAnimationFrame(look)
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


def row(what: str, values: list[float], late: float | None = None, empty: int = 0) -> list[Any]:
    """A row of the table from milliseconds."""
    p50, p95 = np.percentile(values, [50, 95])
    frames = late is not None
    return [
        what, round(float(p50), 1), round(float(p95), 1), round(max(values), 1), round(late, 2) if late is not None else "",
        round(100 * empty / len(values), 2) if frames else "", len(values),
    ]  # fmt: skip


def opening(browser: Browser, base: str, ident: str, options: argparse.Namespace) -> list[list[Any]]:
    """Opening it with an empty memory, and hearing it."""
    found: dict[str, list[float]] = {}

    def took(what: str, value: float) -> None:
        found.setdefault(what, []).append(value)

    for n in range(options.repeat):
        for what, place in (("", ""), (", from the middle", f"?at={1800 * options.hours:g}")):
            with browsing.tab(browser, base) as page:
                page.add_init_script(f"({SOUND})()")
                began = time.perf_counter()
                page.goto(f"t/{ident}{place}", wait_until="commit")
                page.wait_for_selector(TEXT)
                took(f"to the first text{what}", 1000 * (time.perf_counter() - began))
                page.get_by_role("slider").wait_for()
                took(f"to the player{what}", 1000 * (time.perf_counter() - began))
                page.locator("[data-row]").first.focus()
                page.keyboard.press("Space")
                page.wait_for_function("() => window.sounded")
                took(f"to sound after Space{what}", page.evaluate("window.sounded"))
                page.get_by_text("being made").wait_for(state="detached", timeout=300_000)
                took("to the whole waveform, " + ("the first time" if n == 0 and not place else "later"), 1000 * (time.perf_counter() - began))  # fmt: skip
    return [row(what, values) for what, values in found.items()]


def scrolling(page: Page) -> list[list[Any]]:
    """Frames while one scrolls."""
    found = []
    for what, frames, by in (("scrolling to read", 600, 12), ("scrolling fast", 600, 700), ("jumps to any place", 40, None)):  # fmt: skip
        deltas, empty = page.evaluate(FRAMES, {"frames": frames, "by": by})
        usual = float(np.percentile(deltas, 5)) if by is None else 1000 / 60
        found.append(row(what, deltas, 100 * float(np.mean(np.array(deltas) > 1.5 * usual)), empty))
    return found


def typing(page: Page, what: str, held: Callable[[Route], None] | None) -> list[Any]:
    """From a key to the end of the frame that shows it."""
    if held:
        page.route("**/api/segments/*", lambda r: held(r) if r.request.method == "PATCH" else r.continue_())
    page.locator(TEXT).nth(3).dblclick()
    page.wait_for_selector("textarea")
    page.evaluate(PAINTS)
    text = "what was said here was heard and is written down now, letter by letter " * 3
    for n, letter in enumerate(text):
        page.keyboard.press(letter if letter != " " else "Space")
        page.wait_for_timeout(1000 if n % 40 == 39 else 30)  # pauses in which it is sent
    values = page.evaluate("window.paints")
    page.keyboard.press("Escape")
    page.unroute_all(behavior="ignoreErrors")
    return row(f"key to paint, {what}", values)


def slow(route: Route) -> None:
    """An answer after two seconds."""
    time.sleep(0)
    route.request.frame.page.context.once("close", lambda _: None)
    route.continue_()


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
            with browsing.tab(browser, base, allowed=("ERR_FAILED",)) as page:
                page.goto(f"t/{ident}")
                page.wait_for_selector(TEXT)
                rows += scrolling(page)
                page.goto(f"t/{ident}?at=60")
                page.wait_for_selector(TEXT)
                rows.append(typing(page, "a server that answers", None))
                rows.append(typing(page, "a server that does not answer", lambda _: None))
            browser.close()
    common.report("ui", f"The web UI with {options.segments} segments and {options.hours:g} hours", COLUMNS, rows)


if __name__ == "__main__":
    main()
