"""Whether a live session grows: its memory over hours of sound that are played as fast as the machine can.

    python benchmarks/live_memory.py [--hours 4 | --minutes 10] [--speakers] [--no-drafts] [--most 1]

One session in a fresh process hears a made conversation again and again, for hours of sound, or minutes of the clock.
`slope` is that of a line through the process's memory, taken every five minutes of sound after the first half hour, in
megabytes an hour of sound; with `--most` a greater one is an error.
"""

import argparse
import math
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

import common
from earwitness.audio import decode
from earwitness.audio.timebase import RATE
from earwitness.kit import Kit
from earwitness.live import desk, pace
from earwitness.stages.recipe import Captioning, Diarizing, Recipe
from earwitness.types import Audio, Samples

COLUMNS = ["session", "hours", "x real time", "finals", "MB at 0.5 h", "MB at the end", "slope MB/h"]
EACH_S, FIRST_S = 300.0, 1800.0


def looped(sound: Samples, seconds: float, until: float) -> Iterator[Audio]:
    """The sound again and again, in blocks of a tenth of a second; until then by the clock, at most."""
    at = 0
    for piece in repeat(sound):
        for low in range(0, len(piece), pace.BLOCK):
            if at >= seconds * RATE or time.perf_counter() >= until:
                return
            block = piece[low : low + pace.BLOCK]
            yield Audio(block, at)
            at += len(block)


def one(made: Path, hours: float, clock_s: float, *, speakers: bool, drafts: bool, folder: Path) -> dict[str, Any]:
    """Play it, and look at the memory."""
    sound, woken, sizes, finals = decode.decode(made).samples, threading.Event(), list[tuple[float, float]](), 0
    recipe = Recipe(captioning=Captioning(drafts=drafts), diarizing=Diarizing() if speakers else None)
    began = time.perf_counter()
    with Kit(common.settings(folder)) as kit, desk.opened(recipe, kit, woken.set) as (_, session):
        for event in pace.play(looped(sound, hours * 3600, began + clock_s), session, woken, fast=True):
            finals += type(event).__name__ == "Final"
            if session.received_s >= (sizes[-1][0] + EACH_S if sizes else EACH_S):
                sizes.append((session.received_s, common.resident_mb()))
                print(f"{session.received_s / 3600:.2f} h  {sizes[-1][1]:.0f} MB", flush=True)
        heard_s = session.received_s
    took_s = time.perf_counter() - began
    later = [(at / 3600, mb) for at, mb in sizes if at >= FIRST_S] or [(at / 3600, mb) for at, mb in sizes]
    hours_in, megabytes = np.array(later).T
    slope = float(np.polyfit(hours_in, megabytes, 1)[0]) if len(later) > 1 else 0.0
    return {
        "hours": heard_s / 3600,
        "speed": heard_s / took_s,
        "finals": finals,
        "first": later[0][1],
        "last": later[-1][1],
        "slope": slope,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--hours", type=float, default=4.0, help="hours of sound (4)")
    length.add_argument("--minutes", type=float, help="minutes of the clock instead")
    parser.add_argument("--most", type=float, help="the greatest slope that is no error")
    parser.add_argument("--speakers", action="store_true", help="tell speakers apart too")
    parser.add_argument("--no-drafts", action="store_true", help="final text only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        made = common.long_recording(20.0, Path(name))
        limits = (options.hours, math.inf) if options.minutes is None else (math.inf, 60 * options.minutes)
        found = one(made, *limits, speakers=options.speakers, drafts=not options.no_drafts, folder=Path(name))
    what = "words" + (", speakers" if options.speakers else "") + ("" if options.no_drafts else ", drafts")
    row = [what, found["hours"], found["speed"], found["finals"], found["first"], found["last"], found["slope"]]
    common.report("live_memory", "The memory of a live session", COLUMNS, [row])
    if options.most is not None and found["slope"] > options.most:
        sys.exit(f"the memory grows by {found['slope']:.1f} MB an hour")


if __name__ == "__main__":
    main()
