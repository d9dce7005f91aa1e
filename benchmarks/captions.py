"""How long a caption takes from its event to the screen: in the tab that records, and in a window that follows it.

    python benchmarks/captions.py [--turns 1]

A browser's microphone hears the sample conversation; another tab shows its captions. In the first the clock runs from
the socket's message to the picture after it, in the second from when another stream of events in the same tab is told
of the same draft, and from when a segment was written down. Needs Chromium, and the page built.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import common

sys.path.insert(0, str(common.ROOT / "tests"))

from playwright.sync_api import Page, expect, sync_playwright

from earwitness.audio import decode
from earwitness.models.catalog import sample
from support import browser as browsing
from support import sounds

COLUMNS = ["where", "what", "captions", "p50/p95 ms", "most ms"]
PAINTED = "const painted = run => requestAnimationFrame(() => { const c = new MessageChannel(); c.port1.onmessage = run; c.port2.postMessage(0) })"  # noqa: E501

RECORDS = f"""(() => {{
    {PAINTED}
    window.seen = []
    const Plain = WebSocket
    window.WebSocket = class extends Plain {{
        constructor(...given) {{
            super(...given)
            this.addEventListener('message', event => {{
                const told = JSON.parse(event.data)
                const text = told.type === 'final' ? told.segment.text : told.type === 'partial' ? told.stable + told.draft : ''
                if (text) painted(() => {{
                    const shown = document.querySelector('main').innerText.replace(/\\s/g, '')
                    window.seen.push([told.type, performance.now() - event.timeStamp, shown.includes(text.replace(/\\s/g, ''))])
                }})
            }})
        }}
    }}
}})()"""  # noqa: E501

FOLLOWS = f"""() => {{
    {PAINTED}
    window.seen = {{ drafts: [], segments: [], texts: [], counts: [] }}
    const stream = new EventSource('../../api/events?topics=drafts,segments')
    stream.addEventListener('drafts', e => {{
        const {{ stable, draft }} = JSON.parse(e.data)
        seen.drafts.push([Date.now(), (stable + draft).replace(/\\s/g, '')])
    }})
    stream.addEventListener('segments', e => {{
        const told = JSON.parse(e.data)
        if (told.kind === 'made') seen.segments.push(1000 * told.at_s)
    }})
    let before = ''
    const look = () => painted(() => {{
        const text = document.querySelector('[data-draft]')?.innerText.replace(/\\s/g, '') ?? ''
        if (text !== before) seen.texts.push([Date.now(), before = text])
        const count = document.querySelectorAll('[role=log] p').length
        if (count > (seen.counts.at(-1)?.[1] ?? 0)) seen.counts.push([Date.now(), count])
    }})
    new MutationObserver(look).observe(document, {{ subtree: true, childList: true, characterData: true }})
}}"""


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--turns", type=int, default=1, help="how often the conversation is heard")
    options = parser.parse_args()
    if (why := browsing.why_not()) is not None:
        sys.exit(why)
    found = dict[tuple[str, str], list[float]]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spoken = folder / "microphone.wav"
        spoken.write_bytes(sounds.wav(decode.decode(sample()).samples))
        with common.serving(folder) as server, sync_playwright() as play:
            for _ in range(options.turns):
                browser = browsing.launched(play, spoken)
                for where, times in turn(browser.new_context(base_url=f"http://127.0.0.1:{server.port}/app/")):
                    found.setdefault(where, []).extend(times)
                browser.close()
    rows = [
        [*where, len(times), common.percentiles([ms / 1000 for ms in times], 50, 95), f"{max(times):.0f}"]
        for where, times in found.items()
    ]
    common.report("captions", "Captions from their event to the screen", COLUMNS, rows)


def turn(context: Any) -> list[tuple[tuple[str, str], list[float]]]:
    """One recording: where and what, and milliseconds."""
    records, follows = context.new_page(), context.new_page()
    records.add_init_script(RECORDS)
    records.goto("record")
    follows.goto("captions/live")
    follows.evaluate(FOLLOWS)
    records.get_by_role("button", name="Start recording").click()
    records.wait_for_timeout(31_000)
    records.get_by_role("button", name="Stop").click()
    expect(records.get_by_text("Everything is written down")).to_be_visible(timeout=30_000)
    return [*recorded(records), *followed(follows)]


def recorded(page: Page) -> list[tuple[tuple[str, str], list[float]]]:
    """In the tab that records."""
    seen = page.evaluate("window.seen")
    unseen = sum(not shown for _, _, shown in seen)
    if unseen:
        print(f"{unseen} of {len(seen)} captions were gone again, or replaced, in the picture after their message")
    return [(("record", kind), [ms for k, ms, shown in seen if k == kind and shown]) for kind in ("partial", "final")]


def followed(page: Page) -> list[tuple[tuple[str, str], list[float]]]:
    """In the window of captions."""
    seen = page.evaluate("window.seen")
    drafts = [first(seen["texts"], at, text) for at, text in seen["drafts"]]
    lines = [next((at for at, count in seen["counts"] if count > n), None) for n in range(len(seen["segments"]))]
    segments = [at - made for at, made in zip(lines, seen["segments"], strict=True) if at is not None]
    return [(("captions", "draft"), [ms for ms in drafts if ms is not None]), (("captions", "segment"), segments)]


def first(texts: Sequence[tuple[float, str]], at: float, text: str) -> float | None:
    """Milliseconds until a text is seen; None for one that was not."""
    return next((max(0.0, seen - at) for seen, shown in texts if shown == text and seen >= at - 500), None)


if __name__ == "__main__":
    main()
