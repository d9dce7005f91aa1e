"""Memory of `batch.run` on recordings of any length: does it stay flat?

    python benchmarks/memory.py [--hours 0.1667 1 10] [--folder FOLDER]

A recording made from the reference clips is repeated to each length as a WAV file, straight to disk (ten hours take
1.2 GB, deleted afterwards), and transcribed in a fresh process. The process reads its resident memory at every stretch
of speech: `loaded` is with the models loaded and nothing heard, `at 1 h` when the first hour is done, `end` when all
is, `peak` is the most it ever held. `growth` is from the first hour to the end; the text itself is part of it. Each
hour of a longer recording stands in a table of its own. One run each: memory hardly varies, and the hours are long.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import common

HOUR_S = 3600.0
PIECE_MIN = 30.0
COLUMNS = ["recording", "loaded MB", "at 1 h MB", "end MB", "peak MB", "growth after 1 h MB", "words", "x real time"]


class Watch:
    """Keeps the resident memory at each whole hour of the recording."""

    def __init__(self) -> None:
        self.hours_mb: list[float] = []

    def note(self, done_s: float) -> None:
        """The recording is finished up to there."""
        while done_s >= HOUR_S * (len(self.hours_mb) + 1):
            self.hours_mb.append(common.resident_mb())


def one(path: Path, folder: Path) -> None:
    """In the child process: transcribe and tell."""
    import time

    from earwitness import batch
    from earwitness.kit import Kit
    from earwitness.stages.recipe import Recipe

    watch = Watch()
    with Kit(common.settings(folder)) as kit:
        kit.can("default")
        loaded_mb, began = common.resident_mb(), time.perf_counter()
        found = batch.run(path, Recipe(), kit, on_progress=lambda p: watch.note(p.done_s))
        took_s, end_mb = time.perf_counter() - began, common.resident_mb()
        watch.note(found.duration_s)
    words = len(found.text.split())
    common.tell(loaded_mb=loaded_mb, hours_mb=watch.hours_mb, end_mb=end_mb, took_s=took_s, words=words)


def named(hours: float) -> str:
    """A length in words."""
    return f"{hours:g} h" if hours >= 1 else f"{hours * 60:.0f} min"


def row(hours: float, found: common.Child) -> list[Any]:
    """One line of the table."""
    told = found.told
    first = told["hours_mb"][0] if told["hours_mb"] else None
    growth = "" if first is None or hours < 1.5 else round(told["end_mb"] - first, 1)
    sizes = [told["loaded_mb"], first, told["end_mb"], found.peak_mb]
    shown = ["" if size is None else round(size) for size in sizes]
    return [named(hours), *shown, growth, told["words"], hours * HOUR_S / told["took_s"]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, nargs="+", default=[1 / 6, 1, 10], help="lengths (1/6, 1 and 10)")
    parser.add_argument("--folder", type=Path, help="where the recordings are made (the system's temporary folder)")
    parser.add_argument("--one", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(*options.one)
        return
    rows, hourly = [], []
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        piece = common.long_recording(min(PIECE_MIN, max(1.0, max(options.hours) * 60)), folder)
        for hours in options.hours:
            made = common.looped(piece, hours * HOUR_S, folder / "looped.wav")
            found = common.child(__file__, "--one", str(made), str(folder))
            made.unlink()
            rows.append(row(hours, found))
            hourly += [[named(hours), i + 1, round(mb, 1)] for i, mb in enumerate(found.told["hours_mb"])]
            print(f"{named(hours)}: peak {found.peak_mb:.0f} MB")
    common.report("memory", "Memory of a run", COLUMNS, rows)
    if hourly:
        common.report("memory_by_hour", "Resident memory at each hour", ["recording", "hour", "MB"], hourly)


if __name__ == "__main__":
    main()
