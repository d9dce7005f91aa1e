"""Whether a live session grows: its memory over hours of sound that are played as fast as the machine can.

    python benchmarks/live_memory.py [--hours 4] [--speakers] [--no-drafts]

One session in a fresh process hears a made conversation again and again. `slope` is that of a line through the
process's memory, taken every five minutes of sound after the first half hour, in megabytes an hour of sound.
"""

import argparse
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


def looped(sound: Samples, seconds: float) -> Iterator[Audio]:
    """The sound again and again, in blocks of a tenth of a second."""
    at, end = 0, round(seconds * RATE)
    for piece in repeat(sound):
        for low in range(0, len(piece), pace.BLOCK):
            if at >= end:
                return
            block = piece[low : low + pace.BLOCK]
            yield Audio(block, at)
            at += len(block)


def one(made: Path, hours: float, *, speakers: bool, drafts: bool, folder: Path) -> dict[str, Any]:
    """Play it, and look at the memory."""
    sound, woken, sizes, finals = decode.decode(made).samples, threading.Event(), list[tuple[float, float]](), 0
    recipe = Recipe(captioning=Captioning(drafts=drafts), diarizing=Diarizing() if speakers else None)
    began = time.perf_counter()
    with Kit(common.settings(folder)) as kit, desk.opened(recipe, kit, woken.set) as (_, session):
        for event in pace.play(looped(sound, hours * 3600), session, woken, fast=True):
            finals += type(event).__name__ == "Final"
            if session.received_s >= (sizes[-1][0] + EACH_S if sizes else EACH_S):
                sizes.append((session.received_s, common.resident_mb()))
                print(f"{session.received_s / 3600:.2f} h  {sizes[-1][1]:.0f} MB", flush=True)
    took_s = time.perf_counter() - began
    later = [(at / 3600, mb) for at, mb in sizes if at >= FIRST_S] or [(at / 3600, mb) for at, mb in sizes]
    hours_in, megabytes = np.array(later).T
    slope = float(np.polyfit(hours_in, megabytes, 1)[0]) if len(later) > 1 else 0.0
    speed = hours * 3600 / took_s
    return {"speed": speed, "finals": finals, "first": later[0][1], "last": later[-1][1], "slope": slope}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=4.0, help="hours of sound (4)")
    parser.add_argument("--speakers", action="store_true", help="tell speakers apart too")
    parser.add_argument("--no-drafts", action="store_true", help="final text only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        made = common.long_recording(20.0, Path(name))
        found = one(made, options.hours, speakers=options.speakers, drafts=not options.no_drafts, folder=Path(name))
    what = "words" + (", speakers" if options.speakers else "") + ("" if options.no_drafts else ", drafts")
    row = [what, options.hours, found["speed"], found["finals"], found["first"], found["last"], found["slope"]]
    common.report("live_memory", "The memory of a live session", COLUMNS, [row])


if __name__ == "__main__":
    main()
