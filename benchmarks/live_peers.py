"""Live text beside the moonshine-voice library's own streams, with the same model and the same sound.

    python benchmarks/live_peers.py [--streams 1 4 8] [--minutes 2]

A made conversation is played at the pace of speech, in pieces of 100 ms, into so many streams of one process, each
beginning a second after the one before. The library updates its streams every half second, as it does by itself.
Times are in milliseconds, p50/p95 over all streams: `first text` is from where a line begins in the sound, `end →
final` from where it ends, each by the peer's own times. WER is against what was said; `behind s` is how long after the
last sample the last text came. CPU is in cores.
"""

import argparse
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import common

PIECE_S, RATE = 0.1, 16_000
OURS, LIBRARY = "earwitness", "moonshine-voice"
COLUMNS = ["streams", "with", "first text", "end → final", "WER %", "behind s", "CPU", "peak MB"]


@dataclass
class Heard:
    """What one stream told."""

    first_s: list[float] = field(default_factory=list)
    after_s: list[float] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    behind_s: float = 0.0


# ── the peers, each in a child process ───────────────────────────────────────────────────────────────────────────────
def ours(sound: Any, count: int) -> list[Heard]:
    """Sessions on one kit."""
    from earwitness import events
    from earwitness.kit import Kit
    from earwitness.live import desk, pace
    from earwitness.stages.recipe import Recipe
    from earwitness.types import Audio

    def one(kit: Kit, found: Heard) -> None:
        woken, open_ = threading.Event(), dict[int, float]()
        with desk.opened(Recipe(), kit, woken.set) as (_, session):
            began = time.monotonic()
            pieces = (Audio(sound[low : low + pace.BLOCK], low) for low in range(0, len(sound), pace.BLOCK))
            for event in pace.play(pieces, session, woken):
                now = time.monotonic() - began
                if isinstance(event, events.SpeechStarted):
                    open_[event.utterance] = event.at_s
                elif isinstance(event, events.Partial | events.Final) and event.utterance in open_:
                    found.first_s.append(now - open_.pop(event.utterance))
                if isinstance(event, events.Final):
                    found.words += event.segment.text.split()
                    found.after_s.append(now - event.segment.end_s)
            found.behind_s = now - len(sound) / RATE

    with tempfile.TemporaryDirectory() as folder, Kit(common.settings(Path(folder))) as kit:
        kit.can("default")
        return together(count, lambda found: one(kit, found))


def library(sound: Any, count: int) -> list[Heard]:
    """Streams of one transcriber."""
    from moonshine_voice import ModelArch, get_assets_path
    from moonshine_voice.transcriber import LineCompleted, LineTextChanged, Transcriber

    folder = str(get_assets_path() / "tiny-en")
    loaded = Transcriber(folder, ModelArch.TINY, options={"return_audio_data": "false"})

    def one(found: Heard) -> None:
        stream, seen = loaded.create_stream(), set[int]()
        began = time.monotonic()

        def told(event: Any) -> None:
            now = time.monotonic() - began
            line: Any = getattr(event, "line", None)
            if isinstance(event, LineTextChanged | LineCompleted) and line.text.strip() and line.line_id not in seen:
                seen.add(line.line_id)
                found.first_s.append(now - line.start_time)
            if isinstance(event, LineCompleted):
                found.words += line.text.split()
                found.after_s.append(now - line.start_time - line.duration)

        stream.add_listener(told)
        stream.start()
        step = round(PIECE_S * RATE)
        for low in range(0, len(sound), step):
            time.sleep(max(0.0, began + (low + step) / RATE - time.monotonic()))
            stream.add_audio(sound[low : low + step].tolist(), RATE)
        stream.stop()
        found.behind_s = time.monotonic() - began - len(sound) / RATE

    return together(count, one)


def together(count: int, one: Any) -> list[Heard]:
    """So many streams in threads, each a second after the one before."""
    found = [Heard() for _ in range(count)]
    threads = [threading.Thread(target=one, args=(heard,)) for heard in found]
    for thread in threads:
        thread.start()
        time.sleep(1.0)
    for thread in threads:
        thread.join()
    return found


# ── the benchmark ────────────────────────────────────────────────────────────────────────────────────────────────────
def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 4, 8], metavar="N")
    parser.add_argument("--minutes", type=float, default=2.0, help="length of the conversation (2)")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        peer, path, count = options.child
        found = (ours if peer == OURS else library)(common.load_wav(Path(path)), int(count))
        common.tell(streams=[vars(h) for h in found])
        return
    rows = []
    with tempfile.TemporaryDirectory() as name:
        made = common.long_recording(options.minutes, Path(name))
        text, played_s = (made.parent / "long.txt").read_text(), common.duration_s(made)
        for count in options.streams:
            for peer in (OURS, LIBRARY):
                done = common.child(__file__, "--child", peer, str(made), str(count))
                streams = [Heard(**told) for told in done.told["streams"]]
                rate = common.error_rate([(text, " ".join(s.words)) for s in streams])[0]
                first, after = [t for s in streams for t in s.first_s], [t for s in streams for t in s.after_s]
                behind = max(s.behind_s for s in streams)
                rows.append([
                    count, peer, common.percentiles(first, 50, 95), common.percentiles(after, 50, 95), rate, behind,
                    done.cpu_s / (played_s + count), round(done.peak_mb),
                ])  # fmt: skip
                print(dict(zip(COLUMNS, rows[-1], strict=True)), flush=True)
    common.report("live_peers", f"Live text of {options.minutes:g} minutes", COLUMNS, rows)


if __name__ == "__main__":
    main()
